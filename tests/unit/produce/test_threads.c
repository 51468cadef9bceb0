/* SPDX-License-Identifier: MIT
 *
 * test_threads.c: many threads on one log: calls that move between threads, and threads
 * that come and go.
 */
#include "support/fixture.h"

#include "produce/attach.h"

#include <pthread.h>
#include <stdatomic.h>

static struct fnt_log *log_;

static pthread_t
start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	ck_assert(!pthread_create(&thread, NULL, run, arg));
	return thread;
}

/* ---- calls that move between threads --------------------------------------------- */

#define QUEUE 64

/* Calls on their way from one thread to another. */
struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t moved;
	struct fnt_call *calls[QUEUE];
	unsigned numbers[QUEUE];
	size_t first, count;
};

static void
queue_put(struct queue *queue, struct fnt_call *call, unsigned number)
{
	pthread_mutex_lock(&queue->mutex);
	while (queue->count == QUEUE)
		pthread_cond_wait(&queue->moved, &queue->mutex);
	queue->calls[(queue->first + queue->count) % QUEUE] = call;
	queue->numbers[(queue->first + queue->count++) % QUEUE] = number;
	pthread_cond_broadcast(&queue->moved);
	pthread_mutex_unlock(&queue->mutex);
}

static struct fnt_call *
queue_take(struct queue *queue, unsigned *number)
{
	struct fnt_call *call;

	pthread_mutex_lock(&queue->mutex);
	while (!queue->count)
		pthread_cond_wait(&queue->moved, &queue->mutex);
	call = queue->calls[queue->first];
	*number = queue->numbers[queue->first];
	queue->first = (queue->first + 1) % QUEUE;
	queue->count--;
	pthread_cond_broadcast(&queue->moved);
	pthread_mutex_unlock(&queue->mutex);
	return call;
}

static struct queue stages[3];
static const unsigned HANDED = ROUNDS(20000u, 3000u);

#define BEGINNERS 2

/* Stage 0 begins calls, 1 and 2 add events, the last finishes. Each stage has several
 * threads. */
static void *
begins(void *arg)
{
	unsigned from = (unsigned)(uintptr_t)arg;

	for (unsigned i = from; i < HANDED; i += BEGINNERS) {
		char id[16];

		snprintf(id, sizeof(id), "%u", i);
		queue_put(&stages[0], begin_call(log_, "handed", id), i);
	}
	return NULL;
}

static void
work_on(struct fnt_call *call, unsigned number, unsigned stage)
{
	char id[64];
	int64_t handle;

	for (unsigned i = 0; i < number % 30; i++) {
		snprintf(id, sizeof(id), "%u.%u.%u", number, stage, i);
		MUST(fnt_call_op(call, FNT_OP_GET, "t", id, 1, 1, true) == FNT_DONE);
	}
	handle = fnt_call_op_begin(call, FNT_OP_LIST, "t", NULL);
	MUST(fnt_call_op_end(call, handle, 1, true) == FNT_DONE);
	MUST(fnt_call_stream_chunk(call, number) == FNT_DONE);
}

static void *
passes_on(void *arg)
{
	unsigned stage = (unsigned)(uintptr_t)arg, number;

	for (;;) {
		struct fnt_call *call = queue_take(&stages[stage], &number);

		if (!call)
			return NULL;
		work_on(call, number, stage);
		queue_put(&stages[stage + 1], call, number);
	}
}

static void *
finishes(void *arg)
{
	unsigned number;

	(void)arg;
	for (;;) {
		struct fnt_call *call = queue_take(&stages[2], &number);

		if (!call)
			return NULL;
		work_on(call, number, 2);
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	}
}

static void
end_stage(unsigned stage, pthread_t threads[2])
{
	for (int i = 0; i < 2; i++)
		queue_put(&stages[stage], NULL, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void
check_handed(void)
{
	struct fnt_traces *traces = newest(log_, SIZE_MAX);

	for (size_t i = 0; i < traces->count; i++) {
		const struct fnt_trace *trace = &traces->items[i];
		unsigned number = (unsigned)strtoul(trace->call_id, NULL, 10), n, s, o;
		size_t op = 0;

		MUST(trace->op_count == 3 * (number % 30 + 1));
		for (unsigned stage = 0; stage < 3; stage++, op++)
			for (unsigned k = 0; k < number % 30; k++, op++)
				MUST(sscanf(trace->ops[op].id, "%u.%u.%u", &n, &s,
					    &o) == 3 &&
				     n == number && s == stage && o == k);
		MUST(trace->stream_chunks == 3 && trace->stream_bytes == 3ull * number);
		MUST(trace->flags == 0);
	}
	MUST(traces->count > 100);
	fnt_traces_free(traces);
}

START_TEST(finished_by_another_thread)
{
	pthread_t threads[4][2];

	log_ = open_sized("handed", MIB(4));
	for (int s = 0; s < 3; s++) {
		pthread_mutex_init(&stages[s].mutex, NULL);
		pthread_cond_init(&stages[s].moved, NULL);
	}
	for (uintptr_t i = 0; i < 2; i++) {
		threads[0][i] = start(begins, (void *)i);
		threads[1][i] = start(passes_on, (void *)0);
		threads[2][i] = start(passes_on, (void *)1);
		threads[3][i] = start(finishes, NULL);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[0][i], NULL);
	for (unsigned s = 0; s < 3; s++)
		end_stage(s, threads[s + 1]);
	ck_assert_uint_eq(fnt_log_total_count(log_), HANDED);
	check_handed();
	fnt_log_close(log_);
	ck_assert_uint_eq(region_stat("handed").frames, 0);
	must_be_sound("handed");
}
END_TEST

/* ---- overlapping calls in many threads ------------------------------------------- */

#define OVERLAP 16

static void *
overlap(void *arg)
{
	struct rnd r = {(uintptr_t)arg + 1};
	struct fnt_call *calls[OVERLAP] = {NULL};
	uintptr_t finished = 0;

	for (int i = 0; i < ROUNDS(60000, 8000); i++) {
		uint32_t at = rnd(&r, OVERLAP);

		if (!calls[at]) {
			calls[at] = begin_call(log_, "over", "id");
			MUST(calls[at]);
		} else if (rnd(&r, 4)) {
			MUST(fnt_call_op(calls[at], FNT_OP_GET, "t", "0123456789", 1, 1,
					 true) == FNT_DONE);
		} else {
			MUST(fnt_call_finish_ok(calls[at], NULL) == FNT_DONE);
			calls[at] = NULL;
			finished++;
		}
	}
	for (int i = 0; i < OVERLAP; i++)
		if (calls[i]) {
			MUST(fnt_call_finish_error(calls[i], "E", "end") == FNT_DONE);
			finished++;
		}
	return (void *)finished;
}

static atomic_bool stop;

static void *
reads_all_the_time(void *arg)
{
	struct fnt_reader *reader = open_reader(arg);

	while (!atomic_load(&stop)) {
		struct fnt_traces *traces = newest(log_, 50);

		for (size_t i = 0; i < traces->count; i++)
			MUST(traces->items[i].flags == 0);
		fnt_traces_free(traces);
		traces = in_flight(reader);
		for (size_t i = 0; i < traces->count; i++)
			MUST(traces->items[i].outcome == FNT_IN_FLIGHT &&
			     !(traces->items[i].flags & FNT_TRACE_DAMAGED));
		fnt_traces_free(traces);
		MUST(fnt_log_total_count(log_) < UINT32_MAX);
	}
	fnt_reader_close(reader);
	return NULL;
}

START_TEST(overlapping_calls)
{
	pthread_t threads[6], reader;
	uintptr_t finished = 0;
	struct fnt_stat stat;

	log_ = open_sized("over", MIB(2));
	reader = start(reads_all_the_time, "over");
	for (uintptr_t i = 0; i < 6; i++)
		threads[i] = start(overlap, (void *)i);
	for (int i = 0; i < 6; i++) {
		void *count;

		pthread_join(threads[i], &count);
		finished += (uintptr_t)count;
	}
	atomic_store(&stop, true);
	pthread_join(reader, NULL);
	stat = region_stat("over");
	ck_assert_uint_eq(stat.recorded, finished);
	ck_assert_uint_eq(stat.dropped + stat.in_flight, 0);
	fnt_log_close(log_);
	must_be_sound("over");
}
END_TEST

/* ---- threads that come and go ---------------------------------------------------- */

static void *
one_call(void *arg)
{
	struct fnt_call *call = begin_call(log_, "short", "id");

	if (arg)
		return call; /* left open; whoever joins the thread finishes it */
	MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	return NULL;
}

START_TEST(short_lived_threads)
{
	const unsigned rounds = ROUNDS(3000u, 400u);
	struct fnt_stat stat;

	/* A hundred times more threads than lanes. */
	log_ = open_sized("short", SMALLEST);
	for (unsigned i = 0; i < rounds; i++) {
		pthread_t threads[4];

		for (uintptr_t t = 0; t < 4; t++)
			threads[t] = start(one_call, (void *)(t % 2));
		for (int t = 0; t < 4; t++) {
			void *call;

			pthread_join(threads[t], &call);
			if (call)
				MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		}
		stat = region_stat("short");
		MUST(stat.lanes <= 5 && stat.frames <= 4 + 8);
	}
	ck_assert_uint_eq(stat.total, rounds * 4);
	ck_assert_uint_eq(stat.dropped + stat.unframed, 0);
	fnt_log_close(log_);
	stat = region_stat("short");
	ck_assert_uint_eq(stat.lanes + stat.frames + stat.producers, 0);
	must_be_sound("short");
}
END_TEST

/* ---- threads that end ------------------------------------------------------------ */

#define KEYS 6

/* How often a destructor sets its key again; the library's own needs one round more.
 * ThreadSanitizer ends a thread in a destructor of its own, which waits for two rounds
 * only. */
#ifdef FNT_TSAN
#define AGAIN 1u
#else
#define AGAIN 3u
#endif

static pthread_key_t keys[KEYS];

/* This also runs after urcu-bp's destructor, several times: the thread must not use its
 * RCU reader then, which may be another thread's. */
static void
uses_the_log(void *arg)
{
	uintptr_t rounds = (uintptr_t)arg;
	struct fnt_call *call;

	call = begin_call(log_, "late", "id");
	MUST(call);
	MUST(fnt_call_op(call, FNT_OP_GET, "Lot", NULL, 10, 1, true) == FNT_DONE);
	MUST(fnt_call_stream_chunk(call, 5) == FNT_DONE);
	MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	if (rounds > 1)
		pthread_setspecific(keys[0], (void *)(rounds - 1));
}

static void *
leaves_values(void *arg)
{
	(void)arg;
	MUST(record_call(log_, "first", "id") == FNT_DONE);
	for (int i = 0; i < KEYS; i++)
		pthread_setspecific(keys[i], (void *)(uintptr_t)(i ? 1 : AGAIN));
	return NULL;
}

START_TEST(destructors_use_the_log)
{
	const unsigned rounds = ROUNDS(300u, 60u), each = 1 + AGAIN + KEYS - 1;
	struct fnt_stat stat;

	/* Some keys before those of the log and of urcu-bp, some after them. */
	for (int i = 0; i < KEYS; i++) {
		if (i == KEYS / 2) {
			log_ = open_sized("late", SMALLEST);
			MUST(record_call(log_, "first", "id") == FNT_DONE);
		}
		ck_assert(!pthread_key_create(&keys[i], uses_the_log));
	}
	for (unsigned i = 0; i < rounds; i++) {
		pthread_t threads[2] = {start(leaves_values, NULL),
					start(leaves_values, NULL)};

		for (int t = 0; t < 2; t++)
			pthread_join(threads[t], NULL);
	}
	stat = region_stat("late");
	ck_assert_uint_eq(stat.total, 1 + 2 * rounds * each);
	ck_assert_uint_eq(stat.in_flight + stat.dropped + stat.unframed, 0);
	fnt_log_close(log_);
	must_be_sound("late");
}
END_TEST

static pthread_barrier_t barrier;

static void *
waits_for_all(void *arg)
{
	uintptr_t done = 0;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		int rc = record_call(log_, "crowd", "id");

		MUST(rc == FNT_DONE || rc == FNT_DROPPED);
		done += rc == FNT_DONE;
		if (i == 0)
			pthread_barrier_wait(&barrier);
	}
	pthread_barrier_wait(&barrier);
	return (void *)done;
}

/* More threads than lanes: threads without a lane drop their calls, and count them. */
START_TEST(more_threads_than_lanes)
{
	enum {
		THREADS = SMALL_LANES + 20
	};
	pthread_t threads[THREADS];
	uintptr_t done = 0;
	struct fnt_stat stat;

	log_ = open_sized("crowd", SMALLEST);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(waits_for_all, NULL);
	for (int i = 0; i < THREADS; i++) {
		void *count;

		pthread_join(threads[i], &count);
		done += (uintptr_t)count;
	}
	stat = region_stat("crowd");
	ck_assert_uint_eq(stat.total, THREADS * 20);
	ck_assert_uint_eq(stat.recorded, done);
	ck_assert_uint_eq(stat.dropped, THREADS * 20 - done);
	ck_assert_uint_ge(done, SMALL_LANES * 20);
	ck_assert_uint_gt(stat.dropped, 0);
	/* Once those threads have ended, there are lanes again. */
	ck_assert_int_eq(record_call(log_, "fn", "id"), FNT_DONE);
	fnt_log_close(log_);
	must_be_sound("crowd");
}
END_TEST

FIXTURE_MAIN("threads", finished_by_another_thread, overlapping_calls,
	     short_lived_threads, destructors_use_the_log, more_threads_than_lanes)
