/* SPDX-License-Identifier: MIT
 *
 * test_histogram.c: the bucket of a duration, and percentiles against a sorted list.
 */
#include "support/fixture.h"

#include "format/layout_metrics.h"

#include <fntrace/metrics.h>

#include <stdlib.h>

#define HOUR_NS 3600000000000u

/* ---- buckets --------------------------------------------------------------------- */

START_TEST(buckets_have_no_gaps)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < FNT_BUCKETS; i++) {
		uint64_t low = fnt_bucket_low(i), width = fnt_bucket_width(i);

		ck_assert_uint_eq(low, next);
		ck_assert_uint_eq(fnt_bucket_of(low), i);
		ck_assert_uint_eq(fnt_bucket_of(low + width - 1), i);
		/* The middle is within 1/64 of both ends. */
		ck_assert_uint_le(width / 2 * 64, low ? low : 1);
		ck_assert(low >= 64 || width == 1);
		next = low + width;
	}
	ck_assert_uint_eq(next, FNT_BUCKET_END);
	ck_assert_uint_gt(FNT_BUCKET_END, HOUR_NS);
	ck_assert_uint_eq(fnt_bucket_of(FNT_BUCKET_END), FNT_BUCKETS - 1);
	ck_assert_uint_eq(fnt_bucket_of(UINT64_MAX), FNT_BUCKETS - 1);
}
END_TEST

/* ---- percentiles ----------------------------------------------------------------- */

static void
push(struct fnt_log *log, const char *fn, uint64_t duration_ns)
{
	struct fnt_trace trace = {.call_id = "p",
				  .fn_name = fn,
				  .outcome = FNT_OK,
				  .duration_ns = duration_ns};

	MUST(fnt_log_push(log, &trace) == FNT_DONE);
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The percentile of a sorted list: element number ceil(percent / 100 * count). Percents
 * are given in thousandths, so that nothing is rounded. */
static uint64_t
of_list(const uint64_t *sorted, size_t count, uint64_t thousandths)
{
	uint64_t rank = (thousandths * count + 99999) / 100000;

	return sorted[rank ? rank - 1 : 0];
}

static void
must_agree(const struct fnt_fn_metrics *fn, uint64_t *list, size_t count)
{
	static const uint64_t thousandths[] = {0,     100,   1000,  10000, 25000,
					       50000, 75000, 90000, 95000, 99000,
					       99900, 99990, 100000};

	qsort(list, count, sizeof(*list), by_value);
	ck_assert_uint_eq(fn->calls, count);
	for (size_t i = 0; i < sizeof(thousandths) / sizeof(thousandths[0]); i++) {
		uint64_t want = of_list(list, count, thousandths[i]);
		uint64_t is = fnt_metrics_percentile(fn, (double)thousandths[i] / 1000);
		uint64_t off = is > want ? is - want : want - is;

		if (off * 64 > want)
			ck_abort_msg("%s: %g %%: %llu, not %llu", fn->fn_name,
				     (double)thousandths[i] / 1000,
				     (unsigned long long)is, (unsigned long long)want);
	}
}

static const struct fnt_fn_metrics *
fn_of(const struct fnt_metrics *metrics, const char *name)
{
	for (size_t i = 0; i < metrics->fn_count; i++)
		if (!strcmp(metrics->fns[i].fn_name, name))
			return &metrics->fns[i];
	ck_abort_msg("no function %s", name);
	return NULL;
}

static void
check_list(const char *fn, uint64_t *list, size_t count)
{
	struct fnt_log *log = open_sized("percentiles", MIB(4));
	struct fnt_metrics *metrics;

	for (size_t i = 0; i < count; i++)
		push(log, fn, list[i]);
	MUST(!fnt_log_metrics(log, &metrics));
	ck_assert_uint_eq(fn_of(metrics, fn)->spilled, 0);
	must_agree(fn_of(metrics, fn), list, count);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
}

START_TEST(percentiles_of_one_size)
{
	static const uint64_t around[] = {0,	1,	 63,	     64,     100,
					  1000, 1000000, 1000000000, HOUR_NS};
	uint64_t list[200];
	struct rnd r = {7};
	char fn[32];

	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		for (size_t k = 0; k < 200; k++)
			list[k] = around[i] + around[i] * rnd(&r, 200) / 2000;
		snprintf(fn, sizeof(fn), "around %llu", (unsigned long long)around[i]);
		check_list(fn, list, 200);
	}
}
END_TEST

/* Durations from nothing to an hour, equally many of each magnitude. */
START_TEST(percentiles_of_all_magnitudes)
{
	uint64_t list[5000];
	struct rnd r = {11};

	for (size_t k = 0; k < 5000; k++) {
		uint64_t size = 1ull << rnd(&r, 42);

		list[k] = size + rnd(&r, UINT32_MAX) % size;
		if (list[k] > HOUR_NS)
			list[k] = HOUR_NS;
	}
	check_list("all sizes", list, 5000);
	check_list("the first", list, 1);
	check_list("three", list, 3);
}
END_TEST

START_TEST(beyond_the_last_bucket)
{
	struct fnt_log *log = open_sized("beyond", MIB(1));
	struct fnt_metrics *metrics;
	const struct fnt_fn_metrics *fn;

	push(log, "fn", UINT64_MAX);
	push(log, "fn", FNT_BUCKET_END);
	MUST(!fnt_log_metrics(log, &metrics));
	fn = fn_of(metrics, "fn");
	ck_assert_uint_eq(fn->calls, 2);
	ck_assert_uint_eq(fn->bucket_count, 1);
	ck_assert_uint_eq(fn->buckets[0].high_ns, UINT64_MAX);
	ck_assert_uint_eq(fnt_metrics_percentile(fn, 50), FNT_BUCKET_END);
	ck_assert_uint_eq(fnt_metrics_percentile(&metrics->other, 50), 0);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("histogram", buckets_have_no_gaps, percentiles_of_one_size,
	     percentiles_of_all_magnitudes, beyond_the_last_bucket)
