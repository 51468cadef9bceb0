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
 * the pid is visible from here: the slot is dead unless a process of that pid and start
 * time has the region mapped for writing. Our own process must also have the same
 * program image: what it left before an exec is dead.
 *
 * Where the system refuses such locks, and in a forked child that could not open the
 * file, so that it has no descriptor but its parent's, the slot's owner holds a word in
 * the slot in place of one (claim.h), and the second check alone decides. An owner in
 * another pid namespace then counts as alive. A process that is refused locks leaves
 * alone the slots of those that have them; the two kinds must not claim slots in the
 * same instant.
 *
 * Any thread. Makes system calls, never blocks.
 */
#ifndef FNT_REGION_LIVENESS_H
#define FNT_REGION_LIVENESS_H

#include "region/view.h"

/* Is the slot LIVE and its owner alive? region->fd may be open for reading only. False
 * for a slot that does not exist. */
bool fnt_slot_alive(const struct fnt_region *region, uint32_t slot);

/* Try to take the slot's lock through region->fd, or its word. 0: this process holds
 * the lock now, so the slot's owner is dead or has lost its locks; -EAGAIN: another
 * process holds it; -ENOLCK: there are no locks here, and no /proc; or another -errno:
 * there are no locks here, and the owner may have one. */
int fnt_slot_lock(const struct fnt_region *region, uint32_t slot);

/* Why could no slot be locked? -EUSERS: live processes have all of them; -ENOLCK: there
 * are no locks here; or another -errno, of looking at the region's file. */
int fnt_slot_why_none(const struct fnt_region *region);

/* Release it. */
void fnt_slot_unlock(const struct fnt_region *region, uint32_t slot);

/* The second check, for a slot whose lock is free: does the process that the slot names
 * still run, with the region mapped? If that can't be known from this pid namespace:
 * true for a slot that is held by its word. */
bool fnt_slot_alive_without_lock(const struct fnt_region *region, uint32_t slot);

#endif
