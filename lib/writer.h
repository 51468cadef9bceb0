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

/* A stretch of payload, in a frame or in private memory. */
struct fnt_extent {
	struct fnt_extent *next;
	char *bytes;
	uint32_t size;	/* in bytes, a multiple of 8 */
	uint32_t frame; /* its number, FNT_FRAME_NONE for none */
};

/* Commit `record` with the first record->payload_bytes bytes of the extents, to the kept ring
 * if it is flagged FNT_RECORD_KEPT and fits there; fills in seq and lane. `frame` (may be
 * NULL) is where the call lives until now. FNT_CLAIM_HELD: no place, to be counted by the
 * caller; FNT_CLAIM_MOVED: there are new eras, the hands are to be moved, and then again.
 * Wait-free. */
enum fnt_claimed fnt_record_emit(struct fnt_ring_writer *writer, struct fnt_record *record,
				 const struct fnt_extent *payload, struct fnt_frame *frame,
				 uint64_t now_ns);

/* The same for the commonest record, of one cell and one extent, for the main ring. False:
 * nothing has happened; go the general way. */
static inline bool
fnt_record_emit_one(struct fnt_ring_writer *writer, struct fnt_record *record,
		    const struct fnt_extent *payload, struct fnt_frame *frame,
		    uint64_t now_ns)
{
	struct fnt_hand *hand = &writer->hands[FNT_RING_MAIN];
	struct fnt_claim claim;
	struct fnt_cell *cell;

	if (!fnt_ring_claim_one(hand, now_ns, &claim))
		return false;
	record->seq = fnt_ring_next_seq(hand);
	record->lane = (uint16_t)writer->lane_no;
	if (frame)
		fnt_frame_mark(frame, hand, record->seq, claim.ticket);
	cell = &hand->cells[claim.index];
	fnt_words_put(cell->words, (const char *)record, FNT_RECORD_WORDS);
	fnt_words_put(cell->words + FNT_RECORD_WORDS, payload->bytes,
		      (record->payload_bytes + 7) / 8);
	fnt_ring_commit_head(hand, &claim);
	return true;
}

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
