/* SPDX-License-Identifier: MIT
 *
 * metrics_result.c: from sums to the public struct fnt_metrics.
 */
#include "base/shm_words.h"
#include "read/metrics_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- functions -------------------------------------------------------------- */

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
		.max_ns = counts[FNT_FN_MAX_NS],
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
	return fnt_octaves_buckets(&sum->octaves, &fn->buckets, &fn->bucket_count);
}

/* No call is missing in the total's histogram: a call that spilled from a function's
 * histogram is in that of the other row. */
static int
fill_total(struct fnt_metrics_work *work)
{
	struct fnt_fn_sum total = {.text = NULL};
	int rc = 0;

	for (uint32_t i = 0; i < work->sum_count && !rc; i++) {
		fnt_metrics_add_counts(total.counts, work->sums[i].counts);
		total.in_flight += work->sums[i].in_flight;
		rc = fnt_octaves_add_all(&total.octaves, &work->sums[i].octaves);
	}
	total.counts[FNT_FN_SPILLED] = 0;
	if (!rc)
		rc = fill_fn(&work->result->metrics.total, &total);
	fnt_octaves_free(&total.octaves);
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
		rc = fnt_metrics_fill_ops(work);
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
	for (size_t i = 0; i < metrics->op_count; i++)
		free((void *)metrics->ops[i].buckets);
	free((void *)metrics->other_ops.buckets);
	for (uint32_t i = 0; i < result->name_count; i++)
		free(result->texts[i]);
	free(result->texts);
	free(result->fns);
	free(result->ops);
	free(result);
}
