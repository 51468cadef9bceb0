/* SPDX-License-Identifier: MIT
 *
 * host_pids.h: processes of other pid namespaces, as this process sees them.
 *
 * A producer in a container records the pid that it has there. A reader outside, which
 * sees the container's processes under other pids, finds them in /proc/PID/status
 * (NSpid), if it may.
 *
 * Private memory of one thread. Looking up makes system calls and allocates: /proc is
 * read once, when the first process of another namespace is looked up.
 */
#ifndef FNT_READ_HOST_PIDS_H
#define FNT_READ_HOST_PIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A process of another namespace. */
struct fnt_host_pid {
	uint64_t pid_ns; /* its own, innermost namespace */
	int32_t pid;	 /* there */
	int32_t here;	 /* in the namespace of this process */
};

/* All zero at first. */
struct fnt_host_pids {
	uint64_t own_ns;
	struct fnt_host_pid *items;
	size_t count, room;
	bool scanned;
};

/* The pid here of the process that has `pid` in the namespace of inode `pid_ns`; 0: it
 * is not visible here, or may not be looked at, or there is no memory. */
int32_t fnt_host_pids_find(struct fnt_host_pids *pids, int32_t pid, uint64_t pid_ns);

void fnt_host_pids_fini(struct fnt_host_pids *pids);

#endif
