/* SPDX-License-Identifier: MIT
 *
 * test_log.c: the log as its user sees it: what is kept, in which order, and what is
 * counted.
 */
#include "support/fixture.h"

#include <fntrace/metrics.h>

#include <inttypes.h>

/* ---- the window ------------------------------------------------------------------ */

START_TEST(newest_three_of_four)
{
	struct fnt_log *log = open_log("four", &(struct fnt_options){.capacity = 3});
	struct fnt_traces *traces;
	char id[8];

	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "c%d", i);
		ck_assert_int_eq(record_call(log, "fn", id), FNT_DONE);
	}
	traces = newest(log, 10);
	ck_assert_uint_eq(traces->count, 3);
	ck_assert_str_eq(traces->items[0].call_id, "c3");
	ck_assert_str_eq(traces->items[1].call_id, "c2");
	ck_assert_str_eq(traces->items[2].call_id, "c1");
	fnt_traces_free(traces);
	ck_assert_uint_eq(fnt_log_total_count(log), 4);
	ck_assert_uint_eq(fnt_log_len(log), 3);
	ck_assert(!fnt_log_is_empty(log));
	fnt_log_close(log);
}
END_TEST

/* Call number i: its function, and how it ends. */
static const char *const fns[] = {"alpha", "beta", "gamma"};

static int
finish_some_way(struct fnt_call *call, unsigned i)
{
	switch (i % 4) {
	case 0:
		return fnt_call_finish_ok(call, NULL);
	case 1:
		return fnt_call_finish_error(call, "E", "it failed");
	case 2:
		return fnt_call_finish_rolled_back(call, "R", "rolled back");
	default:
		return fnt_call_abandon(call);
	}
}

static void
record_number(struct fnt_log *log, unsigned i)
{
	char id[16];

	snprintf(id, sizeof(id), "%u", i);
	ck_assert_int_eq(finish_some_way(begin_call(log, fns[i % 3], id), i), FNT_DONE);
}

/* `traces` must be, of calls 0 to count - 1, those in the window that `want` accepts,
 * newest first. */
static void
check_answer(struct fnt_traces *traces, unsigned count, unsigned window, unsigned limit,
	     bool (*want)(unsigned i))
{
	unsigned found = 0, first = count > window ? count - window : 0;

	for (unsigned i = count; i-- > first && found < limit;) {
		if (!want(i))
			continue;
		MUST(found < traces->count);
		ck_assert_uint_eq(strtoul(traces->items[found].call_id, NULL, 10), i);
		found++;
	}
	ck_assert_uint_eq(traces->count, found);
	fnt_traces_free(traces);
}

static bool
any_call(unsigned i)
{
	(void)i;
	return true;
}

static bool
of_beta(unsigned i)
{
	return i % 3 == 1;
}

static bool
not_ok(unsigned i)
{
	return i % 4 != 0;
}

START_TEST(answers_keep_order_and_limit)
{
	const unsigned window = 7;
	struct fnt_log *log =
		open_log("order", &(struct fnt_options){.capacity = window});
	struct fnt_traces *traces;

	for (unsigned count = 0; count < 30; count++) {
		for (unsigned limit = 0; limit <= window + 2; limit++) {
			check_answer(newest(log, limit), count, window, limit,
				     any_call);
			ck_assert(!fnt_log_by_fn(log, "beta", limit, &traces));
			check_answer(traces, count, window, limit, of_beta);
			ck_assert(!fnt_log_errors(log, limit, &traces));
			check_answer(traces, count, window, limit, not_ok);
		}
		ck_assert_uint_eq(fnt_log_len(log), count < window ? count : window);
		ck_assert_uint_eq(fnt_log_total_count(log), count);
		ck_assert_int_eq(fnt_log_is_empty(log), count == 0);
		record_number(log, count);
	}
	ck_assert(!fnt_log_by_fn(log, "bet", 9, &traces));
	ck_assert_uint_eq(traces->count, 0);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

/* Without a capacity, after the ring has been lapped many times, it holds exactly the
 * newest records, and no fewer than it has room for. */
START_TEST(contents_are_the_newest_records)
{
	struct fnt_log *log = open_sized("suffix", SMALLEST);
	struct rnd r = {1};
	uint64_t cells, room;
	char id[800];

	cells = region_stat("suffix").cells;
	for (unsigned count = 1; count < ROUNDS(6000u, 2000u); count++) {
		struct fnt_traces *traces;
		int len = snprintf(id, sizeof(id), "%u ", count);

		memset(id + len, 'x', sizeof(id) - (size_t)len);
		id[len + (int)rnd(&r, 700)] = '\0';
		ck_assert_int_eq(record_call(log, "fn", id), FNT_DONE);
		if (count % 64)
			continue;
		traces = newest(log, SIZE_MAX);
		for (size_t i = 0; i < traces->count; i++)
			ck_assert_uint_eq(strtoul(traces->items[i].call_id, NULL, 10),
					  count - i);
		/* Records have at most five cells, blocks at most an eighth of the
		 * ring. */
		room = cells / 5 - cells / 8 / 5;
		ck_assert_uint_ge(traces->count, count < room ? count : room);
		ck_assert_uint_eq(fnt_log_len(log), traces->count);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
	must_be_sound("suffix");
}
END_TEST

START_TEST(keeping_none_still_counts)
{
	struct fnt_options options = {.flags = FNT_KEEP_NONE};
	struct fnt_log *log = open_log("none", &options);
	struct fnt_stat stat;

	ck_assert(fnt_log_is_empty(log));
	for (unsigned i = 0; i < 100; i++) {
		struct fnt_call *call = begin_call(log, "fn", "id");

		ck_assert_int_eq(fnt_call_op(call, FNT_OP_GET, "t", "1", 5, 1, true),
				 FNT_DONE);
		ck_assert_int_eq(finish_some_way(call, i), FNT_DONE);
	}
	ck_assert_uint_eq(fnt_log_total_count(log), 100);
	ck_assert_uint_eq(fnt_log_len(log), 0);
	ck_assert(fnt_log_is_empty(log));
	stat = region_stat("none");
	ck_assert_uint_eq(stat.not_kept, 100);
	ck_assert_uint_eq(stat.ops, 100);
	ck_assert_uint_eq(stat.recorded + stat.dropped, 0);
	fnt_log_close(log);
}
END_TEST

/* Calls that close itself ends are counted, and not kept either. */
START_TEST(keeping_none_keeps_no_aborted_call)
{
	struct fnt_options options = {.flags = FNT_KEEP_NONE};
	struct fnt_log *log = open_log("none-aborted", &options);

	ck_assert_ptr_nonnull(begin_call(log, "fn", "left open"));
	fnt_log_close(log);
	log = open_log("none-aborted", &options);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	ck_assert_uint_eq(fnt_log_len(log), 0);
	fnt_log_close(log);
}
END_TEST

/* ---- fields ---------------------------------------------------------------------- */

static char *
newest_json(struct fnt_log *log)
{
	struct fnt_traces *traces = newest(log, 1);
	size_t len;
	char *json;

	ck_assert_uint_eq(traces->count, 1);
	ck_assert(!fnt_trace_to_json(&traces->items[0], &json, &len));
	ck_assert_uint_eq(strlen(json), len);
	fnt_traces_free(traces);
	return json;
}

static void
must_have(const char *json, const char *part, bool there)
{
	if (!strstr(json, part) == there)
		ck_abort_msg("%s%s in %s", there ? "no " : "", part, json);
}

START_TEST(absent_fields)
{
	struct fnt_log *log = open_log("absent", NULL);
	struct fnt_call *call = begin_call(log, "fn", "id");
	char *json;

	fnt_call_op(call, FNT_OP_DELETE, "todo", NULL, 7, FNT_NONE, true);
	fnt_call_schedule(call, "later", FNT_NONE, FNT_NONE);
	fnt_call_finish_ok(call, NULL);
	json = newest_json(log);
	must_have(json, "\"user_id\":null", true);
	must_have(json, "\"entity\":\"todo\"", true);
	must_have(json, "\"id\":", false);
	must_have(json, "\"row_count\"", false);
	must_have(json, "\"delay_ms\"", false);
	must_have(json, "\"run_at\"", false);
	must_have(json, "\"value\"", false);
	must_have(json, "{\"status\":\"ok\"}", true);
	free(json);
	fnt_log_close(log);
}
END_TEST

START_TEST(present_fields)
{
	static const char value[] = "{\"low\":-9223372036854775807,\"high\":"
				    "9223372036854775807,\"top\":18446744073709551615,"
				    "\"tenth\":0.1}";
	struct fnt_value json_value = {FNT_VALUE_JSON, value, sizeof(value) - 1};
	struct fnt_log *log = open_log("present", NULL);
	struct fnt_call *call = begin_call(log, "fn", "id");
	char *json;

	fnt_call_user_id(call, "someone");
	fnt_call_user_id(call, "u\"1");
	fnt_call_tenant_id(call, "t1");
	fnt_call_op(call, FNT_OP_LIST, "todo", "x", 7, INT64_MAX, true);
	fnt_call_op(call, FNT_OP_LIST, "todo", "", 7, INT64_MIN + 1, false);
	fnt_call_schedule(call, "later", INT64_MAX, FNT_NONE);
	fnt_call_schedule(call, "later", FNT_NONE, INT64_MIN + 1);
	fnt_call_stream_chunk(call, 5);
	fnt_call_stream_chunk(call, 0);
	fnt_call_finish_ok(call, &json_value);
	json = newest_json(log);
	must_have(json, "\"user_id\":\"u\\\"1\"", true);
	must_have(json, "\"tenant_id\":\"t1\"", true);
	must_have(json, "\"id\":\"x\"", true);
	must_have(json, "\"id\":\"\"", true);
	must_have(json, "\"row_count\":9223372036854775807", true);
	must_have(json, "\"row_count\":-9223372036854775807", true);
	must_have(json, "\"delay_ms\":9223372036854775807", true);
	must_have(json, "\"run_at\":-9223372036854775807", true);
	must_have(json, "\"stream_bytes\":5", true);
	must_have(json, "\"stream_chunks\":2", true);
	must_have(json, value, true);
	free(json);
	fnt_log_close(log);
}
END_TEST

START_TEST(msgpack_integers_are_exact)
{
	static const unsigned char pack[] = {0x93, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff,
					     0xff, 0xff, 0xff, 0xd3, 0x80, 0,	 0,
					     0,	   0,	 0,    0,    1,	   0xcf, 0x7f,
					     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct fnt_value value = {FNT_VALUE_MSGPACK, pack, sizeof(pack)};
	struct fnt_log *log = open_log("exact", NULL);
	char *json;

	fnt_call_finish_ok(begin_call(log, "fn", "id"), &value);
	json = newest_json(log);
	must_have(json,
		  "[18446744073709551615,-9223372036854775807,9223372036854775807]",
		  true);
	free(json);
	fnt_log_close(log);
}
END_TEST

/* Process, thread and time. */
/* Ops of kinds that the enum lacks, and waits. */
START_TEST(words_and_waits)
{
	struct fnt_log *log = open_log("words", NULL);
	struct fnt_call *call = begin_call(log, "fn", "c");
	char word[2 * FNT_WORD_MAX + 1];
	struct fnt_metrics *metrics;
	const struct fnt_trace *trace;
	struct fnt_traces *traces;
	int64_t op[5], wait, left;

	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	op[0] = fnt_call_op_begin_as(call, "advisory_lock", "key", NULL);
	wait = fnt_call_wait_begin(call, "llm_complete");
	op[1] = fnt_call_op_begin_as(call, "insert", "Bid", "b");
	op[2] = fnt_call_op_begin(call, FNT_OP_GET, "Lot", NULL);
	op[3] = fnt_call_op_begin_as(call, "", "Lot", NULL);
	op[4] = fnt_call_op_begin_as(call, word, NULL, NULL);
	left = fnt_call_wait_begin(call, "send_email");
	ck_assert_int_gt(left, 0);
	ck_assert_int_eq(fnt_call_op_end(call, wait, FNT_NONE, false), FNT_DONE);
	ck_assert_int_eq(fnt_call_op_end(call, wait, FNT_NONE, false), -EINVAL);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(fnt_call_op_end(call, op[i], i, true), FNT_DONE);
	ck_assert_int_eq(fnt_call_abandon(call), FNT_DONE);
	ck_assert_int_eq(fnt_call_op_begin_as(NULL, "x", NULL, NULL), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_wait_begin(NULL, "x"), -ESHUTDOWN);

	traces = newest(log, 1);
	trace = &traces->items[0];
	ck_assert_uint_eq(trace->op_count, 5);
	ck_assert_str_eq(fnt_trace_op_name(&trace->ops[0]), "advisory_lock");
	ck_assert_int_eq(trace->ops[0].op, FNT_OP_OTHER);
	ck_assert_str_eq(trace->ops[0].entity, "key");
	ck_assert_int_eq(trace->ops[1].op, FNT_OP_INSERT);
	ck_assert_ptr_null(trace->ops[1].word);
	ck_assert_int_eq(trace->ops[1].row_count, 1);
	ck_assert_str_eq(fnt_trace_op_name(&trace->ops[2]), "get");
	ck_assert_str_eq(fnt_trace_op_name(&trace->ops[3]), "other");
	ck_assert_uint_eq(strlen(trace->ops[4].word), FNT_WORD_MAX);
	ck_assert_uint_eq(trace->wait_count, 1);
	ck_assert_str_eq(trace->waits[0].word, "llm_complete");
	ck_assert(!trace->waits[0].ok);
	ck_assert_uint_eq(trace->pending_count, 1);
	ck_assert_str_eq(trace->pending[0].word, "send_email");
	fnt_traces_free(traces);
	/* Waits are no ops. */
	ck_assert_int_eq(fnt_log_metrics(log, &metrics), 0);
	ck_assert_uint_eq(metrics->fns[0].ops, 5);
	ck_assert_uint_eq(metrics->fns[0].ops_omitted, 0);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
}
END_TEST

START_TEST(identity_of_a_trace)
{
	struct fnt_log *log = open_log("identity", NULL);
	struct fnt_call_info info = {.call_id = "c", .fn_name = "child"};
	struct fnt_call *parent, *child;
	struct fnt_traces *traces;
	struct timespec before, after;
	const struct fnt_trace *trace;
	uint64_t id[2], parent_id[2], uid, parent_uid;

	clock_gettime(CLOCK_REALTIME, &before);
	parent = begin_call(log, "parent", "p");
	info.parent = parent;
	info.fn_type = FNT_ACTION;
	child = fnt_call_begin(log, &info);
	fnt_call_trace_id(child, id);
	fnt_call_trace_id(parent, parent_id);
	uid = fnt_call_uid(child);
	parent_uid = fnt_call_uid(parent);
	ck_assert(uid && parent_uid && uid != parent_uid && (id[0] | id[1]));
	ck_assert_mem_eq(id, parent_id, sizeof(id));
	fnt_call_finish_error(child, NULL, NULL);
	clock_gettime(CLOCK_REALTIME, &after);
	traces = newest(log, 1);
	trace = &traces->items[0];
	ck_assert_uint_eq(trace->uid, uid);
	ck_assert_uint_eq(trace->parent_uid, parent_uid);
	ck_assert_mem_eq(trace->trace_id, id, sizeof(id));
	ck_assert_int_eq(trace->pid, getpid());
	ck_assert_int_eq(trace->tid, gettid());
	ck_assert_str_eq(trace->exe, program_invocation_short_name);
	ck_assert_int_eq(trace->fn_type, FNT_ACTION);
	ck_assert_str_eq(trace->code, "");
	ck_assert_str_eq(trace->message, "");
	/* A tick of the wall clock, and the second for which its anchor is valid. */
	ck_assert_uint_ge(trace->started_at_ns + 1000000000,
			  (uint64_t)before.tv_sec * 1000000000);
	ck_assert_uint_le(trace->started_at_ns,
			  (uint64_t)after.tv_sec * 1000000000 + 2000000000);
	fnt_traces_free(traces);
	fnt_call_finish_ok(parent, NULL);
	fnt_log_close(log);
}
END_TEST

START_TEST(default_options)
{
	struct fnt_log *log = open_log("defaults", NULL);
	struct fnt_call *call = fnt_call_begin(log, NULL);
	struct fnt_traces *traces;

	ck_assert_int_eq(
		fnt_call_op(call, FNT_OP_OTHER, NULL, NULL, 0, FNT_NONE, false),
		FNT_DONE);
	ck_assert_int_eq(fnt_call_schedule(call, NULL, 1, 2), FNT_DONE);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	traces = newest(log, 1);
	ck_assert_str_eq(traces->items[0].call_id, "");
	ck_assert_str_eq(traces->items[0].fn_name, "");
	ck_assert_str_eq(traces->items[0].ops[0].entity, "");
	ck_assert_str_eq(traces->items[0].schedules[0].fn_name, "");
	ck_assert_ptr_null(traces->items[0].tenant_id);
	ck_assert_uint_eq(traces->items[0].flags, 0);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

/* Texts that are not UTF-8 come out as valid UTF-8, and the trace is flagged. */
START_TEST(invalid_utf8_is_replaced)
{
	struct fnt_log *log = open_log("utf8", NULL);
	struct fnt_call *call = begin_call(log, "f\xff", "\xc3(");
	struct fnt_traces *traces;

	fnt_call_op(call, FNT_OP_GET, "\xed\xa0\x80", "\xf0\x9f", 1, 1, true);
	fnt_call_finish_error(call, "\x80", "fine");
	traces = newest(log, 1);
	ck_assert_str_eq(traces->items[0].fn_name, "f\xEF\xBF\xBD");
	ck_assert_str_eq(traces->items[0].call_id, "\xEF\xBF\xBD(");
	ck_assert_str_eq(traces->items[0].ops[0].id, "\xEF\xBF\xBD");
	ck_assert_str_eq(traces->items[0].code, "\xEF\xBF\xBD");
	ck_assert_str_eq(traces->items[0].message, "fine");
	ck_assert(traces->items[0].flags & FNT_TRACE_INVALID_UTF8);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("log", newest_three_of_four, answers_keep_order_and_limit,
	     contents_are_the_newest_records, keeping_none_still_counts,
	     keeping_none_keeps_no_aborted_call, absent_fields, present_fields,
	     msgpack_integers_are_exact, identity_of_a_trace, words_and_waits,
	     default_options, invalid_utf8_is_replaced)
