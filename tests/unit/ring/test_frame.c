/* SPDX-License-Identifier: MIT
 *
 * test_frame.c: calls in flight, as others see them.
 */
#include "support/fixture.h"

#include "produce/payload_writer.h"

#include <pthread.h>
#include <stdatomic.h>

#define CHUNK 7u

static atomic_bool stop;

static void *
stream(void *arg)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		MUST(fnt_call_stream_chunk(arg, CHUNK) == FNT_DONE);
	return NULL;
}

/* However fast a call streams, no reader sees a chunk without its bytes. */
START_TEST(bytes_and_chunks_agree)
{
	struct fnt_log *log = open_sized("stream", SMALLEST);
	struct fnt_call *call = begin_call(log, "fn", "streams");
	struct fnt_reader *reader = open_reader("stream");
	uint64_t last = 0;
	unsigned moved = 0;
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, stream, call));
	for (int i = 0; i < ROUNDS(20000, 2000) || moved < 100; i++) {
		struct fnt_traces *traces = in_flight(reader);
		const struct fnt_trace *trace = &traces->items[0];

		MUST(traces->count == 1);
		MUST(trace->stream_chunks >= last);
		MUST(trace->stream_bytes == trace->stream_chunks * CHUNK);
		moved += trace->stream_chunks > last;
		last = trace->stream_chunks;
		fnt_traces_free(traces);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- without a frame ------------------------------------------------------------- */

#define MANY 250

static void
make_ops(struct fnt_call *call, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		char id[24];

		snprintf(id, sizeof(id), "%u", n);
		MUST(fnt_call_op(call, FNT_OP_GET, "t", id, 1, 1, true) == FNT_DONE);
	}
}

/* There are more calls than frames, and one of them needs more than all frames hold.
 * When their log is closed each becomes a record, with all that happened in it. */
START_TEST(closed_with_calls_that_have_no_frame)
{
	/* One ring holds all of them. */
	struct fnt_options options = {.size_bytes = SMALLEST, .capacity = 2 * MANY};
	struct fnt_log *log = open_log("closed", &options);
	struct fnt_call *calls[MANY];
	struct fnt_traces *traces;
	char seen[MANY] = {0}, id[24];

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "%d", i);
		calls[i] = begin_call(log, "fn", id);
		make_ops(calls[i], i ? 6 : 90);
	}
	ck_assert_uint_ge(region_stat("closed").unframed, MANY - SMALL_FRAMES);
	fnt_log_close(log);
	log = open_sized("closed", SMALLEST);
	ck_assert_uint_eq(fnt_log_total_count(log), MANY);
	traces = newest(log, MANY);
	ck_assert_uint_eq(traces->count, MANY);
	for (size_t n = 0; n < MANY; n++) {
		const struct fnt_trace *trace = &traces->items[n];
		unsigned i = (unsigned)strtoul(trace->call_id, NULL, 10);

		MUST(i < MANY && !seen[i]++);
		ck_assert_int_eq(trace->outcome, FNT_ABORTED);
		ck_assert_uint_eq(trace->op_count, i ? 6 : 90);
		ck_assert_uint_eq(trace->flags, 0);
	}
	fnt_traces_free(traces);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(i % 2 ? fnt_call_finish_ok(calls[i], NULL)
				       : fnt_call_abandon(calls[i]),
				 -ESHUTDOWN);
	fnt_log_close(log);
	must_be_sound("closed");
}
END_TEST

/* ---- in each frame --------------------------------------------------------------- */

static void
begin_in_all(struct fnt_log *log, struct fnt_call **calls)
{
	for (unsigned i = 0; i < SMALL_FRAMES; i++) {
		calls[i] = begin_call(log, "fn", "id");
		MUST(calls[i]->frame);
	}
}

static void *
has_all_and_ends(void *arg)
{
	struct fnt_call *calls[SMALL_FRAMES];

	begin_in_all(arg, calls);
	for (unsigned i = 0; i < SMALL_FRAMES; i++)
		MUST(fnt_call_finish_ok(calls[i], NULL) == FNT_DONE);
	return NULL;
}

/* Returns the call that got frame `n`; all others have ended. It then outgrows its
 * frame while no other frame is free. */
static struct fnt_call *
leave_one(struct fnt_call **calls, uint32_t n)
{
	struct fnt_call *left = NULL;

	for (unsigned i = 0; i < SMALL_FRAMES; i++)
		if (calls[i]->own.frame == n)
			left = calls[i];
	MUST(left);
	make_ops(left, 90);
	MUST(fnt_payload_used(left) > left->framed);
	for (unsigned i = 0; i < SMALL_FRAMES; i++)
		if (calls[i] != left)
			MUST(fnt_call_finish_ok(calls[i], NULL) == FNT_DONE);
	return left;
}

static void
must_be_one_aborted(struct fnt_log *log)
{
	struct fnt_traces *traces = newest(log, 2 * SMALL_FRAMES);
	unsigned found = 0;

	ck_assert_uint_eq(traces->count, 2 * SMALL_FRAMES);
	for (size_t i = 0; i < traces->count; i++)
		if (traces->items[i].outcome == FNT_ABORTED) {
			ck_assert_uint_eq(traces->items[i].op_count, 90);
			ck_assert_uint_eq(traces->items[i].flags, 0);
			found++;
		}
	ck_assert_uint_eq(found, 1);
	ck_assert_uint_eq(fnt_log_total_count(log), 2 * SMALL_FRAMES);
	fnt_traces_free(traces);
}

/* All frames belonged to another thread, which has ended, and then to this one. When
 * the log is closed a single call is open, in each frame in turn. It becomes one
 * record, and its memory stays valid as long as somebody may use it. */
START_TEST(closed_with_one_call_in_each_frame)
{
	for (uint32_t n = 0; n < SMALL_FRAMES; n++) {
		struct fnt_options options = {.size_bytes = SMALLEST,
					      .capacity = 2 * MANY};
		struct fnt_call *calls[SMALL_FRAMES], *left;
		struct fnt_log *log = open_log("any", &options);
		pthread_t thread;

		MUST(!pthread_create(&thread, NULL, has_all_and_ends, log));
		pthread_join(thread, NULL);
		begin_in_all(log, calls);
		left = leave_one(calls, n);
		fnt_log_close(log);
		MUST(fnt_call_stream_chunk(left, 1) == -ESHUTDOWN);
		log = open_sized("any", SMALLEST);
		must_be_one_aborted(log);
		fnt_log_close(log);
		MUST(fnt_call_finish_ok(left, NULL) == -ESHUTDOWN);
		must_be_sound("any");
		unlink(region_path("any", ".fnt"));
	}
}
END_TEST

/* ---- all at once ----------------------------------------------------------------- */

#define USERS 3
#define OPEN_EACH 40

struct user {
	struct fnt_log *log;
	uint64_t begun;
};

/* Begin and end calls, with many open at any time, until the log is closed. */
static void *
use_until_closed(void *arg)
{
	struct fnt_call *calls[OPEN_EACH] = {NULL};
	struct user *user = arg;
	struct rnd r = {(uintptr_t)user};

	for (;;) {
		uint32_t i = rnd(&r, OPEN_EACH);

		if (calls[i]) {
			int rc =
				fnt_call_op(calls[i], FNT_OP_GET, "t", "1", 1, 1, true);

			MUST(rc == FNT_DONE || rc == -ESHUTDOWN);
			rc = fnt_call_finish_ok(calls[i], NULL);
			MUST(rc == FNT_DONE || rc == FNT_DROPPED || rc == -ESHUTDOWN);
			calls[i] = NULL;
			continue;
		}
		calls[i] = begin_call(user->log, "fn", "id");
		if (!calls[i])
			break;
		user->begun++;
	}
	for (int i = 0; i < OPEN_EACH; i++)
		if (calls[i])
			MUST(fnt_call_abandon(calls[i]) == -ESHUTDOWN);
	return NULL;
}

START_TEST(closed_while_calls_have_no_frame)
{
	struct rnd r = {7};

	for (int round = 0; round < ROUNDS(60, 15); round++) {
		struct user users[USERS];
		pthread_t threads[USERS];
		uint64_t begun = 0;
		char name[24];

		snprintf(name, sizeof(name), "among-%d", round);
		for (int i = 0; i < USERS; i++) {
			users[i] = (struct user){
				i ? users[0].log : open_sized(name, SMALLEST), 0};
			MUST(!pthread_create(&threads[i], NULL, use_until_closed,
					     &users[i]));
		}
		nap_us(rnd(&r, 20000));
		fnt_log_close(users[0].log);
		for (int i = 0; i < USERS; i++) {
			pthread_join(threads[i], NULL);
			begun += users[i].begun;
		}
		ck_assert_uint_eq(region_stat(name).total, begun);
		must_be_sound(name);
		unlink(region_path(name, ".fnt"));
	}
}
END_TEST

FIXTURE_MAIN("frame", bytes_and_chunks_agree, closed_with_calls_that_have_no_frame,
	     closed_with_one_call_in_each_frame, closed_while_calls_have_no_frame)
