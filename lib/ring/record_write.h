/* SPDX-License-Identifier: MIT
 *
 * record_write.h: writes the record of a call that ends to a ring, and counts the call.
 *
 *   head (private) ─┐
 *                   ├─► choose the ring ─► claim ─► write the journal ─► mark the frame
 *   payload extents ┘         ─► copy head and payload ─► commit ─► apply the journal
 *
 * The order lets recovery complete or discard the end of a call whose process is killed
 * at any step: see frame.h (the mark) and journal.h.
 *
 * Who may write what: as in ring.h, frame.h and journal.h. A writer and an ending
 * belong to one thread.
 *
 * Progress: wait-free, no system call, no allocation, but for fnt_ring_writer_move().
 */
#ifndef FNT_RING_RECORD_WRITE_H
#define FNT_RING_RECORD_WRITE_H

#include "base/shm_words.h"
#include "metrics/journal.h"
#include "ring/frame.h"
#include "ring/ring.h"

#include <fntrace/fntrace.h>

/* A contiguous part of a payload, in a frame or in private memory. */
struct fnt_extent {
	struct fnt_extent *next;
	char *bytes;
	uint32_t size;	/* in bytes, a multiple of 8 */
	uint32_t frame; /* its number; FNT_FRAME_NONE: it is in private memory */
};

/* The end of a call: its record, and where it is counted. */
struct fnt_ending {
	struct fnt_record *record;
	const struct fnt_extent *payload; /* record->payload_bytes in all */
	struct fnt_frame *frame;	  /* the call's OPEN frame; NULL: it has none */
	struct fnt_meter *meter;
	struct fnt_place place; /* from fnt_meter_place_slow() */
};

/* The same on the fast path: the payload is contiguous, there is a frame, and the place
 * is from fnt_meter_place_fast(). */
struct fnt_ending_fast {
	struct fnt_record *record;
	const char *payload;
	uint32_t bytes; /* of payload, at most FNT_FRAME_PAYLOAD_BYTES */
	struct fnt_frame *frame;
	struct fnt_place_fast place;
	bool rare; /* as of fnt_meter_place_slow() */
};

/* Commit the record, to the kept ring if it is flagged FNT_RECORD_KEPT and fits there,
 * and count the call; sets record->seq and lane. The writer has a lane. `now_ns`: as of
 * fnt_ring_claim_slow(). FNT_CLAIM_BUSY: no cells were free; end the call without a
 * record. FNT_CLAIM_NEW_SEGMENT: call fnt_ring_writer_move() and try again. */
enum fnt_claim_result fnt_record_write_slow(struct fnt_ring_writer *writer,
					    struct fnt_ending *ending, uint64_t now_ns);

/* End the call without a record and count it; `mark` (FNT_MARK_*) says why. The writer
 * has a lane. */
void fnt_record_skip_slow(struct fnt_ring_writer *writer, struct fnt_ending *ending,
			  uint64_t mark);

/* Map the segments that the region has by now, and move each ring handle that has no
 * tickets left to the current segment of its ring. False: none could be moved, as this
 * process can't map the segment, which it tries at most once a second. Makes system
 * calls; waits for whoever holds fnt_segment_map_lock(). */
bool fnt_ring_writer_move(struct fnt_ring_writer *writer,
			  const struct fnt_region *region);

/* Why a call ends without a record whose writing had the result `is`, other than
 * FNT_CLAIMED: FNT_MARK_DROPPED or FNT_MARK_UNMAPPED. */
uint64_t fnt_record_lost_mark(enum fnt_claim_result is);

/* The handle of the ring for a record of `cells` cells: the kept ring if it is flagged
 * FNT_RECORD_KEPT. A record that would take more than an eighth of the kept ring goes
 * to the main ring; `strays` is counted up, so that a query for kept records also
 * searches the main ring. */
static inline struct fnt_ring_handle *
fnt_record_handle(struct fnt_ring_writer *writer, const struct fnt_record *record,
		  uint32_t cells)
{
	struct fnt_ring_handle *kept = &writer->handles[FNT_RING_KEPT];

	if (__builtin_expect(!(record->flags & FNT_RECORD_KEPT), 1) || !kept->head)
		return &writer->handles[FNT_RING_MAIN];
	if (kept->published == UINT64_MAX || cells <= kept->cell_count / 8)
		return kept;
	/* Before the record is committed: a reader that finds it has seen this. */
	atomic_fetch_add_explicit(&kept->head->strays, 1, memory_order_relaxed);
	return &writer->handles[FNT_RING_MAIN];
}

/* ---- fast ---------------------------------------------------------------------- */

/* Write the record's head of a call that was ok and has nothing rare. The words that
 * the call's end changes are computed here, and not stored in `record` first. */
static inline __attribute__((always_inline)) void
fnt_record_put_head(fnt_word *words, const struct fnt_record *record,
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
	fnt_words_write(&words[FNT_RECORD_WORD(started_mono)],
			head + FNT_RECORD_WORD(started_mono) * 8, 2);
}

/* Copy the last `bytes` of payload to a cell, and at most one word more: a word, then
 * pairs of words, which begin on 16 bytes. The pairs are copied from both ends and may
 * overlap in the middle, so that there is one branch for each 32 bytes. `most`, a
 * constant: pairs that the cell has room for. */
static inline __attribute__((always_inline)) void
fnt_record_put_tail(fnt_word *words, const char *payload, uint32_t bytes, uint32_t most)
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
static_assert(FNT_HEAD_WORDS == 15 && FNT_CELL_WORDS == 31,
	      "a word, and 7 or 15 pairs");

/* Copy a contiguous payload to the `cells` cells of a claim, whose first is `cell`.
 * `wraps`, a constant: the cells may continue at the segment's first. */
static inline __attribute__((always_inline)) void
fnt_record_copy_payload(const struct fnt_ring_handle *handle, struct fnt_cell *cell,
			const struct fnt_ending_fast *ending, uint32_t cells,
			bool wraps)
{
	const struct fnt_cell *end = handle->cells + handle->cell_count;
	const char *payload = ending->payload;
	uint32_t bytes = ending->bytes;

	if (cells == 1) {
		fnt_record_put_tail(cell->words + FNT_RECORD_WORDS, payload, bytes,
				    FNT_HEAD_WORDS / 2);
		return;
	}
	fnt_words_write(cell->words + FNT_RECORD_WORDS, payload, FNT_HEAD_WORDS);
	payload += FNT_HEAD_BYTES;
	bytes -= FNT_HEAD_BYTES;
	for (;;) {
		cell = wraps && cell + 1 == end ? handle->cells : cell + 1;
		if (bytes <= FNT_MORE_BYTES)
			break;
		fnt_words_write(cell->words, payload, FNT_CELL_WORDS);
		payload += FNT_MORE_BYTES;
		bytes -= FNT_MORE_BYTES;
	}
	fnt_record_put_tail(cell->words, payload, bytes, FNT_CELL_WORDS / 2);
}

/* The same as fnt_record_write_slow(), for a record of `cells` cells whose payload is
 * contiguous. False: it declines, and has changed nothing but that tickets may have
 * been skipped. `common`, a constant: the call was ok, has nothing rare, and its record
 * goes to the main ring; the words that the end changes are written to the ring only,
 * and it declines where fnt_ring_claim_fast() does. `cells` is a constant if it is 1 in
 * every case. */
static inline __attribute__((always_inline)) bool
fnt_record_write_fast(struct fnt_ring_writer *writer,
		      const struct fnt_ending_fast *ending, uint64_t now_ns,
		      uint32_t cells, bool common)
{
	struct fnt_record *record = ending->record;
	uint32_t lane = writer->lane_no;
	struct fnt_ring_handle *handle =
		common ? &writer->handles[FNT_RING_MAIN]
		       : fnt_record_handle(writer, record, cells);
	uint32_t ring = common ? FNT_RING_MAIN : handle->ring;
	uint8_t outcome = common ? FNT_OK : record->outcome;
	bool rare = !common && ending->rare;
	struct fnt_journal_sums sums;
	struct fnt_claim claim;
	struct fnt_cell *cell;
	uint64_t seq;

	/* Before the claim: its compare-and-swap waits for these stores, so that the
	 * copy below, which loads the words in pairs, does not have to. */
	if (!common) {
		record->seq = fnt_ring_next_seq(handle);
		record->lane = (uint16_t)lane;
	}
	if (__builtin_expect(!fnt_ring_claim_fast(handle, cells, now_ns, &claim), 0)) {
		struct fnt_claim slow; /* so that `claim` stays in registers */

		if (common ||
		    fnt_ring_claim_slow(handle, cells, now_ns, &slow) != FNT_CLAIMED)
			return false;
		claim = slow;
	}
	seq = fnt_ring_next_seq(handle);
	sums = fnt_journal_write_fast(&ending->place, outcome, ring, seq, rare);
	fnt_frame_mark_commit(ending->frame, ring, lane, seq, claim.ticket);
	cell = &handle->cells[claim.index];
	if (common)
		fnt_record_put_head(cell->words, record, &ending->place, ending->bytes,
				    seq, lane);
	else
		fnt_words_write(cell->words, (const char *)record, FNT_RECORD_WORDS);
	fnt_record_copy_payload(handle, cell, ending, cells, !common);
	fnt_ring_commit(handle, &claim, seq);
	fnt_journal_apply_fast(&ending->place, outcome, ring, sums, rare);
	return true;
}

/* The same as fnt_record_skip_slow(), for a call that has nothing rare. */
static inline __attribute__((always_inline)) void
fnt_record_skip_fast(struct fnt_ring_writer *writer,
		     const struct fnt_ending_fast *ending, uint64_t mark)
{
	fnt_word *counter = fnt_journal_mark_counter(writer->lane, mark);
	uint64_t seq = fnt_word_relaxed(counter) + 1;
	uint8_t outcome = ending->record->outcome;
	uint32_t end = fnt_journal_end_of(mark);
	struct fnt_journal_sums sums =
		fnt_journal_write_fast(&ending->place, outcome, end, seq, false);

	fnt_frame_mark_lost(ending->frame, mark, writer->lane_no, seq);
	atomic_store_explicit(counter, seq, memory_order_release);
	fnt_journal_apply_fast(&ending->place, outcome, end, sums, false);
}

/* Does the record of a call with this outcome go to the kept ring? */
static inline bool
fnt_record_outcome_is_kept(uint8_t outcome)
{
	return outcome != FNT_OK;
}

#endif
