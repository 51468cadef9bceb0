/* SPDX-License-Identifier: MIT
 *
 * metrics_result.c: from sums to the public struct fnt_metrics; operations;
 * percentiles.
 */
#include "base/shm_words.h"
#include "read/metrics_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- functions -------------------------------------------------------------- */

static uint32_t
count_buckets(const struct fnt_fn_sum *sum)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < FNT_BUCKETS; i++) {
		const uint64_t *octave = sum->octaves[i / FNT_OCTAVE_BUCKETS];

		count += octave && octave[i % FNT_OCTAVE_BUCKETS];
	}
	return count;
}

static int
fill_buckets(struct fnt_fn_metrics *fn, const struct fnt_fn_sum *sum)
{
	uint32_t count = count_buckets(sum);
	struct fnt_bucket *bucket = malloc((count ? count : 1) * sizeof(*bucket));

	if (!bucket)
		return -ENOMEM;
	fn->buckets = bucket;
	fn->bucket_count = count;
	for (uint32_t i = 0; i < FNT_BUCKETS; i++) {
		const uint64_t *octave = sum->octaves[i / FNT_OCTAVE_BUCKETS];
		uint64_t low = fnt_bucket_low(i), width = fnt_bucket_width(i);

		if (octave && octave[i % FNT_OCTAVE_BUCKETS])
			*bucket++ = (struct fnt_bucket){
				.low_ns = low,
				.high_ns = i == FNT_BUCKETS - 1 ? UINT64_MAX
								: low + width - 1,
				.count = octave[i % FNT_OCTAVE_BUCKETS],
			};
	}
	return 0;
}

static int
fill_fn(struct fnt_fn_metrics *fn, const struct fnt_fn_sum *sum)
{
	const uint64_t *counts = sum->counts;

	*fn = (struct fnt_fn_metrics){
		.fn_name = sum->text,
		.calls = counts[FNT_FN_OK] + counts[FNT_FN_ERROR] +
			 counts[FNT_FN_ROLLED_BACK] + counts[FNT_FN_ABORTED],
		.ok = counts[FNT_FN_OK],
		.error = counts[FNT_FN_ERROR],
		.rolled_back = counts[FNT_FN_ROLLED_BACK],
		.aborted = counts[FNT_FN_ABORTED],
		.in_flight = sum->in_flight,
		.total_ns = counts[FNT_FN_TOTAL_NS],
		.dropped = counts[FNT_FN_DROPPED] + counts[FNT_FN_UNMAPPED],
		.unmapped = counts[FNT_FN_UNMAPPED],
		.not_kept = counts[FNT_FN_KEPT_NONE] + counts[FNT_FN_SAMPLED] +
			    counts[FNT_FN_LIMITED],
		.kept_none = counts[FNT_FN_KEPT_NONE],
		.sampled = counts[FNT_FN_SAMPLED],
		.limited = counts[FNT_FN_LIMITED],
		.ops = counts[FNT_FN_OPS],
		.ops_omitted = counts[FNT_FN_OPS_OMITTED],
		.rows = counts[FNT_FN_ROWS],
		.stream_bytes = counts[FNT_FN_STREAM_BYTES],
		.stream_chunks = counts[FNT_FN_STREAM_CHUNKS],
		.schedules = counts[FNT_FN_SCHEDULES],
		.schedules_omitted = counts[FNT_FN_SCHEDULES_OMITTED],
		.values_omitted = counts[FNT_FN_VALUES_OMITTED],
		.spilled = counts[FNT_FN_SPILLED],
	};
	return fill_buckets(fn, sum);
}

static void
add_sum(struct fnt_fn_sum *total, const struct fnt_fn_sum *sum)
{
	for (int i = 0; i < FNT_FN_COUNTERS; i++)
		total->counts[i] += sum->counts[i];
	total->in_flight += sum->in_flight;
	for (uint32_t i = 0; i < FNT_BUCKETS; i++) {
		const uint64_t *octave = sum->octaves[i / FNT_OCTAVE_BUCKETS];

		if (octave)
			total->octaves[i / FNT_OCTAVE_BUCKETS]
				      [i % FNT_OCTAVE_BUCKETS] +=
				octave[i % FNT_OCTAVE_BUCKETS];
	}
}

/* No call is missing in the total's histogram: a call that spilled from a function's
 * histogram is in that of the other row. */
static int
fill_total(struct fnt_metrics_work *work)
{
	uint64_t(*octaves)[FNT_OCTAVE_BUCKETS] = calloc(FNT_OCTAVES, sizeof(*octaves));
	struct fnt_fn_sum total = {.text = NULL};
	int rc;

	if (!octaves)
		return -ENOMEM;
	for (uint32_t i = 0; i < FNT_OCTAVES; i++)
		total.octaves[i] = octaves[i];
	for (uint32_t i = 0; i < work->sum_count; i++)
		add_sum(&total, &work->sums[i]);
	total.counts[FNT_FN_SPILLED] = 0;
	rc = fill_fn(&work->result->metrics.total, &total);
	free(octaves);
	return rc;
}

static int
by_calls(const void *a, const void *b)
{
	const struct fnt_fn_metrics *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	return strcmp(x->fn_name, y->fn_name);
}

static int
fill_fns(struct fnt_metrics_work *work)
{
	struct fnt_metrics *metrics = &work->result->metrics;
	struct fnt_fn_metrics *fns = calloc(work->sum_count, sizeof(*fns));
	int rc;

	if (!fns)
		return -ENOMEM;
	metrics->fns = work->result->fns = fns;
	for (uint32_t i = 1; i < work->sum_count; i++) {
		metrics->fn_count = i;
		rc = fill_fn(&fns[i - 1], &work->sums[i]);
		if (rc)
			return rc;
	}
	if (metrics->fn_count > 1)
		qsort(fns, metrics->fn_count, sizeof(*fns), by_calls);
	rc = fill_fn(&metrics->other, &work->sums[0]);
	return rc ? rc : fill_total(work);
}

/* ---- operations ------------------------------------------------------------- */

static void
add_op(struct fnt_op_metrics *op, const struct fnt_op_row *row)
{
	op->count += fnt_word_relaxed(&row->count);
	op->errors += fnt_word_relaxed(&row->errors);
	op->rows += fnt_word_relaxed(&row->rows);
	op->total_ns += fnt_word_relaxed(&row->total_ns);
}

static int
by_entity(const void *a, const void *b)
{
	const struct fnt_op_metrics *x = a, *y = b;
	int differ = x->entity == y->entity ? 0 : strcmp(x->entity, y->entity);

	return differ ? differ : (x->op > y->op) - (x->op < y->op);
}

static int
by_time(const void *a, const void *b)
{
	const struct fnt_op_metrics *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return by_entity(a, b);
}

/* Makes one op of each row that has a name; adds all other rows to other_ops. */
static int
collect_ops(struct fnt_metrics_work *work)
{
	struct fnt_metrics *metrics = &work->result->metrics;
	const struct fnt_view *view = work->view;

	for (uint32_t i = 0; i < view->op_row_count; i++) {
		const struct fnt_op_row *row = &view->op_rows[i];
		uint64_t key = fnt_word_relaxed(&row->key);
		struct fnt_op_metrics *op = &work->result->ops[metrics->op_count];
		int rc;

		if (!fnt_row_key_is(view, key, FNT_ROW_OP))
			continue;
		work->shared += fnt_key_lane(key) == FNT_LANE_ANY;
		*op = (struct fnt_op_metrics){.op = (enum fnt_op)fnt_key_op(key)};
		rc = fnt_metrics_text(work, fnt_key_name(key), &op->entity);
		if (rc)
			return rc;
		if (op->entity && op->op < FNT_OP_KINDS) {
			add_op(op, row);
			metrics->op_count++;
		} else {
			add_op(&metrics->other_ops, row);
		}
	}
	return 0;
}

/* Merges the ops of one entity and kind, as each lane has a row of its own. Then orders
 * them, most time first. */
static void
merge_ops(struct fnt_op_metrics *ops, size_t *count)
{
	size_t last = 0;

	qsort(ops, *count, sizeof(*ops), by_entity);
	for (size_t i = 1; i < *count; i++) {
		if (by_entity(&ops[last], &ops[i])) {
			ops[++last] = ops[i];
			continue;
		}
		ops[last].count += ops[i].count;
		ops[last].errors += ops[i].errors;
		ops[last].rows += ops[i].rows;
		ops[last].total_ns += ops[i].total_ns;
	}
	*count = last + 1;
	qsort(ops, *count, sizeof(*ops), by_time);
}

static int
fill_ops(struct fnt_metrics_work *work)
{
	struct fnt_metrics *metrics = &work->result->metrics;
	int rc;

	work->result->ops =
		calloc((size_t)work->view->op_row_count, sizeof(*metrics->ops));
	if (!work->result->ops)
		return -ENOMEM;
	metrics->ops = work->result->ops;
	metrics->other_ops.op = FNT_OP_OTHER;
	add_op(&metrics->other_ops, &work->view->metrics->other_op);
	rc = collect_ops(work);
	if (!rc && metrics->op_count)
		merge_ops(work->result->ops, &metrics->op_count);
	return rc;
}

/* ---- all -------------------------------------------------------------------- */

/* A number of table entries in use. The region's word may be damaged, and it also
 * counts attempts that found the table full. */
static uint32_t
bounded(const fnt_word *word, uint32_t max)
{
	uint64_t value = fnt_word_relaxed(word);

	return value < max ? (uint32_t)value : max;
}

struct fnt_metrics_result *
fnt_metrics_result_create(uint32_t name_count)
{
	struct fnt_metrics_result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->name_count = name_count;
	result->texts = calloc(name_count, sizeof(*result->texts));
	if (result->texts)
		return result;
	free(result);
	return NULL;
}

int
fnt_metrics_fill(struct fnt_metrics_work *work)
{
	struct fnt_metrics *metrics = &work->result->metrics;
	const struct fnt_view *view = work->view;
	int rc = fill_fns(work);

	if (!rc)
		rc = fill_ops(work);
	metrics->fn_rows = bounded(&view->metrics->fns_taken, view->fn_row_count);
	metrics->op_rows = bounded(&view->metrics->ops_taken, view->op_row_count);
	metrics->blocks = bounded(&view->metrics->blocks_taken, view->block_count);
	metrics->fn_rows_max = view->fn_row_count;
	metrics->op_rows_max = view->op_row_count;
	metrics->blocks_max = view->block_count;
	metrics->shared = work->shared;
	return rc;
}

void
fnt_metrics_free(struct fnt_metrics *metrics)
{
	struct fnt_metrics_result *result = (struct fnt_metrics_result *)metrics;

	if (!metrics)
		return;
	for (size_t i = 0; i < metrics->fn_count; i++)
		free((void *)metrics->fns[i].buckets);
	free((void *)metrics->total.buckets);
	free((void *)metrics->other.buckets);
	for (uint32_t i = 0; i < result->name_count; i++)
		free(result->texts[i]);
	free(result->texts);
	free(result->fns);
	free(result->ops);
	free(result);
}

/* ---- percentiles ------------------------------------------------------------ */

/* The rank of a percentile among `count` values, counted from 1. */
static uint64_t
rank_of(double percent, uint64_t count)
{
	/* Slightly less, so that rounding errors do not turn 99.9 % of 1000 into
	 * 1000. */
	double rank = percent * (double)count / 100 * (1 - 1e-12);
	uint64_t whole;

	if (!(rank > 1))
		return 1;
	if (rank >= (double)count)
		return count;
	whole = (uint64_t)rank;
	if ((double)whole < rank)
		whole++;
	return whole < count ? whole : count;
}

uint64_t
fnt_metrics_percentile(const struct fnt_fn_metrics *metrics, double percent)
{
	uint64_t count = 0, rank;
	const struct fnt_bucket *bucket = metrics->buckets;

	for (size_t i = 0; i < metrics->bucket_count; i++)
		count += metrics->buckets[i].count;
	if (!count)
		return 0;
	rank = rank_of(percent, count);
	/* The buckets come from a region that may be damaged, but `rank` is at most the
	 * sum of their counts: the loop ends. */
	while (rank > bucket->count)
		rank -= bucket++->count;
	if (bucket->high_ns == UINT64_MAX)
		return FNT_BUCKET_END;
	return bucket->low_ns + (bucket->high_ns - bucket->low_ns) / 2;
}
