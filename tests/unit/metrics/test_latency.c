/* SPDX-License-Identifier: MIT
 *
 * test_latency.c: maxima are exact, per function and per operation; operations have
 * histograms; calls that were aborted count in no latency.
 */
#include "support/controls.h"

#include "metrics/count.h"
#include "support/metrics_account.h"

#include <pthread.h>
#include <stdlib.h>

#define FNS 30u
#define KINDS 4u
#define HUGE_NS (1ull << 43) /* in the last bucket, which has no end */

static const char *
name_of(const char *format, uint32_t i)
{
	static _Thread_local char name[24];

	snprintf(name, sizeof(name), format, i);
	return name;
}

static uint64_t
some_ns(struct rnd *r)
{
	return rnd(r, 1u << 16) << rnd(r, 30);
}

/* ---- functions ------------------------------------------------------------------- */

struct maxima {
	_Atomic uint64_t max_ns[FNS], total_ns[FNS], calls[FNS];
};

static void
raise_to(_Atomic uint64_t *max, uint64_t ns)
{
	uint64_t seen = atomic_load(max);

	while (seen < ns && !atomic_compare_exchange_weak(max, &seen, ns))
		;
}

struct pusher {
	struct fnt_log *log;
	struct maxima *maxima;
	uint64_t seed;
};

static void *
push_calls(void *arg)
{
	struct pusher *pusher = arg;
	struct rnd r = {pusher->seed};

	for (uint32_t n = 0; n < ROUNDS(3000, 500); n++) {
		uint32_t fn = rnd(&r, FNS);
		bool aborted = rnd(&r, 10) == 0;
		struct fnt_trace trace = {
			.call_id = "c",
			.fn_name = name_of("fn%u", fn),
			.outcome = aborted ? FNT_ABORTED
					   : FNT_OK + (enum fnt_outcome)rnd(&r, 3),
			.duration_ns = aborted ? UINT64_MAX / 2 : some_ns(&r)};

		MUST(fnt_log_push(pusher->log, &trace) >= 0);
		if (aborted)
			continue;
		raise_to(&pusher->maxima->max_ns[fn], trace.duration_ns);
		account_add(&pusher->maxima->total_ns[fn], trace.duration_ns);
		account_add(&pusher->maxima->calls[fn], 1);
	}
	return NULL;
}

static void
push_from_threads(const char *region, uint64_t size, struct maxima *maxima)
{
	struct pusher pushers[4];
	pthread_t threads[4];
	struct fnt_log *log = open_sized(region, size);

	for (uint32_t i = 0; i < 4; i++) {
		pushers[i] = (struct pusher){log, maxima, (uint64_t)getpid() * 10 + i};
		MUST(!pthread_create(&threads[i], NULL, push_calls, &pushers[i]));
	}
	for (uint32_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	fnt_log_close(log);
}

static void
compare_maximum(const struct fnt_fn_metrics *fn, uint64_t max_ns, uint64_t total_ns)
{
	ck_assert_uint_eq(fn->max_ns, max_ns);
	ck_assert_uint_eq(fn->total_ns, total_ns);
	ck_assert_uint_eq(fnt_metrics_percentile(fn, 100), max_ns);
	for (double percent = 0; percent < 100; percent += 7)
		ck_assert_uint_le(fnt_metrics_percentile(fn, percent), max_ns);
	ck_assert_uint_eq(account_fn_buckets(fn), fn->calls - fn->aborted);
}

static const uint64_t sizes[] = {MIB(16), SMALLEST};
static const char *const regions[] = {"maxima", "maxima-full"};

/* In a region with room for all rows, and in one where threads share them. */
START_TEST(maxima_are_exact)
{
	struct maxima *maxima = share_memory(sizeof(*maxima));
	uint64_t max = 0, total = 0;
	struct fnt_metrics *metrics;
	pid_t pid = fork();

	MUST(pid >= 0);
	push_from_threads(regions[_i], sizes[_i], maxima);
	if (!pid)
		_exit(0);
	must_end_well(pid);
	metrics = metrics_of(regions[_i]);
	for (uint32_t i = 0; i < FNS; i++) {
		max = maxima->max_ns[i] > max ? maxima->max_ns[i] : max;
		total += maxima->total_ns[i];
	}
	compare_maximum(&metrics->total, max, total);
	if (sizes[_i] == MIB(16)) {
		ck_assert_uint_eq(metrics->fn_count, FNS);
		ck_assert_uint_eq(metrics->other.calls, 0);
	} else {
		ck_assert_uint_gt(metrics->shared, 0);
	}
	for (size_t k = 0; k < metrics->fn_count && sizes[_i] == MIB(16); k++) {
		uint32_t i = (uint32_t)atoi(metrics->fns[k].fn_name + 2);

		compare_maximum(&metrics->fns[k], maxima->max_ns[i],
				maxima->total_ns[i]);
	}
	fnt_metrics_free(metrics);
	must_be_sound(regions[_i]);
}
END_TEST

/* The longest call in the last bucket, which begins below 2^42 ns; and a longer one
 * after the octave has been cached. */
START_TEST(maxima_grow)
{
	static const uint64_t durations[] = {
		0,   1,	   31,	32,	    33,		40,  100,     90, 127,
		128, 5000, 129, 1ull << 40, 1ull << 42, 500, HUGE_NS, 7,  HUGE_NS + 1};
	struct fnt_log *log = open_sized("grow", MIB(1));
	uint64_t max = 0;

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		struct fnt_trace trace = {.call_id = "c",
					  .fn_name = "fn",
					  .outcome = FNT_OK,
					  .duration_ns = durations[i]};
		struct fnt_metrics *metrics;

		max = durations[i] > max ? durations[i] : max;
		for (int twice = 0; twice < 2; twice++) {
			MUST(!fnt_log_push(log, &trace));
			MUST(!fnt_log_metrics(log, &metrics));
			ck_assert_uint_eq(metrics->fns[0].max_ns, max);
			ck_assert_uint_eq(metrics->total.max_ns, max);
			ck_assert_uint_eq(account_fn_buckets(&metrics->fns[0]),
					  2 * i + (size_t)twice + 1);
			fnt_metrics_free(metrics);
		}
	}
	fnt_log_close(log);
}
END_TEST

START_TEST(aborted_calls_have_no_latency)
{
	struct fnt_metrics *metrics;
	struct latch ready = make_latch();
	struct fnt_log *log;
	pid_t pid = fork();

	if (!pid) {
		log = open_sized("aborted", MIB(1));
		CHILD_MUST(record_call(log, "fn", "c") == FNT_DONE);
		CHILD_MUST(!fnt_call_abandon(begin_call(log, "fn", "d")));
		fnt_call_op(begin_call(log, "fn", "e"), FNT_OP_GET, "Lot", NULL, 1, 0,
			    true);
		latch_open(&ready);
		pause();
	}
	latch_wait(&ready);
	usleep(20000);
	kill_child(pid);
	log = open_sized("aborted", MIB(1));
	MUST(!fnt_log_metrics(log, &metrics));
	ck_assert_uint_eq(metrics->fns[0].calls, 3);
	ck_assert_uint_eq(metrics->fns[0].aborted, 2);
	ck_assert_uint_eq(metrics->fns[0].ops, 1);
	ck_assert_uint_eq(account_fn_buckets(&metrics->fns[0]), 1);
	/* One call has a latency: it is the sum and the maximum. */
	ck_assert_uint_eq(metrics->fns[0].max_ns, metrics->fns[0].total_ns);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
	must_be_sound("aborted");
}
END_TEST

/* ---- operations ------------------------------------------------------------------ */

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const struct fnt_op_metrics *
op_of(const struct fnt_metrics *metrics, const char *entity, enum fnt_op op)
{
	for (size_t i = 0; i < metrics->op_count; i++)
		if (metrics->ops[i].op == op && !strcmp(metrics->ops[i].entity, entity))
			return &metrics->ops[i];
	ck_abort_msg("no ops %s of %s", fnt_op_name(op), entity);
	return NULL;
}

#define LIST 400u

static void
must_be_list(const struct fnt_op_metrics *op, uint64_t *list)
{
	qsort(list, LIST, sizeof(*list), by_value);
	ck_assert_uint_eq(op->count, LIST);
	ck_assert_uint_eq(op->spilled, 0);
	ck_assert_uint_eq(account_buckets(op->buckets, op->bucket_count), LIST);
	ck_assert_uint_eq(op->max_ns, list[LIST - 1]);
	ck_assert_uint_eq(fnt_metrics_op_percentile(op, 100), list[LIST - 1]);
	for (uint64_t percent = 1; percent < 100; percent++) {
		uint64_t want = list[(percent * LIST + 99) / 100 - 1];
		uint64_t is = fnt_metrics_op_percentile(op, (double)percent);
		uint64_t off = is > want ? is - want : want - is;

		if (off * 64 > want)
			ck_abort_msg("%s of %s, %llu %%: %llu, not %llu",
				     fnt_op_name(op->op), op->entity,
				     (unsigned long long)percent,
				     (unsigned long long)is, (unsigned long long)want);
	}
}

/* Of every magnitude, up to durations that do not fit in 32 bits. */
START_TEST(percentiles_of_operations)
{
	static uint64_t lists[FNS][KINDS][LIST];
	struct fnt_log *log = open_sized("ops", MIB(16));
	struct fnt_metrics *metrics;
	struct rnd r = {3};

	for (uint32_t n = 0; n < LIST; n++) {
		struct fnt_call *call = begin_call(log, "fn", "c");

		for (uint32_t i = 0; i < FNS * KINDS; i++) {
			uint64_t ns = rnd(&r, 1u << 30) << (i % 7);

			lists[i / KINDS][i % KINDS][n] = ns;
			MUST(fnt_call_op(call, (enum fnt_op)(i % KINDS),
					 name_of("E%u", i / KINDS), NULL, ns, 1,
					 true) >= 0);
		}
		MUST(!fnt_call_finish_ok(call, NULL));
	}
	MUST(!fnt_log_metrics(log, &metrics));
	ck_assert_uint_eq(metrics->op_count, FNS * KINDS);
	for (uint32_t i = 0; i < FNS * KINDS; i++)
		must_be_list(op_of(metrics, name_of("E%u", i / KINDS),
				   (enum fnt_op)(i % KINDS)),
			     lists[i / KINDS][i % KINDS]);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
	must_be_sound("ops");
}
END_TEST

/* A thread caches where it counts so many pairs of an entity and a kind, and forgets
 * all of them when there are many more; also while ops are pending. */
START_TEST(more_operations_than_are_cached)
{
	struct fnt_log *log = open_sized("pairs", MIB(64));
	uint32_t entities = 4 * FNT_OPS_CACHED / FNT_OP_KINDS;
	struct fnt_call *timed = begin_call(log, "fn", "timed");
	struct fnt_metrics *metrics;
	int64_t pending[3];

	for (uint32_t i = 0; i < 3; i++) {
		pending[i] =
			fnt_call_op_begin(timed, FNT_OP_LIST, name_of("E%u", i), NULL);
		MUST(pending[i] > 0);
	}
	for (uint32_t round = 0; round < 12; round++) {
		struct fnt_call *call = begin_call(log, "fn", "c");

		for (uint32_t i = 0; i < entities * FNT_OP_KINDS; i++)
			MUST(fnt_call_op(call, (enum fnt_op)(i % FNT_OP_KINDS),
					 name_of("E%u", i / FNT_OP_KINDS), NULL,
					 i + round, 1, round > 0) >= 0);
		MUST(!fnt_call_finish_ok(call, NULL));
	}
	for (uint32_t i = 0; i < 3; i++)
		MUST(!fnt_call_op_end(timed, pending[i], 5, true));
	MUST(!fnt_call_finish_ok(timed, NULL));
	MUST(!fnt_log_metrics(log, &metrics));
	ck_assert_uint_eq(metrics->op_count, entities * FNT_OP_KINDS);
	for (uint32_t i = 0; i < entities * FNT_OP_KINDS; i++) {
		uint32_t entity = i / FNT_OP_KINDS, kind = i % FNT_OP_KINDS;
		bool has_timed = entity < 3 && kind == FNT_OP_LIST;
		const struct fnt_op_metrics *op =
			op_of(metrics, name_of("E%u", entity), (enum fnt_op)kind);

		ck_assert_uint_eq(op->count, has_timed ? 13 : 12);
		ck_assert_uint_eq(op->errors, 1);
		ck_assert_uint_eq(op->rows, has_timed ? 17 : 12);
		if (!has_timed)
			ck_assert_uint_eq(op->max_ns, i + 11);
	}
	fnt_metrics_free(metrics);
	fnt_log_close(log);
	must_be_sound("pairs");
}
END_TEST

FIXTURE_MAIN_LOOPS("latency", {maxima_are_exact, 2}, {maxima_grow, 1},
		   {aborted_calls_have_no_latency, 1}, {percentiles_of_operations, 1},
		   {more_operations_than_are_cached, 1})
