/* SPDX-License-Identifier: MIT
 *
 * record_write.h: a finished call's record into the ring.
 *
 *   head (private) ─┐
 *                   ├─► which ring ─► claim ─► note what will be counted
 *   payload extents ┘                  ─► mark the frame ─► copy ─► commit ─► count
 */
#ifndef FNT_RING_RECORD_WRITE_H
#define FNT_RING_RECORD_WRITE_H

#include "ring/frame.h"
#include "metrics/count.h"
#include "ring/ring.h"
#include "base/shm_words.h"

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
	struct fnt_frame *frame; /* where the call lives until now; NULL: nowhere */
	struct fnt_meter *meter;
	struct fnt_place place; /* found by fnt_meter_place */
};

/* The same where all is at hand: payload in one piece, a frame, a quick place. */
struct fnt_ending_fast {
	struct fnt_record *record;
	const char *payload;
	struct fnt_frame *frame;
	struct fnt_place_fast place;
	bool rare; /* for fnt_record_emit_few() and …_many() */
};

/* Commit the record, to the kept ring if it is flagged FNT_RECORD_KEPT and fits there,
 * and count the call; fills in seq and lane. FNT_CLAIM_BUSY: no place, to be ended
 * without a record; FNT_CLAIM_NEW_SEGMENT: there are new segments, the hands are to be moved, and
 * then again. Wait-free. */
enum fnt_claimed fnt_record_write_slow(struct fnt_ring_writer *writer,
				       struct fnt_ending *ending, uint64_t now_ns);

/* End the call without a record, and count it: `mark` (FNT_MARK_*) says why. The writer
 * has a lane. Wait-free. */
void fnt_record_skip_slow(struct fnt_ring_writer *writer, struct fnt_ending *ending,
			  uint64_t mark);

/* Where the table of segments has changed: see what it is now, and put hands that hold no
 * tickets into the current segments. Makes system calls; waits for whoever holds
 * fnt_segment_map_lock(). */
void fnt_ring_writer_move(struct fnt_ring_writer *writer,
			  const struct fnt_region *region);

/* ---- where all is at hand ------------------------------------------------------- */

/* As fnt_record_write_slow(), for records of up to FNT_FEW_CELLS cells; the writer has a
 * lane. False: nothing has happened but that tickets may have been used; go the general
 * way. */
#define FNT_FEW_CELLS fnt_cells_for(FNT_FRAME_PAYLOAD_BYTES)
bool fnt_record_emit_few(struct fnt_ring_writer *writer,
			 const struct fnt_ending_fast *ending, uint64_t now_ns);

/* The same for one of any length, whose payload is in several extents. */
bool fnt_record_emit_many(struct fnt_ring_writer *writer,
			  const struct fnt_ending_fast *ending,
			  const struct fnt_extent *payload, uint64_t now_ns);

/* The record's head of a call that was ok and had nothing rare: out of the call's own
 * go only those words that its end does not change. */
static inline __attribute__((always_inline)) void
fnt_put_head_ok(fnt_word *words, const struct fnt_record *record,
		const struct fnt_place_fast *place, uint32_t bytes, uint64_t seq,
		uint32_t lane)
{
	const char *head = (const char *)record;
	uint64_t flags = record->flags | place->extra->ops
						 << FNT_RECORD_SHIFT(op_count);
	uint64_t end = (uint64_t)lane << FNT_RECORD_SHIFT(lane) |
		       (uint64_t)FNT_OK << FNT_RECORD_SHIFT(outcome);

	fnt_words_write(words, head, 4);
	fnt_pair_store_shared(&words[FNT_RECORD_WORD(started_at_ns)],
			      fnt_pair_make(record->started_at_ns, place->duration_ns));
	fnt_pair_store_shared(
		&words[FNT_RECORD_WORD(seq)],
		fnt_pair_make(seq, bytes | (uint64_t)record->fn_name
						   << FNT_RECORD_SHIFT(fn_name)));
	fnt_pair_store_shared(&words[FNT_RECORD_WORD(pid)],
			      fnt_pair_load(head + FNT_RECORD_WORD(pid) * 8) |
				      fnt_pair_make(0, end));
	fnt_pair_store_shared(&words[FNT_RECORD_WORD(flags)], fnt_pair_make(flags, 0));
	fnt_pair_store_shared(&words[FNT_RECORD_WORD(stream_bytes)],
			      fnt_pair_make(0, 0));
}

/* So many bytes of payload into a cell, from a word before a line's second half on, up
 * to one word more than it has: by pairs that cross no line, from both ends, which may
 * meet in the same one. So there is one branch for each 32 bytes, and all but the last
 * go the same way. `most` pairs, known where this is compiled. */
static inline __attribute__((always_inline)) void
fnt_put_payload(fnt_word *words, const char *payload, uint32_t bytes, uint32_t most)
{
	uint32_t pairs = (bytes + 7) / 16;
	fnt_word *last_words = words + 1 + pairs * 2;
	const char *last = payload + 8 + pairs * 16;

	fnt_words_write(words++, payload, 1);
	payload += 8;
#pragma GCC unroll 8
	for (uint32_t i = 0; i < (most + 1) / 2; i++) {
		if (i * 2 >= pairs)
			break;
		fnt_words_write(words + i * 2, payload + i * 16, 2);
		last_words -= 2;
		last -= 16;
		fnt_words_write(last_words, last, 2);
	}
}
static_assert(FNT_HEAD_WORDS == 17 && FNT_CELL_WORDS == 31,
	      "a word, and 8 or 15 pairs");

/* As fnt_record_emit_few() for the commonest record, of one cell, for the main ring,
 * with a ticket in hand; seq, lane and what the end changes go into the ring alone. */
static inline __attribute__((always_inline)) bool
fnt_record_emit_one(struct fnt_ring_writer *writer,
		    const struct fnt_ending_fast *ending, uint32_t bytes,
		    uint64_t now_ns)
{
	struct fnt_ring_handle *handle = &writer->handles[FNT_RING_MAIN];
	uint32_t lane = writer->lane_no;
	struct fnt_journal_sums noted;
	struct fnt_cell *cell;
	uint64_t seq;

	if (__builtin_expect(!fnt_ring_has_ticket(handle, now_ns), 0))
		return false;
	cell = fnt_ring_next_cell(handle);
	if (__builtin_expect(!fnt_ring_claim_one(handle, cell), 0))
		return false;
	seq = fnt_ring_next_seq(handle);
	noted = fnt_journal_note_fast(&ending->place, FNT_OK, FNT_RING_MAIN, seq,
				      false);
	fnt_frame_mark(ending->frame, FNT_RING_MAIN, lane, seq, handle->block.next);
	fnt_put_head_ok(cell->words, ending->record, &ending->place, bytes, seq, lane);
	fnt_put_payload(cell->words + FNT_RECORD_WORDS, ending->payload, bytes,
			FNT_HEAD_WORDS / 2);
	fnt_ring_commit_one(handle, cell, seq);
	fnt_journal_apply_fast(&ending->place, FNT_OK, FNT_RING_MAIN, noted, false);
	return true;
}

/* The same for one of two to FNT_FEW_CELLS cells that go on to each other. */
static inline __attribute__((always_inline)) bool
fnt_record_emit_some(struct fnt_ring_writer *writer,
		     const struct fnt_ending_fast *ending, uint32_t bytes,
		     uint64_t now_ns)
{
	struct fnt_ring_handle *handle = &writer->handles[FNT_RING_MAIN];
	uint32_t lane = writer->lane_no, left = bytes - FNT_HEAD_BYTES;
	const char *payload = ending->payload + FNT_HEAD_BYTES;
	struct fnt_journal_sums noted;
	struct fnt_claim claim;
	struct fnt_cell *cell;
	uint64_t seq;

	if (__builtin_expect(
		    !fnt_ring_claim_few(handle, fnt_cells_for(bytes), now_ns, &claim),
		    0))
		return false;
	seq = fnt_ring_next_seq(handle);
	noted = fnt_journal_note_fast(&ending->place, FNT_OK, FNT_RING_MAIN, seq,
				      false);
	fnt_frame_mark(ending->frame, FNT_RING_MAIN, lane, seq, claim.ticket);
	cell = &handle->cells[claim.index];
	fnt_put_head_ok(cell->words, ending->record, &ending->place, bytes, seq, lane);
	fnt_words_write(cell->words + FNT_RECORD_WORDS, ending->payload,
			FNT_HEAD_WORDS);
	for (; left > FNT_MORE_BYTES; left -= FNT_MORE_BYTES) {
		fnt_words_write((++cell)->words, payload, FNT_CELL_WORDS);
		payload += FNT_MORE_BYTES;
	}
	fnt_put_payload((++cell)->words, payload, left, FNT_CELL_WORDS / 2);
	fnt_ring_commit_all(handle, &claim, seq);
	fnt_journal_apply_fast(&ending->place, FNT_OK, FNT_RING_MAIN, noted, false);
	return true;
}

/* As fnt_record_skip_slow(). */
static inline __attribute__((always_inline)) void
fnt_record_skip_fast(struct fnt_ring_writer *writer,
		     const struct fnt_ending_fast *ending, uint64_t mark)
{
	fnt_word *counter = fnt_lane_counter(writer->lane, mark);
	uint64_t seq = atomic_load_explicit(counter, memory_order_relaxed) + 1;
	uint8_t outcome = ending->record->outcome;
	uint32_t end = fnt_end_of(mark);
	struct fnt_journal_sums noted =
		fnt_journal_note_fast(&ending->place, outcome, end, seq, false);

	fnt_frame_mark_lost(ending->frame, mark, writer->lane_no, seq);
	atomic_store_explicit(counter, seq, memory_order_release);
	fnt_journal_apply_fast(&ending->place, outcome, end, noted, false);
}

/* Must a call that ends like this outlive the flood of healthy ones? */
static inline bool
fnt_outcome_is_kept(uint8_t outcome)
{
	return outcome != FNT_OK;
}

#endif
