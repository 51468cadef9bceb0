/* SPDX-License-Identifier: MIT
 *
 * test_locks.c: systems that refuse open-file-description locks, as gVisor and PRoot
 * did. Who holds a slot or the control lock is then known by a word in the region.
 * Linked with --wrap for fnt_open and fnt_open_stream: see without_proc.
 */
#include "support/controls.h"
#include "support/refuse.h"

#include <stdatomic.h>

#include "control/controller.h"

/* ---- a system without /proc ------------------------------------------------------ */

static bool without_proc;

int __real_fnt_open(const char *path, int flags);
int __wrap_fnt_open(const char *path, int flags);
FILE *__real_fnt_open_stream(const char *path);
FILE *__wrap_fnt_open_stream(const char *path);

static bool
is_missing(const char *path)
{
	if (!without_proc || strncmp(path, "/proc/", 6) != 0)
		return false;
	errno = ENOENT;
	return true;
}

int
__wrap_fnt_open(const char *path, int flags)
{
	return is_missing(path) ? -1 : __real_fnt_open(path, flags);
}

FILE *
__wrap_fnt_open_stream(const char *path)
{
	return is_missing(path) ? NULL : __real_fnt_open_stream(path);
}

/* ---- processes without locks ----------------------------------------------------- */

static const int refusals[] = {EINVAL, EPERM, ENOSYS, ENOLCK, EACCES};

static void
refuse_locks(int code)
{
	refuse_if(SYS_fcntl, 1, F_OFD_SETLK, code);
	refuse_if(SYS_fcntl, 1, F_OFD_GETLK, code);
}

static struct fnt_log *
open_small(const char *name)
{
	return open_sized(name, SMALLEST);
}

START_TEST(records_and_closes)
{
	char name[16];
	struct fnt_log *log;

	snprintf(name, sizeof(name), "plain-%d", _i);
	refuse_locks(refusals[_i]);
	log = open_small(name);
	record_numbers(log, 0, 100);
	ck_assert_uint_eq(region_stat(name).producers, 1);
	fnt_log_close(log);
	ck_assert_uint_eq(region_stat(name).producers, 0);
	ck_assert_uint_eq(region_stat(name).recorded, 100);
	must_be_sound(name);
}
END_TEST

/* Processes that die, each with a call in flight, give their slots back, and their
 * calls are recorded once: more processes than there are slots. */
START_TEST(dead_are_recovered)
{
	struct fnt_log *log;

	refuse_locks(refusals[_i]);
	for (unsigned i = 0; i < 3 * SMALL_PRODUCERS; i++) {
		pid_t pid = fork();

		if (!pid) {
			log = open_small("lives");
			CHILD_MUST(record_call(log, "fn", "ended") == FNT_DONE);
			CHILD_MUST(begin_call(log, "fn", "left"));
			_exit(0);
		}
		must_end_well(pid);
	}
	log = open_small("lives");
	ck_assert_uint_eq(region_stat("lives").producers, 1);
	ck_assert_uint_eq(region_stat("lives").recorded, 6 * SMALL_PRODUCERS);
	fnt_log_close(log);
	must_be_sound("lives");
	MUST(!unlink(region_path("lives", ".fnt")));
}
END_TEST

/* Live processes keep their slots and their calls, whoever comes and goes. When there
 * are no more slots, the reason is the true one. */
START_TEST(the_living_are_left_alone)
{
	struct latch ready = make_latch();
	pid_t pids[SMALL_PRODUCERS];
	struct fnt_error error;
	struct fnt_log *log;

	refuse_locks(EINVAL);
	fnt_log_close(open_small("living"));
	for (unsigned i = 0; i < SMALL_PRODUCERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			log = open_small("living");
			CHILD_MUST(begin_call(log, "fn", "1"));
			latch_open(&ready);
			for (;;)
				pause();
		}
		latch_wait(&ready);
		ck_assert_uint_eq(region_stat("living").producers, i + 1);
	}
	ck_assert_int_eq(
		fnt_log_open(&log, "living", &(struct fnt_options){.error = &error}),
		-EUSERS);
	ck_assert_ptr_nonnull(strstr(error.message, "all process slots are taken"));
	ck_assert_uint_eq(region_stat("living").recorded, 0);
	kill_child(pids[3]);
	log = open_small("living");
	ck_assert_uint_eq(region_stat("living").recorded, 1);
	ck_assert_uint_eq(region_stat("living").producers, SMALL_PRODUCERS);
	for (unsigned i = 0; i < SMALL_PRODUCERS; i++)
		if (i != 3)
			kill_child(pids[i]);
	fnt_log_close(log);
	fnt_log_close(open_small("living"));
	ck_assert_uint_eq(region_stat("living").recorded, SMALL_PRODUCERS);
	must_be_sound("living");
}
END_TEST

/* A process with locks and one without share a region. Each sees that the other lives,
 * and the one with locks recovers the other. */
START_TEST(one_with_locks_and_one_without)
{
	struct latch ready = make_latch(), go = make_latch();
	struct fnt_log *log = open_small("both");
	struct fnt_call *call = begin_call(log, "fn", "with");
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *own;

		refuse_locks(EINVAL);
		own = open_small("both");
		CHILD_MUST(begin_call(own, "fn", "without"));
		CHILD_MUST(region_stat("both").producers == 2);
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	fnt_log_close(open_small("both"));
	ck_assert_uint_eq(region_stat("both").producers, 2);
	ck_assert_uint_eq(region_stat("both").recorded, 0);
	kill_child(pid);
	fnt_log_close(open_small("both"));
	ck_assert_uint_eq(region_stat("both").producers, 1);
	ck_assert_uint_eq(region_stat("both").recorded, 1);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	fnt_log_close(log);
	ck_assert_uint_eq(region_stat("both").recorded, 2);
	latch_open(&go);
	must_be_sound("both");
}
END_TEST

/* The sandbox closes after the log was opened: the process has its lock, and can't see
 * those of others. It ends nobody. */
START_TEST(refused_later)
{
	struct latch ready = make_latch();
	struct fnt_log *log = open_small("later");
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *own = open_small("later");

		CHILD_MUST(begin_call(own, "fn", "other"));
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	refuse_locks(EPERM);
	record_numbers(log, 0, 10);
	fnt_log_close(open_small("later"));
	ck_assert_uint_eq(region_stat("later").recorded, 10);
	ck_assert_uint_eq(region_stat("later").producers, 2);
	fnt_log_close(log);
	kill_child(pid);
	/* Dead, as its pid is, and left to a process that sees locks. */
	reader = open_reader("later");
	traces = in_flight(reader);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
}
END_TEST

START_TEST(neither_locks_nor_proc)
{
	struct fnt_error error;
	struct fnt_log *log;

	refuse_locks(EINVAL);
	without_proc = true;
	ck_assert_int_eq(fnt_log_open(&log, "neither",
				      &(struct fnt_options){.size_bytes = SMALLEST,
							    .error = &error}),
			 -ENOLCK);
	ck_assert_ptr_nonnull(strstr(error.message, "file locks are refused"));
	ck_assert_ptr_nonnull(strstr(error.message, "mount /proc"));
}
END_TEST

/* ---- the control lock ------------------------------------------------------------ */

START_TEST(settings_are_changed)
{
	struct fnt_control *control;
	struct fnt_error error;

	fnt_log_close(open_small("settings"));
	refuse_locks(refusals[_i]);
	control = open_control("settings");
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	ck_assert_str_eq(text_of_all(settings_of(control)), "keep=0.5");
	fnt_control_close(control);
	MUST(!unlink(region_path("settings", ".fnt")));
}
END_TEST

static _Noreturn void
hold_control_lock(const struct latch *ready)
{
	struct fnt_control *control = open_control("control");

	refuse_locks(EINVAL);
	CHILD_MUST(!fnt_control_lock(control, NULL));
	latch_open(ready);
	for (;;)
		pause();
}

/* Whoever holds the lock without file locks holds it against both kinds, until it is
 * killed. (One without can't see the lock of one with.) */
START_TEST(control_lock_is_held)
{
	struct latch ready = make_latch();
	struct fnt_control *control;
	struct fnt_error error;
	bool with_locks = _i;
	pid_t pid;

	fnt_log_close(open_small("control"));
	pid = fork();
	if (!pid)
		hold_control_lock(&ready);
	latch_wait(&ready);
	control = open_control("control");
	if (!with_locks)
		refuse_locks(EINVAL);
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), -EBUSY);
	kill_child(pid);
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	fnt_control_close(control);
	MUST(!unlink(region_path("control", ".fnt")));
}
END_TEST

FIXTURE_MAIN_LOOPS("locks", {records_and_closes, 5}, {dead_are_recovered, 5},
		   {the_living_are_left_alone, 1}, {one_with_locks_and_one_without, 1},
		   {refused_later, 1}, {neither_locks_nor_proc, 1},
		   {settings_are_changed, 5}, {control_lock_is_held, 2})
