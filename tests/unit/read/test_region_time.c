/* SPDX-License-Identifier: MIT
 *
 * test_region_time.c: calls are ordered by a time that never runs back: when the wall
 * clock is set, after a reboot, and for traces that were pushed. Linked with
 * --wrap=clock_gettime.
 */
#include "region/region_time.h"
#include "ring/record_read.h"
#include "support/fixture.h"

#include "read/attached.h"

#include <pthread.h>

#define HOUR_NS 3600000000000ll

static _Atomic int64_t wall_step_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int rc = __real_clock_gettime(clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += (time_t)(wall_step_ns / 1000000000);
	return rc;
}

/* ---- the wall clock ------------------------------------------------------------- */

static void *
record_ten(void *arg)
{
	for (unsigned i = 0; i < 10; i++) {
		struct fnt_call *call = begin_call(arg, "fn", "x");

		if (i % 2)
			fnt_call_finish_ok(call, NULL);
		else
			fnt_call_finish_error(call, "E", "m");
	}
	return NULL;
}

/* In a new thread, whose clock is set by what the wall clock shows now. */
static void
record_at_wall(struct fnt_log *log, int64_t step_ns)
{
	pthread_t thread;

	wall_step_ns = step_ns;
	MUST(!pthread_create(&thread, NULL, record_ten, log));
	MUST(!pthread_join(thread, NULL));
	wall_step_ns = 0;
}

/* Calls in both rings, then as many an hour earlier by the wall clock, and again. */
static struct fnt_log *
record_three_times(const char *name)
{
	struct fnt_log *log = open_log(name, NULL);

	record_at_wall(log, 0);
	record_at_wall(log, -HOUR_NS);
	record_at_wall(log, -2 * HOUR_NS);
	return log;
}

/* Which of the three a trace is of, by its wall time. */
static unsigned
part_of(const struct fnt_trace *trace, uint64_t now_ns)
{
	return (unsigned)((now_ns + HOUR_NS / 2 - trace->started_at_ns) / HOUR_NS);
}

static uint64_t
wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

START_TEST(queries_after_the_wall_clock_was_set_back)
{
	struct fnt_log *log = record_three_times("back");
	struct fnt_traces *traces = newest(log, 30);

	ck_assert_uint_eq(traces->count, 30);
	for (unsigned i = 0; i < 30; i++) {
		ck_assert_uint_eq(part_of(&traces->items[i], wall_now()), 2 - i / 10);
		ck_assert(!i || traces->items[i].started_mono_ns <=
					traces->items[i - 1].started_mono_ns);
	}
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

START_TEST(followers_after_the_wall_clock_was_set_back)
{
	struct fnt_log *log = record_three_times("follow");
	struct fnt_reader *reader = open_reader("follow");
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor;
	unsigned seen = 0;

	ck_assert(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	while (seen < 30) {
		int rc = fnt_cursor_next(cursor, &trace);

		ck_assert_int_ge(rc, 0);
		if (rc == 1)
			ck_assert_uint_eq(part_of(trace, wall_now()), seen++ / 10);
	}
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* A call in flight lasts as long as it does, and those in flight are in order. */
START_TEST(calls_in_flight)
{
	struct fnt_log *log = open_log("flight", NULL);
	struct fnt_reader *reader = open_reader("flight");
	struct fnt_call *first = begin_call(log, "fn", "first"), *second;
	struct fnt_traces *traces;

	wall_step_ns = HOUR_NS;
	ck_assert(!fnt_reader_in_flight(reader, &traces));
	ck_assert_uint_lt(traces->items[0].duration_ns, HOUR_NS / 2);
	fnt_traces_free(traces);
	wall_step_ns = -HOUR_NS;
	usleep(1100000); /* until the thread reads the wall clock again */
	second = begin_call(log, "fn", "second");
	ck_assert(!fnt_reader_in_flight(reader, &traces));
	ck_assert_uint_eq(traces->count, 2);
	ck_assert_str_eq(traces->items[0].call_id, "first");
	ck_assert_uint_gt(traces->items[0].started_at_ns,
			  traces->items[1].started_at_ns);
	ck_assert_uint_gt(traces->items[0].duration_ns, traces->items[1].duration_ns);
	ck_assert_uint_le(traces->items[1].started_mono_ns, fnt_reader_now_ns(reader));
	fnt_traces_free(traces);
	fnt_call_finish_ok(first, NULL);
	fnt_call_finish_ok(second, NULL);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* What was pushed came when it was pushed, whatever it says. */
START_TEST(pushed_traces)
{
	struct fnt_log *log = open_log("push", NULL);
	struct fnt_trace old = {.call_id = "old",
				.outcome = FNT_OK,
				.started_at_ns = wall_now() - HOUR_NS,
				.duration_ns = 1000};
	struct fnt_traces *traces;
	struct fnt_call *call;

	call = begin_call(log, "fn", "failed");
	fnt_call_finish_error(call, "E", "m");
	ck_assert_int_eq(fnt_log_push(log, &old), FNT_DONE);
	traces = newest(log, 2);
	ck_assert_str_eq(traces->items[0].call_id, "old");
	ck_assert_uint_eq(traces->items[0].started_at_ns, old.started_at_ns);
	/* Its start in region time is what its wall time says. */
	ck_assert(llabs((int64_t)(traces->items[1].started_mono_ns -
				  traces->items[0].started_mono_ns) -
			HOUR_NS) < HOUR_NS / 10 ||
		  !traces->items[0].started_mono_ns);
	ck_assert_uint_eq(traces->items[0].seen_dead_ns, 0);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

/* ---- a reboot ------------------------------------------------------------------- */

static struct fnt_view *
view_of(struct fnt_reader *reader)
{
	return &reader->region.view;
}

/* Make the region one of another boot, in which its clock was `ahead_ns` ahead of ours
 * when the last call was recorded. */
static void
pretend_reboot(const char *name, uint64_t ahead_ns)
{
	struct fnt_reader *reader = open_reader(name);
	size_t bytes;
	unsigned char *file = map_region_file(name, &bytes);
	const struct fnt_view *view = view_of(reader);
	fnt_word *base =
		(fnt_word *)(void *)(file +
				     ((unsigned char *)&view->control->time_base -
				      view->base));
	struct fnt_ring_position at = fnt_ring_position_of(
		&fnt_view_segments(view, FNT_RING_MAIN)->at[0],
		fnt_ring_oldest(view, FNT_RING_MAIN,
				fnt_ring_cursor(view, FNT_RING_MAIN)));
	const fnt_word *mono =
		&fnt_ring_position_cell(&at)->words[FNT_RECORD_WORD(started_mono)];
	fnt_word *to =
		(fnt_word *)(void *)(file + ((const unsigned char *)mono - view->base));

	atomic_store(to, atomic_load(to) + ahead_ns);
	atomic_fetch_xor(base, 0x5555u);
	munmap(file, bytes);
	fnt_reader_close(reader);
}

static void
check_reboot(const char *name, uint64_t ahead_ns)
{
	struct fnt_log *log = open_log(name, NULL);
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	uint64_t before;

	record_call(log, "fn", "before");
	fnt_log_close(log);
	pretend_reboot(name, ahead_ns);
	reader = open_reader(name);
	ck_assert_int_eq(fnt_reader_state(reader), FNT_REGION_OTHER_BOOT);
	ck_assert_uint_eq(fnt_reader_now_ns(reader), 0);
	log = open_log(name, NULL);
	ck_assert_int_eq(fnt_reader_state(reader), FNT_REGION_CURRENT);
	fnt_call_finish_error(begin_call(log, "fn", "after"), "E", "m");
	traces = newest(log, 2);
	ck_assert_str_eq(traces->items[0].call_id, "after");
	before = traces->items[1].started_mono_ns;
	ck_assert_uint_gt(traces->items[0].started_mono_ns, before);
	/* It goes on where it was, and not years later. */
	ck_assert_uint_lt(traces->items[0].started_mono_ns, before + HOUR_NS);
	ck_assert_uint_ge(fnt_reader_now_ns(reader), traces->items[0].started_mono_ns);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	fnt_log_close(log);
	/* Once only: the next process finds it done. */
	reader = open_reader(name);
	before = atomic_load(&view_of(reader)->control->time_base);
	log = open_log(name, NULL);
	ck_assert_uint_eq(atomic_load(&view_of(reader)->control->time_base), before);
	fnt_log_close(log);
	fnt_reader_close(reader);
}

START_TEST(region_time_goes_on_after_a_reboot)
{
	check_reboot("reboot", 0);
	check_reboot("later", 24 * HOUR_NS);
}
END_TEST

/* A damaged time does not take region time out of its range. */
START_TEST(damaged_times)
{
	struct fnt_log *log = open_log("damaged", NULL);
	struct fnt_reader *reader;

	record_call(log, "fn", "before");
	fnt_log_close(log);
	pretend_reboot("damaged", UINT64_MAX / 2);
	log = open_log("damaged", NULL);
	record_call(log, "fn", "after");
	reader = open_reader("damaged");
	ck_assert_uint_lt(fnt_reader_now_ns(reader), 1ull << 62);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("region_time", queries_after_the_wall_clock_was_set_back,
	     followers_after_the_wall_clock_was_set_back, calls_in_flight,
	     pushed_traces, region_time_goes_on_after_a_reboot, damaged_times)
