/* SPDX-License-Identifier: MIT
 *
 * test_liveness.c: which processes count as dead, whatever children inherit and hosts
 * close.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <pthread.h>

static struct fnt_log *log_; /* the test's own, inherited by its children */

/* ---- dead and alive -------------------------------------------------------------- */

static size_t
count_outcome(struct fnt_reader *reader, enum fnt_outcome outcome)
{
	struct fnt_traces *traces = in_flight(reader);
	size_t count = 0;

	for (size_t i = 0; i < traces->count; i++)
		count += traces->items[i].outcome == outcome;
	fnt_traces_free(traces);
	return count;
}

START_TEST(dead_child_is_recorded_once)
{
	struct fnt_log *again;
	struct fnt_traces *traces;
	pid_t pid;

	log_ = open_log("leaves", NULL);
	pid = fork();
	if (!pid) {
		fnt_call_op(begin_call(log_, "fn", "a"), FNT_OP_GET, "t", "1", 1, 1,
			    true);
		CHILD_MUST(begin_call(log_, "fn", "b"));
		_exit(0);
	}
	must_end_well(pid);
	for (int i = 0; i < 3; i++) {
		again = open_log("leaves", NULL);
		traces = newest(again, 9);
		ck_assert_uint_eq(traces->count, 2);
		for (size_t t = 0; t < 2; t++) {
			ck_assert_int_eq(traces->items[t].outcome, FNT_ABORTED);
			ck_assert_int_eq(traces->items[t].pid, pid);
			ck_assert_uint_eq(traces->items[t].op_count,
					  strcmp(traces->items[t].call_id, "a") == 0);
		}
		fnt_traces_free(traces);
		ck_assert_uint_eq(fnt_log_total_count(again), 2);
		fnt_log_close(again);
	}
	fnt_log_close(log_);
	must_be_sound("leaves");
}
END_TEST

/* A process begins a call, has a descendant that outlives it, and is killed. How the
 * descendant comes about, and whether it uses the log itself: */
enum descent {
	IDLE_CHILD,
	BUSY_CHILD,
	IDLE_GRANDCHILD,
	BUSY_GRANDCHILD,
	DESCENTS
};

static void
live_on(const struct latch *ready, bool busy)
{
	if (busy)
		CHILD_MUST(begin_call(log_, "fn", "descendant"));
	latch_open(ready);
	for (;;)
		pause();
}

/* The process in the middle: it is forked before it uses the log, and forks before it
 * does. */
static void
middle(enum descent descent, const struct latch *ready, const struct latch *pids)
{
	pid_t pid = fork();

	if (!pid)
		live_on(ready, descent == BUSY_GRANDCHILD);
	CHILD_MUST(begin_call(log_, "fn", "dead"));
	CHILD_MUST(write(pids->fds[1], &pid, sizeof(pid)) == sizeof(pid));
	for (;;)
		pause();
}

static void
the_one_to_die(enum descent descent, const struct latch *ready,
	       const struct latch *pids)
{
	pid_t pid;

	CHILD_MUST(begin_call(log_, "fn", "dead"));
	pid = fork();
	if (!pid)
		live_on(ready, descent == BUSY_CHILD);
	CHILD_MUST(write(pids->fds[1], &pid, sizeof(pid)) == sizeof(pid));
	for (;;)
		pause();
}

static void
die_before_descendant(enum descent descent, const char *name)
{
	struct latch ready = make_latch(), pids = make_latch();
	bool busy = descent == BUSY_CHILD || descent == BUSY_GRANDCHILD;
	struct fnt_reader *reader;
	pid_t pid, survivor;

	log_ = open_log(name, NULL);
	pid = fork();
	if (!pid) {
		if (descent >= IDLE_GRANDCHILD)
			middle(descent, &ready, &pids);
		fnt_log_close(log_);
		log_ = open_log(name, NULL);
		the_one_to_die(descent, &ready, &pids);
	}
	MUST(read(pids.fds[0], &survivor, sizeof(survivor)) == sizeof(survivor));
	latch_wait(&ready);
	reader = open_reader(name);
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1u + busy);
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 0);
	kill_child(pid);
	if (count_outcome(reader, FNT_ABORTED) != 1 ||
	    count_outcome(reader, FNT_IN_FLIGHT) != busy)
		ck_abort_msg("descent %d: a dead process counts as alive, or a live "
			     "one as dead",
			     (int)descent);
	fnt_log_close(open_log(name, NULL));
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 0);
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), busy);
	ck_assert_uint_eq(fnt_log_total_count(log_), 1);
	kill(survivor, SIGKILL);
	while (busy && !count_outcome(reader, FNT_ABORTED))
		nap_us(1000); /* it is not our child, so we cannot wait for it */
	fnt_reader_close(reader);
	fnt_log_close(log_);
}

START_TEST(descendant_does_not_keep_the_dead_alive)
{
	static const char *const names[DESCENTS] = {"idle", "busy", "idle-2", "busy-2"};

	die_before_descendant((enum descent)_i, names[_i]);
}
END_TEST

/* ---- unusual hosts --------------------------------------------------------------- */

START_TEST(region_without_a_name)
{
	struct latch ready = make_latch();
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	pid_t pid;

	log_ = open_log(NULL, NULL);
	pid = fork();
	if (!pid) {
		CHILD_MUST(record_call(log_, "fn", "child") == FNT_DONE);
		CHILD_MUST(begin_call(log_, "fn", "open"));
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	traces = newest(log_, 9);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].pid, pid);
	fnt_traces_free(traces);
	ck_assert_int_eq(fnt_reader_open_pid(&reader, pid, NULL), 0);
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1);
	kill_child(pid);
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 1);
	fnt_reader_close(reader);
	fnt_log_close(log_);
}
END_TEST

/* A child closes all descriptors that it has inherited, as daemons do, and opens files
 * of its own in their place. Its calls are recorded, and the library does not touch
 * those files. */
START_TEST(child_closes_all_descriptors)
{
	struct latch ready = make_latch();
	struct fnt_reader *reader;
	pid_t pid;

	log_ = open_log("daemon", NULL);
	pid = fork();
	if (!pid) {
		struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fds[64], other;

		dup2(ready.fds[1], 200);
		ready.fds[1] = 200;
		closefrom(201);
		close_range(3, 199, 0);
		for (int i = 0; i < 64; i++)
			fds[i] = open(region_path("data", ".txt"), O_RDWR | O_CREAT,
				      0600);
		CHILD_MUST(fds[63] >= 0);
		CHILD_MUST(record_call(log_, "fn", "child") == FNT_DONE);
		CHILD_MUST(begin_call(log_, "fn", "open"));
		other = open(region_path("data", ".txt"), O_RDWR);
		CHILD_MUST(fcntl(other, F_OFD_GETLK, &probe) == 0);
		CHILD_MUST(probe.l_type == F_UNLCK);
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	ck_assert_uint_eq(fnt_log_total_count(log_), 1);
	reader = open_reader("daemon");
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1);
	kill_child(pid);
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 1);
	fnt_reader_close(reader);
	fnt_log_close(log_);
}
END_TEST

/* Open a file many times and lock all of it, as a host may do. */
static int
lock_a_file(const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = -1;

	for (int i = 0; i < 64; i++) {
		fd = open(region_path(name, ".txt"), O_RDWR | O_CREAT, 0600);
		CHILD_MUST(fcntl(fd, F_OFD_SETLK, &lock) == 0 || i);
	}
	return fd;
}

START_TEST(host_file_under_our_descriptor_stays_locked)
{
	pid_t pid = fork();

	if (!pid) {
		struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd;

		log_ = open_log("locked", NULL);
		CHILD_MUST(begin_call(log_, "fn", "open"));
		close_range(3, 199, 0);
		fd = lock_a_file("locked");
		fnt_log_close(log_);
		CHILD_MUST(fcntl(fd, F_OFD_GETLK, &probe) == 0);
		CHILD_MUST(probe.l_type == F_WRLCK && !probe.l_start && !probe.l_len);
		_exit(0);
	}
	must_end_well(pid);
	ck_assert_uint_eq(region_stat("locked").total, 1);
}
END_TEST

/* The process that opened the log closes all descriptors, and so loses its lock. It
 * still counts as alive and goes on recording, and another process's open takes nothing
 * from it. */
START_TEST(host_closes_all_descriptors)
{
	struct latch ready = make_latch();
	struct fnt_reader *reader;
	pid_t pid = fork();

	if (!pid) {
		struct fnt_call *call;

		log_ = open_log("host", NULL);
		call = begin_call(log_, "fn", "open");
		dup2(ready.fds[1], 200);
		close_range(3, 199, 0);
		CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", NULL, 1, 1, true) == 0);
		CHILD_MUST(record_call(log_, "fn", "id") == FNT_DONE);
		ready.fds[1] = 200;
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	reader = open_reader("host");
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1);
	log_ = open_log("host", NULL);
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1);
	ck_assert_uint_eq(fnt_log_total_count(log_), 1);
	kill_child(pid);
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 1);
	fnt_reader_close(reader);
	fnt_log_close(log_);
	fnt_log_close(open_log("host", NULL));
	ck_assert_uint_eq(region_stat("host").total, 2);
	must_be_sound("host");
}
END_TEST

static void *
hold_a_lane(void *arg)
{
	record_call(log_, "fn", "holder");
	latch_open(arg);
	for (;;)
		pause();
	return NULL;
}

/* A child takes as many lanes as it can get. Then it is killed. */
static void
leave_lanes(const char *name, unsigned count)
{
	struct latch ready = make_latch();
	pid_t pid = fork();

	if (!pid) {
		pthread_t thread;

		log_ = open_sized(name, SMALLEST);
		for (unsigned i = 0; i < count; i++)
			CHILD_MUST(!pthread_create(&thread, NULL, hold_a_lane, &ready));
		for (;;)
			pause();
	}
	for (unsigned i = 0; i < count; i++)
		latch_wait(&ready);
	kill_child(pid);
}

static void *
record_one(void *arg)
{
	CHILD_MUST(record_call(arg, "fn", "after") == FNT_DONE);
	return NULL;
}

/* It still finds dead processes when it needs what they held, however often the host
 * closes the descriptor that the library has opened again. */
START_TEST(dead_are_found_after_descriptors_closed)
{
	struct latch ready = make_latch(), go = make_latch();
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		log_ = open_sized("mended", SMALLEST);
		CHILD_MUST(record_call(log_, "fn", "before") == FNT_DONE);
		CHILD_MUST(dup2(ready.fds[1], 200) == 200 &&
			   dup2(go.fds[0], 201) == 201);
		ready.fds[1] = 200;
		go.fds[0] = 201;
		for (int i = 0; i < 4; i++) {
			close_range(3, 199, 0);
			latch_open(&ready);
			latch_wait(&go);
			CHILD_MUST(!pthread_create(&thread, NULL, record_one, log_));
			pthread_join(thread, NULL);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		latch_wait(&ready);
		leave_lanes("mended", SMALL_LANES - 1);
		ck_assert_uint_eq(region_stat("mended").lanes, SMALL_LANES);
		latch_open(&go);
	}
	must_end_well(pid);
	must_be_sound("mended");
}
END_TEST

FIXTURE_MAIN_LOOPS("liveness", {dead_child_is_recorded_once, 1},
		   {descendant_does_not_keep_the_dead_alive, DESCENTS},
		   {region_without_a_name, 1}, {child_closes_all_descriptors, 1},
		   {host_file_under_our_descriptor_stays_locked, 1},
		   {host_closes_all_descriptors, 1},
		   {dead_are_found_after_descriptors_closed, 1})
