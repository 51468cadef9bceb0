/* SPDX-License-Identifier: MIT
 *
 * test_log_use.c: opening, closing, options, and wrong use.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- options --------------------------------------------------------------------- */

static int
try_options(const struct fnt_options *options)
{
	struct fnt_options with = *options;
	struct fnt_error error = {0};
	struct fnt_log *log = NULL;
	int rc;

	with.error = &error;
	rc = fnt_log_open(&log, NULL, &with);
	if (rc) {
		ck_assert_ptr_null(log);
		ck_assert_int_eq(error.code, rc);
		ck_assert_uint_gt(strlen(error.message), 0);
		ck_assert_ptr_null(strchr(error.message, '\n'));
	}
	fnt_log_close(log);
	return rc;
}

START_TEST(options_are_checked)
{
	static const struct {
		struct fnt_options options;
		int rc;
	} tries[] = {
		{{.size_bytes = SMALLEST}, 0},
		{{.size_bytes = SMALLEST - 1}, -EINVAL},
		{{.size_bytes = 1}, -EINVAL},
		{{.size_bytes = (64ull << 30) + 1}, -EINVAL},
		{{.size_bytes = SMALLEST, .max_record_bytes = 1024}, 0},
		{{.size_bytes = SMALLEST, .max_record_bytes = 1023}, -EINVAL},
		{{.size_bytes = MIB(12), .max_record_bytes = 1u << 20}, 0},
		{{.size_bytes = MIB(12), .max_record_bytes = (1u << 20) + 1}, -EINVAL},
		{{.size_bytes = SMALLEST, .capacity = UINT32_MAX}, 0},
		{{.size_bytes = SMALLEST, .capacity = 1ull << 32}, -EINVAL},
		{{.size_bytes = SMALLEST, .flags = FNT_KEEP_NONE | FNT_ORDERED}, 0},
		{{.size_bytes = SMALLEST, .flags = 1u << 20}, -EINVAL},
		{{.size_bytes = SMALLEST, .flags = 1u << 31}, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		if (try_options(&tries[i].options) != tries[i].rc)
			ck_abort_msg("try %zu: %d, not %d", i,
				     try_options(&tries[i].options), tries[i].rc);
}
END_TEST

START_TEST(creator_chooses_region_options)
{
	struct fnt_options maker = {.capacity = 5, .max_record_bytes = 2048};
	struct fnt_options guest = {.capacity = 9, .flags = FNT_KEEP_NONE};
	struct fnt_log *first = open_log("makers", &maker);
	struct fnt_log *second = open_log("makers", &guest);
	struct fnt_stat stat = region_stat("makers");

	ck_assert_uint_eq(stat.capacity, 5);
	ck_assert_uint_eq(stat.max_record_bytes, 2048);
	ck_assert_uint_eq(stat.flags, FNT_ORDERED);
	for (int i = 0; i < 8; i++)
		record_call(second, "fn", "id");
	ck_assert_uint_eq(fnt_log_len(first), 5);
	fnt_log_close(first);
	fnt_log_close(second);
}
END_TEST

START_TEST(largest_record_fits_the_ring)
{
	struct fnt_options options = {.size_bytes = SMALLEST,
				      .max_record_bytes = 1u << 20};
	struct fnt_log *log = open_log("large", &options);
	struct fnt_stat stat = region_stat("large");

	ck_assert_uint_le(stat.max_record_bytes, stat.cells * 256 / 8);
	ck_assert_uint_ge(stat.max_record_bytes, stat.cells * 256 / 8 - 256);
	fnt_log_close(log);
}
END_TEST

/* ---- names ----------------------------------------------------------------------- */

static int
try_name(const char *name)
{
	struct fnt_options options = {.size_bytes = SMALLEST};
	struct fnt_log *log;
	int rc = fnt_log_open(&log, name, &options);

	if (!rc)
		fnt_log_close(log);
	return rc;
}

START_TEST(names_are_checked)
{
	static const char *const good[] = {"a", "A-b_c.9", "x.y", "-", "_"};
	static const char *const bad[] = {"",  "a b", "a\n", "\xc3\xa4", "a:b", ".a",
					  ".", "..",  "a*",  "a\x01",	 "~"};
	char name[202];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_int_eq(try_name(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (try_name(bad[i]) != -EINVAL)
			ck_abort_msg("\"%s\" was accepted", bad[i]);
	memset(name, 'n', sizeof(name));
	name[201] = '\0';
	ck_assert_int_eq(try_name(name), -EINVAL);
	name[200] = '\0';
	ck_assert_int_eq(try_name(name), 0);
}
END_TEST

START_TEST(path_and_name_open_the_same_region)
{
	struct fnt_log *log = open_log("same", NULL), *other;
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s", region_path("same", ".fnt"));
	ck_assert_str_eq(fnt_log_path(log), path);
	other = open_log(path, NULL);
	record_call(log, "fn", "id");
	ck_assert_uint_eq(fnt_log_total_count(other), 1);
	ck_assert(!stat(path, &st));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq((uint64_t)st.st_blocks * 512, (uint64_t)st.st_size);
	fnt_log_close(other);
	fnt_log_close(log);
	ck_assert_str_eq(fnt_log_path(log), path);
}
END_TEST

START_TEST(attach_only_creates_nothing)
{
	struct fnt_options options = {.flags = FNT_ATTACH_ONLY};
	struct fnt_log *log;

	ck_assert_int_eq(fnt_log_open(&log, "nobody", &options), -ENOENT);
	ck_assert_int_ne(access(region_path("nobody", ".fnt"), F_OK), 0);
	options.dir = "/nonexistent/fntrace";
	ck_assert_int_eq(fnt_log_open(&log, "nobody", &options), -ENOENT);
	open_log("somebody", NULL);
	options.dir = NULL;
	ck_assert_int_eq(fnt_log_open(&log, "somebody", &options), 0);
	fnt_log_close(log);
}
END_TEST

START_TEST(size_from_the_environment)
{
	struct fnt_log *log;

	setenv("FNTRACE_SIZE", "3M", 1);
	ck_assert_int_eq(fnt_log_open(&log, "env", NULL), 0);
	ck_assert_uint_eq(region_stat("env").size_bytes, MIB(3));
	fnt_log_close(log);
}
END_TEST

/* ---- processes that come and go -------------------------------------------------- */

START_TEST(reopening_goes_on)
{
	struct fnt_log *log;
	struct fnt_traces *traces;
	char id[8];

	for (int i = 0; i < 6; i++) {
		snprintf(id, sizeof(id), "%d", i);
		log = open_log("again", NULL);
		ck_assert_uint_eq(fnt_log_total_count(log), (uint64_t)i);
		record_call(log, "fn", id);
		fnt_log_close(log);
	}
	log = open_log("again", NULL);
	traces = newest(log, 9);
	ck_assert_uint_eq(traces->count, 6);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(atoi(traces->items[i].call_id), 5 - i);
	fnt_traces_free(traces);
	fnt_log_close(log);
	ck_assert_uint_eq(region_stat("again").producers, 0);
	ck_assert_uint_eq(region_stat("again").lanes, 0);
	ck_assert_uint_eq(region_stat("again").frames, 0);
	must_be_sound("again");
}
END_TEST

START_TEST(close_ends_open_calls)
{
	struct fnt_log *log = open_log("aborts", NULL);
	struct fnt_call *call = begin_call(log, "fn", "open");
	struct fnt_traces *traces;
	int64_t handle;

	fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
	handle = fnt_call_op_begin(call, FNT_OP_LIST, "t", NULL);
	fnt_log_close(log);
	ck_assert_int_eq(fnt_call_op_end(call, handle, 1, true), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), -ESHUTDOWN);
	log = open_log("aborts", NULL);
	traces = newest(log, 9);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	ck_assert_uint_eq(traces->items[0].op_count, 1);
	ck_assert_uint_eq(traces->items[0].pending_count, 1);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	fnt_traces_free(traces);
	fnt_log_close(log);
	must_be_sound("aborts");
}
END_TEST

static void
must_be_shut(struct fnt_log *log, struct fnt_call *call)
{
	struct fnt_trace trace = {.outcome = FNT_OK};
	struct fnt_traces *traces;

	ck_assert_ptr_null(begin_call(log, "fn", "id"));
	ck_assert_int_eq(fnt_log_push(log, &trace), -ESHUTDOWN);
	ck_assert_int_eq(fnt_log_recent(log, 1, &traces), -ESHUTDOWN);
	ck_assert_int_eq(fnt_log_by_fn(log, "fn", 1, &traces), -ESHUTDOWN);
	ck_assert_int_eq(fnt_log_errors(log, 1, &traces), -ESHUTDOWN);
	ck_assert_uint_eq(fnt_log_total_count(log), 0);
	ck_assert_uint_eq(fnt_log_len(log), 0);
	ck_assert(fnt_log_is_empty(log));
	ck_assert_int_eq(fnt_call_user_id(call, "u"), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_tenant_id(call, "t"), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_op(call, FNT_OP_GET, "t", NULL, 1, 1, true),
			 -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_op_begin(call, FNT_OP_GET, "t", NULL), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_stream_chunk(call, 1), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_schedule(call, "fn", 1, 1), -ESHUTDOWN);
}

START_TEST(closed_log_stays_closed)
{
	int (*const ends[])(struct fnt_call *) = {fnt_call_abandon};
	struct fnt_log *log = open_log("shut", NULL);
	struct fnt_call *calls[60];

	/* Some of these calls get no frame. */
	for (int i = 0; i < 60; i++)
		calls[i] = begin_call(log, "fn", "id");
	fnt_log_close(log);
	for (int i = 0; i < 60; i++) {
		must_be_shut(log, calls[i]);
		if (i % 3 == 0)
			ck_assert_int_eq(fnt_call_finish_ok(calls[i], NULL),
					 -ESHUTDOWN);
		else if (i % 3 == 1)
			ck_assert_int_eq(fnt_call_finish_error(calls[i], "", ""),
					 -ESHUTDOWN);
		else
			ck_assert_int_eq(ends[0](calls[i]), -ESHUTDOWN);
	}
	fnt_log_close(log);
	must_be_shut(log, NULL);
	fnt_log_close(NULL);
	ck_assert_str_eq(fnt_log_path(NULL), "");
}
END_TEST

START_TEST(two_logs_of_one_region_and_of_two)
{
	struct fnt_log *a = open_log("both", NULL), *b = open_log("both", NULL);
	struct fnt_log *c = open_log("another", NULL), *d = open_log(NULL, NULL);
	struct fnt_call *in_a = begin_call(a, "fn", "a"),
			*in_b = begin_call(b, "fn", "b");

	record_call(c, "fn", "c");
	record_call(d, "fn", "d");
	record_call(d, "fn", "d");
	ck_assert_uint_eq(region_stat("both").in_flight, 2);
	ck_assert_uint_eq(region_stat("both").producers, 2);
	fnt_log_close(a);
	ck_assert_uint_eq(region_stat("both").in_flight, 1);
	ck_assert_int_eq(fnt_call_finish_ok(in_a, NULL), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_finish_ok(in_b, NULL), FNT_DONE);
	ck_assert_uint_eq(fnt_log_total_count(b), 2);
	ck_assert_uint_eq(fnt_log_total_count(c), 1);
	ck_assert_uint_eq(fnt_log_total_count(d), 2);
	fnt_log_close(b);
	fnt_log_close(c);
	fnt_log_close(d);
	must_be_sound("both");
}
END_TEST

/* More logs than a thread caches. */
START_TEST(many_logs_at_once)
{
	struct fnt_log *logs[14];

	for (int i = 0; i < 14; i++)
		logs[i] = open_sized("crowd", SMALLEST);
	for (int round = 0; round < 50; round++)
		for (int i = 0; i < 14; i++)
			ck_assert_int_eq(record_call(logs[i], "fn", "id"), FNT_DONE);
	ck_assert_uint_eq(fnt_log_total_count(logs[3]), 14 * 50);
	for (int i = 0; i < 14; i++)
		fnt_log_close(logs[i]);
	must_be_sound("crowd");
}
END_TEST

START_TEST(more_processes_than_slots)
{
	struct fnt_log *logs[SMALL_PRODUCERS], *more;
	struct fnt_error error;
	struct fnt_options options = {.error = &error};

	for (unsigned i = 0; i < SMALL_PRODUCERS; i++)
		logs[i] = open_sized("full", SMALLEST);
	ck_assert_int_eq(fnt_log_open(&more, "full", &options), -EUSERS);
	ck_assert_uint_gt(strlen(error.message), 0);
	fnt_log_close(logs[7]);
	ck_assert_int_eq(fnt_log_open(&more, "full", &options), 0);
	ck_assert_int_eq(record_call(more, "fn", "id"), FNT_DONE);
}
END_TEST

/* ---- wrong use ------------------------------------------------------------------- */

START_TEST(null_calls)
{
	struct fnt_value value = {FNT_VALUE_JSON, "1", 1};
	uint64_t id[2] = {1, 1};

	must_be_shut(NULL, NULL);
	ck_assert_int_eq(fnt_call_op_end(NULL, 1, 1, true), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_finish_ok(NULL, &value), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_finish_error(NULL, "", ""), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_finish_rolled_back(NULL, "", ""), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_abandon(NULL), -ESHUTDOWN);
	ck_assert_uint_eq(fnt_call_uid(NULL), 0);
	fnt_call_trace_id(NULL, id);
	ck_assert_uint_eq(id[0] | id[1], 0);
	fnt_traces_free(NULL);
}
END_TEST

START_TEST(bad_handles)
{
	struct fnt_log *log = open_log("handles", NULL);
	struct fnt_call *call = begin_call(log, "fn", "id");
	int64_t handles[40], bad[] = {0, -1, INT64_MIN, INT64_MAX, 1, 1ll << 32, 41};
	struct fnt_traces *traces;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(fnt_call_op_end(call, bad[i], 1, true), -EINVAL);
	for (int i = 0; i < 40; i++)
		ck_assert_int_ge(
			handles[i] = fnt_call_op_begin(call, FNT_OP_GET, "t", "1"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(fnt_call_op_end(call, bad[i], 1, true), -EINVAL);
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(fnt_call_op_end(call, handles[i], 1, true), FNT_DONE);
		ck_assert_int_eq(fnt_call_op_end(call, handles[i], 1, true), -EINVAL);
	}
	/* An entry that is used again has a new handle. */
	for (int i = 0; i < 40; i++) {
		ck_assert_int_ge(fnt_call_op_begin(call, FNT_OP_GET, "t", "2"), 0);
		ck_assert_int_eq(fnt_call_op_end(call, handles[i], 1, true), -EINVAL);
	}
	fnt_call_finish_ok(call, NULL);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->items[0].op_count, 40);
	ck_assert_uint_eq(traces->items[0].pending_count, 40);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

/* This breaks the contract, but is common. A call in a frame notices. */
START_TEST(finish_twice)
{
	struct fnt_log *log = open_log("twice", NULL);
	struct fnt_call *call = begin_call(log, "fn", "id");

	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), -EINVAL);
	ck_assert_int_eq(fnt_call_op(call, FNT_OP_GET, "t", NULL, 1, 1, true), -EINVAL);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	fnt_log_close(log);
}
END_TEST

START_TEST(errno_does_not_change)
{
	struct fnt_log *log;

	errno = 12345;
	ck_assert_int_eq(try_name("b b"), -EINVAL);
	log = open_log("errno", NULL);
	ck_assert_int_eq(errno, 12345);
	for (int i = 0; i < 200; i++)
		record_call(log, "fn", "id");
	ck_assert_int_eq(errno, 12345);
	fnt_log_close(log);
	ck_assert_int_eq(errno, 12345);
	ck_assert_int_eq(record_call(log, "fn", "id"), -ESHUTDOWN);
	ck_assert_int_eq(errno, 12345);
}
END_TEST

FIXTURE_MAIN("log_use", options_are_checked, creator_chooses_region_options,
	     largest_record_fits_the_ring, names_are_checked,
	     path_and_name_open_the_same_region, attach_only_creates_nothing,
	     size_from_the_environment, reopening_goes_on, close_ends_open_calls,
	     closed_log_stays_closed, two_logs_of_one_region_and_of_two,
	     many_logs_at_once, more_processes_than_slots, null_calls, bad_handles,
	     finish_twice, errno_does_not_change)
