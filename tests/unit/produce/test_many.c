/* SPDX-License-Identifier: MIT
 *
 * test_many.c: what a thread costs, and threads that use many logs.
 *
 * Functions of the C library and of the library are wrapped, to count allocations and
 * slow paths.
 */
#include "support/fixture.h"

#include "produce/thread.h"

#include <pthread.h>

/* ---- what is counted ------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
struct fnt_thread *__real_fnt_thread_slow(struct fnt_attachment *attachment);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
struct fnt_thread *__wrap_fnt_thread_slow(struct fnt_attachment *attachment);

static _Thread_local size_t allocated;
static _Thread_local unsigned slow;

void *
__wrap_malloc(size_t size)
{
	allocated += size;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	allocated += count * size;
	return __real_calloc(count, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	allocated += size;
	return __real_aligned_alloc(alignment, size);
}

struct fnt_thread *
__wrap_fnt_thread_slow(struct fnt_attachment *attachment)
{
	slow++;
	return __real_fnt_thread_slow(attachment);
}

/* ---- what a thread costs --------------------------------------------------------- */

/* Tried, and freed at once, before a thread joins liburcu: rcu.c. */
#define TRIED 16384u

static struct fnt_log *log_;

static void *
uses_one_log(void *unused)
{
	static const char *const fns[] = {"todo:list", "todo:add", "todo:remove",
					  "user:get", "user:login"};

	allocated = 0;
	for (unsigned i = 0; i < 500; i++) {
		struct fnt_call *call = begin_call(log_, fns[i % 5], "id");

		MUST(call);
		MUST(!fnt_call_op(call, FNT_OP_GET, i % 2 ? "todo" : "user", "1", 10, 1,
				  true));
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	}
	MUST(allocated <= 8192 + TRIED);
	return unused;
}

START_TEST(thread_takes_little_memory)
{
	pthread_t thread;

	log_ = open_log("little", NULL);
	for (int i = 0; i < 3; i++) {
		ck_assert(!pthread_create(&thread, NULL, uses_one_log, NULL));
		pthread_join(thread, NULL);
	}
	fnt_log_close(log_);
}
END_TEST

/* A thread that ends leaves its part to the next one. */
static void *
takes_a_part(void *unused)
{
	allocated = 0;
	MUST(record_call(log_, "fn", "id") == FNT_DONE);
	MUST(allocated <= TRIED + 1024);
	return unused;
}

START_TEST(part_is_used_again)
{
	pthread_t thread;

	log_ = open_log("again", NULL);
	ck_assert(!pthread_create(&thread, NULL, uses_one_log, NULL));
	pthread_join(thread, NULL);
	for (int i = 0; i < 50; i++) {
		ck_assert(!pthread_create(&thread, NULL, takes_a_part, NULL));
		pthread_join(thread, NULL);
	}
	ck_assert_uint_eq(region_stat("again").lanes, 0);
	fnt_log_close(log_);
}
END_TEST

/* ---- many logs ------------------------------------------------------------------- */

#define LOGS 24

static struct fnt_log *logs[LOGS];

static void *
uses_all_logs(void *unused)
{
	slow = 0;
	for (unsigned i = 0; i < 20 * LOGS; i++)
		MUST(record_call(logs[i * 7 % LOGS], "fn", "id") == FNT_DONE);
	MUST(slow == LOGS);
	return unused;
}

START_TEST(many_logs_have_no_slow_path)
{
	pthread_t threads[4];
	char name[32];

	for (unsigned i = 0; i < LOGS; i++) {
		snprintf(name, sizeof(name), "log_%u", i);
		logs[i] = open_sized(name, SMALLEST);
	}
	for (unsigned t = 0; t < 4; t++)
		ck_assert(!pthread_create(&threads[t], NULL, uses_all_logs, NULL));
	for (unsigned t = 0; t < 4; t++)
		pthread_join(threads[t], NULL);
	for (unsigned i = 0; i < LOGS; i++) {
		ck_assert_uint_eq(fnt_log_total_count(logs[i]), 4 * 20);
		fnt_log_close(logs[i]);
	}
}
END_TEST

FIXTURE_MAIN("many", thread_takes_little_memory, part_is_used_again,
	     many_logs_have_no_slow_path)
