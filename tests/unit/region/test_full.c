/* SPDX-License-Identifier: MIT
 *
 * test_full.c: more threads than lanes. What they do is counted, and later threads get
 * lanes again. (Processes, frames and names: test_log_use, test_log_limits.)
 */
#include "support/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS (SMALL_LANES + 8)
#define CALLS 50

static struct fnt_log *log_;
static pthread_barrier_t all_have_begun, all_are_done;
static atomic_uint recorded, dropped;

static void *
make_calls(void *arg)
{
	struct fnt_call *call = begin_call(log_, "fn", "first");

	(void)arg;
	pthread_barrier_wait(&all_have_begun);
	for (int i = 0; i < CALLS; i++) {
		if (i)
			call = begin_call(log_, "fn", "next");
		MUST(fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true) == FNT_DONE);
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
	pthread_barrier_wait(&all_are_done);
	return NULL;
}

static void
run_threads(unsigned count)
{
	pthread_t threads[THREADS];

	atomic_store(&recorded, 0);
	atomic_store(&dropped, 0);
	pthread_barrier_init(&all_have_begun, NULL, count);
	pthread_barrier_init(&all_are_done, NULL, count);
	for (unsigned i = 0; i < count; i++)
		MUST(!pthread_create(&threads[i], NULL, make_calls, NULL));
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all_have_begun);
	pthread_barrier_destroy(&all_are_done);
}

START_TEST(more_threads_than_lanes)
{
	struct fnt_stat stat;

	log_ = open_sized("lanes", SMALLEST);
	run_threads(THREADS);
	ck_assert_uint_eq(recorded + dropped, THREADS * CALLS);
	ck_assert_uint_eq(dropped, (THREADS - SMALL_LANES) * CALLS);
	stat = region_stat("lanes");
	ck_assert_uint_eq(stat.dropped, dropped);
	ck_assert_uint_eq(stat.total, THREADS * CALLS);
	ck_assert_uint_eq(stat.lanes, 0);
	run_threads(SMALL_LANES);
	ck_assert_uint_eq(dropped, 0);
	ck_assert_uint_eq(region_stat("lanes").total, (THREADS + SMALL_LANES) * CALLS);
	fnt_log_close(log_);
	must_be_sound("lanes");
}
END_TEST

static atomic_bool was_dropped;

/* A thread that got no lane tries again at later calls, and then records. */
static void *
outlive(void *arg)
{
	int rc = record_call(arg, "fn", "patient");

	MUST(rc == FNT_DROPPED);
	atomic_store(&was_dropped, true);
	for (int i = 0; i < 10000 && rc == FNT_DROPPED; i++) {
		nap_us(1000);
		rc = record_call(arg, "fn", "patient");
	}
	MUST(rc == FNT_DONE);
	return NULL;
}

static void *
hold_a_lane(void *arg)
{
	MUST(record_call(arg, "fn", "holder") == FNT_DONE);
	while (!atomic_load(&was_dropped))
		nap_us(1000);
	return NULL;
}

START_TEST(thread_without_lane_gets_one_later)
{
	pthread_t holders[SMALL_LANES], patient;

	log_ = open_sized("patient", SMALLEST);
	for (unsigned i = 0; i < SMALL_LANES; i++)
		MUST(!pthread_create(&holders[i], NULL, hold_a_lane, log_));
	while (region_stat("patient").lanes < SMALL_LANES)
		nap_us(1000);
	MUST(!pthread_create(&patient, NULL, outlive, log_));
	for (unsigned i = 0; i < SMALL_LANES; i++)
		pthread_join(holders[i], NULL);
	pthread_join(patient, NULL);
	fnt_log_close(log_);
	must_be_sound("patient");
}
END_TEST

FIXTURE_MAIN("full", more_threads_than_lanes, thread_without_lane_gets_one_later)
