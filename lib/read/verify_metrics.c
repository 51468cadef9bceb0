/* SPDX-License-Identifier: MIT */
#include "read/verify_metrics.h"

#include "base/shm_words.h"
#include "read/metrics_sum.h"
#include "read/query.h"
#include "read/reader_metrics.h"
#include "region/name_table.h"

#include <stdarg.h>
#include <stdio.h>

struct metrics_check {
	const struct fnt_view *view;
	fnt_problem_found *found;
	void *arg;
};

__attribute__((format(printf, 3, 4))) static void
report(const struct metrics_check *check, const void *at, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	check->found(check->arg, at, text);
}

/* May a row's key have this name? In a file made by rotation, tables were copied one
 * after the other while they grew, so a row may refer to a name that was not there
 * yet. */
static bool
is_name(const struct fnt_view *view, uint64_t id)
{
	char name[FNT_NAME_MAX + 1];

	return id < view->name_count &&
	       (view->frozen || fnt_name_get(view, (uint32_t)id, name) >= 0);
}

/* May a block have this key? */
static bool
is_block_key(const struct fnt_view *view, uint64_t key)
{
	uint64_t row = fnt_block_key_row(key);

	if (fnt_block_key_octave(key) >= FNT_OCTAVES)
		return false;
	if (fnt_block_key_is_op(key))
		return row < view->op_row_count &&
		       (view->frozen || fnt_word_relaxed(&view->op_rows[row].key));
	return row < view->fn_row_count &&
	       (view->frozen || fnt_word_relaxed(&view->fn_rows[row].key));
}

/* ---- keys ------------------------------------------------------------------- */

static void
check_fn_row(const struct metrics_check *check, uint32_t i)
{
	const struct fnt_view *view = check->view;
	const struct fnt_fn_row *row = &view->fn_rows[i];
	uint64_t key = fnt_word_relaxed(&row->key);

	if (key && (!fnt_row_key_is(view, key, FNT_ROW_FN) || fnt_key_op(key) ||
		    !is_name(view, fnt_key_name(key)))) {
		report(check, row, "row %u of functions: key 0x%llx", i,
		       (unsigned long long)key);
		return;
	}
	for (uint32_t octave = 0; octave < FNT_OCTAVES; octave++) {
		uint32_t block = atomic_load_explicit(&row->blocks[octave],
						      memory_order_relaxed);

		if (block && (block > view->block_count ||
			      fnt_word_relaxed(&view->block_keys[block - 1]) !=
				      fnt_block_key(i, false, octave)))
			report(check, &row->blocks[octave],
			       "row %u of functions: block %u belongs to another row",
			       i, block);
	}
}

static void
check_op_row(const struct metrics_check *check, uint32_t i)
{
	const struct fnt_view *view = check->view;
	const struct fnt_op_row *row = &view->op_rows[i];
	uint64_t key = fnt_word_relaxed(&row->key);

	if (key &&
	    (!fnt_row_key_is(view, key, FNT_ROW_OP) ||
	     fnt_key_op(key) >= FNT_OP_KINDS || !is_name(view, fnt_key_name(key)))) {
		report(check, row, "row %u of operations: key 0x%llx", i,
		       (unsigned long long)key);
		return;
	}
	for (uint32_t k = 0; k < FNT_OP_BLOCKS; k++) {
		uint32_t known =
			atomic_load_explicit(&row->blocks[k], memory_order_relaxed);
		uint32_t block = known >> 6;

		if (known && (!block || block > view->block_count ||
			      fnt_word_relaxed(&view->block_keys[block - 1]) !=
				      fnt_block_key(i, true, known & 0x3f)))
			report(check, &row->blocks[k],
			       "row %u of operations: block %u belongs to another row",
			       i, block);
	}
}

static void
check_block(const struct metrics_check *check, uint32_t i)
{
	const struct fnt_view *view = check->view;
	uint64_t key = fnt_word_relaxed(&view->block_keys[i]);

	if (key && !is_block_key(view, key))
		report(check, &view->block_keys[i], "block %u: key 0x%llx", i,
		       (unsigned long long)key);
}

static void
check_journal(const struct metrics_check *check, uint32_t i)
{
	const struct fnt_lane *lane = &check->view->lanes[i];
	uint64_t state = fnt_word_relaxed(&lane->journal.state);

	/* An owner may be writing it, but each state that it writes is valid. */
	if ((state & FNT_JOURNAL_ARMED) && (state >> 32 >= check->view->fn_row_count ||
					    fnt_journal_end(state) >= FNT_ENDS))
		report(check, &lane->journal, "lane %u: journal 0x%llx", i,
		       (unsigned long long)state);
}

/* ---- sums ------------------------------------------------------------------- */

/* Is no lane in use: nobody is counting, and nobody was killed while counting? */
static bool
is_at_rest(const struct fnt_view *view)
{
	if (view->frozen)
		return false;
	for (uint32_t i = 0; i < view->lane_count; i++)
		/* [A1] acquire: the last owner's counts come before it released. */
		if (fnt_state_status(atomic_load_explicit(&view->lanes[i].state,
							  memory_order_acquire)) !=
		    FNT_LANE_FREE)
			return false;
	return true;
}

static void
check_fn(const struct metrics_check *check, const struct fnt_fn_metrics *fn)
{
	uint64_t count = 0;

	for (size_t i = 0; i < fn->bucket_count; i++)
		count += fn->buckets[i].count;
	if (count + fn->spilled + fn->aborted != fn->calls)
		report(check, check->view->fn_rows,
		       "a function's %llu calls, of which %llu were aborted, and %llu "
		       "in "
		       "its histogram",
		       (unsigned long long)fn->calls, (unsigned long long)fn->aborted,
		       (unsigned long long)(count + fn->spilled));
	if (fn->bucket_count && fn->max_ns < fn->buckets[fn->bucket_count - 1].low_ns)
		report(check, check->view->fn_rows,
		       "a function's longest call took %llu ns, its maximum is %llu",
		       (unsigned long long)fn->buckets[fn->bucket_count - 1].low_ns,
		       (unsigned long long)fn->max_ns);
}

/* Compares calls, the functions' counts and their histograms, if nothing changes
 * meanwhile. Not if there are rows that several lanes share, or calls in the other row:
 * those are not exact after a process was killed. */
static int
check_sums(const struct metrics_check *check)
{
	const struct fnt_view *view = check->view;
	struct fnt_metrics *metrics;
	uint64_t total;
	int rc;

	if (!is_at_rest(view))
		return 0;
	total = fnt_query_total(view);
	rc = fnt_metrics_sum(view, &metrics);
	if (rc)
		return rc;
	if (!metrics->shared && !metrics->other.calls && is_at_rest(view) &&
	    total == fnt_query_total(view)) {
		if (metrics->total.calls != total)
			report(check, view->fn_rows, "%llu calls, of functions %llu",
			       (unsigned long long)total,
			       (unsigned long long)metrics->total.calls);
		for (size_t i = 0; i < metrics->fn_count; i++)
			check_fn(check, &metrics->fns[i]);
	}
	fnt_metrics_free(metrics);
	return 0;
}

int
fnt_verify_metrics(const struct fnt_view *view, fnt_problem_found *found, void *arg)
{
	struct metrics_check check = {view, found, arg};

	for (uint32_t i = 0; i < view->fn_row_count; i++)
		check_fn_row(&check, i);
	for (uint32_t i = 0; i < view->op_row_count; i++)
		check_op_row(&check, i);
	for (uint32_t i = 0; i < view->block_count; i++)
		check_block(&check, i);
	for (uint32_t i = 0; i < view->lane_count; i++)
		check_journal(&check, i);
	return check_sums(&check);
}
