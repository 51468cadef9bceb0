/* SPDX-License-Identifier: MIT
 *
 * test_latecomers.c: processes and threads that found no entry in the region when they
 * came, and forked children that could not open its file. They count their calls, look
 * again, and record once they can.
 */
#include "support/controls.h"
#include "support/refuse.h"

#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define WORKERS (SMALL_PRODUCERS + 6)
#define PATIENCE_MS 60000 /* for what comes within a second or two */

struct board {
	_Atomic int step;    /* told by the test */
	_Atomic int reached; /* workers that have come to it */
	_Atomic int done, dropped, refused;
};

static struct board *board;

static void
wait_for(const _Atomic int *what, int value)
{
	for (int ms = 0; atomic_load(what) < value; ms++) {
		MUST(ms < PATIENCE_MS);
		nap_us(1000);
	}
}

static void
pause_at(int step)
{
	atomic_fetch_add(&board->reached, 1);
	wait_for(&board->step, step);
}

/* Is it recorded? */
static bool
record_one(struct fnt_log *log)
{
	struct fnt_call *call = begin_call(log, "fn", "1");
	int rc = call ? fnt_call_finish_ok(call, NULL) : -ENOMEM;

	atomic_fetch_add(rc == FNT_DONE	     ? &board->done
			 : rc == FNT_DROPPED ? &board->dropped
					     : &board->refused,
			 1);
	return rc == FNT_DONE;
}

static void
record_until_done(struct fnt_log *log)
{
	for (int ms = 0; !record_one(log); ms++) {
		CHILD_MUST(ms < PATIENCE_MS);
		nap_us(1000);
	}
}

/* Everything that the workers did is counted, and nothing else. */
static void
must_have_counted(const char *name, uint64_t more)
{
	struct fnt_stat stat = region_stat(name);

	ck_assert_uint_eq(stat.recorded, (uint64_t)atomic_load(&board->done) + more);
	ck_assert_uint_eq(stat.dropped, (uint64_t)atomic_load(&board->dropped));
	ck_assert_uint_eq(stat.laneless, stat.dropped);
	ck_assert_uint_eq(stat.refused, (uint64_t)atomic_load(&board->refused));
	ck_assert_uint_eq(stat.total, stat.recorded + stat.dropped);
	must_be_sound(name);
	MUST(!unlink(region_path(name, ".fnt")));
}

/* ---- slots ----------------------------------------------------------------------- */

/* More workers than slots are forked. When some have ended, the others get theirs;
 * calls that they had begun meanwhile are recorded, too. */
START_TEST(workers_get_the_slots_of_others)
{
	struct fnt_log *log = open_sized("slots", SMALLEST);
	pid_t first[WORKERS], last[WORKERS];
	int lasts = 0;

	board = share_memory(sizeof(*board));
	for (uint32_t i = 0; i < WORKERS; i++) {
		first[i] = fork();
		if (!first[i]) {
			record_one(log);
			pause_at(1);
			if (_i)
				_exit(0); /* a slot that must be recovered */
			fnt_log_close(log);
			_exit(0);
		}
		wait_for(&board->reached, (int)i + 1);
	}
	/* The parent has a slot, too. */
	ck_assert_int_eq(atomic_load(&board->done), SMALL_PRODUCERS - 1);
	for (; lasts < 3; lasts++) {
		last[lasts] = fork();
		if (!last[lasts]) {
			struct fnt_call *call = begin_call(log, "open", "1");

			record_one(log);
			pause_at(2);
			record_until_done(log);
			CHILD_MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
			fnt_log_close(log);
			_exit(0);
		}
		wait_for(&board->reached, (int)WORKERS + lasts + 1);
	}
	ck_assert_int_eq(atomic_load(&board->done), SMALL_PRODUCERS - 1);
	atomic_store(&board->step, 1);
	for (uint32_t i = 0; i < WORKERS; i++)
		must_end_well(first[i]);
	atomic_store(&board->step, 2);
	for (int i = 0; i < lasts; i++)
		must_end_well(last[i]);
	fnt_log_close(log);
	must_have_counted("slots", 3);
}
END_TEST

/* ---- lanes ----------------------------------------------------------------------- */

static struct fnt_log *lanes_log;

static void *
hold_a_lane(void *unused)
{
	record_one(lanes_log);
	pause_at(1);
	return unused;
}

static void *
wait_for_a_lane(void *unused)
{
	record_one(lanes_log);
	pause_at(1);
	record_until_done(lanes_log);
	return unused;
}

START_TEST(threads_get_the_lanes_of_others)
{
	pthread_t threads[SMALL_LANES], late;

	board = share_memory(sizeof(*board));
	lanes_log = open_sized("lanes", SMALLEST);
	for (uint32_t i = 0; i < SMALL_LANES; i++)
		MUST(!pthread_create(&threads[i], NULL, hold_a_lane, NULL));
	wait_for(&board->reached, SMALL_LANES);
	MUST(!pthread_create(&late, NULL, wait_for_a_lane, NULL));
	wait_for(&board->reached, SMALL_LANES + 1);
	ck_assert_int_eq(atomic_load(&board->dropped), 1);
	atomic_store(&board->step, 1);
	for (uint32_t i = 0; i < SMALL_LANES; i++)
		MUST(!pthread_join(threads[i], NULL));
	MUST(!pthread_join(late, NULL));
	fnt_log_close(lanes_log);
	must_have_counted("lanes", 0);
}
END_TEST

/* ---- children -------------------------------------------------------------------- */

static void
all_numbers_in_use(void)
{
	struct rlimit limit = {64, 64};

	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	while (dup(0) >= 0)
		continue;
	MUST(errno == EMFILE);
}

static void
another_user(void)
{
	MUST(!setgroups(0, NULL) && !setgid(65534) && !setuid(65534));
}

static void
no_opening(void)
{
	refuse(SYS_openat, EPERM);
}

/* A parent that is limited itself forks a worker. `records`: the worker finds a way. */
static const struct {
	void (*limit)(void);
	bool records;
} parents[] = {{all_numbers_in_use, true}, {another_user, true}, {no_opening, false}};

static void
limited_parent(int i)
{
	struct fnt_log *log = open_log("child", NULL);
	pid_t pid;

	record_one(log);
	parents[i].limit();
	pid = fork();
	if (!pid) {
		for (int n = 0; n < 100; n++)
			record_one(log);
		fnt_log_close(log);
		_exit(0);
	}
	must_end_well(pid);
	record_one(log);
	fnt_log_close(log);
	_exit(0);
}

START_TEST(a_child_records_or_counts)
{
	pid_t pid;

	board = share_memory(sizeof(*board));
	pid = fork();
	if (!pid)
		limited_parent(_i);
	must_end_well(pid);
	ck_assert_int_eq(atomic_load(&board->done), parents[_i].records ? 102 : 2);
	ck_assert_int_eq(atomic_load(&board->dropped), parents[_i].records ? 0 : 100);
	must_have_counted("child", 0);
}
END_TEST

/* Numbers are all in use when the worker is forked, and when it first records; then one
 * is free. The region has been renamed, so that it can't be opened by its path: only
 * through the parent's descriptor could it be, which took a number more. */
START_TEST(a_child_comes_back)
{
	struct fnt_log *log = open_log("back", NULL);
	pid_t pid;

	board = share_memory(sizeof(*board));
	record_one(log);
	pid = fork();
	if (!pid) {
		struct rlimit none = {0, 4096}, many = {4096, 4096};

		/* The worker's own child. */
		CHILD_MUST(!setrlimit(RLIMIT_NOFILE, &none));
		pid = fork();
		if (!pid) {
			record_one(log);
			CHILD_MUST(atomic_load(&board->dropped) == 1);
			CHILD_MUST(!setrlimit(RLIMIT_NOFILE, &many));
			record_until_done(log);
			fnt_log_close(log);
			_exit(0);
		}
		must_end_well(pid);
		_exit(0);
	}
	must_end_well(pid);
	fnt_log_close(log);
	must_have_counted("back", 0);
}
END_TEST

int
main(void)
{
	int status;

	fixture_begin();
	status = SUITE_RUN_LOOPS("latecomers", {workers_get_the_slots_of_others, 2},
				 {threads_get_the_lanes_of_others, 1},
				 {a_child_records_or_counts, 3},
				 {a_child_comes_back, 1});
	fixture_end();
	return status;
}
