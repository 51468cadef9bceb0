/* SPDX-License-Identifier: MIT
 *
 * liveness.h: is the process that owns a producer slot alive?
 *
 * The owner holds an open-file-description lock on the first byte of its slot. The
 * kernel drops the lock when the process ends, for whatever reason, also in another pid
 * namespace; reuse of its pid does not matter. There are no time-outs.
 *
 * A host may close our descriptor; a page mapped through it keeps the lock
 * (fnt_region_pin_locks()). If that page is missing too, a second check applies where
 * the pid is visible from here: the slot is dead only if no process of that pid and
 * start time has the region mapped.
 *
 * Any thread. Nothing here writes to the region. Makes system calls, never blocks.
 */
#ifndef FNT_REGION_LIVENESS_H
#define FNT_REGION_LIVENESS_H

#include "region/view.h"

/* Is the slot LIVE and its owner alive? region->fd may be open for reading only. False
 * for a slot that does not exist. */
bool fnt_slot_alive(const struct fnt_region *region, uint32_t slot);

/* Try to take the slot's lock through region->fd. 0: this process holds the lock now,
 * so the slot's owner is dead or has lost its locks; -EAGAIN: another process holds it;
 * or another -errno. */
int fnt_slot_lock(const struct fnt_region *region, uint32_t slot);

/* Release it. */
void fnt_slot_unlock(const struct fnt_region *region, uint32_t slot);

/* The second check, for a slot whose lock is free: does the process that the slot names
 * still run, with the region mapped? False if that can't be known from this pid
 * namespace. */
bool fnt_slot_alive_without_lock(const struct fnt_region *region, uint32_t slot);

/* What identifies a process, as its slot stores it. */
struct fnt_process_id {
	uint64_t pid;	     /* in its own pid namespace */
	uint64_t pid_ns;     /* inode of that namespace; 0: unknown */
	uint64_t start_time; /* clock ticks since boot; 0: unknown */
};

/* The inode of the pid namespace of the process with the directory `proc`, "/proc/123";
 * 0: unknown. Makes a system call. */
uint64_t fnt_pid_namespace_of(const char *proc);

/* Fill in that of the calling process. */
void fnt_process_id_self(struct fnt_process_id *id);

#endif
