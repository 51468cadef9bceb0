/* SPDX-License-Identifier: MIT
 *
 * test_reader.c: attaching by name, path and pid; queries, calls in flight, producers,
 * regions.
 */
#include "support/fixture.h"

#include "region/region.h"
#include "settings/first_settings.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- queries --------------------------------------------------------------------- */

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

/* ---- values ---------------------------------------------------------------------- */

/* Finish a call with a value, and read it: its flags are also in its JSON. */
static void
check_value(struct fnt_log *log, enum fnt_value_kind kind, const void *data, size_t len,
	    uint32_t flags)
{
	const struct fnt_value value = {kind, data, len};
	struct fnt_traces *traces;
	char *json;

	ck_assert_int_eq(fnt_call_finish_ok(begin_call(log, "fn", "c"), &value),
			 FNT_DONE);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->items[0].flags, flags);
	ck_assert(!fnt_trace_to_json(&traces->items[0], &json, NULL));
	ck_assert_int_eq(strstr(json, "\"value_invalid\":true") != NULL,
			 flags == FNT_TRACE_VALUE_INVALID);
	ck_assert_int_eq(strstr(json, "\"value_too_deep\":true") != NULL,
			 flags == FNT_TRACE_VALUE_TOO_DEEP);
	free(json);
	fnt_traces_free(traces);
}

/* What stands for a damaged value can't be taken for a value that is such a text. */
START_TEST(values_that_are_damaged_are_flagged)
{
	struct fnt_log *log = open_log("values", NULL);
	char deep[2 * FNT_VALUE_DEPTH_MAX + 2];
	const char *marker = "\"<invalid JSON at byte 0 of 1: x>\"";

	check_value(log, FNT_VALUE_JSON, "[1]", 3, 0);
	check_value(log, FNT_VALUE_JSON, "x", 1, FNT_TRACE_VALUE_INVALID);
	check_value(log, FNT_VALUE_JSON, marker, strlen(marker), 0);
	check_value(log, FNT_VALUE_MSGPACK, "\x91\x01", 2, 0);
	check_value(log, FNT_VALUE_MSGPACK, "\x92\x01", 2, FNT_TRACE_VALUE_INVALID);
	for (size_t more = 0; more < 2; more++) {
		size_t depth = FNT_VALUE_DEPTH_MAX + more;

		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		check_value(log, FNT_VALUE_JSON, deep, 2 * depth,
			    more ? FNT_TRACE_VALUE_TOO_DEEP : 0);
		memset(deep, '\x91', depth);
		deep[depth] = 0;
		check_value(log, FNT_VALUE_MSGPACK, deep, depth + 1,
			    more ? FNT_TRACE_VALUE_TOO_DEEP : 0);
	}
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

static size_t
recent_count(struct fnt_reader *reader)
{
	struct fnt_traces *traces;
	size_t count;

	ck_assert(!fnt_reader_query(reader, &(struct fnt_query){.limit = 99}, &traces));
	count = traces->count;
	fnt_traces_free(traces);
	ck_assert_uint_eq(region_stat("hand").retained, count);
	return count;
}

/* Tickets that a lane says it has reserved are skipped, down to the first of them. That
 * one is read, to check that they still are reserved. Nothing is skipped where the
 * lane's words are impossible, and no tickets of other lanes. */
START_TEST(reserved_tickets_are_skipped)
{
	struct fnt_log *log = open_log("hand", NULL);
	struct fnt_reader *reader = open_reader("hand");
	struct fnt_region region;
	struct fnt_lane_ring *lane;
	uint64_t cursor, first;

	record_numbers(log, 0, 20);
	MUST(!fnt_region_open(&region, "hand", &(struct fnt_options){0},
			      fnt_first_settings_write));
	cursor = atomic_fetch_add(&region.view.rings[FNT_RING_MAIN].cursor, 10);
	first = fnt_view_segments(&region.view, FNT_RING_MAIN)->at[0].first;
	lane = &region.view.lanes[0].rings[FNT_RING_MAIN];
	ck_assert_uint_ge(atomic_load(&lane->recorded), 20);
	const struct {
		uint64_t first, low, end;
		size_t count;
	} says[] = {
		{cursor, cursor, cursor + 10, 20},
		{first, first, cursor + 10, 1},
		/* the newest tickets belong to another lane */
		{first, first, first + 1, 20},
		{first + 1, first, cursor + 10, 20}, /* words of two blocks */
		{0, first, UINT64_MAX - 1, 20},	     /* too many tickets for a block */
		{0, 0, 0, 20},			     /* between two blocks */
		{0, FNT_TICKET_NONE, cursor + 10, 20},
		{cursor + 10, cursor + 10, UINT64_MAX, 20},
	};

	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		atomic_store(&lane->block_first, says[i].first);
		atomic_store(&lane->low, says[i].low);
		atomic_store(&lane->block_end, says[i].end);
		ck_assert_uint_eq(recent_count(reader), says[i].count);
	}
	atomic_store(&lane->low, FNT_TICKET_NONE);
	fnt_region_close(&region);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- by pid ---------------------------------------------------------------------- */

/* A child with one call open in `name`. `gone`: it has removed the file. */
static pid_t
child_with(const char *name, bool gone)
{
	struct latch ready = make_latch();
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log = open_sized(name, SMALLEST);

		CHILD_MUST(!gone || !unlink(fnt_log_path(log)));
		CHILD_MUST(begin_call(log, "fn", "open"));
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
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

START_TEST(attach_by_pid_fails)
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

/* ---- calls in flight and producers ----------------------------------------------- */

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

/* Reading changes neither bytes nor times of the file. */
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

FIXTURE_MAIN_LOOPS("reader", {queries, 1}, {values_that_are_damaged_are_flagged, 1},
		   {each_stops_when_told, 1}, {reserved_tickets_are_skipped, 1},
		   {attach_by_pid, 1}, {attach_by_pid_fails, 1},
		   {in_flight_shows_ops_so_far, 1}, {producers_and_stat, 1},
		   {readers_leave_no_trace, 1}, {list_of_regions, 1})
