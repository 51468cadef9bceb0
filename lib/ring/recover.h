/* SPDX-License-Identifier: MIT
 *
 * recover.h: taking up what the dead have left, once.
 *
 *   1  frames   committed after all: done with. Else REAPED, its mark wiped; and wiped also
 *               the marks that the dead, a reaper itself, left in others' frames
 *   2  lanes    busy cells become PAD, the count of records is put right, FREE
 *   3  frames   REAPED: an aborted record is committed, under a mark as for any call
 *   4  frames   all others of the slot: FREE
 *   5  slot     FREE
 *
 * Whoever holds the lock of a dead process's slot does this, alone; it may die at any step,
 * and the next goes through all of them again: each finds its own part done or undone. Cells
 * are cleared only when no frame's mark depends on them any more.
 *
 * Makes system calls. One thread of a process at a time.
 */
#ifndef FNT_RING_RECOVER_H
#define FNT_RING_RECOVER_H

#include "region/view.h"

/* Steps 1 to 4 for `slot`, whose lock we hold, writing as a process of slot `self` (which
 * may be the same). False: no memory; the rest is left to a later try. */
bool fnt_recover_slot(const struct fnt_region *region, uint32_t slot, uint32_t self);

/* All steps for every dead process of the region; their number. */
uint32_t fnt_recover_dead(const struct fnt_region *region, uint32_t self);

#endif
