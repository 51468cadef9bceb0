/* SPDX-License-Identifier: MIT
 *
 * resize.h: move the rings to new segments while producers write to them.
 *
 *      begin: find space, prepare the cells, publish the segment with a first ticket F
 *        │    so far beyond the cursor that taking tickets never gets there
 *        ▼
 *     pending ── switch: end = c; CAS cursor c → F ──► current ── next switch ──► over
 *                                                                                  │
 *     free space ◄── retired ◄── hidden ◄── the next has been filled once, ────────┘
 *                        │                  or this one has been rotated away
 *                        └ no thread holds tickets of it, no process reads its own log
 *
 * Who may write: the holder of the control lock (controller.h), in a tool or in a
 * process that opens a log; it alone changes the segment tables. Producers find the
 * cursor in its new place and follow (ring.c). They never wait for the holder, nor the
 * holder for them.
 *
 * The holder of the lock may be killed at any step. The next holder finds one of these
 * states and goes on from there:
 *   - space allocated and prepared, but in no table: it is free
 *   - slot written, count of segments not raised: the slot is free and written again
 *   - published, cursor before F: pending. `end` may hold an outdated value. The switch
 *     is completed first of all
 *   - cursor at F or beyond: complete. `end` was right when the CAS succeeded, and is
 *     not written again
 *   - hidden and not retired, or retired and not punched: done again
 *
 * These functions make system calls, except where noted; they don't block on other
 * processes.
 */
#ifndef FNT_CONTROL_RESIZE_H
#define FNT_CONTROL_RESIZE_H

#include "region/view.h"

#include <fntrace/fntrace.h>

/* What keeps segments that are over from being retired, and what has been freed. */
struct fnt_resize_holders {
	uint32_t threads;     /* hold tickets of them */
	uint32_t readers;     /* processes with a query of their own log under way */
	bool shown;	      /* readers still show them: the next is not full yet */
	uint64_t freed_bytes; /* returned to the file system by this call */
};

/* Finish an interrupted switch, hide and retire segments as far as that is possible,
 * and punch holes where they were. A process that can't map all segments only finishes
 * the switch. `holders` may be NULL. Under the control lock. */
void fnt_resize_settle(const struct fnt_region *region,
		       struct fnt_resize_holders *holders);

/* Is there anything that fnt_resize_settle() might do? Needs no lock; wait-free. */
bool fnt_resize_pending(const struct fnt_view *view);

/* Publish a segment of `cells[ring]` cells for each ring, and switch to it. Under the
 * control lock. 0, or with a message: -EBUSY (too many segments are held), -EPROTO (a
 * damaged head), -ENOSPC and others (no space in the file, or it can't be mapped):
 * nothing has changed. */
int fnt_resize_begin(const struct fnt_region *region, const uint64_t cells[FNT_RINGS],
		     struct fnt_error *error);

/* Fail with `rc`, which fnt_segment_map_follow() has returned: a message, and `rc`. */
int fnt_resize_unmapped(const struct fnt_region *region, int rc,
			struct fnt_error *error);

/* Hide all segments before the current ones: their records have been written to another
 * file. Under the control lock. Wait-free. */
void fnt_resize_hide(const struct fnt_view *view);

#endif
