/* SPDX-License-Identifier: MIT
 *
 * floor.h: everything that a call writes, and nothing else.
 *
 *      clock ─► frame: head, payload, publish ×3
 *            ─► cell: one cmpxchg
 *            ─► lane: journal ─► frame: mark
 *            ─► cell: head, payload, state ─► lane: counts
 *            ─► rows ─► lane: journal off ─► frame: closed
 *
 * A call that is sampled out does all of that but for cell and ring.
 *
 * Straight-line code that stores the very bytes of the benchmark's begin, two ops and
 * finish, in the order that the design requires, into a frame, a lane, rows and cells
 * with the layout of a region (layout.h). Everything is known in advance: there is no
 * API, no lookup of a thread, a name, a row or a frame, no lengths, no checks. A
 * recorder of this design takes longer than this on the same machine. floor_verify.c
 * compares it with the library, so a change of the format has to be made here, too.
 *
 * Not included, although calls need them now and then: new blocks of tickets, new
 * anchors of the clock. Calls of more ops than fit a frame and a cell: floor_long.h.
 *
 * One thread uses a struct floor. Wait-free; no system calls.
 */
#ifndef FNT_BENCH_FLOOR_H
#define FNT_BENCH_FLOOR_H

#include "floor_words.h"

#include "format/layout_metrics.h"
#include "format/layout_rings.h"
#include "metrics/journal.h"
#include "payload/read.h"

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <string.h>

#define FLOOR_FNS 8u

/* Lengths and offsets of what the benchmark's calls record (workload.h). In a region of
 * the default size the ids of the names Lot and Bid take three bytes each. */
#define FLOOR_CALL_ID 9u
#define FLOOR_USER_ID 7u
#define FLOOR_ROW_ID 24u
#define FLOOR_LOT 3u
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
#define FLOOR_FRAMES 4u /* most frames of a call */

static_assert(FLOOR_PAYLOAD <= FNT_HEAD_BYTES, "one cell");

struct floor {
	struct fnt_frame *frame; /* frames[0] */
	struct fnt_frame *frames[FLOOR_FRAMES];
	uint32_t frame_nos[FLOOR_FRAMES]; /* in the region */
	struct fnt_lane *lane;
	struct fnt_cell *cells;
	struct fnt_fn_row *fn_rows; /* one for each function */
	struct fnt_octave *octaves; /* one for each function's histogram */
	struct fnt_op_row *get, *insert;
	struct fnt_octave *op_octaves; /* of their histograms: get's, insert's */
	uint64_t ticket;
	uint64_t mask;	    /* cells - 1 */
	uint32_t lap_shift; /* log2 of the cells */
	uint32_t lane_no;
	uint32_t fn_ids[FLOOR_FNS];
	uint32_t lot, bid;		  /* ids of names, encoded for the payload */
	uint32_t first_row, first_bucket; /* for the journal */
	uint64_t uid, trace_high;
	uint64_t pid_tid, exe, origin;
	uint32_t flags; /* of a record */
	struct floor_clock clock;
};

/* What a variant has and has not; constants after inlining. */
struct floor_variant {
	bool vdso;
	bool counted; /* journal and rows */
	uint32_t ops; /* of a call: get and insert by turns; even */
};

/* What the functions of one call share. */
struct floor_call {
	const char *call_id, *user_id, *row_id;
	uint32_t fn;
	uint64_t began;
};

static inline uint32_t
floor_name(uint32_t id)
{
	return 0xcd | (id >> 8 & 0xff) << 8 | (id & 0xff) << 16;
}

/* Encode the ids of names. False if they do not take three bytes. */
static inline bool
floor_set_names(struct floor *f, uint32_t lot, uint32_t bid)
{
	f->lot = floor_name(lot);
	f->bid = floor_name(bid);
	return lot >= 128 && lot <= UINT16_MAX && bid >= 128 && bid <= UINT16_MAX;
}

/* Make cells as records of `count` cells left them one lap ago, and free frames. */
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

FLOOR_INLINE uint64_t
floor_now(const struct floor *f, struct floor_variant variant)
{
	return variant.vdso ? floor_vdso() : floor_tsc(&f->clock);
}

FLOOR_INLINE char *
floor_time(char *at, uint64_t ns)
{
	uint32_t big_endian = __builtin_bswap32((uint32_t)ns);

	*at = (char)0xce;
	memcpy(at + 1, &big_endian, 4);
	return at + 5;
}

/* What the end of a call adds to its head; all 0 while it runs. */
struct floor_end {
	uint64_t duration, seq;
	uint32_t bytes, ops;
};

/* Store a head. */
FLOOR_INLINE void
floor_head(const struct floor *f, fnt_word *words, const struct floor_call *call,
	   struct floor_end end)
{
	bool ended = end.seq != 0;
	uint64_t fn = (uint64_t)f->fn_ids[call->fn] << 32;
	uint64_t kind = (uint64_t)FNT_MUTATION << 48;
	uint64_t lane = (uint64_t)f->lane_no << 32, outcome = (uint64_t)FNT_OK << 56;

	floor_store(&words[0], f->uid);
	floor_store(&words[1], 0);
	floor_store(&words[2], f->trace_high);
	floor_store(&words[3], f->uid);
	floor_store(&words[4], call->began + f->clock.wall_offset);
	floor_store(&words[5], end.duration);
	floor_store(&words[6], end.seq);
	floor_store(&words[7], fn | end.bytes);
	floor_store(&words[8], f->pid_tid);
	floor_store(&words[9], f->exe | kind | (ended ? lane | outcome : 0));
	floor_store(&words[10], (uint64_t)end.ops << 32 | f->flags);
	floor_store(&words[11], 0);
	floor_store(&words[12], 0);
	floor_store(&words[13], 0);
	floor_store(&words[14], call->began);
	floor_store(&words[15], f->origin);
}

/* Release: everything written before is visible with the new status. */
FLOOR_INLINE void
floor_set_frame_status(struct fnt_frame *frame, uint64_t from, uint64_t to)
{
	floor_store_release(&frame->state,
			    floor_load(&frame->state) + (1ull << 32) + to - from);
}

FLOOR_INLINE void
floor_begin(struct floor *f, struct floor_call *call, struct floor_variant variant)
{
	struct fnt_frame *frame = f->frame;
	char *at = (char *)frame->payload;

	call->began = floor_now(f, variant);
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
	floor_store(&frame->commit, 0);
	floor_store(&frame->published, FLOOR_BEGUN);
	floor_store(&frame->last_ns, 0);
	floor_set_frame_status(frame, FNT_FRAME_CACHED, FNT_FRAME_OPEN);
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
	memcpy(at, &lot, 4);
	at[3] = (char)(0xa0 | FLOOR_ROW_ID);
	memcpy(at + 4, row_id, FLOOR_ROW_ID);
	floor_op_times(at + 4 + FLOOR_ROW_ID, since, FLOOR_GET_NS, 1);
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
	floor_store(&frame->last_ns, since);
	floor_store_release(&frame->published, bytes);
}

FLOOR_INLINE void
floor_count_op(struct fnt_op_row *row, struct fnt_octave *octave, uint64_t ns,
	       uint64_t rows)
{
	fnt_word *bucket = &octave->counts[fnt_bucket_of(ns) % FNT_OCTAVE_BUCKETS];

	floor_store(bucket, floor_load(bucket) + 1);
	floor_store(&row->total_ns, floor_load(&row->total_ns) + ns);
	if (rows)
		floor_store(&row->rows, floor_load(&row->rows) + rows);
}

/* An op get of Lot, with an id, at `at`; the payload then has `used` bytes. */
FLOOR_INLINE void
floor_get_op(struct floor *f, const struct floor_call *call, char *at, uint32_t used,
	     struct floor_variant variant)
{
	uint64_t since = floor_now(f, variant) - call->began;

	floor_put_get(at, f->lot, call->row_id, since);
	floor_publish(f->frame, since, used);
	if (variant.counted)
		floor_count_op(f->get, &f->op_octaves[0], FLOOR_GET_NS, 1);
}

/* An op insert of Bid. */
FLOOR_INLINE void
floor_insert_op(struct floor *f, const struct floor_call *call, char *at, uint32_t used,
		struct floor_variant variant)
{
	uint64_t since = floor_now(f, variant) - call->began;

	floor_put_insert(at, f->bid, since);
	floor_publish(f->frame, since, used);
	if (variant.counted)
		floor_count_op(f->insert, &f->op_octaves[1], FLOOR_INSERT_NS, 0);
}

/* The payload has `used` bytes, all of them in the first frame. */
FLOOR_INLINE void
floor_first_op(struct floor *f, const struct floor_call *call, uint32_t used,
	       struct floor_variant variant)
{
	floor_get_op(f, call, (char *)f->frame->payload + used, used + FLOOR_GET,
		     variant);
}

FLOOR_INLINE void
floor_second_op(struct floor *f, const struct floor_call *call, uint32_t used,
		struct floor_variant variant)
{
	floor_insert_op(f, call, (char *)f->frame->payload + used, used + FLOOR_INSERT,
			variant);
}

/* The word with the bytes of `chunks` chunks; two words are used by turns. */
FLOOR_INLINE fnt_word *
floor_streamed(fnt_word *record, uint64_t chunks)
{
	return &record[chunks & 1 ? offsetof(struct fnt_record, seq) / 8
				  : offsetof(struct fnt_record, stream_bytes) / 8];
}

/* Publish one more chunk than `chunks`; all chunks together have `bytes` bytes. */
FLOOR_INLINE void
floor_chunk(fnt_word *record, uint64_t chunks, uint64_t bytes)
{
	chunks++;
	floor_store_release(floor_streamed(record, chunks), bytes);
	floor_store_release(&record[offsetof(struct fnt_record, stream_chunks) / 8],
			    chunks);
}

/* The row's counts after the end of the call, as the journal notes them. */
struct floor_counts {
	uint64_t duration;
	uint64_t calls, bucket, ns, ops, rows, lost;
};

/* `lost`: the row's counter of calls without a record; NULL for a recorded call. */
FLOOR_INLINE void
floor_note(struct floor *f, const struct floor_call *call, struct floor_counts *counts,
	   const fnt_word *lost, struct floor_variant variant)
{
	const struct fnt_fn_row *row = &f->fn_rows[call->fn];
	struct fnt_journal *journal = &f->lane->journal;

	counts->calls = floor_load(&row->counts[FNT_FN_OK]) + 1;
	counts->bucket = floor_load(&f->octaves[call->fn].counts[0]) + 1;
	counts->ns = floor_load(&row->counts[FNT_FN_TOTAL_NS]) + counts->duration;
	counts->ops = floor_load(&row->counts[FNT_FN_OPS]) + variant.ops;
	counts->rows = floor_load(&row->counts[FNT_FN_ROWS]) + variant.ops / 2;
	floor_store(&journal->counts[FNT_JOURNAL_SUM_CALLS], counts->calls);
	floor_store(&journal->counts[FNT_JOURNAL_SUM_BUCKET], counts->bucket);
	floor_store(&journal->counts[FNT_JOURNAL_SUM_NS], counts->ns);
	floor_store(&journal->counts[FNT_JOURNAL_SUM_OPS], counts->ops);
	floor_store(&journal->counts[FNT_JOURNAL_SUM_ROWS], counts->rows);
	if (lost) {
		counts->lost = floor_load(lost) + 1;
		floor_store(&journal->counts[FNT_JOURNAL_SUM_LOST], counts->lost);
	}
	floor_store(&journal->bucket,
		    f->first_bucket + call->fn * FNT_OCTAVE_BUCKETS + 1);
}

/* Arm the journal: the call has ended once the counter `end` is `seq`. */
FLOOR_INLINE void
floor_arm(struct floor *f, const struct floor_call *call, uint32_t end, uint64_t seq)
{
	struct fnt_journal *journal = &f->lane->journal;

	floor_store(&journal->seq, seq);
	floor_store_release(&journal->state, fnt_journal_make(f->first_row + call->fn,
							      FNT_FN_OK, end, false));
}

FLOOR_INLINE void
floor_count(struct floor *f, const struct floor_call *call,
	    const struct floor_counts *counts, fnt_word *lost)
{
	struct fnt_fn_row *row = &f->fn_rows[call->fn];

	floor_store(&row->counts[FNT_FN_OK], counts->calls);
	floor_store(&row->counts[FNT_FN_TOTAL_NS], counts->ns);
	floor_store(&row->counts[FNT_FN_OPS], counts->ops);
	floor_store(&row->counts[FNT_FN_ROWS], counts->rows);
	floor_store(&f->octaves[call->fn].counts[0], counts->bucket);
	if (lost)
		floor_store(lost, counts->lost);
	floor_store_release(&f->lane->journal.state, 0);
}

/* Mark the frame before the end: recovery tells by `mark` whether the call ended. */
FLOOR_INLINE void
floor_mark(const struct floor *f, uint64_t mark, uint64_t seq)
{
	floor_store(&f->frame->commit_seq, seq);
	floor_store(&f->frame->commit_lane, f->lane_no);
	floor_store_release(&f->frame->commit, mark);
}

/* Prefetch the next cell: a large ring is not in the cache. */
FLOOR_INLINE void
floor_prefetch(const struct floor *f)
{
	const struct fnt_cell *cell = &f->cells[f->ticket & f->mask];

	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch((const char *)cell + line, 1);
}

/* From complete in the last lap to busy in this one. False: it was not this lane's. */
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

	floor_store_release(&cell->state,
			    fnt_cell_state(lap, f->lane_no, FNT_CELL_HEAD, 0));
	floor_store_release(&ring->recorded, seq);
	floor_store_release(&ring->low, ++f->ticket);
	floor_prefetch(f);
}

/* False: the cell had an unexpected state, and the measurement is void. */
FLOOR_INLINE bool
floor_finish(struct floor *f, struct floor_call *call, struct floor_variant variant)
{
	struct floor_counts counts = {.duration = floor_now(f, variant) - call->began};
	uint64_t lap = (f->ticket >> f->lap_shift) + 1;
	uint64_t seq = floor_load(&f->lane->rings[FNT_RING_MAIN].recorded) + 1;
	struct fnt_cell *cell = &f->cells[f->ticket & f->mask];
	bool claimed = floor_claim(f, cell, lap);

	if (variant.counted) {
		floor_note(f, call, &counts, NULL, variant);
		floor_arm(f, call, FNT_RING_MAIN, seq);
	}
	floor_mark(f, fnt_mark_make(FNT_RING_MAIN, f->ticket), seq);
	floor_head(
		f, cell->words, call,
		(struct floor_end){counts.duration, seq, FLOOR_PAYLOAD, variant.ops});
	fnt_words_write(cell->words + FNT_RECORD_WORDS, (const char *)f->frame->payload,
			(FLOOR_PAYLOAD + 7) / 8);
	floor_commit(f, cell, lap, seq);
	if (variant.counted)
		floor_count(f, call, &counts, NULL);
	floor_set_frame_status(f->frame, FNT_FRAME_OPEN, FNT_FRAME_CACHED);
	return claimed;
}

/* The same for a call that is sampled out: it is begun, published, timed and counted
 * like any other, as it might have failed. */
FLOOR_INLINE void
floor_sample_out(struct floor *f, struct floor_call *call, struct floor_variant variant)
{
	struct floor_counts counts = {.duration = floor_now(f, variant) - call->began};
	uint32_t end = fnt_journal_end_of(FNT_MARK_SAMPLED);
	fnt_word *lost = &f->fn_rows[call->fn].counts[FNT_FN_SAMPLED];
	uint64_t seq = floor_load(&f->lane->sampled) + 1;

	if (variant.counted) {
		floor_note(f, call, &counts, lost, variant);
		floor_arm(f, call, end, seq);
	}
	floor_mark(f, FNT_MARK_SAMPLED, seq);
	floor_store_release(&f->lane->sampled, seq);
	if (variant.counted)
		floor_count(f, call, &counts, lost);
	floor_set_frame_status(f->frame, FNT_FRAME_OPEN, FNT_FRAME_CACHED);
}

#endif
