/* SPDX-License-Identifier: MIT
 *
 * test_kept.c: the kept ring: which records go there, and how both rings are read as
 * one.
 */
#include "support/fixture.h"

#include <fntrace/control.h>

static void
finish(struct fnt_log *log, const char *id, bool good)
{
	struct fnt_call *call = begin_call(log, "fn", id);

	if (good)
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	else
		MUST(fnt_call_finish_error(call, "E", id) == FNT_DONE);
}

static void
finish_numbered(struct fnt_log *log, uint64_t n, bool good)
{
	char id[32];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)n);
	finish(log, id, good);
}

/* ---- errors under many calls ----------------------------------------------------- */

/* A hundred errors, evenly spaced among ten million successful calls. */
START_TEST(hundred_errors_under_ten_million_calls)
{
	const uint64_t calls = ROUNDS(10000000ull, 100000ull);
	struct fnt_log *log = open_sized("flood", MIB(4));
	struct fnt_call_info info = {.call_id = "flood", .fn_name = "healthy"};
	struct fnt_traces *traces;

	for (uint64_t n = 1; n <= calls; n++) {
		if (n % (calls / 100) == calls / 200)
			finish_numbered(log, n, false);
		else
			MUST(fnt_call_finish_ok(fnt_call_begin(log, &info), NULL) ==
			     FNT_DONE);
	}
	ck_assert_uint_eq(fnt_log_total_count(log), calls);
	MUST(!fnt_log_errors(log, 1000, &traces));
	ck_assert_uint_eq(traces->count, 100);
	for (uint64_t i = 0; i < 100; i++)
		ck_assert_uint_eq(number_of(&traces->items[i]),
				  calls - calls / 200 - i * (calls / 100));
	fnt_traces_free(traces);
	/* The main ring has been lapped many times meanwhile. */
	ck_assert_uint_lt(region_stat("flood").retained, calls / 2);
	fnt_log_close(log);
	must_be_sound("flood");
}
END_TEST

/* All calls that failed are kept, and those that the settings call slow. */
START_TEST(errors_and_slow_calls_are_kept)
{
	struct fnt_options options = {.size_bytes = MIB(1), .settings = "slow=1ms"};
	struct fnt_log *log = open_log("which", &options);
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	bool slow = false;

	finish(log, "error", false);
	MUST(!fnt_call_finish_rolled_back(begin_call(log, "fn", "rolled"), "E", "m"));
	MUST(!fnt_call_abandon(begin_call(log, "fn", "aborted")));
	{
		struct fnt_call *call = begin_call(log, "fn", "slow");

		nap_us(3000);
		MUST(!fnt_call_finish_ok(call, NULL));
	}
	for (int i = 0; i < 20000; i++)
		finish(log, "healthy", true);
	MUST(!fnt_log_errors(log, 10, &traces));
	ck_assert_uint_eq(traces->count, 3);
	fnt_traces_free(traces);
	reader = open_reader("which");
	MUST(!fnt_reader_query(reader, &(struct fnt_query){.limit = SIZE_MAX},
			       &traces));
	for (size_t i = 0; i < traces->count; i++)
		slow |= !strcmp(traces->items[i].call_id, "slow");
	ck_assert(slow);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- both rings as one ----------------------------------------------------------- */

/* Traces come newest first, from whatever ring. Calls of one thread are in exact order.
 */
static void
must_be_merged(struct fnt_log *log, uint64_t newest, size_t limit)
{
	struct fnt_traces *traces;

	MUST(!fnt_log_recent(log, limit, &traces));
	ck_assert_uint_eq(traces->count, limit < newest ? limit : newest);
	for (size_t i = 0; i < traces->count; i++)
		ck_assert_uint_eq(number_of(&traces->items[i]), newest - i);
	fnt_traces_free(traces);
}

START_TEST(newest_first_over_both_rings)
{
	struct fnt_log *log = open_sized("both", MIB(4));
	struct rnd r = {7};

	for (uint64_t n = 1; n <= 3000; n++) {
		finish_numbered(log, n, rnd(&r, 10));
		if (n % 500 == 0) {
			must_be_merged(log, n, 1);
			must_be_merged(log, n, 100);
			must_be_merged(log, n, SIZE_MAX);
		}
	}
	ck_assert_uint_eq(fnt_log_len(log), 3000);
	fnt_log_close(log);
}
END_TEST

/* Pushed records carry their own times, which may be any. They are returned in the
 * order in which they were pushed. */
START_TEST(pushed_in_any_order_of_time)
{
	struct fnt_log *log = open_sized("pushed", MIB(4));
	struct rnd r = {11};
	char id[32];

	for (uint64_t n = 1; n <= 1000; n++) {
		struct fnt_trace trace = {
			.call_id = id,
			.fn_name = "fn",
			.outcome = rnd(&r, 3) ? FNT_OK : FNT_ERROR,
			.code = "E",
			.message = "m",
			.started_at_ns = 1 + (uint64_t)rnd(&r, 1u << 30) * 1000000000u,
			.duration_ns = rnd(&r, 1u << 30),
		};

		snprintf(id, sizeof(id), "%llu", (unsigned long long)n);
		if (n % 5)
			MUST(fnt_log_push(log, &trace) == FNT_DONE);
		else
			finish_numbered(log, n, n % 2);
		if (n % 200 == 0)
			must_be_merged(log, n, SIZE_MAX);
	}
	fnt_log_close(log);
}
END_TEST

/* A call that was in flight when its process died ended then, and is recorded now. */
START_TEST(aborted_calls_sort_by_recording)
{
	struct fnt_log *log = open_sized("late", MIB(4));
	struct latch ready = make_latch();
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *own = open_log("late", NULL);

		begin_call(own, "fn", "3");
		latch_open(&ready);
		for (;;)
			nap_us(100000);
	}
	latch_wait(&ready);
	kill_child(pid);
	finish_numbered(log, 1, true);
	finish_numbered(log, 2, false);
	fnt_log_close(log);
	log = open_log("late", NULL); /* recovers the dead process */
	finish_numbered(log, 4, true);
	must_be_merged(log, 4, SIZE_MAX);
	fnt_log_close(log);
}
END_TEST

/* The capacity limits the number of records in both rings together. */
START_TEST(capacity_spans_both_rings)
{
	struct fnt_options options = {.capacity = 50, .kept_percent = 20};
	struct fnt_log *log = open_log("window", &options);

	ck_assert_uint_gt(region_stat("window").kept_cells, 0);
	for (uint64_t n = 1; n <= 400; n++)
		finish_numbered(log, n, n % 3);
	ck_assert_uint_eq(fnt_log_len(log), 50);
	must_be_merged(log, 50 + 350, 50);
	fnt_log_close(log);
}
END_TEST

START_TEST(kept_share_of_the_cells)
{
	static const struct {
		uint32_t percent;
		uint64_t capacity;
		uint32_t low, high; /* bounds of its hundredth of the cells */
	} shares[] = {{0, 0, 9, 11},  {50, 0, 49, 51},
		      {1, 0, 0, 2},   {FNT_KEPT_NONE, 0, 0, 0},
		      {0, 100, 0, 0}, {30, 100, 29, 31}};
	struct fnt_error error = {0};

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct fnt_options options = {.size_bytes = MIB(8),
					      .kept_percent = shares[i].percent,
					      .capacity = shares[i].capacity};
		struct fnt_stat stat;
		char name[16];
		uint64_t share;

		snprintf(name, sizeof(name), "share%zu", i);
		fnt_log_close(open_log(name, &options));
		stat = region_stat(name);
		share = stat.kept_cells * 100 / (stat.cells + stat.kept_cells);
		ck_assert_uint_ge(share, shares[i].low);
		ck_assert_int_eq(stat.kept_cells > 0, shares[i].high > 0);
		ck_assert_uint_le(share, shares[i].high);
		must_be_sound(name);
	}
	for (uint32_t percent = 51; percent < 60; percent += 8) {
		struct fnt_options options = {.kept_percent = percent, .error = &error};
		struct fnt_log *log;

		ck_assert_int_eq(fnt_log_open(&log, "never", &options), -EINVAL);
		ck_assert_ptr_nonnull(strstr(error.message, "kept_percent"));
	}
}
END_TEST

/* Errors too large for the kept ring are in the main ring, and are found there. */
START_TEST(errors_too_large_for_the_kept_ring)
{
	struct fnt_options options = {.size_bytes = MIB(1), .kept_percent = 1};
	struct fnt_log *log = open_log("large", &options);
	struct fnt_traces *traces;
	static char message[4000];

	finish(log, "small", false);
	memset(message, 'm', sizeof(message) - 1);
	MUST(!fnt_call_finish_error(begin_call(log, "fn", "large"), "E", message));
	finish(log, "healthy", true);
	MUST(!fnt_log_errors(log, 10, &traces));
	ck_assert_uint_eq(traces->count, 2);
	ck_assert_str_eq(traces->items[0].call_id, "large");
	ck_assert_str_eq(traces->items[1].call_id, "small");
	fnt_traces_free(traces);
	fnt_log_close(log);
	must_be_sound("large");
}
END_TEST

/* A follower gets the records of both rings as one stream, each once. */
START_TEST(both_rings_followed_as_one)
{
	struct fnt_log *log = open_sized("follow", MIB(1));
	struct fnt_reader *reader = open_reader("follow");
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor;
	struct rnd r = {5};
	uint64_t last = 0, had = 0;

	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_NOW));
	for (uint64_t n = 1; n <= 5000; n++) {
		finish_numbered(log, n, rnd(&r, 4));
		if (n % 40 && n != 5000)
			continue;
		/* The follower waits a little for tickets that a thread has reserved.
		 */
		for (int idle = 0; idle < (n == 5000 ? 50 : 1); idle++) {
			while (fnt_cursor_next(cursor, &trace) == 1) {
				ck_assert_uint_gt(number_of(trace), last);
				last = number_of(trace);
				had++;
			}
			if (n == 5000)
				nap_us(1000);
		}
	}
	ck_assert_uint_eq(had + fnt_cursor_missed(cursor), 5000);
	ck_assert_uint_eq(fnt_cursor_missed(cursor), 0);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("kept", hundred_errors_under_ten_million_calls,
	     errors_and_slow_calls_are_kept, newest_first_over_both_rings,
	     pushed_in_any_order_of_time, aborted_calls_sort_by_recording,
	     capacity_spans_both_rings, kept_share_of_the_cells,
	     errors_too_large_for_the_kept_ring, both_rings_followed_as_one)
