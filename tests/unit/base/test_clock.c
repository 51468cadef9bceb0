/* SPDX-License-Identifier: MIT
 *
 * test_clock.c: the time stamp counter against the clock that it stands for, and a wall
 * clock that is stepped. Linked with --wrap=clock_gettime.
 */
#include "base/clock.h"
#include "support/fixture.h"

#include <pthread.h>

static int64_t wall_step_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int rc = __real_clock_gettime(clock, now);

	if (clock == CLOCK_REALTIME) {
		int64_t ns = now->tv_sec * 1000000000ll + now->tv_nsec + wall_step_ns;

		now->tv_sec = ns / 1000000000ll;
		now->tv_nsec = ns % 1000000000ll;
	}
	return rc;
}

/* A reading lies between two readings of the system's clock, give or take the error
 * that the header allows. This holds however long the thread is preempted in between.
 * A hypervisor that takes the processor away while an anchor is made, or the kernel
 * when it changes the rate of its clock, can make the error larger until the next
 * anchor: that may be so in one of a hundred readings, and never by 100 us. */
static void *
compare_clocks(void *arg)
{
	struct fnt_clock clock = {0};
	uint64_t last = 0, end = fnt_clock_mono() + ROUNDS(400, 100) * 1000000ull;
	uint64_t slack = 1000, most = 100000, readings = 0, outside = 0;

	(void)arg;
	for (;;) {
		uint64_t before = fnt_clock_mono();
		uint64_t now = fnt_clock_read(&clock);
		uint64_t after = fnt_clock_mono();

		if (before > end) {
			/* Where there is a counter, it was the counter that was
			 * compared. */
			MUST(!clock.limit == (fnt_clock_kind() != FNT_CLOCK_TSC));
			MUST(outside * 100 <= readings);
			return NULL;
		}
		MUST(now >= last);
		MUST(now + most >= before && now <= after + most);
		readings++;
		outside += now + slack < before || now > after + slack;
		last = now;
	}
}

START_TEST(counter_agrees_with_clock)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, compare_clocks, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* The thread is idle for longer than an anchor is valid, twice. No reading runs back.
 */
START_TEST(idle_thread_sets_its_clock_again)
{
	struct fnt_clock clock = {0};
	uint64_t last = 0;

	for (int i = 0; i < 60; i++) {
		struct timespec nap = {0, i * 100000};
		uint64_t before, now;

		nanosleep(&nap, NULL);
		before = fnt_clock_mono();
		now = fnt_clock_read(&clock);
		ck_assert_uint_ge(now, last);
		ck_assert_uint_ge(now + 1000, before);
		ck_assert_uint_le(now, fnt_clock_mono() + 1000);
		last = now;
	}
}
END_TEST

START_TEST(environment_chooses_clock)
{
	struct fnt_clock clock = {0};

	setenv("FNTRACE_CLOCK", "vdso", 1);
	ck_assert_int_eq(fnt_clock_kind(), FNT_CLOCK_VDSO);
	for (int i = 0; i < 100000; i++)
		fnt_clock_read(&clock);
	ck_assert_uint_eq(clock.limit, 0);
}
END_TEST

static uint64_t
started_at(struct fnt_log *log)
{
	struct fnt_traces *traces = newest(log, 1);
	uint64_t ns = traces->items[0].started_at_ns;

	ck_assert_uint_eq(traces->count, 1);
	ck_assert_uint_lt(traces->items[0].duration_ns, 60 * FNT_SECOND_NS);
	fnt_traces_free(traces);
	return ns;
}

/* The wall clock goes back by an hour in the middle of a call. The call's duration does
 * not change; calls that begin a second later have the new time. */
START_TEST(wall_clock_step_shows_within_a_second)
{
	const int64_t hour = 3600 * 1000000000ll;
	struct fnt_log *log = open_log("step", NULL);
	struct fnt_call *call = begin_call(log, "fn", "before");
	uint64_t before, after;

	wall_step_ns = -hour;
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	before = started_at(log);
	nap_us(1100000);
	record_call(log, "fn", "after");
	after = started_at(log);
	ck_assert_uint_lt(after, before);
	ck_assert_uint_lt(before - after, (uint64_t)hour);
	ck_assert_uint_gt(before - after, (uint64_t)hour - 60 * FNT_SECOND_NS);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("clock", counter_agrees_with_clock, idle_thread_sets_its_clock_again,
	     environment_chooses_clock, wall_clock_step_shows_within_a_second)
