/* SPDX-License-Identifier: MIT
 *
 * journal.h: counts a call's end in its row, exactly once even if the process is
 * killed.
 *
 *   write ──► the call ends: a lane's counter becomes `seq` ──► apply ──► journal off
 *     │                                                           │
 *     the row's new values in the lane's journal                  the same into the row
 *
 * A call changes up to 14 counters, and a process may be killed between any two stores.
 * So the new values are written to the lane's journal first. Whoever recovers the lane
 * of a dead thread compares the counter with `seq`: if the call has ended it stores the
 * journal's values into the row (again), else it discards them.
 *
 * Who may write what: a lane's journal and rows, the lane's thread; if its process is
 * dead, whoever holds the lock of its slot. Shared rows have no journal: calls are
 * added there once they have ended, and may be lost.
 *
 * Progress: wait-free. No system call, no allocation.
 */
#ifndef FNT_METRICS_JOURNAL_H
#define FNT_METRICS_JOURNAL_H

#include "metrics/count.h"

/* ---- how a call ends ----------------------------------------------------------- */

/* The lane's counter for a frame's mark: of records, or of calls that have none. */
static inline fnt_word *
fnt_journal_mark_counter(struct fnt_lane *lane, uint64_t mark)
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
	case FNT_MARK_UNMAPPED:
		return &lane->unmapped;
	default:
		return &lane->rings[fnt_mark_ring(mark)].recorded;
	}
}

/* A mark as a number below FNT_ENDS: the ring of the record, or, from FNT_RINGS on, why
 * there is none. */
static inline uint32_t
fnt_journal_end_of(uint64_t mark)
{
	return mark < FNT_MARK_LOST ? fnt_mark_ring(mark)
				    : FNT_RINGS + (uint32_t)(UINT64_MAX - mark);
}

/* The lane's counter for an end. */
static inline fnt_word *
fnt_journal_end_counter(struct fnt_lane *lane, uint32_t end)
{
	return end < FNT_RINGS
		       ? &lane->rings[end].recorded
		       : fnt_journal_mark_counter(lane, UINT64_MAX - (end - FNT_RINGS));
}

/* The row's counter for an end without a record. */
static inline uint32_t
fnt_journal_lost_counter(uint32_t end)
{
	return FNT_FN_DROPPED + end - FNT_RINGS;
}

/* ---- any call ------------------------------------------------------------------ */

/* Write to the journal what the call's end makes of its row, before the call ends:
 * before the lane's counter of `end` (fnt_journal_end_of()) becomes `seq`. Does nothing
 * if the row is shared. */
void fnt_journal_write_slow(const struct fnt_place *place, uint32_t end, uint64_t seq,
			    const struct fnt_view *view);

/* The call has ended: store the journal's values into its row, or add it to a shared
 * row. */
void fnt_journal_apply_slow(const struct fnt_place *place, uint32_t end);

/* Apply or discard what the dead owner of `lane` left in its journal. The lane's
 * counters must be right already. For the one that recovers the lane; if that is killed
 * meanwhile, the next may repeat it. */
void fnt_journal_replay(const struct fnt_view *view, uint32_t lane);

/* ---- fast ---------------------------------------------------------------------- */

/* The index in a journal's `counts` of each new value. */
enum fnt_journal_sum {
	FNT_JOURNAL_SUM_BUCKET, /* beside the journal's `bucket` */
	FNT_JOURNAL_SUM_NS,
	FNT_JOURNAL_SUM_CALLS,
	FNT_JOURNAL_SUM_ROWS,
	FNT_JOURNAL_SUM_OPS,
	FNT_JOURNAL_SUM_RARE, /* the row's counters from FNT_FN_RARE on */
	FNT_JOURNAL_SUM_LOST = FNT_JOURNAL_SUM_RARE + FNT_FN_DROPPED - FNT_FN_RARE,
};
static_assert(FNT_JOURNAL_SUM_LOST + 1 == FNT_JOURNAL_COUNTS, "layout");

/* The new values of a row's counters, in pairs as they are stored. */
struct fnt_journal_sums {
	fnt_pair ns_calls, rows_ops;
	uint64_t bucket, lost;
};
static_assert(FNT_JOURNAL_SUM_CALLS == FNT_JOURNAL_SUM_NS + 1 &&
		      FNT_FN_OK == FNT_FN_TOTAL_NS + 1 &&
		      FNT_JOURNAL_SUM_OPS == FNT_JOURNAL_SUM_ROWS + 1 &&
		      FNT_FN_OPS == FNT_FN_ROWS + 1 &&
		      offsetof(struct fnt_extra, ops) ==
			      offsetof(struct fnt_extra, rows) + 8 &&
		      FNT_JOURNAL_SUM_BUCKET == 0 &&
		      offsetof(struct fnt_journal, counts) ==
			      offsetof(struct fnt_journal, bucket) + 8 &&
		      offsetof(struct fnt_journal, seq) ==
			      offsetof(struct fnt_journal, state) + 8,
	      "in pairs");

/* Write to and apply the counters from FNT_FN_RARE on, for the fast path. */
void fnt_journal_write_rare(const struct fnt_record *record,
			    const struct fnt_extra *extra, struct fnt_journal *journal,
			    struct fnt_fn_row *row);
void fnt_journal_apply_rare(struct fnt_journal *journal, struct fnt_fn_row *row);

/* The new values for a call that is counted as `calls` (fnt_fn_outcome()). */
static inline __attribute__((always_inline)) struct fnt_journal_sums
fnt_journal_sums_of(const struct fnt_place_fast *place, uint32_t calls, uint32_t end,
		    bool rare)
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
		fnt_word_relaxed(place->bucket) + 1,
		end < FNT_RINGS
			? 0
			: fnt_word_relaxed(&counts[fnt_journal_lost_counter(end)]) + 1};
}

/* The same as fnt_journal_write_slow(), with the call's `outcome` (the record's is not
 * set yet). `rare`: as of fnt_meter_place_slow(). Returns the values, for
 * fnt_journal_apply_fast(). */
static inline __attribute__((always_inline)) struct fnt_journal_sums
fnt_journal_write_fast(const struct fnt_place_fast *place, uint8_t outcome,
		       uint32_t end, uint64_t seq, bool rare)
{
	uint32_t calls = fnt_fn_outcome(outcome);
	struct fnt_journal *journal;
	struct fnt_journal_sums sums;

	if (!FNT_COUNTED)
		return (struct fnt_journal_sums){.bucket = 0};
	journal = place->journal;
	sums = fnt_journal_sums_of(place, calls, end, rare);
	/* [J1] release: as in fnt_journal_write_slow(). */
	atomic_thread_fence(memory_order_release);
	fnt_pair_store_shared(&journal->bucket,
			      fnt_pair_make(place->bucket_no, sums.bucket));
	fnt_pair_store_shared(&journal->counts[FNT_JOURNAL_SUM_NS], sums.ns_calls);
	fnt_pair_store_shared(&journal->counts[FNT_JOURNAL_SUM_ROWS], sums.rows_ops);
	if (end >= FNT_RINGS)
		fnt_word_store(&journal->counts[FNT_JOURNAL_SUM_LOST], sums.lost);
	if (rare)
		fnt_journal_write_rare(place->record, place->extra, journal,
				       place->row);
	/* [J3] release: as in fnt_journal_write_slow(). */
	fnt_pair_release(
		&journal->state,
		fnt_pair_make(place->armed | fnt_journal_make(0, calls, end, rare),
			      seq));
	return sums;
}

/* The same as fnt_journal_apply_slow(), with what fnt_journal_write_fast() was given
 * and has returned. */
static inline __attribute__((always_inline)) void
fnt_journal_apply_fast(const struct fnt_place_fast *place, uint8_t outcome,
		       uint32_t end, struct fnt_journal_sums sums, bool rare)
{
	uint32_t calls = fnt_fn_outcome(outcome);
	fnt_word *counts;

	if (!FNT_COUNTED)
		return;
	counts = place->row->counts;
	/* [J4] release: as in fnt_journal_apply_slow(). */
	atomic_thread_fence(memory_order_release);
	if (calls == FNT_FN_OK)
		fnt_pair_store_shared(&counts[FNT_FN_TOTAL_NS], sums.ns_calls);
	else
		fnt_pair_split(&counts[FNT_FN_TOTAL_NS], &counts[calls], sums.ns_calls);
	fnt_pair_store_shared(&counts[FNT_FN_ROWS], sums.rows_ops);
	fnt_word_store(place->bucket, sums.bucket);
	if (end >= FNT_RINGS)
		fnt_word_store(&counts[fnt_journal_lost_counter(end)], sums.lost);
	if (rare)
		fnt_journal_apply_rare(place->journal, place->row);
	/* [J5] release: as in fnt_journal_apply_slow(). */
	atomic_store_explicit(&place->journal->state, 0, memory_order_release);
}

#endif
