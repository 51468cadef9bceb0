/* SPDX-License-Identifier: MIT
 *
 * test_reader.c: looking in from outside: by name, path and pid, what runs, what comes
 * next, who is there.
 */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- queries -------------------------------------------------------------------- */

START_TEST(queries)
{
	struct fnt_log *log = open_log("query", NULL);
	struct fnt_reader *reader = open_reader("query");
	uint64_t uids[40], ids[40][2];
	struct fnt_traces *traces;

	for (int i = 0; i < 40; i++) {
		char id[8];
		struct fnt_call *call;

		snprintf(id, sizeof(id), "c%d", i % 10);
		call = begin_call(log, i % 2 ? "odd" : "even", id);
		uids[i] = fnt_call_uid(call);
		fnt_call_trace_id(call, ids[i]);
		if (i % 4)
			fnt_call_finish_ok(call, NULL);
		else
			fnt_call_finish_error(call, "E", "m");
	}
	for (int i = 0; i < 40; i++) {
		const struct fnt_query by_uid = {.limit = 9, .uid = uids[i]};
		const struct fnt_query by_tree = {.limit = 9,
						  .trace_id = {ids[i][0], ids[i][1]}};

		ck_assert(!fnt_reader_query(reader, &by_uid, &traces));
		ck_assert_uint_eq(traces->count, 1);
		ck_assert_int_eq(atoi(traces->items[0].call_id + 1), i % 10);
		fnt_traces_free(traces);
		ck_assert(!fnt_reader_query(reader, &by_tree, &traces));
		ck_assert_uint_eq(traces->count, 1);
		ck_assert_uint_eq(traces->items[0].uid, uids[i]);
		fnt_traces_free(traces);
	}
	ck_assert(!fnt_reader_query(
		reader, &(struct fnt_query){.limit = 3, .call_id = "c7"}, &traces));
	ck_assert_uint_eq(traces->count, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(traces->items[i].uid, uids[37 - 10 * i]);
	fnt_traces_free(traces);
	ck_assert(!fnt_reader_query(reader,
				    &(struct fnt_query){.limit = 99,
							.fn_name = "even",
							.errors_only = true},
				    &traces));
	ck_assert_uint_eq(traces->count, 10);
	fnt_traces_free(traces);
	ck_assert(!fnt_reader_query(
		reader, &(struct fnt_query){.limit = 99, .fn_name = "none"}, &traces));
	ck_assert_uint_eq(traces->count, 0);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

static int
stop_at_five(void *arg, const struct fnt_trace *trace)
{
	(void)trace;
	return ++*(int *)arg == 5 ? 77 : 0;
}

START_TEST(each_stops_when_told)
{
	struct fnt_log *log = open_log("each", NULL);
	struct fnt_reader *reader = open_reader("each");
	struct fnt_query query = {.limit = 100};
	int count = 0;

	for (int i = 0; i < 20; i++)
		record_call(log, "fn", "id");
	ck_assert_int_eq(fnt_reader_each(reader, &query, stop_at_five, &count), 77);
	ck_assert_int_eq(count, 5);
	query.limit = 3;
	count = 10;
	ck_assert_int_eq(fnt_reader_each(reader, &query, stop_at_five, &count), 0);
	ck_assert_int_eq(count, 13);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- what comes next ------------------------------------------------------------ */

/* All that is there now; how many, the numbers of their ids following `expect`. */
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

static void
record_numbers(struct fnt_log *log, unsigned from, unsigned count)
{
	char id[16];

	for (unsigned i = from; i < from + count; i++) {
		snprintf(id, sizeof(id), "%u", i);
		MUST(record_call(log, "fn", id) == FNT_DONE);
	}
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

/* Take up to `take` records; the numbers of all so far grow. The last answer. */
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

/* However far it falls behind: what it gets is in order, and with what it missed it
 * makes what there was. With tickets in someone's hand it may wait for them a little;
 * in an ordered ring nobody has any. */
START_TEST(cursor_that_is_lapped)
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
	/* From the oldest, later: nothing is missed of what is still there. */
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

/* A producer stopped with tickets in hand holds nobody up; when it goes on, its records
 * come too. */
START_TEST(cursor_and_a_stopped_producer)
{
	struct fnt_log *log = open_log("stopped", NULL);
	struct fnt_reader *reader = open_reader("stopped");
	struct gate ready = make_gate();
	struct fnt_cursor *cursor;
	const struct fnt_trace *trace;
	unsigned got = 0, dead = 0, mine = 0;
	pid_t pid;

	ck_assert(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	pid = fork();
	if (!pid) {
		/* Fast, so that it holds a block. */
		for (int i = 0; i < 1000; i++)
			CHILD_MUST(record_call(log, "other", "0") == FNT_DONE);
		raise(SIGSTOP);
		for (int i = 0; i < 1000; i++)
			CHILD_MUST(record_call(log, "other", "0") == FNT_DONE);
		gate_open(&ready);
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
	gate_wait(&ready);
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

/* ---- by pid --------------------------------------------------------------------- */

/* A child with one call open in `name`, and no file of it if `gone`. */
static pid_t
child_with(const char *name, bool gone)
{
	struct gate ready = make_gate();
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log = open_sized(name, SMALLEST);

		CHILD_MUST(!gone || !unlink(fnt_log_path(log)));
		CHILD_MUST(begin_call(log, "fn", "open"));
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	return pid;
}

static void
attach_to(pid_t pid, const char *path)
{
	struct fnt_error error = {0};
	struct fnt_reader *reader;
	struct fnt_traces *traces;

	if (fnt_reader_open_pid(&reader, pid, &error))
		ck_abort_msg("attach by pid: %s", error.message);
	traces = in_flight(reader);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].pid, pid);
	ck_assert_int_eq(traces->items[0].outcome, FNT_IN_FLIGHT);
	fnt_traces_free(traces);
	if (path)
		ck_assert_str_eq(fnt_reader_path(reader), path);
	kill_child(pid);
	traces = in_flight(reader);
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
}

START_TEST(attach_by_pid)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", region_path("by-pid", ".fnt"));
	attach_to(child_with("by-pid", false), path);
	attach_to(child_with("deleted", true), NULL);
	attach_to(child_with(NULL, false), NULL);
}
END_TEST

START_TEST(attach_by_pid_in_vain)
{
	struct fnt_log *a, *b;
	struct fnt_reader *reader;
	struct fnt_error error;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(fnt_reader_open_pid(&reader, pid, &error), -ESRCH);
	ck_assert_int_eq(fnt_reader_open_pid(&reader, getppid(), &error), -ENODATA);
	a = open_sized("first", SMALLEST);
	b = open_sized("second", SMALLEST);
	ck_assert_int_eq(fnt_reader_open_pid(&reader, getpid(), &error), -ENOTUNIQ);
	ck_assert_ptr_nonnull(strstr(error.message, "first"));
	ck_assert_ptr_nonnull(strstr(error.message, "second"));
	fnt_log_close(a);
	ck_assert_int_eq(fnt_reader_open_pid(&reader, getpid(), &error), 0);
	fnt_reader_close(reader);
	fnt_log_close(b);
}
END_TEST

/* ---- what runs and who is there ------------------------------------------------- */

START_TEST(in_flight_shows_ops_so_far)
{
	struct fnt_log *log = open_log("flight", NULL);
	struct fnt_reader *reader = open_reader("flight");
	struct fnt_call *first = begin_call(log, "first", "1"), *second;
	struct fnt_traces *traces;
	uint64_t elapsed;

	second = begin_call(log, "second", "2");
	fnt_call_op(first, FNT_OP_GET, "t", "a", 1000, 1, true);
	fnt_call_op_begin(first, FNT_OP_LIST, "u", "b");
	fnt_call_stream_chunk(second, 7);
	fnt_call_user_id(second, "someone");
	traces = in_flight(reader);
	ck_assert_uint_eq(traces->count, 2);
	ck_assert_str_eq(traces->items[0].fn_name, "first");
	ck_assert_uint_eq(traces->items[0].op_count, 1);
	ck_assert_uint_eq(traces->items[0].pending_count, 1);
	ck_assert_str_eq(traces->items[0].pending[0].entity, "u");
	ck_assert_str_eq(traces->items[1].user_id, "someone");
	ck_assert_uint_eq(traces->items[1].stream_bytes, 7);
	elapsed = traces->items[0].duration_ns;
	fnt_traces_free(traces);
	nap_us(2000);
	traces = in_flight(reader);
	ck_assert_uint_ge(traces->items[0].duration_ns, elapsed + 2000000);
	fnt_traces_free(traces);
	fnt_call_finish_ok(first, NULL);
	fnt_call_finish_ok(second, NULL);
	traces = in_flight(reader);
	ck_assert_uint_eq(traces->count, 0);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

START_TEST(producers_and_stat)
{
	struct fnt_log *log = open_sized("who", SMALLEST);
	struct fnt_reader *reader = open_reader("who");
	struct fnt_producer *producers;
	struct fnt_stat stat;
	pid_t pid = child_with("who", false);
	size_t count, of_child;

	record_numbers(log, 0, 10);
	ck_assert(!fnt_reader_producers(reader, &producers, &count));
	ck_assert_uint_eq(count, 2);
	of_child = producers[0].pid == pid ? 0 : 1;
	ck_assert_int_eq(producers[of_child].pid, pid);
	ck_assert_int_eq(producers[1 - of_child].pid, getpid());
	ck_assert(producers[0].alive && producers[1].alive);
	ck_assert_uint_eq(producers[of_child].in_flight, 1);
	ck_assert_uint_eq(producers[1 - of_child].recorded, 10);
	ck_assert_uint_eq(producers[1 - of_child].threads, 1);
	ck_assert_str_eq(producers[0].exe, "test_reader");
	free(producers);
	kill_child(pid);
	ck_assert(!fnt_reader_producers(reader, &producers, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert(!producers[of_child].alive && producers[1 - of_child].alive);
	free(producers);
	stat = stat_of(reader);
	ck_assert_uint_eq(stat.total, 10);
	ck_assert_uint_eq(stat.retained, 10);
	ck_assert_uint_eq(stat.in_flight, 1);
	ck_assert_uint_eq(stat.orphaned, 1);
	ck_assert_uint_eq(stat.producers, 2);
	ck_assert_uint_eq(stat.producers_max, SMALL_PRODUCERS);
	ck_assert_uint_eq(stat.lanes_max, SMALL_LANES);
	ck_assert_uint_eq(stat.frames_max, SMALL_FRAMES);
	ck_assert_uint_eq(stat.names_max, SMALL_NAMES);
	ck_assert_uint_eq(stat.size_bytes, SMALLEST);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* Reading changes nothing: neither bytes nor times. */
START_TEST(readers_leave_no_trace)
{
	struct fnt_log *log = open_sized("silent", SMALLEST);
	struct fnt_query query = {.limit = 1000};
	struct fnt_traces *traces;
	struct fnt_reader *reader;
	struct fnt_cursor *cursor;
	const struct fnt_trace *trace;
	struct stat before, after;

	record_numbers(log, 0, 50);
	fnt_log_close(log);
	MUST(!stat(region_path("silent", ".fnt"), &before));
	MUST(!chmod(region_path("silent", ".fnt"), 0400));
	reader = open_reader("silent");
	MUST(!fnt_reader_query(reader, &query, &traces));
	ck_assert_uint_eq(traces->count, 50);
	fnt_traces_free(traces);
	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	while (fnt_cursor_next(cursor, &trace) == 1)
		;
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	must_be_sound("silent");
	MUST(!stat(region_path("silent", ".fnt"), &after));
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}
END_TEST

START_TEST(list_of_regions)
{
	const char *dir = region_path("listed", "");
	struct fnt_region_info *regions;
	struct fnt_options options = {.size_bytes = SMALLEST};
	char copy[256], path[300];
	struct fnt_log *log;
	size_t count;

	snprintf(copy, sizeof(copy), "%s", dir);
	options.dir = copy;
	ck_assert(!fnt_regions_list(copy, &regions, &count, NULL));
	ck_assert_uint_eq(count, 0);
	free(regions);
	ck_assert(!fnt_log_open(&log, "b", &options));
	fnt_log_close(log);
	ck_assert(!fnt_log_open(&log, "a", &options));
	snprintf(path, sizeof(path), "%s/c.fnt", copy);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/other.txt", copy);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	ck_assert(!fnt_regions_list(copy, &regions, &count, NULL));
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(regions[0].name, "a");
	ck_assert_str_eq(regions[1].name, "b");
	ck_assert_str_eq(regions[2].name, "c");
	ck_assert_uint_eq(regions[0].alive, 1);
	ck_assert_uint_eq(regions[1].alive + regions[1].dead, 0);
	ck_assert_uint_eq(regions[1].size_bytes, SMALLEST);
	ck_assert_int_eq(regions[0].status, 0);
	ck_assert_int_eq(regions[2].status, -EPROTO);
	ck_assert_uint_gt(strlen(regions[2].message), 0);
	free(regions);
	fnt_log_close(log);
	unlink(path);
	snprintf(path, sizeof(path), "rm -r '%s'", copy);
	MUST(!system(path));
}
END_TEST

FIXTURE_MAIN_TURNS("reader", {queries, 1}, {each_stops_when_told, 1},
		   {cursor_from_now_and_from_the_oldest, 1}, {cursor_that_is_lapped, 2},
		   {cursor_and_a_stopped_producer, 1}, {attach_by_pid, 1},
		   {attach_by_pid_in_vain, 1}, {in_flight_shows_ops_so_far, 1},
		   {producers_and_stat, 1}, {readers_leave_no_trace, 1},
		   {list_of_regions, 1})
