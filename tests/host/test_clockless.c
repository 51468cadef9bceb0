/* SPDX-License-Identifier: MIT
 *
 * test_clockless.c: hosts to which the clock is refused: where there is no vDSO,
 * clock_gettime is a system call. Linked with --wrap for it.
 */
#include "support/controls.h"

static bool refused;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!refused)
		return __real_clock_gettime(clock, now);
	errno = EPERM;
	return -1;
}

/* Calls are recorded, in order, and took no time that is known. Nothing waits for a
 * clock that stands. */
static void
live(const char *name)
{
	struct fnt_log *log = open_log(name, NULL);
	struct fnt_control *control;
	struct fnt_traces *traces;
	struct fnt_error error;

	record_numbers(log, 0, 100);
	control = open_control(name);
	for (int i = 0; i < 20; i++) {
		MUST(!set_one(control, NULL, i % 2 ? "slow=1s" : "slow=2s", &error));
		record_numbers(log, 100, 1);
	}
	MUST(!fnt_control_resize(control, MIB(2), NULL, &error));
	fnt_control_close(control);
	record_numbers(log, 100, 1);
	traces = newest(log, 200);
	ck_assert_uint_eq(traces->count, 121);
	for (size_t i = 0; i < traces->count; i++)
		MUST(traces->items[i].duration_ns < 60000000000u);
	fnt_traces_free(traces);
	fnt_log_close(log);
	ck_assert_uint_eq(region_stat(name).recorded, 121);
	must_be_sound(name);
}

START_TEST(refused_from_the_start)
{
	setenv("FNTRACE_CLOCK", _i ? "vdso" : "", 1);
	refused = true;
	live(_i ? "start-vdso" : "start");
	refused = false; /* for the suite's own clock */
}
END_TEST

START_TEST(refused_later)
{
	struct fnt_log *log;

	setenv("FNTRACE_CLOCK", _i ? "vdso" : "", 1);
	log = open_log("first", NULL);
	record_numbers(log, 0, 1);
	refused = true;
	record_numbers(log, 1, 100);
	fnt_log_close(log);
	live(_i ? "later-vdso" : "later");
	refused = false;
}
END_TEST

FIXTURE_MAIN_LOOPS("clockless", {refused_from_the_start, 2}, {refused_later, 2})
