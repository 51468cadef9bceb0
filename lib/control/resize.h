/* SPDX-License-Identifier: MIT
 *
 * resize.h: from one segment of the rings to the next, while they are written to.
 *
 *            begin: an area is found, its cells prepared, the segment published
 *              │      first = F, far beyond the cursor: nobody gets there
 *              ▼
 *   pending ──── switch: end = c; CAS cursor c → F ────► current ──next──► over
 *                                                                           │ hidden:
 * more │ than fits, or │ rotated away area free ◄── retired: nobody holds ──┘ tickets
 * of it any more
 *
 * Who does it: the holder of the control lock (controller.h), in a tool or when a log
 * is opened. Producers meet the cursor in its new place and follow (ring.c); nobody
 * waits for them, nor they for anyone.
 *
 * Killed at any step, the next holder of the lock finds one of these and goes on:
 *   - an area filled and prepared, in no table: it still is a gap
 *   - a slot written, the count of segments not raised: the slot is free, and written anew
 *   - published, the cursor before F: pending; `end` may hold a candidate. It is
 * switched to first of all
 *   - the cursor at F or beyond: `end` was right when the CAS succeeded, and nobody
 * writes it afterwards. Complete
 *   - hidden and not retired, retired and not punched: done again
 */
#ifndef FNT_CONTROL_RESIZE_H
#define FNT_CONTROL_RESIZE_H

#include "region/view.h"

/* What keeps the areas of segments that are over. */
struct fnt_resize_holders {
	uint32_t threads; /* that hold tickets of them */
	uint32_t readers; /* processes with a query under way */
	bool shown; /* they are still read: the new ring has not been once around */
	uint64_t given_back; /* bytes that the file system has got back now */
};

/* Complete what was begun, retire what can be, give its room back. `holders` may be
 * NULL. */
void fnt_resize_settle(const struct fnt_region *region,
		       struct fnt_resize_holders *holders);

/* Can anything be retired or completed at all? A look, without the lock. */
bool fnt_resize_pending(const struct fnt_view *view);

/* Begin a segment of `cells[ring]` cells in each ring that there is. -ENOSPC, -EBUSY (too
 * many segments are held already). */
int fnt_resize_begin(const struct fnt_region *region, const uint64_t cells[FNT_RINGS],
		     struct fnt_error *error);

/* Those before the current segments are not shown any more. */
void fnt_resize_hide(const struct fnt_view *view);

/* All tickets of the segments that are over are settled: what was not written will not be.
 * The lane that is in the middle of writing one, FNT_LANE_NONE: none is. */
uint32_t fnt_resize_seal(const struct fnt_view *view);

#endif
