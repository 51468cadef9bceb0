/* SPDX-License-Identifier: MIT
 *
 * writer.h: a finished call's record into the ring.
 *
 *   head (private) ─┐
 *                   ├─► claim ─► mark the frame ─► copy ─► commit
 *   payload extents ┘
 */
#ifndef FNT_WRITER_H
#define FNT_WRITER_H

#include "inflight.h"
#include "ring.h"
#include "shared.h"

/* A stretch of payload in private memory, and the frame that shows it to others. */
struct fnt_extent {
	struct fnt_extent *next;
	char *bytes;
	fnt_word *shown; /* NULL: nowhere */
	uint32_t size;	 /* in bytes, a multiple of 8 */
	uint32_t frame;	 /* its number, FNT_FRAME_NONE for none */
};

/* Commit `record` with the first record->payload_bytes bytes of the extents; fills in seq
 * and lane. `frame` (may be NULL) is where the call lives until now. False: no place, to be
 * counted by the caller. Wait-free. */
bool fnt_record_emit(struct fnt_ring_writer *writer, struct fnt_record *record,
		     const struct fnt_extent *payload, struct fnt_frame *frame,
		     uint64_t now_ns);

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
		return &lane->recorded;
	}
}

/* What the record says of ops and omissions, added to the lane's counts. */
void fnt_count_record(struct fnt_lane *lane, const struct fnt_record *record);

#endif
