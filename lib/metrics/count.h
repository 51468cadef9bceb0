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
#ifndef FNT_METRICS_COUNT_H
#define FNT_METRICS_COUNT_H

#include "format/layout_metrics.h"
#include "region/view.h"
#include "base/shm_words.h"

/* tests/bench measures against a library that neither counts nor looks for settings. */
#ifdef FNT_BENCH_UNCOUNTED
#define FNT_COUNTED 0
#else
#define FNT_COUNTED 1
#endif

#define FNT_ROW_PROBES 32u
#define FNT_FNS_CACHED 256u
#define FNT_OPS_CACHED 512u

/* Where calls of a function were counted last, in this lane: its row, and one octave's
 * buckets. */
struct fnt_fn_cache {
	uint32_t name;
	uint32_t shift; /* a bucket is 1 << shift ns wide … */
	uint64_t first; /* … and that of d ns the one no. (d >> shift) - first … */
	fnt_word *buckets;  /* … of these */
	uint64_t bucket_no; /* of the first, among all blocks', + 1 */
	struct fnt_fn_row *row;
	uint64_t journal; /* fnt_journal_make() for a call that was ok, and recorded */
};

/* A thread's way to its lane's rows. Private. A row that is remembered by its number is
 * taken at its own word: only its key says what it is. */
struct fnt_meter {
	const struct fnt_view *view;
	struct fnt_fn_row *rows;     /* as in the view */
	struct fnt_journal *journal; /* of this lane; NULL: it has none */
	uint64_t fn_key;	     /* of this lane, less the name */
	uint64_t op_key;
	uint32_t fns[FNT_FNS_CACHED]; /* numbers of rows */
	struct fnt_fn_cache seen[FNT_FNS_CACHED];
	struct fnt_op_row *ops[FNT_OPS_CACHED];
};

/* `lane` UINT32_MAX: none, everything goes to rows of all lanes. */
void fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view,
		    uint32_t lane);

/* What a call has had, besides what its record's head says. */
struct fnt_extra {
	uint64_t schedules; /* recorded */
	uint64_t rows;
	uint64_t ops; /* recorded */
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
	bool own_row;	    /* only this thread writes there */
	bool spilled;	    /* the bucket is the other row's, the row is not */
	bool rare;
};

/* The same for most calls: row and bucket are this thread's own and at hand, and the
 * call is not rare. Never in memory, if the compiler has it our way. */
struct fnt_place_fast {
	const struct fnt_record *record;
	const struct fnt_extra *extra;
	struct fnt_journal *journal;
	struct fnt_fn_row *row;
	fnt_word *bucket;
	uint64_t bucket_no;
	uint64_t duration_ns; /* not in the record yet */
	uint64_t armed;	      /* the journal's state, but for outcome and end */
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
fnt_op_cache_at(uint32_t entity, uint32_t op)
{
	return (entity ^ op << 5) % FNT_OPS_CACHED;
}

/* Find the place for a call, before it ends. `rare`: it may have had something that
 * most calls have nothing of: omissions, a stream, schedules. */
struct fnt_place fnt_meter_place(struct fnt_meter *meter,
				 const struct fnt_record *record,
				 const struct fnt_extra *extra, bool rare);

/* Note in the journal what the call's end will make of its row: before the end itself,
 * which is the counter of `end` (fnt_end_of()) becoming `seq`. */
void fnt_meter_note(const struct fnt_place *place, uint32_t end, uint64_t seq,
		    const struct fnt_view *view);

/* The call has ended: count it. */
void fnt_meter_apply(const struct fnt_place *place, uint32_t end);

struct fnt_op_row *fnt_meter_find_op(struct fnt_meter *meter, uint32_t entity,
				     uint32_t op);

/* Add to a count that others add to. */
static inline void
fnt_meter_add(fnt_word *word, uint64_t more)
{
	if (more)
		atomic_fetch_add_explicit(word, more, memory_order_relaxed);
}

/* Add to a row of all lanes. */
void fnt_op_row_add(struct fnt_op_row *row, const struct fnt_op_done *done);

/* Places of the journal's counts. */
enum fnt_journal_count {
	FNT_NOTED_BUCKET, /* beside the journal's `bucket` */
	FNT_NOTED_NS,
	FNT_NOTED_CALLS,
	FNT_NOTED_ROWS,
	FNT_NOTED_OPS,
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
fnt_journal_note(struct fnt_journal *journal, uint32_t i, const fnt_word *count,
		 uint64_t more)
{
	atomic_store_explicit(&journal->counts[i],
			      atomic_load_explicit(count, memory_order_relaxed) + more,
			      memory_order_relaxed);
}

static inline void
fnt_journal_apply(fnt_word *count, const struct fnt_journal *journal, uint32_t i)
{
	atomic_store_explicit(
		count, atomic_load_explicit(&journal->counts[i], memory_order_relaxed),
		memory_order_relaxed);
}

/* ---- most calls, inlined -------------------------------------------------------- */

/* For fnt_place_fast(): the octave of a call of the same function as the last at its
 * place. False: it is not, or not at hand. */
bool fnt_meter_switch_octave(struct fnt_meter *meter, uint32_t name,
			     uint64_t duration_ns);

/* As fnt_meter_place(), for a call that is not rare. False: the general way. */
static inline __attribute__((always_inline)) bool
fnt_place_fast(const struct fnt_meter *meter, struct fnt_place_fast *place,
	       const struct fnt_record *record, const struct fnt_extra *extra,
	       uint64_t duration_ns)
{
	const struct fnt_fn_cache *fn = &meter->seen[record->fn_name % FNT_FNS_CACHED];
	uint64_t bucket = (duration_ns >> fn->shift) - fn->first;

	place->record = record;
	place->extra = extra;
	place->duration_ns = duration_ns;
	if (!FNT_COUNTED)
		return true;
	/* The end of a call is there when its clock is: from there on all that is left
	 * to find is short, and nothing that is looked up in turn. */
	if (__builtin_expect(
		    fn->name != record->fn_name || bucket >= FNT_OCTAVE_BUCKETS, 0))
		return false;
	place->journal = meter->journal;
	place->row = fn->row;
	place->armed = fn->journal;
	place->bucket = &fn->buckets[bucket];
	place->bucket_no = fn->bucket_no + bucket;
	return true;
}

/* What a call that is rare counts besides. */
void fnt_journal_note_rare(const struct fnt_record *record,
			   const struct fnt_extra *extra, struct fnt_journal *journal,
			   struct fnt_fn_row *row);
void fnt_journal_apply_rare(struct fnt_journal *journal, struct fnt_fn_row *row);

/* What the counts become, two at a time. */
struct fnt_journal_sums {
	fnt_pair ns_calls, rows_ops;
	uint64_t bucket, lost;
};
static_assert(FNT_NOTED_CALLS == FNT_NOTED_NS + 1 && FNT_FN_OK == FNT_FN_TOTAL_NS + 1 &&
		      FNT_NOTED_OPS == FNT_NOTED_ROWS + 1 &&
		      FNT_FN_OPS == FNT_FN_ROWS + 1 &&
		      offsetof(struct fnt_extra, ops) ==
			      offsetof(struct fnt_extra, rows) + 8 &&
		      FNT_NOTED_BUCKET == 0 &&
		      offsetof(struct fnt_journal, counts) ==
			      offsetof(struct fnt_journal, bucket) + 8 &&
		      offsetof(struct fnt_journal, seq) ==
			      offsetof(struct fnt_journal, state) + 8,
	      "in pairs");

static inline __attribute__((always_inline)) struct fnt_journal_sums
fnt_journal_counts_fast(const struct fnt_place_fast *place, uint32_t calls,
			uint32_t end, bool rare)
{
	const fnt_word *counts = place->row->counts;
	fnt_pair ns_calls =
		calls == FNT_FN_OK
			? fnt_pair_load_shared(&counts[FNT_FN_TOTAL_NS])
			: fnt_pair_of(&counts[FNT_FN_TOTAL_NS], &counts[calls]);
	fnt_pair rows_ops = fnt_pair_load(&place->extra->rows);

	if (rare)
		rows_ops += fnt_pair_make(0, place->record->ops_omitted);
	return (struct fnt_journal_sums){
		ns_calls + fnt_pair_make(place->duration_ns, 1),
		fnt_pair_load_shared(&counts[FNT_FN_ROWS]) + rows_ops,
		atomic_load_explicit(place->bucket, memory_order_relaxed) + 1,
		end < FNT_RINGS ? 0
				: atomic_load_explicit(&counts[fnt_lost_counter(end)],
						       memory_order_relaxed) +
					  1};
}

/* As fnt_meter_note(), `outcome` the record's; `rare` all the same. */
static inline __attribute__((always_inline)) struct fnt_journal_sums
fnt_journal_note_fast(const struct fnt_place_fast *place, uint8_t outcome, uint32_t end,
		      uint64_t seq, bool rare)
{
	uint32_t calls = fnt_fn_outcome(outcome);
	struct fnt_journal *journal;
	struct fnt_journal_sums noted;

	if (!FNT_COUNTED)
		return (struct fnt_journal_sums){.bucket = 0};
	journal = place->journal;
	noted = fnt_journal_counts_fast(place, calls, end, rare);
	/* [J1] release: as in fnt_meter_note(). */
	atomic_thread_fence(memory_order_release);
	fnt_pair_store_shared(&journal->bucket,
			      fnt_pair_make(place->bucket_no, noted.bucket));
	fnt_pair_store_shared(&journal->counts[FNT_NOTED_NS], noted.ns_calls);
	fnt_pair_store_shared(&journal->counts[FNT_NOTED_ROWS], noted.rows_ops);
	if (end >= FNT_RINGS)
		atomic_store_explicit(&journal->counts[FNT_NOTED_LOST], noted.lost,
				      memory_order_relaxed);
	if (rare)
		fnt_journal_note_rare(place->record, place->extra, journal, place->row);
	/* [J3] release: as in fnt_meter_note(). */
	fnt_pair_release(
		&journal->state,
		fnt_pair_make(place->armed | fnt_journal_make(0, calls, end, rare),
			      seq));
	return noted;
}

/* As fnt_meter_apply(). */
static inline __attribute__((always_inline)) void
fnt_journal_apply_fast(const struct fnt_place_fast *place, uint8_t outcome,
		       uint32_t end, struct fnt_journal_sums noted, bool rare)
{
	uint32_t calls = fnt_fn_outcome(outcome);
	fnt_word *counts;

	if (!FNT_COUNTED)
		return;
	counts = place->row->counts;
	/* [J4] release: as in fnt_meter_apply(). */
	atomic_thread_fence(memory_order_release);
	if (calls == FNT_FN_OK)
		fnt_pair_store_shared(&counts[FNT_FN_TOTAL_NS], noted.ns_calls);
	else
		fnt_pair_split(&counts[FNT_FN_TOTAL_NS], &counts[calls],
			       noted.ns_calls);
	fnt_pair_store_shared(&counts[FNT_FN_ROWS], noted.rows_ops);
	atomic_store_explicit(place->bucket, noted.bucket, memory_order_relaxed);
	if (end >= FNT_RINGS)
		atomic_store_explicit(&counts[fnt_lost_counter(end)], noted.lost,
				      memory_order_relaxed);
	if (rare)
		fnt_journal_apply_rare(place->journal, place->row);
	/* [J5] release: as in fnt_meter_apply(). */
	atomic_store_explicit(&place->journal->state, 0, memory_order_release);
}

/* Carry out what the dead owner of a lane had noted, if it had come to that: once the
 * lane's counters are right. Its reaper only; may be killed, and done again. */
void fnt_journal_settle(const struct fnt_view *view, uint32_t lane);

/* In a row of this lane. A process that is killed meanwhile may leave it counted in
 * part. */
static inline void
fnt_op_row_count(struct fnt_op_row *row, struct fnt_op_done done)
{
	fnt_count(&row->total_ns, done.ns);
	fnt_count(&row->count, 1);
	fnt_count(&row->rows, done.rows);
	if (__builtin_expect(!done.ok, 0))
		fnt_count(&row->errors, 1);
}

/* The row of this lane for an entity's ops of one kind, if it is at hand; or NULL. */
static inline struct fnt_op_row *
fnt_meter_own_op(const struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	uint64_t key = meter->op_key | (uint64_t)entity << 32 | op << 8;
	struct fnt_op_row *row = meter->ops[fnt_op_cache_at(entity, op)];

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
