/* SPDX-License-Identifier: MIT
 *
 * test_fork.c: fork in the middle of calls: whose call is whose, and who is seen to
 * die.
 */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

static struct fnt_log *log_; /* of the test, inherited by its children */

/* ---- whose call -------------------------------------------------------------------
 */

START_TEST(a_parents_call_is_refused_to_the_child)
{
	struct fnt_call *call;
	struct fnt_traces *traces;
	int64_t handle;
	pid_t pid;

	log_ = open_log("refused", NULL);
	call = begin_call(log_, "fn", "parent");
	handle = fnt_call_op_begin(call, FNT_OP_GET, "t", "1");
	pid = fork();
	if (!pid) {
		CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", "", 1, 1, true) ==
			   -EPERM);
		CHILD_MUST(fnt_call_op_begin(call, FNT_OP_GET, "t", "") == -EPERM);
		CHILD_MUST(fnt_call_op_end(call, handle, 1, true) == -EPERM);
		CHILD_MUST(fnt_call_user_id(call, "u") == -EPERM);
		CHILD_MUST(fnt_call_tenant_id(call, "t") == -EPERM);
		CHILD_MUST(fnt_call_stream_chunk(call, 1) == -EPERM);
		CHILD_MUST(fnt_call_schedule(call, "fn", 1, 1) == -EPERM);
		CHILD_MUST(record_call(log_, "fn", "child") == FNT_DONE);
		CHILD_MUST(fnt_call_finish_ok(call, NULL) == -EPERM);
		CHILD_MUST(fnt_call_finish_error(call, "", "") == -EPERM);
		CHILD_MUST(fnt_call_abandon(call) == -EPERM);
		fnt_log_close(log_);
		CHILD_MUST(fnt_call_abandon(call) == -EPERM);
		_exit(0);
	}
	must_end_well(pid);
	ck_assert_int_eq(fnt_call_op_end(call, handle, 5, true), FNT_DONE);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	traces = newest(log_, 9);
	ck_assert_uint_eq(traces->count, 2);
	ck_assert_str_eq(traces->items[0].call_id, "parent");
	ck_assert_int_eq(traces->items[0].outcome, FNT_OK);
	ck_assert_uint_eq(traces->items[0].op_count, 1);
	ck_assert_uint_eq(traces->items[0].stream_chunks, 0);
	ck_assert_ptr_null(traces->items[0].user_id);
	ck_assert_str_eq(traces->items[1].call_id, "child");
	ck_assert_int_eq(traces->items[1].pid, pid);
	ck_assert_int_eq(traces->items[1].tid, pid);
	fnt_traces_free(traces);
	ck_assert_uint_eq(fnt_log_total_count(log_), 2);
	fnt_log_close(log_);
	must_be_sound("refused");
}
END_TEST

/* A tree of processes, each with calls open around the forks it makes. */
static int
grow(int depth)
{
	struct fnt_call *call = begin_call(log_, "node", "id");
	pid_t pids[2];

	CHILD_MUST(call);
	for (int i = 0; i < 2 && depth; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			CHILD_MUST(fnt_call_stream_chunk(call, 1) == -EPERM);
			_exit(grow(depth - 1));
		}
		record_call(log_, "between", "id");
	}
	for (int i = 0; i < 2 && depth; i++) {
		int status;

		CHILD_MUST(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", NULL, 1, depth, true) ==
		   FNT_DONE);
	CHILD_MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	return 0;
}

START_TEST(a_tree_of_forks)
{
	enum {
		DEPTH = 4,
		NODES = (1 << (DEPTH + 1)) - 1
	};
	struct fnt_traces *traces;
	pid_t pids[NODES], pid;
	size_t seen = 0;

	log_ = open_sized("tree", MIB(16));
	pid = fork();
	if (!pid)
		_exit(grow(DEPTH));
	must_end_well(pid);
	ck_assert_uint_eq(fnt_log_total_count(log_), NODES + NODES - 1);
	ck_assert(!fnt_log_by_fn(log_, "node", 1000, &traces));
	ck_assert_uint_eq(traces->count, NODES);
	for (size_t i = 0; i < traces->count; i++) {
		ck_assert_int_eq(traces->items[i].outcome, FNT_OK);
		for (size_t j = 0; j < seen; j++)
			ck_assert_int_ne(pids[j], traces->items[i].pid);
		pids[seen++] = traces->items[i].pid;
	}
	fnt_traces_free(traces);
	fnt_log_close(log_);
	must_be_sound("tree");
}
END_TEST

/* ---- among threads ----------------------------------------------------------------
 */

static atomic_bool stop;
static atomic_ulong recorded, dropped;

static void *
call_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		struct fnt_call *call = begin_call(log_, "busy", "id");

		fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
		fnt_call_op_end(call, fnt_call_op_begin(call, FNT_OP_LIST, "t", NULL),
				1, true);
		switch (fnt_call_finish_ok(call, NULL)) {
		case FNT_DONE:
			atomic_fetch_add(&recorded, 1);
			break;
		case FNT_DROPPED:
			atomic_fetch_add(&dropped, 1);
			break;
		default:
			abort();
		}
	}
	return NULL;
}

/* Logs come and go, and with them threads that use them for the first time. */
static void *
open_and_close(void *arg)
{
	while (!atomic_load(&stop)) {
		struct fnt_log *log = open_sized(arg, SMALLEST);

		record_call(log, "fn", "id");
		fnt_log_close(log);
	}
	return NULL;
}

static void
child_among_threads(void)
{
	struct fnt_log *other;

	CHILD_MUST(record_call(log_, "child", "id") == FNT_DONE);
	other = open_sized("churn-0", SMALLEST);
	CHILD_MUST(record_call(other, "child", "id") == FNT_DONE);
	fnt_log_close(other);
	CHILD_MUST(record_call(log_, "child", "id") == FNT_DONE);
	fnt_log_close(log_);
	CHILD_MUST(record_call(log_, "child", "id") == -ESHUTDOWN);
	_exit(0);
}

START_TEST(fork_among_threads)
{
	static char names[2][16] = {"churn-0", "churn-1"};
	const int forks = ROUNDS(60, 20);
	pthread_t threads[4];
	struct fnt_stat stat;

	log_ = open_sized("threads", MIB(4));
	for (int i = 0; i < 4; i++)
		ck_assert(!pthread_create(&threads[i], NULL,
					  i < 2 ? call_all_the_time : open_and_close,
					  names[i % 2]));
	for (int i = 0; i < forks; i++) {
		pid_t pid = fork();

		if (!pid)
			child_among_threads();
		must_end_well(pid);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	fnt_log_close(log_);
	stat = region_stat("threads");
	ck_assert_uint_eq(stat.recorded, recorded + 2 * (unsigned)forks);
	ck_assert_uint_eq(stat.dropped, dropped);
	ck_assert_uint_eq(stat.lanes + stat.frames + stat.producers, 0);
	must_be_sound("threads");
	must_be_sound("churn-0");
}
END_TEST

/* ---- who has died -----------------------------------------------------------------
 */

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

START_TEST(what_a_child_leaves_is_recorded_once)
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

/* A process that begins a call, has a descendant that outlives it, and is killed. How
 * that one comes about, and whether it uses the log itself: */
enum descent {
	IDLE_CHILD,
	BUSY_CHILD,
	IDLE_GRANDCHILD,
	BUSY_GRANDCHILD,
	DESCENTS
};

static void
live_on(const struct gate *ready, bool busy)
{
	if (busy)
		CHILD_MUST(begin_call(log_, "fn", "descendant"));
	gate_open(ready);
	for (;;)
		pause();
}

/* The middle one: forked before it used the log, and forking before it does. */
static void
middle(enum descent descent, const struct gate *ready, const struct gate *pids)
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
the_one_to_die(enum descent descent, const struct gate *ready, const struct gate *pids)
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
	struct gate ready = make_gate(), pids = make_gate();
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
	gate_wait(&ready);
	reader = open_reader(name);
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1u + busy);
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 0);
	kill_child(pid);
	if (count_outcome(reader, FNT_ABORTED) != 1 ||
	    count_outcome(reader, FNT_IN_FLIGHT) != busy)
		ck_abort_msg("descent %d: the dead seem alive, or the living dead",
			     (int)descent);
	fnt_log_close(open_log(name, NULL));
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 0);
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), busy);
	ck_assert_uint_eq(fnt_log_total_count(log_), 1);
	kill(survivor, SIGKILL);
	while (busy && !count_outcome(reader, FNT_ABORTED))
		nap_us(1000); /* not our child: nobody tells us when it is gone */
	fnt_reader_close(reader);
	fnt_log_close(log_);
}

START_TEST(a_descendant_does_not_keep_the_dead_alive)
{
	static const char *const names[DESCENTS] = {"idle", "busy", "idle-2", "busy-2"};

	die_before_descendant((enum descent)_i, names[_i]);
}
END_TEST

/* ---- odd hosts --------------------------------------------------------------------
 */

START_TEST(a_region_without_a_name)
{
	struct gate ready = make_gate();
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	pid_t pid;

	log_ = open_log(NULL, NULL);
	pid = fork();
	if (!pid) {
		CHILD_MUST(record_call(log_, "fn", "child") == FNT_DONE);
		CHILD_MUST(begin_call(log_, "fn", "open"));
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
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

/* A child that closes what it has inherited, as daemons do, and opens files of its own
 * in their place: its calls are recorded, and those files are let alone. */
START_TEST(a_child_that_closes_all_descriptors)
{
	struct gate ready = make_gate();
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
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	ck_assert_uint_eq(fnt_log_total_count(log_), 1);
	reader = open_reader("daemon");
	ck_assert_uint_eq(count_outcome(reader, FNT_IN_FLIGHT), 1);
	kill_child(pid);
	ck_assert_uint_eq(count_outcome(reader, FNT_ABORTED), 1);
	fnt_reader_close(reader);
	fnt_log_close(log_);
}
END_TEST

/* Open a file many times and lock all of it, for the host's own ends. */
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

START_TEST(a_file_in_our_descriptors_place_stays_locked)
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

/* The process that opened the log loses its lock by it: it is still seen to be alive,
 * goes on recording, and another's opening takes nothing from it. */
START_TEST(a_host_that_closes_all_descriptors)
{
	struct gate ready = make_gate();
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
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
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
	gate_open(arg);
	for (;;)
		pause();
	return NULL;
}

/* A child that has as many lanes as it can get; then it is killed. */
static void
leave_lanes(const char *name, unsigned count)
{
	struct gate ready = make_gate();
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
		gate_wait(&ready);
	kill_child(pid);
}

static void *
record_one(void *arg)
{
	CHILD_MUST(record_call(arg, "fn", "after") == FNT_DONE);
	return NULL;
}

/* And it still finds the dead, when it has need of what they hold. */
START_TEST(closed_descriptors_and_the_dead)
{
	struct gate ready = make_gate(), go = make_gate();
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		log_ = open_sized("mended", SMALLEST);
		CHILD_MUST(record_call(log_, "fn", "before") == FNT_DONE);
		CHILD_MUST(dup2(ready.fds[1], 200) == 200 && dup2(go.fds[0], 201) == 201);
		close_range(3, 199, 0);
		ready.fds[1] = 200;
		go.fds[0] = 201;
		gate_open(&ready);
		gate_wait(&go);
		CHILD_MUST(!pthread_create(&thread, NULL, record_one, log_));
		pthread_join(thread, NULL);
		_exit(0);
	}
	gate_wait(&ready);
	leave_lanes("mended", SMALL_LANES - 1);
	ck_assert_uint_eq(region_stat("mended").lanes, SMALL_LANES);
	gate_open(&go);
	must_end_well(pid);
	must_be_sound("mended");
}
END_TEST

static int
run_all(void)
{
	Suite *suite = suite_create("fork");
	TCase *tcase = tcase_create("fork");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_parents_call_is_refused_to_the_child);
	tcase_add_test(tcase, a_tree_of_forks);
	tcase_add_test(tcase, fork_among_threads);
	tcase_add_test(tcase, what_a_child_leaves_is_recorded_once);
	tcase_add_loop_test(tcase, a_descendant_does_not_keep_the_dead_alive, 0,
			    DESCENTS);
	tcase_add_test(tcase, a_region_without_a_name);
	tcase_add_test(tcase, a_child_that_closes_all_descriptors);
	tcase_add_test(tcase, a_file_in_our_descriptors_place_stays_locked);
	tcase_add_test(tcase, a_host_that_closes_all_descriptors);
	tcase_add_test(tcase, closed_descriptors_and_the_dead);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(void)
{
	int status;

	fixture_begin();
	status = run_all();
	fixture_end();
	return status;
}
