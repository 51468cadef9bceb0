/* SPDX-License-Identifier: MIT
 *
 * test_rules.c: settings, with several processes that trace at the same time: which
 * calls are kept, and which counter has the others.
 */
#include "support/puppets.h"

#include <time.h>

/* The counters as they were last looked at. */
static struct fnt_stat last;

static void
look(struct puppets *puppets)
{
	last = stat_of(puppets->reader);
}

static void
must_be_more(struct puppets *puppets, uint64_t recorded, uint64_t sampled,
	     uint64_t limited)
{
	struct fnt_stat now = stat_of(puppets->reader);

	ck_assert_uint_eq(now.recorded - last.recorded, recorded);
	ck_assert_uint_eq(now.sampled - last.sampled, sampled);
	ck_assert_uint_eq(now.limited - last.limited, limited);
	ck_assert_uint_eq(now.not_kept, now.sampled + now.limited);
	ck_assert_uint_eq(now.total - last.total, recorded + sampled + limited);
	ck_assert_uint_eq(now.dropped, 0);
	last = now;
}

/* ---- enabled --------------------------------------------------------------------- */

START_TEST(disabled_and_enabled)
{
	struct puppets puppets = start_puppets("off");

	look(&puppets);
	for (int round = 0; round < 30; round++) {
		ck_assert_uint_eq(puppets_call(&puppets, "f", 10), 40);
		must_be_more(&puppets, 40, 0, 0);
		set(&puppets, NULL, "enabled=off");
		ck_assert_uint_eq(puppets_call(&puppets, "f", 100), 0);
		must_be_more(&puppets, 0, 0, 0);
		/* Other changes do not enable it. */
		set(&puppets, NULL, "keep=0.5");
		ck_assert_uint_eq(puppets_call(&puppets, "f", 100), 0);
		must_be_more(&puppets, 0, 0, 0);
		set(&puppets, NULL,
		    round % 2 ? "enabled=on keep=1" : "enabled=default keep=default");
	}
	end_puppets(&puppets);
}
END_TEST

START_TEST(disabled_for_some_functions)
{
	struct puppets puppets = start_puppets("some");
	struct order pushed = {"off:x", 10, FNT_OK, 1000, 0, false};

	look(&puppets);
	set(&puppets, "off:*", "enabled=off");
	set(&puppets, "off:but", "enabled=on");
	set(&puppets, "off:but:*", "keep=0");
	ck_assert_uint_eq(puppets_call(&puppets, "f", 10), 40);
	must_be_more(&puppets, 40, 0, 0);
	ck_assert_uint_eq(puppets_call(&puppets, "off:a", 10), 0);
	ck_assert_uint_eq(puppets_call(&puppets, "off:", 10), 0);
	ck_assert_uint_eq(puppets_call(&puppets, "off:but:not", 10), 0);
	puppets_do(&puppets, &pushed);
	must_be_more(&puppets, 0, 0, 0);
	ck_assert_uint_eq(puppets_call(&puppets, "off:but", 10), 40);
	must_be_more(&puppets, 40, 0, 0);

	/* The other way round: all disabled but some. */
	set(&puppets, NULL, "enabled=off");
	ck_assert_uint_eq(puppets_call(&puppets, "f", 10), 0);
	ck_assert_uint_eq(puppets_call(&puppets, "off:but", 10), 40);
	must_be_more(&puppets, 40, 0, 0);
	end_puppets(&puppets);
}
END_TEST

/* ---- keep ------------------------------------------------------------------------ */

START_TEST(errors_are_always_kept)
{
	struct puppets puppets = start_puppets("always");
	struct order order = {.fn = "f", .count = 50};

	look(&puppets);
	set(&puppets, NULL, "keep=0 slow=1s");
	ck_assert_uint_eq(puppets_call(&puppets, "f", 50), 200);
	must_be_more(&puppets, 0, 200, 0);
	for (order.outcome = FNT_ERROR; order.outcome <= FNT_ABORTED; order.outcome++) {
		ck_assert_uint_eq(puppets_do(&puppets, &order), 200);
		must_be_more(&puppets, 200, 0, 0);
	}
	set(&puppets, NULL, "keep_errors=off");
	for (order.outcome = FNT_ERROR; order.outcome <= FNT_ABORTED; order.outcome++) {
		ck_assert_uint_eq(puppets_do(&puppets, &order), 200);
		must_be_more(&puppets, 0, 200, 0);
	}
	order.outcome = FNT_OK;
	order.pushed_ns = 999999999;
	puppets_do(&puppets, &order);
	must_be_more(&puppets, 0, 200, 0);
	order.pushed_ns = 1000000000;
	puppets_do(&puppets, &order);
	must_be_more(&puppets, 200, 0, 0);
	/* One function is slow only after two seconds. */
	set(&puppets, "f", "slow=2s");
	puppets_do(&puppets, &order);
	must_be_more(&puppets, 0, 200, 0);
	set(&puppets, "f", "keep=1");
	puppets_do(&puppets, &order);
	must_be_more(&puppets, 200, 0, 0);
	end_puppets(&puppets);
}
END_TEST

START_TEST(slow_calls_are_kept)
{
	struct fnt_log *log =
		open_log("slow", &(struct fnt_options){.size_bytes = MIB(1),
						       .settings = "keep=0 slow=1ms"});
	struct fnt_call *call = begin_call(log, "f", "slow");

	record_call(log, "f", "fast");
	nap_us(1500);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	ck_assert_uint_eq(region_stat("slow").recorded + region_stat("slow").sampled,
			  2);
	ck_assert_uint_ge(region_stat("slow").recorded, 1);
	fnt_log_close(log);
}
END_TEST

#define TREES 20000u

/* How often each tree is there, in all processes together. */
static void
count_trees(struct puppets *puppets, unsigned char *seen)
{
	struct fnt_traces *traces = newest_of(puppets, PUPPETS * TREES);

	memset(seen, 0, TREES);
	for (size_t i = 0; i < traces->count; i++)
		if (traces->items[i].trace_id[1] < TREES)
			seen[traces->items[i].trace_id[1]]++;
	fnt_traces_free(traces);
}

/* These trace ids give the same numbers each time. The bounds are five standard
 * deviations. */
START_TEST(share_of_trees_is_kept)
{
	static unsigned char seen[TREES], before[TREES];
	static const struct {
		const char *settings;
		uint32_t low, high;
	} shares[] = {
		{"keep=0.02", 301, 499},
		{"keep=0.1", 1788, 2212},
	};
	struct puppets puppets = start_puppets("share");
	struct order order = {.fn = "f", .outcome = FNT_OK, .first_tree = 1};

	order.count = TREES - 1;
	look(&puppets);
	for (int i = 0; i < 2; i++) {
		uint32_t trees = 0;

		set(&puppets, NULL, shares[i].settings);
		puppets_do(&puppets, &order);
		count_trees(&puppets, seen);
		for (uint32_t tree = 0; tree < TREES; tree++) {
			/* All processes decide alike, and a larger share keeps all that
			 * a smaller one keeps. */
			MUST(seen[tree] % PUPPETS == 0);
			MUST(!before[tree] || seen[tree] >= before[tree] + PUPPETS);
			trees += seen[tree] > before[tree];
		}
		ck_assert_uint_ge(trees, shares[i].low);
		ck_assert_uint_le(trees, shares[i].high);
		must_be_more(&puppets, PUPPETS * trees, PUPPETS * (TREES - 1 - trees),
			     0);
		memcpy(before, seen, sizeof(before));
	}
	end_puppets(&puppets);
}
END_TEST

START_TEST(trees_are_kept_whole)
{
	struct fnt_log *log =
		open_log("whole", &(struct fnt_options){.size_bytes = MIB(8),
							.settings = "keep=0.5"});
	struct fnt_traces *traces;
	uint64_t sampled;

	for (int i = 0; i < 2000; i++) {
		struct fnt_call *root = begin_call(log, "root", "1");
		struct fnt_call *child =
			fnt_call_begin(log, &(struct fnt_call_info){.fn_name = "child",
								    .parent = root});

		MUST(fnt_call_finish_ok(child, NULL) == FNT_DONE);
		MUST(fnt_call_finish_ok(root, NULL) == FNT_DONE);
	}
	traces = newest(log, 4000);
	sampled = region_stat("whole").sampled;
	ck_assert_uint_eq(traces->count + sampled, 4000);
	/* The library's own random ids: twenty standard deviations. */
	ck_assert_uint_gt(traces->count, 1100);
	ck_assert_uint_lt(traces->count, 2900);
	for (size_t i = 0; i < traces->count; i += 2) {
		MUST(traces->items[i].trace_id[0] == traces->items[i + 1].trace_id[0]);
		MUST(traces->items[i].trace_id[1] == traces->items[i + 1].trace_id[1]);
	}
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

/* ---- rate ------------------------------------------------------------------------ */

static uint64_t
second_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

/* One process first: a name that several add at once may get two ids, and so two rates,
 * if the process that writes it is interrupted. */
static void
check_rate(struct puppets *puppets, const char *fn, uint64_t rate)
{
	uint64_t begin = second_now(), seconds, recorded, limited;
	struct order first = {.count = 1, .outcome = FNT_OK};
	struct fnt_stat now;

	strcpy(first.fn, fn);
	puppets_do_some(puppets, 1, &first);
	puppets_call(puppets, fn, 2000);
	seconds = second_now() - begin + 1;
	now = stat_of(puppets->reader);
	recorded = now.recorded - last.recorded;
	limited = now.limited - last.limited;
	ck_assert_uint_eq(recorded + limited, 8001);
	ck_assert_uint_eq(now.total - last.total, 8001);
	ck_assert_uint_ge(recorded, rate);
	ck_assert_uint_le(recorded, rate * seconds);
	last = now;
}

START_TEST(rate_limits_calls_a_second)
{
	struct puppets puppets = start_puppets("rate");
	struct order order = {.fn = "f", .count = 200, .outcome = FNT_ERROR};
	char name[400];

	look(&puppets);
	set(&puppets, NULL, "rate=10 slow=1s");
	for (int i = 0; i < ROUNDS(20, 5); i++) {
		snprintf(name, sizeof(name), "f%d", i);
		check_rate(&puppets, name, 10);
	}
	set(&puppets, "one:*", "rate=1");
	set(&puppets, "none:*", "rate=off");
	check_rate(&puppets, "one:f", 1);
	check_rate(&puppets, "one:g", 1);
	/* Names too long for the table share one rate. */
	memset(name, 'x', sizeof(name));
	name[300] = '\0';
	check_rate(&puppets, name, 10);
	/* The rate limits only calls that nothing else keeps. */
	puppets_do(&puppets, &order);
	must_be_more(&puppets, 800, 0, 0);
	order.outcome = FNT_OK;
	order.pushed_ns = 2000000000;
	puppets_do(&puppets, &order);
	must_be_more(&puppets, 800, 0, 0);
	ck_assert_uint_eq(puppets_call(&puppets, "none:f", 200), 800);
	must_be_more(&puppets, 800, 0, 0);
	/* Sampled-out calls do not count against the rate. */
	set(&puppets, NULL, "keep=0");
	ck_assert_uint_eq(puppets_call(&puppets, "g", 200), 800);
	must_be_more(&puppets, 0, 800, 0);
	end_puppets(&puppets);
}
END_TEST

FIXTURE_MAIN("rules", disabled_and_enabled, disabled_for_some_functions,
	     errors_are_always_kept, slow_calls_are_kept, share_of_trees_is_kept,
	     trees_are_kept_whole, rate_limits_calls_a_second)
