/* SPDX-License-Identifier: MIT
 *
 * process.h: what identifies a process, and whether it still runs.
 *
 * A pid is used again, so the process's start time counts with it; and an exec leaves
 * both as they are, so the program's image counts, too. Only the process itself knows
 * its image. In another pid namespace a pid means nothing.
 *
 * Nothing here writes to a region. Makes system calls, never blocks. Any thread.
 */
#ifndef FNT_REGION_PROCESS_H
#define FNT_REGION_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What identifies a process, as its slot stores it. */
struct fnt_process_id {
	uint64_t pid;	     /* in its own pid namespace */
	uint64_t pid_ns;     /* inode of that namespace; 0: unknown */
	uint64_t start_time; /* clock ticks since boot; 0: unknown */
	uint64_t image;	     /* random, another one after each exec; 0: unknown */
};

/* The inode of the pid namespace of the process with the directory `proc`, "/proc/123";
 * 0: unknown. */
uint64_t fnt_pid_namespace_of(const char *proc);

/* Fill in that of the calling process. */
void fnt_process_id_self(struct fnt_process_id *id);

enum fnt_process_life {
	FNT_PROCESS_DEAD,
	FNT_PROCESS_RUNS,
	FNT_PROCESS_UNKNOWN, /* of another pid namespace, or there is no /proc */
};

/* Does process `pid` of this pid namespace run? A zombie is dead. *start: if it runs,
 * its start time. */
enum fnt_process_life fnt_process_find(uint64_t pid, uint64_t *start);

/* Does the process run, and has it not executed another program since? The latter is
 * known of the calling process only. */
enum fnt_process_life fnt_process_life(const struct fnt_process_id *id);

/* Has the process mapped the file with this inode, in a way that it could write to it?
 * True also if that can't be read. `pid` is one of this pid namespace. */
bool fnt_process_writes_to(uint64_t pid, ino_t ino);

#endif
