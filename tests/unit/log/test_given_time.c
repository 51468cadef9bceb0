/* SPDX-License-Identifier: MIT
 *
 * Calls that bear the times that their thread gives.
 */
#include "base/clock.h"
#include "support/fixture.h"

#include <pthread.h>

#define MS 1000000ull

/* A time that the test may give: no earlier than what the thread has recorded. */
static uint64_t
next_time(struct fnt_log *log)
{
	ck_assert_int_eq(fnt_log_set_time(log, fnt_clock_mono()), 0);
	return fnt_clock_mono();
}

/* A call with an op of each kind, at times ms after `at`. */
static void
record(struct fnt_log *log, uint64_t at)
{
	struct fnt_call *call;
	int64_t op;

	ck_assert_int_eq(fnt_log_set_time(log, at), 0);
	call = begin_call(log, "fn", "given");
	ck_assert_int_eq(fnt_log_set_time(log, at + 10 * MS), 0);
	op = fnt_call_op_begin(call, FNT_OP_GET, "E", NULL);
	ck_assert_int_ge(op, 0);
	ck_assert_int_eq(fnt_log_set_time(log, at + 25 * MS), 0);
	ck_assert_int_eq(fnt_call_op_end(call, op, 1, true), FNT_DONE);
	ck_assert_int_eq(fnt_log_set_time(log, at + 40 * MS), 0);
	ck_assert_int_eq(fnt_call_op(call, FNT_OP_LIST, "F", NULL, 5 * MS, 1, true),
			 FNT_DONE);
	ck_assert_int_eq(fnt_log_set_time(log, at + 100 * MS), 0);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
}

static void
check(const struct fnt_trace *trace, uint64_t wall_ns)
{
	int64_t off = (int64_t)(trace->started_at_ns - wall_ns);

	ck_assert_uint_eq(trace->duration_ns, 100 * MS);
	ck_assert_int_lt(off, (int64_t)(50 * MS));
	ck_assert_int_gt(off, -(int64_t)(50 * MS));
	ck_assert_uint_eq(trace->op_count, 2);
	ck_assert_uint_eq(trace->ops[0].start_ns, 10 * MS);
	ck_assert_uint_eq(trace->ops[0].duration_ns, 15 * MS);
	ck_assert_uint_eq(trace->ops[1].start_ns, 35 * MS);
	ck_assert_uint_eq(trace->ops[1].duration_ns, 5 * MS);
}

/* Fast paths are warm before: none of them may be taken. */
START_TEST(calls_bear_the_given_times)
{
	struct fnt_log *log = open_log("given", NULL);
	struct fnt_traces *traces;
	uint64_t at, wall;

	for (int i = 0; i < 100; i++)
		record_call(log, "fn", "warm");
	for (int i = 0; i < 3; i++) {
		at = next_time(log) + (uint64_t)i * 200 * MS;
		wall = fnt_clock_ns(CLOCK_REALTIME) + (uint64_t)i * 200 * MS;
		record(log, at);
		traces = newest(log, 1);
		check(&traces->items[0], wall);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
}
END_TEST

/* A time before the latest one counts as that one. */
START_TEST(times_never_run_back)
{
	struct fnt_log *log = open_log("back", NULL);
	uint64_t at = next_time(log);
	struct fnt_traces *traces;
	struct fnt_call *call;

	ck_assert_int_eq(fnt_log_set_time(log, at), 0);
	call = begin_call(log, "fn", "a");
	ck_assert_int_eq(fnt_log_set_time(log, at + 50 * MS), 0);
	ck_assert_int_ge(fnt_call_op_begin(call, FNT_OP_GET, "E", NULL), 0);
	ck_assert_int_eq(fnt_log_set_time(log, at + 20 * MS), 0);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->items[0].duration_ns, 50 * MS);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

/* Given times lie in the future; once the clock goes by itself, it waits there. */
START_TEST(the_clock_goes_on)
{
	struct fnt_log *log = open_log("on", NULL);
	struct fnt_traces *traces;
	struct fnt_call *call;

	ck_assert_int_eq(fnt_log_set_time(log, next_time(log)), 0);
	call = begin_call(log, "fn", "a");
	ck_assert_int_eq(fnt_log_set_time(log, 0), 0);
	nap_us(30000);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	for (int i = 0; i < 100; i++)
		record_call(log, "fn", "b");
	traces = newest(log, 101);
	ck_assert_uint_eq(traces->count, 101);
	ck_assert_uint_ge(traces->items[100].duration_ns, 29 * MS);
	ck_assert_uint_lt(traces->items[100].duration_ns, 60 * FNT_SECOND_NS);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

static void *
in_a_thread(void *log)
{
	record_call(log, "fn", "other");
	return NULL;
}

/* Only this thread's calls of this log bear them. */
START_TEST(others_go_by_the_clock)
{
	struct fnt_log *log = open_log("one", NULL), *other = open_log("other", NULL);
	uint64_t far = next_time(log) + 3600 * FNT_SECOND_NS, now;
	struct fnt_traces *traces;
	pthread_t thread;

	ck_assert_int_eq(fnt_log_set_time(log, far), 0);
	record_call(log, "fn", "far");
	record_call(other, "fn", "other log");
	ck_assert_int_eq(pthread_create(&thread, NULL, in_a_thread, log), 0);
	pthread_join(thread, NULL);
	now = fnt_clock_ns(CLOCK_REALTIME);
	traces = newest(other, 1);
	ck_assert_uint_le(traces->items[0].started_at_ns, now + 60 * FNT_SECOND_NS);
	fnt_traces_free(traces);
	traces = newest(log, 2);
	for (int i = 0; i < 2; i++) {
		bool is_far = !strcmp(traces->items[i].call_id, "far");

		ck_assert_int_eq(traces->items[i].started_at_ns >
					 now + 1800 * FNT_SECOND_NS,
				 is_far);
	}
	fnt_traces_free(traces);
	fnt_log_close(log);
	ck_assert_int_eq(fnt_log_set_time(log, 1), -ESHUTDOWN);
	ck_assert_int_eq(fnt_log_set_time(NULL, 1), -ESHUTDOWN);
	fnt_log_close(other);
}
END_TEST

FIXTURE_MAIN("given_time", calls_bear_the_given_times, times_never_run_back,
	     the_clock_goes_on, others_go_by_the_clock)
