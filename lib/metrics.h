/* SPDX-License-Identifier: MIT
 *
 * metrics.h: counting, on the producing side.
 *
 *   a call ends ──► its function's row in this lane ──► a bucket of the row's octave
 *   an op ends  ──► its entity's and kind's row in this lane
 *                        │ where no room is left for rows of single lanes
 *                        └──► the row of all lanes ──► the other row
 *
 * Who may write what: layout_metrics.h.
 *
 * Progress: wait-free. No system call, no allocation; a row or block that is not at
 * hand is found by at most FNT_ROW_PROBES looks at a table.
 */
#ifndef FNT_METRICS_H
#define FNT_METRICS_H

#include "layout_metrics.h"
#include "region.h"
#include "shared.h"

/* tests/bench measures against a library that neither counts nor looks for settings. */
#ifdef FNT_BENCH_UNCOUNTED
#define FNT_COUNTED 0
#else
#define FNT_COUNTED 1
#endif

#define FNT_ROW_PROBES 32u
#define FNT_FNS_SEEN 256u
#define FNT_OPS_SEEN 512u

/* A thread's way to its lane's rows. Private. A row that is remembered is taken at its
 * own word: only its key says what it is. */
struct fnt_meter {
	const struct fnt_view *view;
	struct fnt_fn_row *rows;   /* as in the view */
	struct fnt_octave *blocks; /* the same */
	uint32_t block_count;
	struct fnt_journal *journal; /* of this lane; NULL: it has none */
	uint64_t fn_key;	     /* of this lane, less the name */
	uint64_t op_key;
	uint32_t fns[FNT_FNS_SEEN]; /* numbers of rows */
	struct fnt_op_row *ops[FNT_OPS_SEEN];
};

/* `lane` UINT32_MAX: none, everything goes to rows of all lanes. */
void fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view,
		    uint32_t lane);

/* What a call has had, besides what its record's head says. */
struct fnt_extra {
	uint64_t rows;
	uint64_t schedules; /* recorded */
	/* Something that most calls have nothing of: omissions, a stream, schedules.
	 * Whoever sets one of these says so. */
	bool rare;
};

/* An op that has ended. */
struct fnt_op_done {
	uint32_t entity; /* name, or FNT_NAME_NONE */
	uint32_t op;
	uint64_t ns;
	uint64_t rows;
	bool ok;
};

/* A call that ends, and where it will be counted. */
struct fnt_place {
	const struct fnt_record *record; /* complete, but for seq and lane */
	const struct fnt_extra *extra;
	struct fnt_journal *journal;
	struct fnt_fn_row *row;
	fnt_word *bucket;
	uint64_t bucket_no; /* among all blocks', + 1; 0: not this thread's own */
	bool own_row; /* only this thread writes there */
	bool spilled; /* the bucket is the other row's, the row is not */
	bool rare;
};

/* The same for most calls: row and bucket are this thread's own and at hand, and the
 * call is not rare. Never in memory, if the compiler has it our way. */
struct fnt_quick_place {
	const struct fnt_record *record;
	const struct fnt_extra *extra;
	struct fnt_journal *journal;
	struct fnt_fn_row *row;
	fnt_word *bucket;
	uint64_t bucket_no;
	uint32_t row_no;
};

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

/* How a call ends: with a record in a ring, FNT_RING_MAIN or FNT_RING_KEPT, or without.
 */
static inline uint32_t
fnt_end_of(uint64_t mark)
{
	return mark < FNT_MARK_LOST ? fnt_mark_ring(mark)
				    : FNT_RINGS + (uint32_t)(UINT64_MAX - mark);
}

/* The counter that says so. */
static inline fnt_word *
fnt_end_counter(struct fnt_lane *lane, uint32_t end)
{
	return end < FNT_RINGS ? &lane->rings[end].recorded
			       : fnt_lane_counter(lane, UINT64_MAX - (end - FNT_RINGS));
}

/* Where a row is remembered. */
static inline uint32_t
fnt_op_seen(uint32_t entity, uint32_t op)
{
	return (entity ^ op << 5) % FNT_OPS_SEEN;
}

/* Find the place for a call, before it ends. */
struct fnt_place fnt_meter_place(struct fnt_meter *meter,
				 const struct fnt_record *record,
				 const struct fnt_extra *extra);

/* Note in the journal what the call's end will make of its row: before the end itself,
 * which is the counter of `end` (fnt_end_of()) becoming `seq`. */
void fnt_meter_note(const struct fnt_place *place, uint32_t end, uint64_t seq,
		    const struct fnt_view *view);

/* The call has ended: count it. */
void fnt_meter_apply(const struct fnt_place *place, uint32_t end);

struct fnt_op_row *fnt_meter_find_op(struct fnt_meter *meter, uint32_t entity,
				     uint32_t op);

/* Add to a row of all lanes. */
void fnt_op_row_add(struct fnt_op_row *row, const struct fnt_op_done *done);

/* Places of the journal's counts. */
enum fnt_journal_count {
	FNT_NOTED_CALLS,
	FNT_NOTED_BUCKET,
	FNT_NOTED_NS,
	FNT_NOTED_OPS,
	FNT_NOTED_ROWS,
	FNT_NOTED_RARE, /* as from FNT_FN_RARE on, then the counter of the lost */
	FNT_NOTED_LOST = FNT_NOTED_RARE + FNT_FN_DROPPED - FNT_FN_RARE,
};
static_assert(FNT_NOTED_LOST + 1 == FNT_JOURNAL_COUNTS, "layout");

/* A row's counter of calls that end without a record. */
static inline uint32_t
fnt_lost_counter(uint32_t end)
{
	return FNT_FN_DROPPED + end - FNT_RINGS;
}

static inline void
fnt_note(struct fnt_journal *journal, uint32_t i, const fnt_word *count, uint64_t more)
{
	atomic_store_explicit(&journal->counts[i],
			      atomic_load_explicit(count, memory_order_relaxed) + more,
			      memory_order_relaxed);
}

static inline void
fnt_apply(fnt_word *count, const struct fnt_journal *journal, uint32_t i)
{
	atomic_store_explicit(
		count, atomic_load_explicit(&journal->counts[i], memory_order_relaxed),
		memory_order_relaxed);
}

/* ---- most calls, inlined -------------------------------------------------------- */

/* As fnt_meter_place(). False: the general way. */
static inline __attribute__((always_inline)) bool
fnt_quick_place(const struct fnt_meter *meter, struct fnt_quick_place *place,
		const struct fnt_record *record, const struct fnt_extra *extra)
{
	uint32_t bucket = fnt_bucket_of(record->duration_ns), block;

	if (!FNT_COUNTED)
		return true;
	place->record = record;
	place->extra = extra;
	place->journal = meter->journal;
	place->row_no = meter->fns[record->fn_name % FNT_FNS_SEEN];
	place->row = &meter->rows[place->row_no];
	block = atomic_load_explicit(&place->row->blocks[bucket / FNT_OCTAVE_BUCKETS],
				     memory_order_relaxed) -
		1;
	/* No block: that is more than any count. */
	if (__builtin_expect(
		    atomic_load_explicit(&place->row->key, memory_order_relaxed) !=
				    (meter->fn_key | (uint64_t)record->fn_name << 32) ||
			    block >= meter->block_count || extra->rare,
		    0))
		return false;
	place->bucket_no =
		(uint64_t)block * FNT_OCTAVE_BUCKETS + bucket % FNT_OCTAVE_BUCKETS + 1;
	place->bucket = (fnt_word *)(void *)meter->blocks + place->bucket_no - 1;
	return true;
}

/* As fnt_meter_note(), `outcome` the record's. */
static inline __attribute__((always_inline)) void
fnt_quick_note(const struct fnt_quick_place *place, uint8_t outcome, uint32_t end,
	       uint64_t seq)
{
	struct fnt_journal *journal = place->journal;
	const fnt_word *counts = place->row->counts;
	uint32_t calls = fnt_fn_outcome(outcome);

	if (!FNT_COUNTED)
		return;
	/* [J1] release: as in fnt_meter_note(). */
	atomic_thread_fence(memory_order_release);
	fnt_note(journal, FNT_NOTED_CALLS, &counts[calls], 1);
	fnt_note(journal, FNT_NOTED_BUCKET, place->bucket, 1);
	fnt_note(journal, FNT_NOTED_NS, &counts[FNT_FN_TOTAL_NS],
		 place->record->duration_ns);
	/* Omitted ones are rare. */
	fnt_note(journal, FNT_NOTED_OPS, &counts[FNT_FN_OPS], place->record->op_count);
	fnt_note(journal, FNT_NOTED_ROWS, &counts[FNT_FN_ROWS], place->extra->rows);
	if (end >= FNT_RINGS)
		fnt_note(journal, FNT_NOTED_LOST, &counts[fnt_lost_counter(end)], 1);
	atomic_store_explicit(&journal->bucket, place->bucket_no, memory_order_relaxed);
	atomic_store_explicit(&journal->seq, seq, memory_order_relaxed);
	/* [J3] release: as in fnt_meter_note(). */
	atomic_store_explicit(&journal->state,
			      fnt_journal_make(place->row_no, calls, end, false),
			      memory_order_release);
}

/* As fnt_meter_apply(). */
static inline __attribute__((always_inline)) void
fnt_quick_apply(const struct fnt_quick_place *place, uint8_t outcome, uint32_t end)
{
	struct fnt_journal *journal = place->journal;
	fnt_word *counts = place->row->counts;

	if (!FNT_COUNTED)
		return;
	/* [J4] release: as in fnt_meter_apply(). */
	atomic_thread_fence(memory_order_release);
	fnt_apply(&counts[fnt_fn_outcome(outcome)], journal, FNT_NOTED_CALLS);
	fnt_apply(place->bucket, journal, FNT_NOTED_BUCKET);
	fnt_apply(&counts[FNT_FN_TOTAL_NS], journal, FNT_NOTED_NS);
	fnt_apply(&counts[FNT_FN_OPS], journal, FNT_NOTED_OPS);
	fnt_apply(&counts[FNT_FN_ROWS], journal, FNT_NOTED_ROWS);
	if (end >= FNT_RINGS)
		fnt_apply(&counts[fnt_lost_counter(end)], journal, FNT_NOTED_LOST);
	/* [J5] release: as in fnt_meter_apply(). */
	atomic_store_explicit(&journal->state, 0, memory_order_release);
}

/* Carry out what the dead owner of a lane had noted, if it had come to that: once the
 * lane's counters are right. Its reaper only; may be killed, and done again. */
void fnt_journal_settle(const struct fnt_view *view, uint32_t lane);

/* In a row of this lane. A process that is killed meanwhile may leave it counted in
 * part. */
static inline void
fnt_op_row_count(struct fnt_op_row *row, struct fnt_op_done done)
{
	fnt_count(&row->count, 1);
	fnt_count(&row->total_ns, done.ns);
	fnt_count(&row->rows, done.rows);
	if (__builtin_expect(!done.ok, 0))
		fnt_count(&row->errors, 1);
}

/* The row of this lane for an entity's ops of one kind, if it is at hand; or NULL. */
static inline struct fnt_op_row *
fnt_meter_own_op(const struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	uint64_t key = meter->op_key | (uint64_t)entity << 32 | op << 8;
	struct fnt_op_row *row = meter->ops[fnt_op_seen(entity, op)];

	return atomic_load_explicit(&row->key, memory_order_relaxed) == key ? row
									    : NULL;
}

/* Count an op, of one of the kinds there are. */
static inline void
fnt_meter_op(struct fnt_meter *meter, struct fnt_op_done done)
{
	struct fnt_op_row *row = fnt_meter_own_op(meter, done.entity, done.op);

	if (!FNT_COUNTED)
		return;
	if (__builtin_expect(!row, 0)) {
		row = fnt_meter_find_op(meter, done.entity, done.op);
		if (fnt_meter_own_op(meter, done.entity, done.op) != row) {
			fnt_op_row_add(row, &(struct fnt_op_done){done.entity, done.op,
								  done.ns, done.rows,
								  done.ok});
			return;
		}
	}
	fnt_op_row_count(row, done);
}

#endif
