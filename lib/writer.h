/* SPDX-License-Identifier: MIT
 *
 * writer.h: a finished call's record into the ring.
 *
 *   head (private) ─┐
 *                   ├─► which ring ─► claim ─► mark the frame ─► copy ─► commit
 *   payload extents ┘
 */
#ifndef FNT_WRITER_H
#define FNT_WRITER_H

#include "inflight.h"
#include "ring.h"
#include "shared.h"

#include <fntrace/fntrace.h>

/* A stretch of payload in private memory, and the frame that shows it to others. */
struct fnt_extent {
	struct fnt_extent *next;
	char *bytes;
	fnt_word *shown; /* NULL: nowhere */
	uint32_t size;	 /* in bytes, a multiple of 8 */
	uint32_t frame;	 /* its number, FNT_FRAME_NONE for none */
};

/* Commit `record` with the first record->payload_bytes bytes of the extents, to the kept ring
 * if it is flagged FNT_RECORD_KEPT and fits there; fills in seq and lane. `frame` (may be
 * NULL) is where the call lives until now. FNT_CLAIM_HELD: no place, to be counted by the
 * caller; FNT_CLAIM_MOVED: there are new eras, the hands are to be moved, and then again.
 * Wait-free. */
enum fnt_claimed fnt_record_emit(struct fnt_ring_writer *writer, struct fnt_record *record,
				 const struct fnt_extent *payload, struct fnt_frame *frame,
				 uint64_t now_ns);

/* Where the table of eras has changed: see what it is now, and put hands that hold no tickets
 * into the current eras. Makes system calls; waits for whoever holds fnt_maps_lock(). */
void fnt_writer_move(struct fnt_ring_writer *writer, const struct fnt_region *region);

/* Must a call that ends like this outlive the flood of healthy ones? */
static inline bool
fnt_outcome_is_kept(uint8_t outcome)
{
	return outcome != FNT_OK;
}

/* Where a frame's mark is counted: a record, or why there is none. */
static inline fnt_word *
fnt_lane_counter(struct fnt_lane *lane, uint64_t mark)
{
	switch (mark) {
	case FNT_MARK_DROPPED:
		return &lane->dropped;
	case FNT_MARK_NOT_KEPT:
		return &lane->not_kept;
	case FNT_MARK_SAMPLED:
		return &lane->sampled;
	case FNT_MARK_LIMITED:
		return &lane->limited;
	default:
		return &lane->rings[fnt_mark_ring(mark)].recorded;
	}
}

/* What the record says of ops and omissions, added to the lane's counts. */
void fnt_count_record(struct fnt_lane *lane, const struct fnt_record *record);

#endif
