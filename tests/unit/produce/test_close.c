/* SPDX-License-Identifier: MIT
 *
 * test_close.c: a log is closed while threads use it, and by several threads at once.
 */
#include "support/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_t
start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	ck_assert(!pthread_create(&thread, NULL, run, arg));
	return thread;
}

static _Atomic(struct fnt_log *) shared;
static atomic_bool stop;
static atomic_ulong confirmed;

static void
push_some(struct fnt_log *log)
{
	struct fnt_trace trace = {
		.call_id = "id", .fn_name = "pushed", .outcome = FNT_OK};
	int rc = fnt_log_push(log, &trace);

	MUST(rc == FNT_DONE || rc == -ESHUTDOWN);
	if (rc == FNT_DONE)
		atomic_fetch_add(&confirmed, 1);
}

static void
call_some(struct fnt_log *log)
{
	struct fnt_call *call = begin_call(log, "called", "id");
	int64_t handle;
	int rc;

	if (!call)
		return;
	rc = fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
	MUST(rc == FNT_DONE || rc == -ESHUTDOWN);
	handle = fnt_call_op_begin(call, FNT_OP_GET, "t", "1");
	MUST(handle >= 0 || handle == -ESHUTDOWN);
	rc = fnt_call_finish_ok(call, NULL);
	MUST(rc == FNT_DONE || rc == -ESHUTDOWN);
	if (rc == FNT_DONE)
		atomic_fetch_add(&confirmed, 1);
}

static void
read_some(struct fnt_log *log)
{
	struct fnt_traces *traces;
	int rc = fnt_log_recent(log, 5, &traces);

	MUST(!rc || rc == -ESHUTDOWN);
	if (rc)
		return;
	for (size_t i = 0; i < traces->count; i++)
		MUST(!(traces->items[i].flags & FNT_TRACE_DAMAGED));
	fnt_traces_free(traces);
	fnt_log_len(log);
	fnt_log_is_empty(log);
	MUST(fnt_log_path(log)[0] == '/');
}

static void *
use_whatever_is_open(void *arg)
{
	void (*const uses[])(struct fnt_log *) = {push_some, call_some, read_some};

	while (!atomic_load(&stop))
		uses[(uintptr_t)arg % 3](atomic_load(&shared));
	return NULL;
}

START_TEST(closed_while_threads_use_it)
{
	enum {
		THREADS = 5
	};
	const int rounds = ROUNDS(400, 60);
	struct fnt_options options = {.size_bytes = MIB(1)};
	struct fnt_log *old[2] = {NULL, NULL};
	pthread_t threads[THREADS];
	struct fnt_stat stat;

	atomic_store(&shared, open_log("race", &options));
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = start(use_whatever_is_open, (void *)i);
	for (int i = 0; i < rounds; i++) {
		struct fnt_log *log = atomic_load(&shared);

		nap_us(i % 10 * 50);
		fnt_log_close(log);
		/* Sometimes they go on to use the closed log. */
		if (i % 3 == 0)
			nap_us(200);
		atomic_store(&shared, open_log("race", &options));
		MUST(!begin_call(log, "late", "id"));
		if (old[i % 2])
			MUST(record_call(old[i % 2], "late", "id") == -ESHUTDOWN);
		old[i % 2] = log;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fnt_log_close(atomic_load(&shared));
	stat = region_stat("race");
	/* Confirmed calls are counted; the others are calls that close has ended. */
	ck_assert_uint_ge(stat.total, atomic_load(&confirmed));
	ck_assert_uint_le(stat.total,
			  atomic_load(&confirmed) + 2u * (unsigned)rounds + 2);
	ck_assert_uint_eq(stat.lanes + stat.frames + stat.producers + stat.dropped, 0);
	must_be_sound("race");
}
END_TEST

/* Several threads close the same log. One does it, the others return. */
static void *
closes(void *arg)
{
	fnt_log_close(arg);
	MUST(!begin_call(arg, "late", "id"));
	return NULL;
}

START_TEST(closed_by_several_threads)
{
	for (int i = 0; i < ROUNDS(200, 40); i++) {
		struct fnt_log *log = open_sized("several", SMALLEST);
		pthread_t threads[3];

		record_call(log, "fn", "id");
		for (int t = 0; t < 3; t++)
			threads[t] = start(closes, log);
		for (int t = 0; t < 3; t++)
			pthread_join(threads[t], NULL);
	}
	ck_assert_uint_eq(region_stat("several").total, (unsigned)ROUNDS(200, 40));
	ck_assert_uint_eq(region_stat("several").producers, 0);
}
END_TEST

FIXTURE_MAIN("close", closed_while_threads_use_it, closed_by_several_threads)
