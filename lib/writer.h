/* SPDX-License-Identifier: MIT
 *
 * writer.h: a finished call's record into the ring.
 *
 *   head (private) ─┐
 *                   ├─► which ring ─► claim ─► note what will be counted ─► mark the frame
 *   payload extents ┘                              ─► copy ─► commit ─► count
 */
#ifndef FNT_WRITER_H
#define FNT_WRITER_H

#include "inflight.h"
#include "metrics.h"
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

/* A call's end: its record, and what it counts for. */
struct fnt_ending {
	struct fnt_record *record;
	const struct fnt_extent *payload; /* record->payload_bytes of it */
	struct fnt_frame *frame;	  /* where the call lives until now; NULL: nowhere */
	struct fnt_meter *meter;
	struct fnt_place place; /* found by fnt_meter_place */
};

/* Commit the record, to the kept ring if it is flagged FNT_RECORD_KEPT and fits there, and
 * count the call; fills in seq and lane. FNT_CLAIM_HELD: no place, to be ended without a
 * record; FNT_CLAIM_MOVED: there are new eras, the hands are to be moved, and then again.
 * Wait-free. */
enum fnt_claimed fnt_record_emit(struct fnt_ring_writer *writer, struct fnt_ending *ending,
				 uint64_t now_ns);

/* The same for the commonest record, of one cell and one extent, for the main ring. False:
 * nothing has happened; go the general way. */
static inline __attribute__((always_inline)) bool
fnt_record_emit_one(struct fnt_ring_writer *writer, struct fnt_ending *ending,
		    uint64_t now_ns)
{
	struct fnt_hand *hand = &writer->hands[FNT_RING_MAIN];
	struct fnt_record *record = ending->record;
	struct fnt_claim claim;
	struct fnt_cell *cell;

	if (!fnt_ring_claim_one(hand, now_ns, &claim))
		return false;
	record->seq = fnt_ring_next_seq(hand);
	record->lane = (uint16_t)writer->lane_no;
	fnt_meter_note(ending->meter, &ending->place, FNT_RING_MAIN, record->seq);
	if (ending->frame)
		fnt_frame_mark(ending->frame, hand, record->seq, claim.ticket);
	cell = &hand->cells[claim.index];
	fnt_words_put(cell->words, (const char *)record, FNT_RECORD_WORDS);
	fnt_words_put(cell->words + FNT_RECORD_WORDS, ending->payload->bytes,
		      (record->payload_bytes + 7) / 8);
	fnt_ring_commit_head(hand, &claim);
	fnt_meter_apply(&ending->place, FNT_RING_MAIN);
	return true;
}

/* End the call without a record, and count it: `mark` (FNT_MARK_*) says why. The writer has
 * a lane. Wait-free. */
void fnt_record_lose(struct fnt_ring_writer *writer, struct fnt_ending *ending,
		     uint64_t mark);

/* Where the table of eras has changed: see what it is now, and put hands that hold no tickets
 * into the current eras. Makes system calls; waits for whoever holds fnt_maps_lock(). */
void fnt_writer_move(struct fnt_ring_writer *writer, const struct fnt_region *region);

/* Must a call that ends like this outlive the flood of healthy ones? */
static inline bool
fnt_outcome_is_kept(uint8_t outcome)
{
	return outcome != FNT_OK;
}

#endif
