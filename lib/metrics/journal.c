/* SPDX-License-Identifier: MIT
 *
 * journal.c: what a call's end makes of its row, noted before it ends, and applied: by
 * its thread, or by who finds that dead.
 */
#include "metrics/count.h"

/* In a row of all lanes there is nothing to note: others count there, too. */
static void
add_to_all(const struct fnt_place *place, uint32_t end)
{
	const struct fnt_record *record = place->record;
	const struct fnt_extra *extra = place->extra;
	fnt_word *counts = place->row->counts;

	fnt_meter_add(&counts[fnt_fn_outcome(record->outcome)], 1);
	fnt_meter_add(&counts[FNT_FN_TOTAL_NS], record->duration_ns);
	fnt_meter_add(&counts[FNT_FN_OPS],
		      (uint64_t)record->op_count + record->ops_omitted);
	fnt_meter_add(&counts[FNT_FN_ROWS], extra->rows);
	fnt_meter_add(&counts[FNT_FN_OPS_OMITTED], record->ops_omitted);
	fnt_meter_add(&counts[FNT_FN_STREAM_BYTES], record->stream_bytes);
	fnt_meter_add(&counts[FNT_FN_STREAM_CHUNKS], record->stream_chunks);
	fnt_meter_add(&counts[FNT_FN_SCHEDULES],
		      extra->schedules + record->schedules_omitted);
	fnt_meter_add(&counts[FNT_FN_SCHEDULES_OMITTED], record->schedules_omitted);
	fnt_meter_add(&counts[FNT_FN_VALUES_OMITTED],
		      !!(record->flags & FNT_TRACE_VALUE_OMITTED));
	fnt_meter_add(&counts[FNT_FN_SPILLED], place->spilled);
	if (end >= FNT_RINGS)
		fnt_meter_add(&counts[fnt_lost_counter(end)], 1);
	fnt_meter_add(place->bucket, 1);
}

static void
note_common(const struct fnt_place *place)
{
	const struct fnt_record *record = place->record;
	struct fnt_journal *journal = place->journal;
	const fnt_word *counts = place->row->counts;

	fnt_journal_note(journal, FNT_NOTED_CALLS,
			 &counts[fnt_fn_outcome(record->outcome)], 1);
	fnt_journal_note(journal, FNT_NOTED_NS, &counts[FNT_FN_TOTAL_NS],
			 record->duration_ns);
	fnt_journal_note(journal, FNT_NOTED_OPS, &counts[FNT_FN_OPS],
			 (uint64_t)record->op_count + record->ops_omitted);
	fnt_journal_note(journal, FNT_NOTED_ROWS, &counts[FNT_FN_ROWS],
			 place->extra->rows);
}

static void
note_rare(const struct fnt_place *place, enum fnt_fn_counter counter, uint64_t more)
{
	fnt_journal_note(place->journal, FNT_NOTED_RARE + counter - FNT_FN_RARE,
			 &place->row->counts[counter], more);
}

static void
note_all_rare(const struct fnt_place *place)
{
	const struct fnt_record *record = place->record;

	note_rare(place, FNT_FN_OPS_OMITTED, record->ops_omitted);
	note_rare(place, FNT_FN_STREAM_BYTES, record->stream_bytes);
	note_rare(place, FNT_FN_STREAM_CHUNKS, record->stream_chunks);
	note_rare(place, FNT_FN_SCHEDULES,
		  place->extra->schedules + record->schedules_omitted);
	note_rare(place, FNT_FN_SCHEDULES_OMITTED, record->schedules_omitted);
	note_rare(place, FNT_FN_VALUES_OMITTED,
		  !!(record->flags & FNT_TRACE_VALUE_OMITTED));
	note_rare(place, FNT_FN_SPILLED, place->spilled);
}

static void
arm(const struct fnt_place *place, const struct fnt_view *view, uint64_t seq,
    uint32_t end)
{
	struct fnt_journal *journal = place->journal;

	atomic_store_explicit(&journal->bucket, place->bucket_no, memory_order_relaxed);
	atomic_store_explicit(&journal->seq, seq, memory_order_relaxed);
	/* [J3] release: what it says comes before it is armed. Pairs with [J2]. */
	atomic_store_explicit(&journal->state,
			      fnt_journal_make((uint32_t)(place->row - view->fn_rows),
					       fnt_fn_outcome(place->record->outcome),
					       end, place->rare),
			      memory_order_release);
}

void
fnt_meter_note(const struct fnt_place *place, uint32_t end, uint64_t seq,
	       const struct fnt_view *view)
{
	if (!FNT_COUNTED || !place->own_row)
		return;
	/* [J1] release: what was armed last is off before any word of it changes. (Of
	 * the dead all stores are seen, so that these labels bind the compiler alone.)
	 * Pairs with [J2]. */
	atomic_thread_fence(memory_order_release);
	note_common(place);
	if (place->bucket_no)
		fnt_journal_note(place->journal, FNT_NOTED_BUCKET, place->bucket, 1);
	if (place->rare)
		note_all_rare(place);
	if (end >= FNT_RINGS)
		fnt_journal_note(place->journal, FNT_NOTED_LOST,
				 &place->row->counts[fnt_lost_counter(end)], 1);
	arm(place, view, seq, end);
}

static void
apply_common(fnt_word *counts, const struct fnt_journal *journal, uint32_t calls)
{
	fnt_journal_apply(&counts[calls], journal, FNT_NOTED_CALLS);
	fnt_journal_apply(&counts[FNT_FN_TOTAL_NS], journal, FNT_NOTED_NS);
	fnt_journal_apply(&counts[FNT_FN_OPS], journal, FNT_NOTED_OPS);
	fnt_journal_apply(&counts[FNT_FN_ROWS], journal, FNT_NOTED_ROWS);
}

static void
apply_rare(fnt_word *counts, const struct fnt_journal *journal)
{
	for (uint32_t i = FNT_FN_RARE; i < FNT_FN_DROPPED; i++)
		fnt_journal_apply(&counts[i], journal,
				  FNT_NOTED_RARE + i - FNT_FN_RARE);
}

static void
apply_lost(fnt_word *counts, const struct fnt_journal *journal, uint32_t end)
{
	if (end >= FNT_RINGS)
		fnt_journal_apply(&counts[fnt_lost_counter(end)], journal,
				  FNT_NOTED_LOST);
}

void
fnt_meter_apply(const struct fnt_place *place, uint32_t end)
{
	if (!FNT_COUNTED)
		return;
	if (!place->own_row) {
		add_to_all(place, end);
		return;
	}
	/* [J4] release: it has ended before it is counted. Pairs with [J2]. */
	atomic_thread_fence(memory_order_release);
	apply_common(place->row->counts, place->journal,
		     fnt_fn_outcome(place->record->outcome));
	if (place->bucket_no)
		fnt_journal_apply(place->bucket, place->journal, FNT_NOTED_BUCKET);
	else
		fnt_meter_add(place->bucket, 1);
	if (place->rare)
		apply_rare(place->row->counts, place->journal);
	apply_lost(place->row->counts, place->journal, end);
	/* [J5] release: it is counted before the journal is off. Pairs with [J2]. */
	atomic_store_explicit(&place->journal->state, 0, memory_order_release);
}

void
fnt_journal_note_rare(const struct fnt_record *record, const struct fnt_extra *extra,
		      struct fnt_journal *journal, struct fnt_fn_row *row)
{
	note_all_rare(&(struct fnt_place){
		.record = record, .extra = extra, .journal = journal, .row = row});
}

void
fnt_journal_apply_rare(struct fnt_journal *journal, struct fnt_fn_row *row)
{
	apply_rare(row->counts, journal);
}

/* What was noted, whoever wrote it: it may be anything. */
static void
apply_noted(const struct fnt_view *view, struct fnt_fn_row *row,
	    const struct fnt_journal *journal, uint64_t state)
{
	uint64_t bucket =
		atomic_load_explicit(&journal->bucket, memory_order_relaxed) - 1;

	apply_common(row->counts, journal, fnt_journal_calls(state));
	if (bucket < (uint64_t)view->block_count * FNT_OCTAVE_BUCKETS)
		fnt_journal_apply(&view->blocks[bucket / FNT_OCTAVE_BUCKETS]
					   .counts[bucket % FNT_OCTAVE_BUCKETS],
				  journal, FNT_NOTED_BUCKET);
	if (state & FNT_JOURNAL_RARE)
		apply_rare(row->counts, journal);
	apply_lost(row->counts, journal, fnt_journal_end(state));
}

static struct fnt_fn_row *
noted_row(const struct fnt_view *view, uint32_t lane_no, uint64_t state)
{
	uint64_t row = state >> 32, key;

	if (row >= view->fn_row_count)
		return NULL;
	key = atomic_load_explicit(&view->fn_rows[row].key, memory_order_relaxed);
	return fnt_key_kind(key) == FNT_ROW_FN && fnt_key_lane(key) == lane_no
		       ? &view->fn_rows[row]
		       : NULL;
}

void
fnt_journal_settle(const struct fnt_view *view, uint32_t lane_no)
{
	struct fnt_lane *lane = &view->lanes[lane_no];
	struct fnt_journal *journal = &lane->journal;
	/* [J2] acquire: see [J1], [J3], [J4] and [J5] above and in metrics.h. */
	uint64_t state = atomic_load_explicit(&journal->state, memory_order_acquire);
	uint32_t end = fnt_journal_end(state);
	struct fnt_fn_row *row;

	if (!(state & FNT_JOURNAL_ARMED))
		return;
	row = noted_row(view, lane_no, state);
	if (row && end < FNT_ENDS &&
	    atomic_load_explicit(fnt_end_counter(lane, end), memory_order_relaxed) ==
		    atomic_load_explicit(&journal->seq, memory_order_relaxed))
		apply_noted(view, row, journal, state);
	atomic_store_explicit(&journal->state, 0, memory_order_release);
}
