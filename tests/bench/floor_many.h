/* SPDX-License-Identifier: MIT
 *
 * floor_many.h: what a call of many ops writes.
 *
 *      op ─► frame 1 ── full ──► next frame linked ─► op ─► frame 2 … ─► published in 1
 *      end ─► a cmpxchg for each cell ─► journal ─► mark
 *          ─► head, payload out of frames of 106 words into cells of 31
 *          ─► a store for each cell, the head's last ─► counts, rows
 *          ─► each frame closed
 *
 * As floor.h, and like it a straight line in which all is known beforehand. A record
 * lies in one piece: so the ring's last cells, where none goes in, are left out, and
 * what each cell was a lap ago is known, too.
 */
#ifndef FNT_BENCH_FLOOR_MANY_H
#define FNT_BENCH_FLOOR_MANY_H

#include "floor.h"

#define FLOOR_CELLS 16u /* more than any call has here */

/* Where an open call's next event goes. */
struct floor_pen {
	char *at, *end; /* in the last frame */
	uint32_t used;	/* bytes of payload, all frames */
	uint32_t frame; /* number of the last */
};

FLOOR_INLINE struct floor_pen
floor_pen(const struct floor *f)
{
	char *payload = (char *)f->frame->payload;

	return (struct floor_pen){.at = payload + FLOOR_BEGUN,
				  .end = payload + FNT_FRAME_PAYLOAD_BYTES,
				  .used = FLOOR_BEGUN};
}

FLOOR_INLINE uint32_t
floor_pen_room(const struct floor_pen *pen)
{
	return (uint32_t)(pen->end - pen->at);
}

/* ---- over a frame's end ------------------------------------------------------- */

/* One frame more, seen before any byte in it counts. */
FLOOR_INLINE void
floor_link(struct floor *f, struct floor_pen *pen)
{
	struct fnt_frame *last = f->frames[pen->frame],
			 *frame = f->frames[++pen->frame];

	floor_set(&frame->next, 0);
	floor_turn_frame(frame, FNT_FRAME_CACHED, FNT_FRAME_LINKED);
	floor_set(&last->next, f->frame_nos[pen->frame] + 1);
	pen->at = (char *)frame->payload;
	pen->end = pen->at + FNT_FRAME_PAYLOAD_BYTES;
}

FLOOR_INLINE void
floor_put_across(struct floor *f, struct floor_pen *pen, const char *event,
		 uint32_t bytes, uint64_t since)
{
	uint32_t here = floor_pen_room(pen);

	memcpy(pen->at, event, here);
	floor_link(f, pen);
	memcpy(pen->at, event + here, bytes - here);
	pen->at += bytes - here;
	pen->used += bytes;
	floor_publish(f->frame, since, pen->used);
}

/* An op that may end in the next frame. */
FLOOR_INLINE void
floor_get_across(struct floor *f, const struct floor_call *call, struct floor_pen *pen,
		 struct floor_way way)
{
	uint64_t since = floor_now(f, way) - call->began;
	char event[FLOOR_GET];

	floor_put_get(event, f->lot, call->row_id, since);
	floor_put_across(f, pen, event, FLOOR_GET, since);
	if (way.counted)
		floor_count_op(f->get, FLOOR_GET_NS, 1);
}

FLOOR_INLINE void
floor_insert_across(struct floor *f, const struct floor_call *call,
		    struct floor_pen *pen, struct floor_way way)
{
	uint64_t since = floor_now(f, way) - call->began;
	char event[FLOOR_INSERT];

	floor_put_insert(event, f->bid, since);
	floor_put_across(f, pen, event, FLOOR_INSERT, since);
	if (way.counted)
		floor_count_op(f->insert, FLOOR_INSERT_NS, 0);
}

/* ---- ops ---------------------------------------------------------------------- */

FLOOR_INLINE void
floor_next_get(struct floor *f, const struct floor_call *call, struct floor_pen *pen,
	       struct floor_way way)
{
	pen->used += FLOOR_GET;
	floor_get_op(f, call, pen->at, pen->used, way);
	pen->at += FLOOR_GET;
}

FLOOR_INLINE void
floor_next_insert(struct floor *f, const struct floor_call *call, struct floor_pen *pen,
		  struct floor_way way)
{
	pen->used += FLOOR_INSERT;
	floor_insert_op(f, call, pen->at, pen->used, way);
	pen->at += FLOOR_INSERT;
}

/* So many pairs as go into the frame without a look, then one that may not. */
FLOOR_INLINE void
floor_ops(struct floor *f, const struct floor_call *call, struct floor_pen *pen,
	  struct floor_way way)
{
	uint32_t pairs = way.ops / 2, some;

	for (;; pairs--) {
		some = floor_pen_room(pen) / FLOOR_PAIR;
		some = some < pairs ? some : pairs;
		for (uint32_t i = 0; i < some; i++) {
			floor_next_get(f, call, pen, way);
			floor_next_insert(f, call, pen, way);
		}
		pairs -= some;
		if (!pairs)
			return;
		if (floor_pen_room(pen) < FLOOR_GET) {
			floor_get_across(f, call, pen, way);
			floor_next_insert(f, call, pen, way);
		} else {
			floor_next_get(f, call, pen, way);
			floor_insert_across(f, call, pen, way);
		}
	}
}

/* ---- the end ------------------------------------------------------------------ */

FLOOR_INLINE uint64_t
floor_cell_state(const struct floor *f, uint64_t lap, uint32_t i)
{
	return fnt_cell_state(lap, f->lane_no, i ? FNT_CELL_MORE : FNT_CELL_HEAD, 0);
}

/* All cells of a record. */
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

/* The frames' words, `left` of them, into cells from word `to` of the first on. */
FLOOR_INLINE void
floor_copy(const struct floor *f, struct fnt_cell *cell, uint32_t left)
{
	uint32_t frame = 0, there = FNT_FRAME_PAYLOAD_WORDS, to = FNT_RECORD_WORDS;
	const char *from = (const char *)f->frame->payload;

	for (; left; cell++, to = 0) {
		uint32_t some = FNT_CELL_WORDS - to;

		some = some < left ? some : left;
		left -= some;
		if (there < some) {
			fnt_words_put_few(cell->words + to, from, there);
			to += there;
			some -= there;
			from = (const char *)f->frames[++frame]->payload;
			there = FNT_FRAME_PAYLOAD_WORDS;
		}
		there -= some;
		if (some == FNT_CELL_WORDS)
			fnt_words_put(cell->words, from, FNT_CELL_WORDS);
		else
			fnt_words_put_few(cell->words + to, from, some);
		from += some * 8;
	}
}

FLOOR_INLINE void
floor_commit_all(struct floor *f, struct fnt_cell *cells, uint32_t count, uint64_t lap,
		 uint64_t seq)
{
	for (uint32_t i = count; i-- > 1;)
		floor_show(&cells[i].state, floor_cell_state(f, lap, i));
	f->ticket += count - 1;
	floor_commit(f, cells, lap, seq);
}

/* False: as of floor_finish(). */
FLOOR_INLINE bool
floor_finish_many(struct floor *f, struct floor_call *call, struct floor_pen pen,
		  struct floor_way way)
{
	struct floor_counts counts = {.duration = floor_now(f, way) - call->began};
	uint64_t lap = (f->ticket >> f->lap_shift) + 1;
	uint64_t seq = floor_get(&f->lane->rings[FNT_RING_MAIN].recorded) + 1;
	struct fnt_cell *cells = &f->cells[f->ticket & f->mask];
	uint32_t count = fnt_cells_for(pen.used);
	bool claimed = floor_claim_all(f, cells, count, lap);

	if (way.counted) {
		floor_note(f, call, &counts, NULL, way);
		floor_arm(f, call, FNT_RING_MAIN, seq);
	}
	floor_mark(f, fnt_mark_make(FNT_RING_MAIN, f->ticket), seq);
	floor_head(f, cells->words, call,
		   (struct floor_end){counts.duration, seq, pen.used, way.ops});
	floor_copy(f, cells, (pen.used + 7) / 8);
	floor_commit_all(f, cells, count, lap, seq);
	if (way.counted)
		floor_count(f, call, &counts, NULL);
	for (uint32_t i = 1; i <= pen.frame; i++)
		floor_turn_frame(f->frames[i], FNT_FRAME_LINKED, FNT_FRAME_CACHED);
	floor_turn_frame(f->frame, FNT_FRAME_OPEN, FNT_FRAME_CACHED);
	if (pen.frame)
		floor_set(&f->frame->next, 0);
	return claimed;
}

/* Past the cells at the ring's end that are too few for one more. */
FLOOR_INLINE void
floor_turn_ring(struct floor *f, uint32_t cells)
{
	if ((f->ticket & f->mask) + cells > f->mask + 1)
		f->ticket = (f->ticket | f->mask) + 1;
}

#endif
