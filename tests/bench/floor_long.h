/* SPDX-License-Identifier: MIT
 *
 * floor_long.h: what a call writes whose ops need several frames and cells.
 *
 *      op ─► frame 1 ── full ──► next frame linked ─► op ─► frame 2 … ─► published in 1
 *      end ─► a cmpxchg for each cell ─► journal ─► mark
 *          ─► head, payload out of frames of 106 words into cells of 31
 *          ─► a store for each cell, the head's last ─► counts, rows
 *          ─► each frame closed
 *
 * Straight-line code like floor.h, with everything known in advance. A record's cells
 * are contiguous: cells at the end of the ring that are too few for a record are not
 * used, so that the state of each cell one lap ago is known, too.
 */
#ifndef FNT_BENCH_FLOOR_LONG_H
#define FNT_BENCH_FLOOR_LONG_H

#include "floor.h"

#define FLOOR_CELLS 16u /* more than any call of the benchmark has */

/* Where the next event of an open call goes. */
struct floor_writer {
	char *at, *end; /* in the last frame */
	uint32_t used;	/* bytes of payload, all frames */
	uint32_t frame; /* number of the last one */
};

FLOOR_INLINE struct floor_writer
floor_writer(const struct floor *f)
{
	char *payload = (char *)f->frame->payload;

	return (struct floor_writer){.at = payload + FLOOR_BEGUN,
				     .end = payload + FNT_FRAME_PAYLOAD_BYTES,
				     .used = FLOOR_BEGUN};
}

FLOOR_INLINE uint32_t
floor_writer_room(const struct floor_writer *writer)
{
	return (uint32_t)(writer->end - writer->at);
}

/* ---- across the end of a frame --------------------------------------------------- */

/* Link one more frame, before any of its bytes is published. */
FLOOR_INLINE void
floor_link(struct floor *f, struct floor_writer *writer)
{
	struct fnt_frame *last = f->frames[writer->frame],
			 *frame = f->frames[++writer->frame];

	floor_store(&frame->next, 0);
	floor_set_frame_status(frame, FNT_FRAME_CACHED, FNT_FRAME_LINKED);
	floor_store(&last->next, f->frame_nos[writer->frame] + 1);
	writer->at = (char *)frame->payload;
	writer->end = writer->at + FNT_FRAME_PAYLOAD_BYTES;
}

FLOOR_INLINE void
floor_put_across(struct floor *f, struct floor_writer *writer, const char *event,
		 uint32_t bytes, uint64_t since)
{
	uint32_t here = floor_writer_room(writer);

	memcpy(writer->at, event, here);
	floor_link(f, writer);
	memcpy(writer->at, event + here, bytes - here);
	writer->at += bytes - here;
	writer->used += bytes;
	floor_publish(f->frame, since, writer->used);
}

/* An op that does not fit the rest of its frame. */
FLOOR_INLINE void
floor_get_across(struct floor *f, const struct floor_call *call,
		 struct floor_writer *writer, struct floor_variant variant)
{
	uint64_t since = floor_now(f, variant) - call->began;
	char event[FLOOR_GET];

	floor_put_get(event, f->lot, call->row_id, since);
	floor_put_across(f, writer, event, FLOOR_GET, since);
	if (variant.counted)
		floor_count_op(f->get, &f->op_octaves[0], FLOOR_GET_NS, 1);
}

FLOOR_INLINE void
floor_insert_across(struct floor *f, const struct floor_call *call,
		    struct floor_writer *writer, struct floor_variant variant)
{
	uint64_t since = floor_now(f, variant) - call->began;
	char event[FLOOR_INSERT];

	floor_put_insert(event, f->bid, since);
	floor_put_across(f, writer, event, FLOOR_INSERT, since);
	if (variant.counted)
		floor_count_op(f->insert, &f->op_octaves[1], FLOOR_INSERT_NS, 0);
}

/* ---- ops ---------------------------------------------------------------------- */

FLOOR_INLINE void
floor_next_get(struct floor *f, const struct floor_call *call,
	       struct floor_writer *writer, struct floor_variant variant)
{
	writer->used += FLOOR_GET;
	floor_get_op(f, call, writer->at, writer->used, variant);
	writer->at += FLOOR_GET;
}

FLOOR_INLINE void
floor_next_insert(struct floor *f, const struct floor_call *call,
		  struct floor_writer *writer, struct floor_variant variant)
{
	writer->used += FLOOR_INSERT;
	floor_insert_op(f, call, writer->at, writer->used, variant);
	writer->at += FLOOR_INSERT;
}

/* As many pairs as fit the frame without a check, then the one that does not fit. */
FLOOR_INLINE void
floor_ops(struct floor *f, const struct floor_call *call, struct floor_writer *writer,
	  struct floor_variant variant)
{
	uint32_t pairs = variant.ops / 2, fit;

	for (;; pairs--) {
		fit = floor_writer_room(writer) / FLOOR_PAIR;
		fit = fit < pairs ? fit : pairs;
		for (uint32_t i = 0; i < fit; i++) {
			floor_next_get(f, call, writer, variant);
			floor_next_insert(f, call, writer, variant);
		}
		pairs -= fit;
		if (!pairs)
			return;
		if (floor_writer_room(writer) < FLOOR_GET) {
			floor_get_across(f, call, writer, variant);
			floor_next_insert(f, call, writer, variant);
		} else {
			floor_next_get(f, call, writer, variant);
			floor_insert_across(f, call, writer, variant);
		}
	}
}

/* ---- the end ------------------------------------------------------------------ */

FLOOR_INLINE uint64_t
floor_cell_state(const struct floor *f, uint64_t lap, uint32_t i)
{
	return fnt_cell_state(lap, f->lane_no, i ? FNT_CELL_MORE : FNT_CELL_HEAD, 0);
}

/* Claim all cells of a record. */
FLOOR_INLINE bool
floor_claim_all(const struct floor *f, struct fnt_cell *cells, uint32_t count,
		uint64_t lap)
{
	bool claimed = true;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t old = floor_cell_state(f, lap - 1, i);

		claimed &= atomic_compare_exchange_strong_explicit(
			&cells[i].state, &old, floor_cell_state(f, lap, i) | 1,
			memory_order_acquire, memory_order_relaxed);
	}
	return claimed;
}

/* Copy `left` words of payload from the frames into the record's cells. */
FLOOR_INLINE void
floor_copy(const struct floor *f, struct fnt_cell *cell, uint32_t left)
{
	uint32_t frame = 0, there = FNT_FRAME_PAYLOAD_WORDS, to = FNT_RECORD_WORDS;
	const char *from = (const char *)f->frame->payload;

	for (; left; cell++, to = 0) {
		uint32_t words = FNT_CELL_WORDS - to;

		words = words < left ? words : left;
		left -= words;
		if (there < words) {
			fnt_words_write_unrolled(cell->words + to, from, there);
			to += there;
			words -= there;
			from = (const char *)f->frames[++frame]->payload;
			there = FNT_FRAME_PAYLOAD_WORDS;
		}
		there -= words;
		if (words == FNT_CELL_WORDS)
			fnt_words_write(cell->words, from, FNT_CELL_WORDS);
		else
			fnt_words_write_unrolled(cell->words + to, from, words);
		from += words * 8;
	}
}

FLOOR_INLINE void
floor_commit_all(struct floor *f, struct fnt_cell *cells, uint32_t count, uint64_t lap,
		 uint64_t seq)
{
	for (uint32_t i = count; i-- > 1;)
		floor_store_release(&cells[i].state, floor_cell_state(f, lap, i));
	f->ticket += count - 1;
	floor_commit(f, cells, lap, seq);
}

/* False: as for floor_finish(). */
FLOOR_INLINE bool
floor_finish_long(struct floor *f, struct floor_call *call, struct floor_writer writer,
		  struct floor_variant variant)
{
	struct floor_counts counts = {.duration = floor_now(f, variant) - call->began};
	uint64_t lap = (f->ticket >> f->lap_shift) + 1;
	uint64_t seq = floor_load(&f->lane->rings[FNT_RING_MAIN].recorded) + 1;
	struct fnt_cell *cells = &f->cells[f->ticket & f->mask];
	uint32_t count = fnt_cells_for(writer.used);
	bool claimed = floor_claim_all(f, cells, count, lap);

	if (variant.counted) {
		floor_note(f, call, &counts, NULL, variant);
		floor_arm(f, call, FNT_RING_MAIN, seq);
	}
	floor_mark(f, fnt_mark_make(FNT_RING_MAIN, f->ticket), seq);
	floor_head(f, cells->words, call,
		   (struct floor_end){counts.duration, seq, writer.used, variant.ops});
	floor_copy(f, cells, (writer.used + 7) / 8);
	floor_commit_all(f, cells, count, lap, seq);
	if (variant.counted)
		floor_count(f, call, &counts, NULL);
	for (uint32_t i = 1; i <= writer.frame; i++)
		floor_set_frame_status(f->frames[i], FNT_FRAME_LINKED,
				       FNT_FRAME_CACHED);
	floor_set_frame_status(f->frame, FNT_FRAME_OPEN, FNT_FRAME_CACHED);
	if (writer.frame)
		floor_store(&f->frame->next, 0);
	return claimed;
}

/* Skip the cells at the end of the ring if they are too few for one more record. */
FLOOR_INLINE void
floor_skip_ring_end(struct floor *f, uint32_t cells)
{
	if ((f->ticket & f->mask) + cells > f->mask + 1)
		f->ticket = (f->ticket | f->mask) + 1;
}

#endif
