/* SPDX-License-Identifier: MIT
 *
 * layout_metrics.h: the shared bytes of the metrics. Structs, constants and functions
 * on their bits; no algorithms.
 *
 *   section     its entries
 *   metrics     one: how many entries are taken; counters for what got none
 *   functions   a row per (lane, function): counters, and where its blocks are
 *   operations  a row per (lane, entity, op): counters
 *   block keys  the key of the block of the same number: (a row, octave)
 *   blocks      the 32 counters of one octave of a row's latency histogram
 *
 * Functions, operations and block keys are open-addressed tables that only grow. An
 * entry is free while its key is 0, and is taken for ever by one compare-and-swap of
 * its key. A thread killed right after that leaves a row of zeroes, which the next
 * lookup of the same key finds. So nothing is ever reclaimed.
 *
 * Who writes: a row with a lane's number in its key, and its blocks: the owner of that
 * lane, by load, add and store, and once it is dead, the process that recovers it. A
 * row of all lanes (FNT_LANE_ANY), its blocks, and the `other` rows: anyone, by
 * fetch-add.
 */
#ifndef FNT_FORMAT_LAYOUT_METRICS_H
#define FNT_FORMAT_LAYOUT_METRICS_H

#include "format/layout.h"

#include <stdbool.h>

/* ---- the histogram --------------------------------------------------------------- */

/* Durations in ns, log-linear. Octave 0 is [0, 32), octave k is [2^(k+4), 2^(k+5)),
 * each in 32 buckets of equal width: so durations below 64 are exact, and others at
 * most 1/64 away from the middle of their bucket. The last octave ends at 2^42 ns (73
 * minutes); its last bucket has all longer durations, too. */
#define FNT_OCTAVE_BUCKETS 32u
#define FNT_OCTAVES 38u
#define FNT_BUCKETS (FNT_OCTAVES * FNT_OCTAVE_BUCKETS)
#define FNT_BUCKET_END (1ull << (FNT_OCTAVES + 4))

static inline uint32_t
fnt_bucket_of(uint64_t ns)
{
	/* Setting bit 5 gives octaves 0 and 1 the same width of 1 ns. */
	uint32_t log = 63 ^ (uint32_t)__builtin_clzll(ns | FNT_OCTAVE_BUCKETS);

	if (__builtin_expect(log > FNT_OCTAVES + 3, 0))
		return FNT_BUCKETS - 1;
	return (log - 5) * FNT_OCTAVE_BUCKETS + (uint32_t)(ns >> (log - 5));
}

/* A bucket's lowest duration, and its width, in ns. */
static inline uint64_t
fnt_bucket_low(uint32_t bucket)
{
	uint32_t octave = bucket / FNT_OCTAVE_BUCKETS;

	if (!octave)
		return bucket;
	return (uint64_t)(FNT_OCTAVE_BUCKETS + bucket % FNT_OCTAVE_BUCKETS)
	       << (octave - 1);
}

static inline uint64_t
fnt_bucket_width(uint32_t bucket)
{
	uint32_t octave = bucket / FNT_OCTAVE_BUCKETS;

	return octave ? 1ull << (octave - 1) : 1;
}

/* An octave's lowest duration, and its width, in ns. The last one's width leaves out
 * what its last bucket has beyond FNT_BUCKET_END. */
static inline uint64_t
fnt_octave_low(uint32_t octave)
{
	return octave ? 16ull << octave : 0;
}

static inline uint64_t
fnt_octave_width(uint32_t octave)
{
	return octave ? 16ull << octave : 32;
}

/* Where a duration's bucket is: (ns - fnt_octave_low()) >> fnt_octave_shift(). */
static inline uint32_t
fnt_octave_shift(uint32_t octave)
{
	return octave ? octave - 1 : 0;
}

struct fnt_octave {
	fnt_word counts[FNT_OCTAVE_BUCKETS];
};
static_assert(sizeof(struct fnt_octave) == 2 * FNT_LINE, "layout");

/* ---- keys ------------------------------------------------------------------------ */

/* Key of a row:
 *
 *   63        32 31     16 15   8 7      0
 *   │ name      │ lane     │ op  │ kind │
 */
enum fnt_row_kind {
	FNT_ROW_NONE = 0,
	FNT_ROW_FN = 1,
	FNT_ROW_OP = 2,
	FNT_ROW_OTHER = 3, /* in no table: for calls and ops that got no row there */
};

#define FNT_LANE_ANY 0xffffu

static inline uint64_t
fnt_row_key(enum fnt_row_kind kind, uint32_t lane, uint32_t name, uint32_t op)
{
	return (uint64_t)name << 32 | (uint64_t)(lane & 0xffff) << 16 |
	       (op & 0xff) << 8 | (uint64_t)kind;
}

static inline uint32_t
fnt_key_name(uint64_t key)
{
	return (uint32_t)(key >> 32);
}

static inline uint32_t
fnt_key_lane(uint64_t key)
{
	return (uint32_t)(key >> 16) & 0xffff;
}

static inline uint32_t
fnt_key_op(uint64_t key)
{
	return (uint32_t)(key >> 8) & 0xff;
}

static inline uint32_t
fnt_key_kind(uint64_t key)
{
	return (uint32_t)key & 0xff;
}

/* Key of a block; `op`: 1 if it is of a row of operations, 0 if of a function:
 *
 *   63        48 47               16 15   8 7      0
 *   │ 0         │ number of row + 1 │ op   │ octave │
 */
static inline uint64_t
fnt_block_key(uint32_t row, bool op, uint32_t octave)
{
	return ((uint64_t)row + 1) << 16 | (uint64_t)op << 8 | octave;
}

/* The number of the row; UINT64_MAX: the key is 0. */
static inline uint64_t
fnt_block_key_row(uint64_t key)
{
	return (key >> 16) - 1;
}

static inline bool
fnt_block_key_is_op(uint64_t key)
{
	return (key >> 8 & 0xff) == 1;
}

/* FNT_OCTAVES or more: no writer has set this key. */
static inline uint32_t
fnt_block_key_octave(uint64_t key)
{
	return key >> 8 & 0xfe ? UINT32_MAX : (uint32_t)key & 0xff;
}

/* ---- rows ------------------------------------------------------------------------ */

/* Counters of a function. Most calls do not change those from FNT_FN_RARE on. */
enum fnt_fn_counter {
	FNT_FN_TOTAL_NS = 0, /* sum of durations, modulo 2^64; not of aborted calls */
	FNT_FN_OK,	     /* calls by outcome, in the order of enum fnt_outcome */
	FNT_FN_ERROR,
	FNT_FN_ROLLED_BACK,
	FNT_FN_ABORTED,
	FNT_FN_ROWS, /* of all ops */
	FNT_FN_OPS,  /* recorded and omitted */
	FNT_FN_OPS_OMITTED,
	FNT_FN_STREAM_BYTES,
	FNT_FN_STREAM_CHUNKS,
	FNT_FN_SCHEDULES, /* recorded and omitted */
	FNT_FN_SCHEDULES_OMITTED,
	FNT_FN_VALUES_OMITTED,
	/* Calls whose duration is counted in fnt_metrics_head.other_octaves. */
	FNT_FN_SPILLED,
	FNT_FN_MAX_NS, /* the longest duration, not a sum; not of aborted calls */
	/* Calls without a record, in the order of the marks that say why. */
	FNT_FN_DROPPED,
	FNT_FN_KEPT_NONE,
	FNT_FN_SAMPLED,
	FNT_FN_LIMITED,
	FNT_FN_UNMAPPED,
	FNT_FN_COUNTERS,
	FNT_FN_RARE = FNT_FN_OPS_OMITTED,
};

/* The counter of an outcome, FNT_OK to FNT_ABORTED. */
static inline uint32_t
fnt_fn_outcome(uint8_t outcome)
{
	return FNT_FN_OK + ((uint32_t)(outcome - 1) & 3);
}

struct fnt_fn_row {
	fnt_word key;
	fnt_word counts[23]; /* by enum fnt_fn_counter */
	/* By octave: number of its block, + 1. 0: not known here, so look it up among
	 * the block keys. */
	_Atomic uint32_t blocks[48];
};
static_assert(sizeof(struct fnt_fn_row) == 3 * FNT_LINE, "layout");
static_assert(FNT_FN_COUNTERS <= 23 && FNT_OCTAVES <= 48, "layout");

/* ---- the journal ----------------------------------------------------------------- */

/* How a call ends, as a number: recorded in ring 0 or 1; from FNT_RINGS on not
 * recorded, in the order of the counters from FNT_FN_DROPPED on, and of the marks from
 * UINT64_MAX down. */
#define FNT_ENDS (FNT_RINGS + FNT_FN_COUNTERS - FNT_FN_DROPPED)
static_assert(FNT_ENDS - FNT_RINGS == UINT64_MAX - FNT_MARK_LOST + 1, "layout");

#define FNT_JOURNAL_ARMED 1u
#define FNT_JOURNAL_RARE 2u

/* The state of a journal (layout.h). `calls` is the counter of the call's outcome. */
static inline uint64_t
fnt_journal_make(uint32_t row, uint32_t calls, uint32_t end, bool rare)
{
	return (uint64_t)row << 32 | (calls - FNT_FN_OK) << 8 | end << 4 |
	       (rare ? FNT_JOURNAL_RARE : 0) | FNT_JOURNAL_ARMED;
}

/* The counter of the call's outcome. */
static inline uint32_t
fnt_journal_calls(uint64_t state)
{
	return FNT_FN_OK + ((uint32_t)(state >> 8) & 3);
}

static inline uint32_t
fnt_journal_end(uint64_t state)
{
	return (uint32_t)(state >> 4) & 0xf;
}

/* ---- operations ------------------------------------------------------------------ */

#define FNT_OP_BLOCKS 4u

/* Half a FNT_LINE: the rows of an entity's ops in one lane are mostly neighbours.
 *
 * How many ops there were is the sum of the row's blocks, and `unplaced`. */
struct fnt_op_row {
	fnt_word key;
	fnt_word unplaced; /* ops counted in fnt_metrics_head.other_op_octaves */
	fnt_word errors;
	fnt_word total_ns; /* modulo 2^64 */
	fnt_word rows;
	fnt_word max_ns; /* the longest duration */
	/* By octave modulo FNT_OP_BLOCKS: (number of its block + 1) << 6 | octave.
	 * Another octave, or 0: look it up among the block keys. */
	_Atomic uint32_t blocks[FNT_OP_BLOCKS];
};
static_assert(sizeof(struct fnt_op_row) == FNT_LINE / 2, "layout");
static_assert(FNT_OCTAVES < 1 << 6, "layout");

/* Quarters of a table that may be taken by rows or blocks of single lanes; and of the
 * blocks, by those of operations of single lanes, so that many entities leave room for
 * functions. The rest is for those that all lanes share. */
#define FNT_OWN_QUARTERS 3u
#define FNT_OWN_OP_QUARTERS 2u

struct fnt_metrics_head {
	/* Entries taken, by fetch-add after an entry is taken; so one too few for each
	 * thread that was killed in between. */
	fnt_word fns_taken;
	fnt_word ops_taken;
	fnt_word blocks_taken;
	uint64_t pad0[13];
	struct fnt_fn_row other_fn;
	struct fnt_op_row other_op; /* `unplaced`: all its ops */
	uint64_t pad1[8];
	struct fnt_octave other_octaves[FNT_OCTAVES];
	struct fnt_octave other_op_octaves[FNT_OCTAVES];
};
static_assert(sizeof(struct fnt_metrics_head) % FNT_LINE == 0, "layout");
static_assert(offsetof(struct fnt_metrics_head, other_octaves) % FNT_LINE == 0,
	      "layout");

#endif
