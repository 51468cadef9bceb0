/* SPDX-License-Identifier: MIT */
#include "metrics/journal.h"

/* ---- shared rows --------------------------------------------------------------- */

/* What the call adds to the sum of durations. A call that was aborted adds nothing, as
 * nobody knows how long it would have taken. */
static uint64_t
counted_ns(const struct fnt_record *record)
{
	return record->outcome == FNT_ABORTED ? 0 : record->duration_ns;
}

/* Count the call in a bucket that other threads count in, too. */
static void
add_to_shared_bucket(const struct fnt_place *place)
{
	if (place->spilled)
		fnt_meter_raise_shared(place->other_max, counted_ns(place->record));
	fnt_meter_add_shared(place->bucket, 1);
}

/* Add a call to a shared row. A journal could not hold the new values: other threads
 * add to the row at the same time. */
static void
add_to_shared_row(const struct fnt_place *place, uint32_t end)
{
	const struct fnt_record *record = place->record;
	const struct fnt_extra *extra = place->extra;
	fnt_word *counts = place->row->counts;

	fnt_meter_add_shared(&counts[fnt_fn_outcome(record->outcome)], 1);
	fnt_meter_add_shared(&counts[FNT_FN_TOTAL_NS], counted_ns(record));
	fnt_meter_raise_shared(&counts[FNT_FN_MAX_NS], counted_ns(record));
	fnt_meter_add_shared(&counts[FNT_FN_OPS],
			     (uint64_t)record->op_count + record->ops_omitted);
	fnt_meter_add_shared(&counts[FNT_FN_ROWS], extra->rows);
	fnt_meter_add_shared(&counts[FNT_FN_OPS_OMITTED], record->ops_omitted);
	fnt_meter_add_shared(&counts[FNT_FN_STREAM_BYTES], record->stream_bytes);
	fnt_meter_add_shared(&counts[FNT_FN_STREAM_CHUNKS], record->stream_chunks);
	fnt_meter_add_shared(&counts[FNT_FN_SCHEDULES],
			     extra->schedules + record->schedules_omitted);
	fnt_meter_add_shared(&counts[FNT_FN_SCHEDULES_OMITTED],
			     record->schedules_omitted);
	fnt_meter_add_shared(&counts[FNT_FN_VALUES_OMITTED],
			     !!(record->flags & FNT_TRACE_VALUE_OMITTED));
	fnt_meter_add_shared(&counts[FNT_FN_SPILLED], place->spilled);
	if (end >= FNT_RINGS)
		fnt_meter_add_shared(&counts[fnt_journal_lost_counter(end)], 1);
	if (place->bucket)
		add_to_shared_bucket(place);
}

/* ---- writing ------------------------------------------------------------------- */

/* Write new value number `i`: what `count` is after `more` has been added. */
static void
write_sum(struct fnt_journal *journal, uint32_t i, const fnt_word *count, uint64_t more)
{
	fnt_word_store(&journal->counts[i], fnt_word_relaxed(count) + more);
}

static void
write_common(const struct fnt_place *place)
{
	const struct fnt_record *record = place->record;
	struct fnt_journal *journal = place->journal;
	const fnt_word *counts = place->row->counts;

	write_sum(journal, FNT_JOURNAL_SUM_CALLS,
		  &counts[fnt_fn_outcome(record->outcome)], 1);
	write_sum(journal, FNT_JOURNAL_SUM_NS, &counts[FNT_FN_TOTAL_NS],
		  counted_ns(record));
	write_sum(journal, FNT_JOURNAL_SUM_OPS, &counts[FNT_FN_OPS],
		  (uint64_t)record->op_count + record->ops_omitted);
	write_sum(journal, FNT_JOURNAL_SUM_ROWS, &counts[FNT_FN_ROWS],
		  place->extra->rows);
}

static void
write_rare(const struct fnt_place *place, enum fnt_fn_counter counter, uint64_t more)
{
	write_sum(place->journal, FNT_JOURNAL_SUM_RARE + counter - FNT_FN_RARE,
		  &place->row->counts[counter], more);
}

/* Write the row's maximum, as it is after the call. */
static void
write_max(const struct fnt_place *place)
{
	uint64_t max = fnt_word_relaxed(&place->row->counts[FNT_FN_MAX_NS]);
	uint64_t ns = counted_ns(place->record);

	fnt_word_store(&place->journal->counts[FNT_JOURNAL_SUM_RARE + FNT_FN_MAX_NS -
					       FNT_FN_RARE],
		       ns > max ? ns : max);
}

static void
write_all_rare(const struct fnt_place *place)
{
	const struct fnt_record *record = place->record;

	write_rare(place, FNT_FN_OPS_OMITTED, record->ops_omitted);
	write_rare(place, FNT_FN_STREAM_BYTES, record->stream_bytes);
	write_rare(place, FNT_FN_STREAM_CHUNKS, record->stream_chunks);
	write_rare(place, FNT_FN_SCHEDULES,
		   place->extra->schedules + record->schedules_omitted);
	write_rare(place, FNT_FN_SCHEDULES_OMITTED, record->schedules_omitted);
	write_rare(place, FNT_FN_VALUES_OMITTED,
		   !!(record->flags & FNT_TRACE_VALUE_OMITTED));
	write_rare(place, FNT_FN_SPILLED, place->spilled);
	write_max(place);
}

static void
arm(const struct fnt_place *place, const struct fnt_view *view, uint64_t seq,
    uint32_t end)
{
	struct fnt_journal *journal = place->journal;

	fnt_word_store(&journal->bucket, place->bucket_no);
	fnt_word_store(&journal->seq, seq);
	/* [J3] release: the journal's words come before it is armed. Pairs with
	 * [J2]. */
	atomic_store_explicit(&journal->state,
			      fnt_journal_make((uint32_t)(place->row - view->fn_rows),
					       fnt_fn_outcome(place->record->outcome),
					       end, place->rare),
			      memory_order_release);
}

void
fnt_journal_write_slow(const struct fnt_place *place, uint32_t end, uint64_t seq,
		       const struct fnt_view *view)
{
	if (!FNT_COUNTED || !place->own_row)
		return;
	/* [J1] release: the journal was turned off before any word of it changes. Pairs
	 * with [J2]. (All of J's labels bind the compiler alone: a killed thread has
	 * executed a prefix of its stores, and all of them are seen.) */
	atomic_thread_fence(memory_order_release);
	write_common(place);
	if (place->bucket_no)
		write_sum(place->journal, FNT_JOURNAL_SUM_BUCKET, place->bucket, 1);
	if (place->rare)
		write_all_rare(place);
	if (end >= FNT_RINGS)
		write_sum(place->journal, FNT_JOURNAL_SUM_LOST,
			  &place->row->counts[fnt_journal_lost_counter(end)], 1);
	arm(place, view, seq, end);
}

/* ---- applying ------------------------------------------------------------------ */

/* Store new value number `i` into a row's counter. */
static void
apply_sum(fnt_word *count, const struct fnt_journal *journal, uint32_t i)
{
	fnt_word_store(count, fnt_word_relaxed(&journal->counts[i]));
}

static void
apply_common(fnt_word *counts, const struct fnt_journal *journal, uint32_t calls)
{
	apply_sum(&counts[calls], journal, FNT_JOURNAL_SUM_CALLS);
	apply_sum(&counts[FNT_FN_TOTAL_NS], journal, FNT_JOURNAL_SUM_NS);
	apply_sum(&counts[FNT_FN_OPS], journal, FNT_JOURNAL_SUM_OPS);
	apply_sum(&counts[FNT_FN_ROWS], journal, FNT_JOURNAL_SUM_ROWS);
}

static void
apply_rare(fnt_word *counts, const struct fnt_journal *journal)
{
	for (uint32_t i = FNT_FN_RARE; i < FNT_FN_DROPPED; i++)
		apply_sum(&counts[i], journal, FNT_JOURNAL_SUM_RARE + i - FNT_FN_RARE);
}

static void
apply_lost(fnt_word *counts, const struct fnt_journal *journal, uint32_t end)
{
	if (end >= FNT_RINGS)
		apply_sum(&counts[fnt_journal_lost_counter(end)], journal,
			  FNT_JOURNAL_SUM_LOST);
}

void
fnt_journal_apply_slow(const struct fnt_place *place, uint32_t end)
{
	if (!FNT_COUNTED)
		return;
	if (!place->own_row) {
		add_to_shared_row(place, end);
		return;
	}
	/* [J4] release: the call has ended before it is counted. Pairs with [J2]. */
	atomic_thread_fence(memory_order_release);
	apply_common(place->row->counts, place->journal,
		     fnt_fn_outcome(place->record->outcome));
	if (place->bucket_no)
		apply_sum(place->bucket, place->journal, FNT_JOURNAL_SUM_BUCKET);
	else if (place->bucket)
		add_to_shared_bucket(place);
	if (place->rare)
		apply_rare(place->row->counts, place->journal);
	apply_lost(place->row->counts, place->journal, end);
	/* [J5] release: the call is counted before the journal is off. Pairs with
	 * [J2]. */
	atomic_store_explicit(&place->journal->state, 0, memory_order_release);
}

void
fnt_journal_write_rare(const struct fnt_record *record, const struct fnt_extra *extra,
		       struct fnt_journal *journal, struct fnt_fn_row *row)
{
	write_all_rare(&(struct fnt_place){
		.record = record, .extra = extra, .journal = journal, .row = row});
}

void
fnt_journal_apply_rare(struct fnt_journal *journal, struct fnt_fn_row *row)
{
	apply_rare(row->counts, journal);
}

/* ---- recovery ------------------------------------------------------------------ */

/* Apply a dead thread's journal. In a damaged region it may hold anything, so that each
 * number is checked. */
static void
apply_journal(const struct fnt_view *view, struct fnt_fn_row *row,
	      const struct fnt_journal *journal, uint64_t state)
{
	uint64_t bucket = fnt_word_relaxed(&journal->bucket) - 1;

	apply_common(row->counts, journal, fnt_journal_calls(state));
	if (bucket < (uint64_t)view->block_count * FNT_OCTAVE_BUCKETS)
		apply_sum(&view->blocks[bucket / FNT_OCTAVE_BUCKETS]
				   .counts[bucket % FNT_OCTAVE_BUCKETS],
			  journal, FNT_JOURNAL_SUM_BUCKET);
	if (state & FNT_JOURNAL_RARE)
		apply_rare(row->counts, journal);
	apply_lost(row->counts, journal, fnt_journal_end(state));
}

/* The row that a journal is for; NULL: it is not one of this lane. */
static struct fnt_fn_row *
row_of(const struct fnt_view *view, uint32_t lane_no, uint64_t state)
{
	uint64_t row = state >> 32, key;

	if (row >= view->fn_row_count)
		return NULL;
	key = fnt_word_relaxed(&view->fn_rows[row].key);
	return fnt_key_kind(key) == FNT_ROW_FN && fnt_key_lane(key) == lane_no
		       ? &view->fn_rows[row]
		       : NULL;
}

void
fnt_journal_replay(const struct fnt_view *view, uint32_t lane_no)
{
	struct fnt_lane *lane = &view->lanes[lane_no];
	struct fnt_journal *journal = &lane->journal;
	/* [J2] acquire: see [J1], [J3], [J4] and [J5]. */
	uint64_t state = atomic_load_explicit(&journal->state, memory_order_acquire);
	uint32_t end = fnt_journal_end(state);
	struct fnt_fn_row *row;

	if (!(state & FNT_JOURNAL_ARMED))
		return;
	row = row_of(view, lane_no, state);
	if (row && end < FNT_ENDS &&
	    fnt_word_relaxed(fnt_journal_end_counter(lane, end)) ==
		    fnt_word_relaxed(&journal->seq))
		apply_journal(view, row, journal, state);
	atomic_store_explicit(&journal->state, 0, memory_order_release);
}
