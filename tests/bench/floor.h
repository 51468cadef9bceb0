/* SPDX-License-Identifier: MIT
 *
 * floor.h: what a call writes, and nothing else that a call is.
 *
 *      clock ─► frame: head, payload, publish ×3
 *            ─► cell: one cmpxchg
 *            ─► lane: journal ─► frame: mark
 *            ─► cell: head, payload, state ─► lane: counts
 *            ─► rows ─► lane: journal off ─► frame: closed
 *
 * and of a call that is left out, all of that but cell and ring.
 *
 * A straight line that stores the very bytes of the bench's begin, two ops and finish
 * in the order that the design asks for, into a frame, a lane, rows and cells laid out
 * as a region's (layout.h), with everything known beforehand: no API, no look for a
 * thread, a name, a row or a frame, no lengths, nothing checked. A recorder of this
 * design takes longer than this on the same machine. floor_verify.c holds it against
 * the library: whoever changes the format is told to change it here, too.
 *
 * Left out although calls need it now and then: blocks of tickets, the clock's anchors.
 * Calls of more ops than go into a frame and a cell: floor_many.h.
 */
#ifndef FNT_BENCH_FLOOR_H
#define FNT_BENCH_FLOOR_H

#include "format/layout_metrics.h"
#include "format/layout_rings.h"
#include "metrics/count.h"
#include "payload/read.h"
#include "base/shm_words.h"

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define FLOOR_FNS 8u

/* Lengths and places of what the bench's calls record (workload.h). In a region of the
 * default size the names Lot and Bid have ids of one byte and of three. */
#define FLOOR_CALL_ID 9u
#define FLOOR_USER_ID 7u
#define FLOOR_ROW_ID 24u
#define FLOOR_LOT 1u
#define FLOOR_BID 3u
#define FLOOR_BEGUN (2 + 1 + FLOOR_CALL_ID + 1 + 1 + FLOOR_USER_ID + 1)
#define FLOOR_GET (3 + FLOOR_LOT + 1 + FLOOR_ROW_ID + 5 + 5 + 1 + 1)
#define FLOOR_INSERT (3 + FLOOR_BID + 1 + 5 + 5 + 1 + 1)
#define FLOOR_GET_START (3 + FLOOR_LOT + 1 + FLOOR_ROW_ID + 1)
#define FLOOR_INSERT_START (3 + FLOOR_BID + 1 + 1)
#define FLOOR_PAIR (FLOOR_GET + FLOOR_INSERT)
#define FLOOR_PAYLOAD (FLOOR_BEGUN + FLOOR_PAIR)
#define FLOOR_GET_NS 2000u
#define FLOOR_INSERT_NS 5000u
#define FLOOR_FRAMES 4u /* that a call may have */

static_assert(FLOOR_PAYLOAD <= FNT_HEAD_BYTES, "one cell");

/* The counter scaled from an anchor, as clock.h does; it is set once and holds for as
 * long as a measurement takes. */
struct floor_clock {
	uint64_t ticks, ns, scale;
	uint64_t wall_offset;
};

struct floor {
	struct fnt_frame *frame; /* the first of … */
	struct fnt_frame *frames[FLOOR_FRAMES];
	uint32_t frame_nos[FLOOR_FRAMES]; /* in the region */
	struct fnt_lane *lane;
	struct fnt_cell *cells;
	struct fnt_fn_row *fn_rows; /* one for each function … */
	struct fnt_octave *octaves; /* … and its histogram's */
	struct fnt_op_row *get, *insert;
	uint64_t ticket;
	uint64_t mask;	    /* cells - 1 */
	uint32_t lap_shift; /* log2 of the cells */
	uint32_t lane_no;
	uint32_t fn_ids[FLOOR_FNS];
	uint32_t lot, bid;		  /* names, as the payload has them */
	uint32_t first_row, first_bucket; /* for the journal */
	uint64_t uid, trace_high;
	uint64_t pid_tid, exe;
	struct floor_clock clock;
};

/* What a variant does with and what without: constants, once it is inlined. */
struct floor_way {
	bool vdso;
	bool counted; /* journal and rows */
	uint32_t ops; /* of a call: get and insert in turn, an even number */
};

/* What a call's functions know of each other. */
struct floor_call {
	const char *call_id, *user_id, *row_id;
	uint32_t fn;
	uint64_t began;
};

/* Ids of names as the payload has them: false if they are of other lengths. */
static inline bool
floor_set_names(struct floor *f, uint32_t lot, uint32_t bid)
{
	f->lot = lot;
	f->bid = 0xcd | (bid >> 8 & 0xff) << 8 | (bid & 0xff) << 16;
	return lot < 128 && bid >= 128 && bid <= UINT16_MAX;
}

/* Cells as records of `count` each have left them a lap before this one, and frames
 * that nobody uses. */
static inline void
floor_init(struct floor *f, uint32_t count)
{
	uint64_t lap = f->ticket >> f->lap_shift;

	for (uint64_t i = 0; i <= f->mask; i++)
		atomic_init(&f->cells[i].state,
			    fnt_cell_state(lap, f->lane_no,
					   i % count ? FNT_CELL_MORE : FNT_CELL_HEAD,
					   0));
	for (uint32_t i = 0; i < FLOOR_FRAMES; i++)
		atomic_init(&f->frames[i]->state,
			    fnt_state_make(0, 0, FNT_FRAME_CACHED));
}

#define FLOOR_INLINE static inline __attribute__((always_inline))

FLOOR_INLINE uint64_t
floor_tsc(const struct floor_clock *clock)
{
	return clock->ns + ((__rdtsc() - clock->ticks) * clock->scale >> 32);
}

FLOOR_INLINE uint64_t
floor_vdso(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

FLOOR_INLINE uint64_t
floor_now(const struct floor *f, struct floor_way way)
{
	return way.vdso ? floor_vdso() : floor_tsc(&f->clock);
}

FLOOR_INLINE void
floor_set(fnt_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

FLOOR_INLINE uint64_t
floor_get(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

FLOOR_INLINE void
floor_show(fnt_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

FLOOR_INLINE char *
floor_time(char *at, uint64_t ns)
{
	uint32_t big_endian = __builtin_bswap32((uint32_t)ns);

	*at = (char)0xce;
	memcpy(at + 1, &big_endian, 4);
	return at + 5;
}

/* What a call's end adds to its head; all 0 while it runs. */
struct floor_end {
	uint64_t duration, seq;
	uint32_t bytes, ops;
};

/* A head's words. */
FLOOR_INLINE void
floor_head(const struct floor *f, fnt_word *words, const struct floor_call *call,
	   struct floor_end end)
{
	bool ended = end.seq != 0;
	uint64_t fn = (uint64_t)f->fn_ids[call->fn] << 32;
	uint64_t kind = (uint64_t)FNT_MUTATION << 48;
	uint64_t lane = (uint64_t)f->lane_no << 32, outcome = (uint64_t)FNT_OK << 56;

	floor_set(&words[0], f->uid);
	floor_set(&words[1], 0);
	floor_set(&words[2], f->trace_high);
	floor_set(&words[3], f->uid);
	floor_set(&words[4], call->began + f->clock.wall_offset);
	floor_set(&words[5], end.duration);
	floor_set(&words[6], end.seq);
	floor_set(&words[7], fn | end.bytes);
	floor_set(&words[8], f->pid_tid);
	floor_set(&words[9], f->exe | kind | (ended ? lane | outcome : 0));
	floor_set(&words[10], (uint64_t)end.ops << 32);
	floor_set(&words[11], 0);
	floor_set(&words[12], 0);
	floor_set(&words[13], 0);
}

/* From one status to the next, with all that was written before. */
FLOOR_INLINE void
floor_turn_frame(struct fnt_frame *frame, uint64_t from, uint64_t to)
{
	floor_show(&frame->state, floor_get(&frame->state) + (1ull << 32) + to - from);
}

FLOOR_INLINE void
floor_begin(struct floor *f, struct floor_call *call, struct floor_way way)
{
	struct fnt_frame *frame = f->frame;
	char *at = (char *)frame->payload;

	call->began = floor_now(f, way);
	f->uid += 0x9e3779b97f4a7c15u;
	at[0] = (char)0x95;
	at[1] = FNT_EVENT_CALL;
	at[2] = (char)(0xa0 | FLOOR_CALL_ID);
	memcpy(at + 3, call->call_id, FLOOR_CALL_ID);
	at += 3 + FLOOR_CALL_ID;
	at[0] = (char)0xc0;
	at[1] = (char)(0xa0 | FLOOR_USER_ID);
	memcpy(at + 2, call->user_id, FLOOR_USER_ID);
	at[2 + FLOOR_USER_ID] = (char)0xc0;
	floor_head(f, frame->record, call, (struct floor_end){0});
	floor_set(&frame->commit, 0);
	floor_set(&frame->published, FLOOR_BEGUN);
	floor_set(&frame->last_ns, 0);
	floor_set(&frame->started_mono, call->began);
	floor_turn_frame(frame, FNT_FRAME_CACHED, FNT_FRAME_OPEN);
}

FLOOR_INLINE char *
floor_op(char *at, enum fnt_op op)
{
	uint32_t head = 0x98u | FNT_EVENT_OP << 8 | (uint32_t)op << 16;

	memcpy(at, &head, 4);
	return at + 3;
}

FLOOR_INLINE void
floor_op_times(char *at, uint64_t since, uint32_t duration, char rows)
{
	at = floor_time(at, since > duration ? since - duration : 0);
	at = floor_time(at, duration);
	at[0] = rows;
	at[1] = (char)0xc3;
}

FLOOR_INLINE void
floor_put_get(char *at, uint32_t lot, const char *row_id, uint64_t since)
{
	at = floor_op(at, FNT_OP_GET);
	at[0] = (char)lot;
	at[1] = (char)(0xa0 | FLOOR_ROW_ID);
	memcpy(at + 2, row_id, FLOOR_ROW_ID);
	floor_op_times(at + 2 + FLOOR_ROW_ID, since, FLOOR_GET_NS, 1);
}

FLOOR_INLINE void
floor_put_insert(char *at, uint32_t bid, uint64_t since)
{
	at = floor_op(at, FNT_OP_INSERT);
	memcpy(at, &bid, 4);
	at[3] = (char)0xc0;
	floor_op_times(at + 4, since, FLOOR_INSERT_NS, (char)0xc0);
}

FLOOR_INLINE void
floor_publish(struct fnt_frame *frame, uint64_t since, uint64_t bytes)
{
	floor_set(&frame->last_ns, since);
	floor_show(&frame->published, bytes);
}

FLOOR_INLINE void
floor_count_op(struct fnt_op_row *row, uint64_t ns, uint64_t rows)
{
	floor_set(&row->count, floor_get(&row->count) + 1);
	floor_set(&row->total_ns, floor_get(&row->total_ns) + ns);
	if (rows)
		floor_set(&row->rows, floor_get(&row->rows) + rows);
}

/* get, Lot, with an id, at `at`, up to byte `used` of the payload. */
FLOOR_INLINE void
floor_get_op(struct floor *f, const struct floor_call *call, char *at, uint32_t used,
	     struct floor_way way)
{
	uint64_t since = floor_now(f, way) - call->began;

	floor_put_get(at, f->lot, call->row_id, since);
	floor_publish(f->frame, since, used);
	if (way.counted)
		floor_count_op(f->get, FLOOR_GET_NS, 1);
}

/* insert, Bid. */
FLOOR_INLINE void
floor_insert_op(struct floor *f, const struct floor_call *call, char *at, uint32_t used,
		struct floor_way way)
{
	uint64_t since = floor_now(f, way) - call->began;

	floor_put_insert(at, f->bid, since);
	floor_publish(f->frame, since, used);
	if (way.counted)
		floor_count_op(f->insert, FLOOR_INSERT_NS, 0);
}

/* `used` bytes of payload are there already, all in the first frame. */
FLOOR_INLINE void
floor_first_op(struct floor *f, const struct floor_call *call, uint32_t used,
	       struct floor_way way)
{
	floor_get_op(f, call, (char *)f->frame->payload + used, used + FLOOR_GET, way);
}

FLOOR_INLINE void
floor_second_op(struct floor *f, const struct floor_call *call, uint32_t used,
		struct floor_way way)
{
	floor_insert_op(f, call, (char *)f->frame->payload + used, used + FLOOR_INSERT,
			way);
}

/* Where the bytes of so many chunks are: by turns in either of two words. */
FLOOR_INLINE fnt_word *
floor_streamed(fnt_word *record, uint64_t chunks)
{
	return &record[chunks & 1 ? offsetof(struct fnt_record, seq) / 8
				  : offsetof(struct fnt_record, stream_bytes) / 8];
}

/* One more than `chunks`, with which it is so many bytes. */
FLOOR_INLINE void
floor_chunk(fnt_word *record, uint64_t chunks, uint64_t bytes)
{
	chunks++;
	floor_show(floor_streamed(record, chunks), bytes);
	floor_show(&record[offsetof(struct fnt_record, stream_chunks) / 8], chunks);
}

/* The row's counts as the call's end makes them, and which they are in the journal. */
struct floor_counts {
	uint64_t duration;
	uint64_t calls, bucket, ns, ops, rows, lost;
};

/* `lost` NULL: there is a record. Else the row's counter of those without. */
FLOOR_INLINE void
floor_note(struct floor *f, const struct floor_call *call, struct floor_counts *counts,
	   const fnt_word *lost, struct floor_way way)
{
	const struct fnt_fn_row *row = &f->fn_rows[call->fn];
	struct fnt_journal *journal = &f->lane->journal;

	counts->calls = floor_get(&row->counts[FNT_FN_OK]) + 1;
	counts->bucket = floor_get(&f->octaves[call->fn].counts[0]) + 1;
	counts->ns = floor_get(&row->counts[FNT_FN_TOTAL_NS]) + counts->duration;
	counts->ops = floor_get(&row->counts[FNT_FN_OPS]) + way.ops;
	counts->rows = floor_get(&row->counts[FNT_FN_ROWS]) + way.ops / 2;
	floor_set(&journal->counts[FNT_NOTED_CALLS], counts->calls);
	floor_set(&journal->counts[FNT_NOTED_BUCKET], counts->bucket);
	floor_set(&journal->counts[FNT_NOTED_NS], counts->ns);
	floor_set(&journal->counts[FNT_NOTED_OPS], counts->ops);
	floor_set(&journal->counts[FNT_NOTED_ROWS], counts->rows);
	if (lost) {
		counts->lost = floor_get(lost) + 1;
		floor_set(&journal->counts[FNT_NOTED_LOST], counts->lost);
	}
	floor_set(&journal->bucket,
		  f->first_bucket + call->fn * FNT_OCTAVE_BUCKETS + 1);
}

/* All is noted: the end is that the counter of `end` becomes `seq`. */
FLOOR_INLINE void
floor_arm(struct floor *f, const struct floor_call *call, uint32_t end, uint64_t seq)
{
	struct fnt_journal *journal = &f->lane->journal;

	floor_set(&journal->seq, seq);
	floor_show(&journal->state,
		   fnt_journal_make(f->first_row + call->fn, FNT_FN_OK, end, false));
}

FLOOR_INLINE void
floor_count(struct floor *f, const struct floor_call *call,
	    const struct floor_counts *counts, fnt_word *lost)
{
	struct fnt_fn_row *row = &f->fn_rows[call->fn];

	floor_set(&row->counts[FNT_FN_OK], counts->calls);
	floor_set(&row->counts[FNT_FN_TOTAL_NS], counts->ns);
	floor_set(&row->counts[FNT_FN_OPS], counts->ops);
	floor_set(&row->counts[FNT_FN_ROWS], counts->rows);
	floor_set(&f->octaves[call->fn].counts[0], counts->bucket);
	if (lost)
		floor_set(lost, counts->lost);
	floor_show(&f->lane->journal.state, 0);
}

/* Before the end: whoever finds the frame knows by `mark` whether it has come. */
FLOOR_INLINE void
floor_mark(const struct floor *f, uint64_t mark, uint64_t seq)
{
	floor_set(&f->frame->commit_seq, seq);
	floor_set(&f->frame->commit_lane, f->lane_no);
	floor_show(&f->frame->commit, mark);
}

/* The next cell, which is not in the cache where the ring is larger. */
FLOOR_INLINE void
floor_prefetch(const struct floor *f)
{
	const struct fnt_cell *cell = &f->cells[f->ticket & f->mask];

	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch((const char *)cell + line, 1);
}

/* The cell is this lane's, of the last lap, and becomes this lap's, or it was not. */
FLOOR_INLINE bool
floor_claim(struct floor *f, struct fnt_cell *cell, uint64_t lap)
{
	uint64_t old = fnt_cell_state(lap - 1, f->lane_no, FNT_CELL_HEAD, 0);

	return atomic_compare_exchange_strong_explicit(
		&cell->state, &old, fnt_cell_state(lap, f->lane_no, FNT_CELL_HEAD, 1),
		memory_order_acquire, memory_order_relaxed);
}

FLOOR_INLINE void
floor_commit(struct floor *f, struct fnt_cell *cell, uint64_t lap, uint64_t seq)
{
	struct fnt_lane_ring *ring = &f->lane->rings[FNT_RING_MAIN];

	floor_show(&cell->state, fnt_cell_state(lap, f->lane_no, FNT_CELL_HEAD, 0));
	floor_show(&ring->recorded, seq);
	floor_show(&ring->low, ++f->ticket);
	floor_prefetch(f);
}

/* False: the cell was not as it should be; then nothing counts. */
FLOOR_INLINE bool
floor_finish(struct floor *f, struct floor_call *call, struct floor_way way)
{
	struct floor_counts counts = {.duration = floor_now(f, way) - call->began};
	uint64_t lap = (f->ticket >> f->lap_shift) + 1;
	uint64_t seq = floor_get(&f->lane->rings[FNT_RING_MAIN].recorded) + 1;
	struct fnt_cell *cell = &f->cells[f->ticket & f->mask];
	bool claimed = floor_claim(f, cell, lap);

	if (way.counted) {
		floor_note(f, call, &counts, NULL, way);
		floor_arm(f, call, FNT_RING_MAIN, seq);
	}
	floor_mark(f, fnt_mark_make(FNT_RING_MAIN, f->ticket), seq);
	floor_head(f, cell->words, call,
		   (struct floor_end){counts.duration, seq, FLOOR_PAYLOAD, way.ops});
	fnt_words_put(cell->words + FNT_RECORD_WORDS, (const char *)f->frame->payload,
		      (FLOOR_PAYLOAD + 7) / 8);
	floor_commit(f, cell, lap, seq);
	if (way.counted)
		floor_count(f, call, &counts, NULL);
	floor_turn_frame(f->frame, FNT_FRAME_OPEN, FNT_FRAME_CACHED);
	return claimed;
}

/* The same for a call that its end leaves out: begun, shown, timed and counted like any
 * other, as it might have failed. */
FLOOR_INLINE void
floor_lose(struct floor *f, struct floor_call *call, struct floor_way way)
{
	struct floor_counts counts = {.duration = floor_now(f, way) - call->began};
	uint32_t end = fnt_end_of(FNT_MARK_SAMPLED);
	fnt_word *lost = &f->fn_rows[call->fn].counts[FNT_FN_SAMPLED];
	uint64_t seq = floor_get(&f->lane->sampled) + 1;

	if (way.counted) {
		floor_note(f, call, &counts, lost, way);
		floor_arm(f, call, end, seq);
	}
	floor_mark(f, FNT_MARK_SAMPLED, seq);
	floor_show(&f->lane->sampled, seq);
	if (way.counted)
		floor_count(f, call, &counts, lost);
	floor_turn_frame(f->frame, FNT_FRAME_OPEN, FNT_FRAME_CACHED);
}

#endif
