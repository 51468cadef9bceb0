/* SPDX-License-Identifier: MIT
 *
 * test_cursor.c: followers that start now or at the oldest record, that are lapped,
 * that are slow, and that meet a stopped producer.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Read all that is there. Their ids must be the numbers from `expect` on. Returns how
 * many. */
static unsigned
drain(struct fnt_cursor *cursor, unsigned expect)
{
	const struct fnt_trace *trace;
	unsigned count = 0;
	int rc;

	while ((rc = fnt_cursor_next(cursor, &trace)) == 1) {
		ck_assert_uint_eq(strtoul(trace->call_id, NULL, 10), expect + count);
		count++;
	}
	ck_assert_int_eq(rc, 0);
	return count;
}

START_TEST(cursor_from_now_and_from_the_oldest)
{
	struct fnt_log *log = open_log("cursor", NULL);
	struct fnt_reader *reader = open_reader("cursor");
	struct fnt_cursor *old, *now;

	record_numbers(log, 0, 100);
	ck_assert(!fnt_cursor_open(&old, reader, FNT_FROM_OLDEST));
	ck_assert(!fnt_cursor_open(&now, reader, FNT_FROM_NOW));
	ck_assert_uint_eq(drain(now, 0), 0);
	record_numbers(log, 100, 50);
	ck_assert_uint_eq(drain(old, 0), 150);
	ck_assert_uint_eq(drain(now, 100), 50);
	for (unsigned i = 150; i < 400; i++) {
		record_numbers(log, i, 1);
		ck_assert_uint_eq(drain(old, i), 1);
		ck_assert_uint_eq(drain(now, i), 1);
	}
	ck_assert_uint_eq(fnt_cursor_missed(old) + fnt_cursor_missed(now), 0);
	fnt_cursor_close(old);
	fnt_cursor_close(now);
	fnt_cursor_close(NULL);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* Read up to `take` records, with ids that grow. Returns the last result of next. */
static int
take_some(struct fnt_cursor *cursor, unsigned take, unsigned *last, unsigned *got)
{
	const struct fnt_trace *trace;
	int rc = 1;

	while (take-- && (rc = fnt_cursor_next(cursor, &trace)) == 1) {
		unsigned number = (unsigned)strtoul(trace->call_id, NULL, 10);

		ck_assert_uint_gt(number, *last);
		*last = number;
		++*got;
	}
	return rc;
}

/* However far a follower falls behind, it gets records in order; with those that it
 * missed they add up to what was recorded. It may wait a little for reserved tickets.
 * An ordered ring has none. */
START_TEST(lapped_cursor)
{
	static const char *const names[] = {"lapped", "lapped-ordered"};
	struct fnt_options options = {.size_bytes = SMALLEST,
				      .flags = _i ? FNT_ORDERED : 0};
	struct fnt_log *log = open_log(names[_i], &options);
	struct fnt_reader *reader = open_reader(names[_i]);
	struct fnt_cursor *cursor;
	struct rnd r = {5};
	unsigned recorded = 0, got = 0, last = 0;

	ck_assert(!fnt_cursor_open(&cursor, reader, FNT_FROM_NOW));
	for (int round = 0; round < ROUNDS(400, 80); round++) {
		unsigned more = rnd(&r, 3) ? rnd(&r, 300) : rnd(&r, 5000);
		int rc;

		record_numbers(log, recorded + 1, more);
		recorded += more;
		rc = take_some(cursor, rnd(&r, 2) ? rnd(&r, 1000) : UINT32_MAX, &last,
			       &got);
		while (!_i && rc == 0 && got + fnt_cursor_missed(cursor) < recorded) {
			nap_us(500);
			rc = take_some(cursor, UINT32_MAX, &last, &got);
		}
		if (rc == 0)
			ck_assert_uint_eq(got + fnt_cursor_missed(cursor), recorded);
		ck_assert_uint_le(got + fnt_cursor_missed(cursor), recorded);
	}
	ck_assert_uint_gt(fnt_cursor_missed(cursor), 0);
	fnt_cursor_close(cursor);
	/* Opened later at the oldest record, it misses nothing that is still there. */
	ck_assert(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	got = last = 0;
	ck_assert_int_eq(take_some(cursor, UINT32_MAX, &last, &got), 0);
	ck_assert_uint_eq(got, fnt_log_len(log));
	ck_assert_uint_eq(last, recorded);
	ck_assert_uint_eq(fnt_cursor_missed(cursor), 0);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* A producer that is stopped with reserved tickets does not hold up a follower. When it
 * goes on, the follower gets its records, too. */
START_TEST(cursor_and_a_stopped_producer)
{
	struct fnt_log *log = open_log("stopped", NULL);
	struct fnt_reader *reader = open_reader("stopped");
	struct latch ready = make_latch();
	struct fnt_cursor *cursor;
	const struct fnt_trace *trace;
	unsigned got = 0, dead = 0, mine = 0;
	pid_t pid;

	ck_assert(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	pid = fork();
	if (!pid) {
		/* Fast, so that it reserves a block. */
		for (int i = 0; i < 1000; i++)
			CHILD_MUST(record_call(log, "other", "0") == FNT_DONE);
		raise(SIGSTOP);
		for (int i = 0; i < 1000; i++)
			CHILD_MUST(record_call(log, "other", "0") == FNT_DONE);
		latch_open(&ready);
		pause();
	}
	waitpid(pid, NULL, WUNTRACED);
	record_numbers(log, 0, 500);
	while (mine < 500) {
		if (fnt_cursor_next(cursor, &trace) == 1) {
			mine += !strcmp(trace->fn_name, "fn");
			dead += !strcmp(trace->fn_name, "other");
			got++;
		}
	}
	ck_assert_uint_eq(dead, 1000);
	kill(pid, SIGCONT);
	latch_wait(&ready);
	while (got < 2500)
		if (fnt_cursor_next(cursor, &trace) == 1)
			got++;
	ck_assert_uint_eq(fnt_cursor_missed(cursor), 0);
	kill_child(pid);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* A follower slower than the producers skips what they are about to overwrite. It is
 * never within a sixteenth of the ring of them, but for the tickets taken between two
 * reads. */
START_TEST(slow_cursor_keeps_its_distance)
{
	struct fnt_options options = {.size_bytes = MIB(2), .flags = FNT_ORDERED};
	struct fnt_log *log = open_log("slow", &options);
	struct fnt_reader *reader = open_reader("slow");
	unsigned cells = (unsigned)region_stat("slow").cells;
	unsigned recorded = 0, got = 0, last = 0;
	struct fnt_cursor *cursor;

	ck_assert_uint_gt(cells / 16, 150);
	ck_assert(!fnt_cursor_open(&cursor, reader, FNT_FROM_NOW));
	while (recorded < 20 * cells) {
		record_numbers(log, recorded + 1, 2);
		recorded += 2;
		if (take_some(cursor, 1, &last, &got) == 1)
			MUST(recorded - last < cells - cells / 16 + 140);
	}
	ck_assert_uint_gt(fnt_cursor_missed(cursor), 8 * cells);
	/* Once the producers are done it gets all that is left. */
	while (got + fnt_cursor_missed(cursor) < recorded)
		ck_assert_int_eq(take_some(cursor, UINT32_MAX, &last, &got), 0);
	ck_assert_uint_eq(last, recorded);
	ck_assert_uint_eq(got + fnt_cursor_missed(cursor), recorded);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN_LOOPS("cursor", {cursor_from_now_and_from_the_oldest, 1},
		   {lapped_cursor, 2}, {cursor_and_a_stopped_producer, 1},
		   {slow_cursor_keeps_its_distance, 1})
