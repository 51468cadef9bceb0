/* SPDX-License-Identifier: MIT
 *
 * test_membarrier.c: hosts to which membarrier(2) is refused: from the start of the
 * program, or once threads are recording.
 */
#include "support/controls.h"
#include "support/refuse.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/rcu.h"

#define THREADS 3
#define CHANGES 80 /* more than are retired before a grace period is waited for */

static const int refusals[] = {EPERM, ENOSYS, EINVAL};

/* ---- a host ---------------------------------------------------------------------- */

static struct fnt_log *log_;
static atomic_bool over;
static _Atomic uint64_t begun;

/* Record until told to end, or the log is closed. */
static void *
record_on(void *unused)
{
	while (!atomic_load(&over)) {
		struct fnt_call *call = begin_call(log_, "fn", "1");

		if (!call)
			break;
		atomic_fetch_add(&begun, 1);
		fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
		fnt_call_finish_ok(call, NULL);
	}
	return unused;
}

static void
start(pthread_t threads[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_create(&threads[i], NULL, record_on, NULL));
	while (atomic_load(&begun) < 1000)
		nap_us(1000);
}

static void
join(pthread_t threads[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_join(threads[i], NULL));
}

/* What an operator does. Each change reaches the threads, which wait for grace
 * periods. */
static void
change_all(const char *name)
{
	struct fnt_control *control = open_control(name);
	struct fnt_error error;

	for (int i = 0; i < CHANGES; i++) {
		uint64_t before = atomic_load(&begun);

		MUST(!set_one(control, NULL, i % 2 ? "slow=1s" : "slow=2s", &error));
		while (atomic_load(&begun) < before + THREADS)
			nap_us(100);
	}
	MUST(!set_one(control, NULL, "slow=default", &error));
	for (int i = 1; i <= 3; i++) {
		MUST(!fnt_control_resize(control, MIB(2) * (unsigned)i, NULL, &error));
		nap_us(20000);
	}
	fnt_control_close(control);
}

static void
must_have_counted(const char *name)
{
	struct fnt_stat stat = region_stat(name);

	/* Not ck_assert, which a program of its own may not use. */
	MUST(stat.recorded + stat.dropped == atomic_load(&begun));
	MUST(!stat.frames);
	must_be_sound(name);
	MUST(!unlink(region_path(name, ".fnt")));
}

static void
live(const char *name)
{
	pthread_t threads[THREADS];

	log_ = open_log(name, NULL);
	start(threads);
	change_all(name);
	atomic_store(&over, true);
	join(threads);
	fnt_log_close(log_);
	must_have_counted(name);
}

/* ---- tests ----------------------------------------------------------------------- */

START_TEST(refused_before_open)
{
	refuse(SYS_membarrier, refusals[_i]);
	live("before");
}
END_TEST

START_TEST(refused_before_the_first_call)
{
	log_ = open_log("first", NULL);
	refuse(SYS_membarrier, refusals[_i]);
	record_call(log_, "fn", "1");
	fnt_log_close(log_);
	atomic_fetch_add(&begun, 1);
	must_have_counted("first");
}
END_TEST

/* The threads have been on fast paths, without fences, when the barrier is refused. */
START_TEST(refused_while_recording)
{
	pthread_t threads[THREADS];

	log_ = open_log("while", NULL);
	start(threads);
	ck_assert(fnt_rcu_is_fast());
	refuse(SYS_membarrier, refusals[_i]);
	change_all("while");
	ck_assert(!fnt_rcu_is_fast());
	atomic_store(&over, true);
	join(threads);
	fnt_log_close(log_);
	must_have_counted("while");
}
END_TEST

/* Closing is what waits first, with calls open and threads that go on. */
START_TEST(refused_before_close)
{
	pthread_t threads[THREADS];
	struct fnt_call *call;

	log_ = open_log("close", NULL);
	call = begin_call(log_, "fn", "open");
	start(threads);
	refuse(SYS_membarrier, refusals[_i]);
	fnt_log_close(log_);
	join(threads);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), -ESHUTDOWN);
	ck_assert_uint_eq(region_stat("close").producers, 0);
	atomic_fetch_add(&begun, 1);
	must_have_counted("close");
}
END_TEST

/* A forked worker is sandboxed, its parent is not. */
START_TEST(refused_in_a_child)
{
	pid_t pid;

	log_ = open_log("child", NULL);
	record_call(log_, "fn", "parent");
	pid = fork();
	if (!pid) {
		refuse(SYS_membarrier, refusals[_i]);
		CHILD_MUST(record_call(log_, "fn", "child") == FNT_DONE);
		fnt_log_close(log_);
		_exit(0);
	}
	must_end_well(pid);
	record_call(log_, "fn", "parent");
	fnt_log_close(log_);
	atomic_fetch_add(&begun, 3);
	must_have_counted("child");
}
END_TEST

/* ---- from the start of the program ----------------------------------------------- */

#define PROGRAM "--live"

static const char *self;

/* The filter is in force when the program, and liburcu in it, starts. */
START_TEST(refused_from_the_start)
{
	pid_t pid = fork();

	if (!pid) {
		refuse(SYS_membarrier, refusals[_i]);
		execl(self, self, PROGRAM, NULL);
		_exit(1);
	}
	must_end_well(pid);
}
END_TEST

/* The host of refused_from_the_start. */
static int
run_program(void)
{
	if (fnt_rcu_is_fast())
		return EXIT_FAILURE;
	live("start");
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	int status;

	if (argc == 2 && !strcmp(argv[1], PROGRAM))
		return run_program();
	self = "/proc/self/exe";
	fixture_begin();
	status =
		SUITE_RUN_LOOPS("membarrier", {refused_before_open, 3},
				{refused_before_the_first_call, 3},
				{refused_while_recording, 3}, {refused_before_close, 3},
				{refused_in_a_child, 3}, {refused_from_the_start, 3});
	fixture_end();
	return status;
}
