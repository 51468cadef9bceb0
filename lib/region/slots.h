/* SPDX-License-Identifier: MIT
 *
 * slots.h: producer slots for processes, lanes for threads.
 *
 *   slot  FREE ─claim: lock, fill in─► LIVE ─release─► FREE; LIVE and not locked: dead
 *   lane  FREE ─claim: compare-and-swap─► OWNED ─release─► FREE
 *
 * Who may write what: a slot, the process that holds its lock; a lane, the thread that
 * has claimed it, and if its process is dead, the holder of that slot's lock.
 *
 * Slots: one thread of a process at a time; makes system calls, never blocks. Lanes:
 * any thread; wait-free, bounded by the number of lanes.
 */
#ifndef FNT_REGION_SLOTS_H
#define FNT_REGION_SLOTS_H

#include "region/view.h"

#define FNT_SLOT_NONE UINT32_MAX
#define FNT_LANE_NONE UINT32_MAX

/* Claim a slot for this process and lock it through region->fd. If no slot is free,
 * that of a dead process is claimed and *needs_recovery set: the caller must first
 * recover what that process has left (recover.h). Returns the slot's number, or
 * FNT_SLOT_NONE: live processes have all of them. */
uint32_t fnt_slot_claim(const struct fnt_region *region, bool *needs_recovery);

/* Whom an observer shows in its slot: bytes that need no NUL. */
struct fnt_observed {
	int32_t pid;
	uint32_t exe, via; /* name ids */
	const char *command;
	size_t command_len; /* up to FNT_COMMAND_MAX */
};

/* Show `observed` in `slot`, which this process holds. Wait-free. */
void fnt_slot_observe(const struct fnt_view *view, uint32_t slot,
		      const struct fnt_observed *observed);

/* Copy the command line that `slot` shows, NUL-terminated. Returns its length; 0: none,
 * or it is being changed. Wait-free. */
size_t fnt_slot_command(const struct fnt_view *view, uint32_t slot,
			char command[FNT_COMMAND_MAX + 1]);

/* Release the slot. Nothing in the region may belong to it any more. */
void fnt_slot_release(const struct fnt_region *region, uint32_t slot);

/* Leave the slot as a process that dies does: others recover what belongs to it. For a
 * process that could not. */
void fnt_slot_abandon(const struct fnt_region *region, uint32_t slot);

/* Claim a lane for thread `tid` of the process in `slot`. Returns its number, or
 * FNT_LANE_NONE: all are owned. */
uint32_t fnt_lane_claim(const struct fnt_view *view, uint32_t slot, int32_t tid);

/* Release the lane. Its owner has written or padded the cells of all its tickets. */
void fnt_lane_release(const struct fnt_view *view, uint32_t lane);

/* Records committed through the lane, by all its owners, to both rings. */
static inline uint64_t
fnt_lane_recorded(const struct fnt_lane *lane)
{
	uint64_t recorded = 0;

	for (uint32_t i = 0; i < FNT_RINGS; i++)
		recorded += atomic_load_explicit(&lane->rings[i].recorded,
						 memory_order_acquire);
	return recorded;
}

/* Calls of the lane's threads that found no room, by all its owners. */
static inline uint64_t
fnt_lane_dropped(const struct fnt_lane *lane)
{
	return atomic_load_explicit(&lane->dropped, memory_order_acquire) +
	       atomic_load_explicit(&lane->unmapped, memory_order_acquire);
}

/* Store the name of this program, for display; "" if it is unknown. Makes system
 * calls. */
void fnt_slot_program_name(char name[64]);

#endif
