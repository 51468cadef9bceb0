/* SPDX-License-Identifier: MIT
 *
 * liveness.h: is the owner of a producer slot alive?
 *
 * Known, not guessed. A process holds an open-file-description lock on its slot's first
 * byte; the kernel drops it when the process is gone, whatever the cause, across pid
 * namespaces and however often its pid has been used again. A host may close our descriptor:
 * a page mapped through it keeps the lock (fnt_region_pin_locks). Should that page ever be missing,
 * there is a second look where the pid can be seen from here: dead only if no process of that
 * pid and start time has the region mapped.
 *
 * Any thread. Makes system calls.
 */
#ifndef FNT_REGION_LIVENESS_H
#define FNT_REGION_LIVENESS_H

#include "region/view.h"

/* Read-only use; `fd` is any descriptor of the region. A slot that is not LIVE is dead. */
bool fnt_slot_alive(const struct fnt_region *region, uint32_t slot);

/* Try for the slot's lock through region->fd: 0 (ours now: nobody else holds it), -EAGAIN
 * (somebody does), -errno. */
int fnt_slot_lock(const struct fnt_region *region, uint32_t slot);
void fnt_slot_unlock(const struct fnt_region *region, uint32_t slot);

/* The lock is free, but the process is there and has the region mapped. */
bool fnt_slot_alive_without_lock(const struct fnt_region *region, uint32_t slot);

/* Who this process is, for its slot. */
struct fnt_process_id {
	uint64_t pid;
	uint64_t pid_ns;
	uint64_t start_time;
};
void fnt_process_id_self(struct fnt_process_id *identity);

#endif
