/* SPDX-License-Identifier: MIT
 *
 * slots.h: slots for processes, lanes for threads.
 *
 * Who may write what: a slot, the process that holds its lock; a lane, the thread that took
 * it from FREE to OWNED, and when its process is dead, the holder of that slot's lock.
 */
#ifndef FNT_REGION_SLOTS_H
#define FNT_REGION_SLOTS_H

#include "region/view.h"

#define FNT_SLOT_NONE UINT32_MAX
#define FNT_LANE_NONE UINT32_MAX

/* Enter this process in a free slot, or where there is none in a dead process's, which is
 * then to be reaped first thing (*left): the slot's number or FNT_SLOT_NONE. Locks it through
 * region->fd. Makes system calls. One thread of the process at a time. */
uint32_t fnt_slot_claim(const struct fnt_region *region, bool *left);

/* Leave. Nothing in the region may belong to the slot any more. */
void fnt_slot_release(const struct fnt_region *region, uint32_t slot);

/* A lane for a thread of `slot`: its number or FNT_LANE_NONE. Wait-free, bounded by the
 * number of lanes. */
uint32_t fnt_lane_claim(const struct fnt_view *view, uint32_t slot, int32_t tid);

/* Its tickets must have been given up. */
void fnt_lane_release(const struct fnt_view *view, uint32_t lane);

/* Records committed, of both rings. */
static inline uint64_t
fnt_lane_recorded(const struct fnt_lane *lane)
{
	uint64_t recorded = 0;

	for (uint32_t i = 0; i < FNT_RINGS; i++)
		recorded += atomic_load_explicit(&lane->rings[i].recorded,
						 memory_order_acquire);
	return recorded;
}

/* Name of this program, for people. */
void fnt_slot_program_name(char name[64]);

#endif
