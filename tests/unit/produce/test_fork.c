/* SPDX-License-Identifier: MIT
 *
 * test_fork.c: fork in the middle of calls. A call belongs to the process that began
 * it.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

static struct fnt_log *log_; /* the test's own, inherited by its children */

/* ---- owner of a call ------------------------------------------------------------- */

START_TEST(child_cannot_use_parents_call)
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

/* A tree of processes, each of which has calls open around its forks. */
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

START_TEST(tree_of_forks)
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

/* ---- among threads --------------------------------------------------------------- */

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

/* Open and close logs, and use each in a new thread. */
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

START_TEST(fork_while_threads_run)
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

FIXTURE_MAIN("fork", child_cannot_use_parents_call, tree_of_forks,
	     fork_while_threads_run)
