/* SPDX-License-Identifier: MIT
 *
 * recover.h: completes or discards what dead processes left in the region.
 *
 *   1  frames   whose call has ended: CACHED; others that are open: REAPED, without
 *               mark. If the dead process was itself recovering another, the marks that
 *               it set in the other's frames are cleared, too
 *   2  lanes    busy cells become PAD, counters and the journal are completed; FREE
 *   3  frames   REAPED: their call is recorded as aborted, under a mark as any call
 *   4  frames   all others of the slot: FREE
 *   5  slot     FREE
 *
 * Marks are cleared before cells, because a recovered cell says nothing about a mark. A
 * process that is killed during recovery leaves each step done, half done or not begun;
 * the next one repeats all steps, which finds out which.
 *
 * Who may do this: whoever holds the lock of the dead process's slot; one thread of a
 * process at a time.
 *
 * Progress: makes system calls and allocates. Does not wait for other processes.
 */
#ifndef FNT_RING_RECOVER_H
#define FNT_RING_RECOVER_H

#include "region/view.h"

/* Steps 1 to 4 for `slot`, whose lock the caller holds. `self`: the caller's own slot,
 * which gets the lane that is written with; may be `slot`. False: no memory, or not all
 * segments can be mapped; what is left is for a later try, or another process. */
bool fnt_recover_slot(const struct fnt_region *region, uint32_t slot, uint32_t self);

/* All steps for every slot of the region but `self` whose process is dead, and that no
 * other process is recovering. Returns their number. */
uint32_t fnt_recover_dead(const struct fnt_region *region, uint32_t self);

#endif
