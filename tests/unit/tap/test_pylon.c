/* SPDX-License-Identifier: MIT
 *
 * Pylon's protocol: each test feeds lines to it and checks the traces it records in a
 * private log.
 */
#include "pylon_suite.h"

#include <stdio.h>

START_TEST(test_a_call)
{
	const struct fnt_trace *trace;

	begin();
	host("{\"type\":\"call\",\"call_id\":\"a\",\"fn_name\":\"list\\u00e4\",\"fn_"
	     "type\":"
	     "\"mutation\",\"args\":{\"user_id\":\"no\",\"call_id\":\"no\"},\"auth\":{"
	     "\"user_id\":\"u\",\"tenant_id\":\"t\",\"roles\":[\"user_id\"]},"
	     "\"request\":{"
	     "\"headers\":{\"authorization\":\"secret\"}}}");
	fn(DB("a",
	      "\"op\":\"insert\",\"entity\":\"Lot\",\"id\":\"x\",\"op_id\":\"1\""));
	host(RESULT("a", "\"op_id\":\"1\",\"data\":{\"id\":\"x\"}"));
	fn("{\"type\":\"stream\",\"call_id\":\"a\",\"data\":\"\\u00e4\\ud83d\\ude00\\n."
	   "\"}");
	fn("{\"type\":\"stream\",\"call_id\":\"a\",\"data\":\"\"}");
	fn("{\"type\":\"schedule\",\"call_id\":\"a\",\"fn_name\":\"s\",\"delay_ms\":"
	   "5000}");
	fn("{\"type\":\"schedule\",\"call_id\":\"a\",\"fn_name\":\"s\",\"run_at\":"
	   "1795447202689}");
	fn("{\"type\":\"cancel_schedule\",\"schedule_id\":1}");
	fn(RETURN("a", ",\"value\": {\"n\":[1, 2]} "));
	end();
	ck_assert_uint_eq(traces->count, 1);
	trace = trace_of("a");
	ck_assert_str_eq(trace->fn_name, "list\xc3\xa4");
	ck_assert_int_eq(trace->fn_type, FNT_MUTATION);
	ck_assert_str_eq(trace->user_id, "u");
	ck_assert_str_eq(trace->tenant_id, "t");
	ck_assert_int_eq(trace->outcome, FNT_OK);
	ck_assert_uint_eq(trace->op_count, 1);
	ck_assert_int_eq(trace->ops[0].op, FNT_OP_INSERT);
	ck_assert_str_eq(trace->ops[0].entity, "Lot");
	ck_assert_str_eq(trace->ops[0].id, "x");
	ck_assert(trace->ops[0].ok);
	ck_assert_int_eq(trace->ops[0].row_count, FNT_NONE);
	ck_assert_uint_eq(trace->stream_chunks, 2);
	ck_assert_uint_eq(trace->stream_bytes, 8);
	ck_assert_uint_eq(trace->schedule_count, 2);
	ck_assert_int_eq(trace->schedules[0].delay_ms, 5000);
	ck_assert_int_eq(trace->schedules[0].run_at, FNT_NONE);
	ck_assert_int_eq(trace->schedules[1].delay_ms, FNT_NONE);
	ck_assert_int_eq(trace->schedules[1].run_at, 1795447202689);
	ck_assert_uint_eq(counts.of[PROTOCOL_CALLS], 1);
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 9);
	check_causes((struct protocol_counts){{0}});
	finish();
}
END_TEST

START_TEST(test_values)
{
	begin();
	host(CALL("none", "f"));
	fn(RETURN("none", ""));
	host(CALL("null", "f"));
	fn(RETURN("null", ",\"value\":null"));
	host(CALL("object", "f"));
	fn(RETURN("object",
		  ",\"value\":1,\"value\":{\"type\":\"error\",\"a\":[\"\xc3\xa4\"]}"));
	host(CALL("large", "f"));
	fn(RETURN("large", ",\"value\":9007199254740993"));
	end();
	ck_assert_int_eq(trace_of("none")->value.kind, FNT_VALUE_NONE);
	check_value("null", "null");
	check_value("object", "{\"type\":\"error\",\"a\":[\"\xc3\xa4\"]}");
	check_value("large", "9007199254740993");
	finish();
}
END_TEST

/* A value over the limit is left out and marked as left out; the next call is not
 * affected. */
START_TEST(test_value_too_large)
{
	static char big[100000];

	begin();
	host(CALL("a", "f"));
	memset(big, 'x', sizeof(big) - 1);
	feed(PROTOCOL_TO_HOST, "{\"value\":\"", 10);
	for (int i = 0; i < 30; i++)
		feed(PROTOCOL_TO_HOST, big, sizeof(big) - 1);
	fn("\",\"type\":\"return\",\"call_id\":\"a\"}");
	host(CALL("b", "f"));
	fn(RETURN("b", ",\"value\":true"));
	end();
	ck_assert_int_eq(trace_of("a")->outcome, FNT_OK);
	ck_assert(trace_of("a")->flags & FNT_TRACE_VALUE_OMITTED);
	ck_assert_int_eq(trace_of("a")->value.kind, FNT_VALUE_NONE);
	check_value("b", "true");
	finish();
}
END_TEST

START_TEST(test_errors)
{
	const struct fnt_trace *trace;

	begin();
	host(CALL("a", "f"));
	fn("{\"type\":\"error\",\"call_id\":\"a\",\"code\":\"ROLL\",\"message\":"
	   "\"rolled \\u0007 \\\"quoted\\\" \\n line \\ud83d.\\u0000\"}");
	host(CALL("b", "f"));
	fn("{\"type\":\"error\",\"call_id\":\"b\",\"code\":null}");
	end();
	trace = trace_of("a");
	ck_assert_int_eq(trace->outcome, FNT_ERROR);
	ck_assert_str_eq(trace->code, "ROLL");
	ck_assert_str_eq(trace->message,
			 "rolled \a \"quoted\" \n line \xef\xbf\xbd.\xef\xbf\xbd");
	ck_assert_int_eq(trace_of("b")->outcome, FNT_ERROR);
	ck_assert_str_eq(trace_of("b")->code, "");
	finish();
}
END_TEST

/* ---- operations ----------------------------------------------------------------- */

static const struct {
	const char *op, *result;
	enum fnt_op kind;
	int64_t rows;
	bool ok;
} op_cases[] = {
	{"get", "\"data\":{\"page\":[1]}", FNT_OP_GET, 1, true},
	{"get", "\"data\":null", FNT_OP_GET, 0, true},
	{"get", "\"x\":0", FNT_OP_GET, 0, true},
	{"get", "\"data\":[1,2]", FNT_OP_GET, 1, true},
	{"lookup", "\"data\":{}", FNT_OP_LOOKUP, 1, true},
	{"lookup", "\"data\":null", FNT_OP_LOOKUP, 0, true},
	{"list", "\"data\":[]", FNT_OP_LIST, 0, true},
	{"list", "\"data\":[[1,2],{\"a\":[3]},null]", FNT_OP_LIST, 3, true},
	{"list", "\"data\":{\"page\":[1]}", FNT_OP_LIST, FNT_NONE, true},
	{"query", "\"data\":[1,2]", FNT_OP_QUERY, 2, true},
	{"paginate", "\"data\":{\"page\":[1,2],\"hits\":[]}", FNT_OP_PAGINATE, 2, true},
	{"paginate", "\"data\":[1]", FNT_OP_PAGINATE, FNT_NONE, true},
	{"search", "\"data\":{\"page\":[],\"hits\":[1,2,3]}", FNT_OP_SEARCH, 3, true},
	{"query_graph", "\"data\":[1]", FNT_OP_QUERY_GRAPH, FNT_NONE, true},
	{"insert", "\"data\":[1]", FNT_OP_INSERT, FNT_NONE, true},
	{"update", "\"data\":null", FNT_OP_UPDATE, FNT_NONE, true},
	{"delete", "\"data\":true", FNT_OP_DELETE, FNT_NONE, true},
	{"link", "\"data\":{}", FNT_OP_LINK, FNT_NONE, true},
	{"unlink", "\"data\":{}", FNT_OP_UNLINK, FNT_NONE, true},
	{"vacuum", "\"data\":[1]", FNT_OP_OTHER, FNT_NONE, true},
	{"list", "\"data\":[1],\"error\":{\"code\":\"X\"}", FNT_OP_LIST, FNT_NONE,
	 false},
	{"get", "\"error\":\"no\"", FNT_OP_GET, FNT_NONE, false},
	{"list", "\"data\":[1],\"error\":null", FNT_OP_LIST, 1, true},
};

#define OP_CASES (sizeof(op_cases) / sizeof(op_cases[0]))

START_TEST(test_row_counts)
{
	const struct fnt_trace *trace;

	begin();
	host(CALL("a", "f"));
	for (size_t i = 0; i < OP_CASES; i++) {
		char line[256];

		snprintf(line, sizeof(line), DB("a", "\"op_id\":\"%zu\",\"op\":\"%s\""),
			 i, op_cases[i].op);
		fn(line);
		snprintf(line, sizeof(line), RESULT("a", "\"op_id\":\"%zu\",%s"), i,
			 op_cases[i].result);
		host(line);
	}
	fn(RETURN("a", ""));
	end();
	trace = trace_of("a");
	ck_assert_uint_eq(trace->op_count, OP_CASES);
	for (size_t i = 0; i < OP_CASES; i++) {
		const struct fnt_trace_op *op = &trace->ops[i];

		ck_assert_msg(op->op == op_cases[i].kind && op->ok == op_cases[i].ok &&
				      op->row_count == op_cases[i].rows,
			      "case %zu: op %d, ok %d, %lld rows", i, op->op, op->ok,
			      (long long)op->row_count);
	}
	finish();
}
END_TEST

START_TEST(test_ops_end_in_any_order)
{
	begin();
	host(CALL("a", "f"));
	host(CALL("b", "f"));
	fn(DB("a", "\"op\":\"get\",\"op_id\":\"1\",\"entity\":\"A\""));
	fn(DB("a", "\"op\":\"get\",\"op_id\":\"2\",\"entity\":\"B\""));
	fn(DB("b", "\"op\":\"get\",\"op_id\":\"1\",\"entity\":\"Z\""));
	host(RESULT("a", "\"op_id\":\"2\""));
	host(RESULT("a", "\"op_id\":\"1\""));
	host(RESULT("a", "\"op_id\":\"2\"")); /* no such operation any more */
	host("{\"type\":\"result\",\"op_id\":\"1\"}");
	fn(RETURN("a", ""));
	fn(RETURN("b", ""));
	end();
	check_entities("a", "BA");
	check_entities("b", "Z");
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 1);
	finish();
}
END_TEST

START_TEST(test_ops_without_id)
{
	begin();
	host(CALL("a", "f"));
	fn(DB("a", "\"op\":\"get\",\"entity\":\"A\""));
	fn(DB("a", "\"op\":\"get\",\"entity\":\"X\",\"op_id\":\"x\""));
	fn(RUN_FN("a", "g"));
	fn(DB("a", "\"op\":\"list\",\"entity\":\"B\",\"op_id\":null"));
	host(RESULT("a", "\"data\":null"));
	host(RESULT("a", "\"data\":[1,2]"));
	host(RESULT("a", "\"data\":\"the nested call's\""));
	host(RESULT("a", "\"data\":\"one too many\""));
	host(RESULT("a", "\"op_id\":\"x\""));
	fn(RETURN("a", ""));
	end();
	check_entities("a", "ABX");
	ck_assert_int_eq(trace_of("a")->ops[1].row_count, 2);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 1);
	finish();
}
END_TEST

START_TEST(test_pending_ops)
{
	const struct fnt_trace *trace;

	begin();
	host(CALL("a", "f"));
	fn(DB("a", "\"op\":\"get\",\"entity\":\"A\",\"op_id\":\"1\""));
	fn(DB("a", "\"op\":\"get\",\"entity\":\"B\",\"op_id\":\"2\""));
	host(RESULT("a", "\"op_id\":\"1\""));
	end();
	trace = trace_of("a");
	ck_assert_int_eq(trace->outcome, FNT_ABORTED);
	check_entities("a", "A");
	ck_assert_uint_eq(trace->pending_count, 1);
	ck_assert_str_eq(trace->pending[0].entity, "B");
	ck_assert_uint_eq(counts.of[PROTOCOL_ABORTED], 1);
	finish();
}
END_TEST

/* ---- calls ---------------------------------------------------------------------- */

START_TEST(test_nested)
{
	const struct fnt_trace *outer, *inner, *deep, *later;

	begin();
	host("{\"type\":\"call\",\"call_id\":\"a\",\"fn_name\":\"outer\",\"fn_type\":"
	     "\"action\",\"auth\":{\"user_id\":\"u\",\"tenant_id\":\"t\"}}");
	fn(RUN_FN("a", "inner"));
	host("{\"type\":\"call\",\"call_id\":\"b\",\"fn_name\":\"inner\",\"auth\":{"
	     "\"user_id\":null,\"tenant_id\":\"other\"}}");
	fn(RUN_FN("b", "deep"));
	host(CALL("c", "deep"));
	fn(RETURN("c", ""));
	host(RESULT("b", "\"data\":1"));
	fn(RETURN("b", ""));
	host(RESULT("a", "\"data\":1"));
	host(CALL("d", "inner"));
	fn(RETURN("d", ""));
	fn(RETURN("a", ""));
	end();
	outer = trace_of("a");
	inner = trace_of("b");
	deep = trace_of("c");
	later = trace_of("d");
	ck_assert_uint_eq(outer->parent_uid, 0);
	ck_assert_uint_eq(inner->parent_uid, outer->uid);
	ck_assert_uint_eq(deep->parent_uid, inner->uid);
	ck_assert_uint_eq(later->parent_uid, 0);
	ck_assert_mem_eq(deep->trace_id, outer->trace_id, sizeof(outer->trace_id));
	ck_assert_mem_ne(later->trace_id, outer->trace_id, sizeof(outer->trace_id));
	ck_assert_str_eq(inner->user_id, "u");
	ck_assert_str_eq(inner->tenant_id, "other");
	ck_assert_str_eq(deep->user_id, "u");
	ck_assert_str_eq(deep->tenant_id, "other");
	ck_assert_ptr_null(later->user_id);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 0);
	finish();
}
END_TEST

/* The caller of a nested call is the call that has waited longest for that function. It
 * waits once for each request. A call made by a client has no caller. */
START_TEST(test_caller_of_a_nested_call)
{
	begin();
	host(CALL("a", "outer"));
	host(CALL("b", "outer"));
	fn(RUN_FN("a", "other"));
	fn(RUN_FN("a", "inner"));
	fn(RUN_FN("b", "inner"));
	host("{\"type\":\"call\",\"call_id\":\"http\",\"fn_name\":\"inner\","
	     "\"request\":{}}");
	host(CALL("1", "inner"));
	host(CALL("2", "inner"));
	host(CALL("3", "inner"));
	fn(RETURN("a", ""));
	host(CALL("4", "other"));
	end();
	ck_assert_uint_eq(trace_of("http")->parent_uid, 0);
	ck_assert_uint_eq(trace_of("1")->parent_uid, trace_of("a")->uid);
	ck_assert_uint_eq(trace_of("2")->parent_uid, trace_of("b")->uid);
	ck_assert_uint_eq(trace_of("3")->parent_uid, 0);
	ck_assert_uint_eq(trace_of("4")->parent_uid, 0);
	finish();
}
END_TEST

/* A nested call that another process runs is not seen, but its answer ends the wait. */
START_TEST(test_nested_call_in_another_process)
{
	begin();
	host(CALL("a", "outer"));
	fn(RUN_FN("a", "inner"));
	host(RESULT("a", "\"data\":1"));
	host(CALL("b", "inner"));
	fn(RUN_FN("a", "other"));
	host(RESULT("a", "\"op_id\":\"unknown\""));
	host(CALL("c", "other"));
	end();
	ck_assert_uint_eq(trace_of("b")->parent_uid, 0);
	ck_assert_uint_eq(trace_of("c")->parent_uid, trace_of("a")->uid);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 1);
	finish();
}
END_TEST

/* A call with the id of an open one replaces it; the older is recorded as aborted. */
START_TEST(test_call_id_reused)
{
	begin();
	host(CALL("a", "first"));
	fn(DB("a", "\"op\":\"get\",\"op_id\":\"1\""));
	host(CALL("a", "second"));
	host(RESULT("a", "\"op_id\":\"1\""));
	fn(RETURN("a", ""));
	fn(RETURN("a", ""));
	end();
	ck_assert_uint_eq(traces->count, 2);
	ck_assert_str_eq(traces->items[0].fn_name, "second");
	ck_assert_int_eq(traces->items[0].outcome, FNT_OK);
	ck_assert_str_eq(traces->items[1].fn_name, "first");
	ck_assert_int_eq(traces->items[1].outcome, FNT_ABORTED);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 2);
	finish();
}
END_TEST

START_TEST(test_malformed_auth)
{
	begin();
	host("{\"type\":\"call\",\"call_id\":\"a\",\"fn_name\":\"f\",\"auth\":null}");
	host("{\"type\":\"call\",\"call_id\":\"b\",\"fn_name\":\"f\",\"auth\":{\"user_"
	     "id\":7,"
	     "\"tenant_id\":{\"user_id\":\"x\"}}}");
	host("{\"type\":\"call\",\"call_id\":\"c\",\"fn_name\":\"f\",\"auth\":[\"user_"
	     "id\"],"
	     "\"fn_type\":\"novel\"}");
	host("{\"type\":\"call\",\"call_id\":\"d\",\"fn_name\":\"f\",\"auth\":{\"user_"
	     "id\":"
	     "\"\"}}");
	end();
	for (size_t i = 0; i < traces->count; i++) {
		if (strcmp(traces->items[i].call_id, "d") != 0)
			ck_assert_ptr_null(traces->items[i].user_id);
		ck_assert_ptr_null(traces->items[i].tenant_id);
	}
	ck_assert_uint_eq(traces->count, 4);
	ck_assert_int_eq(trace_of("c")->fn_type, FNT_ACTION);
	ck_assert_str_eq(trace_of("d")->user_id, "");
	finish();
}
END_TEST

/* ---- messages of 2026 ------------------------------------------------------------ */

START_TEST(test_cancel)
{
	begin();
	host(CALL("a", "slow"));
	host("{\"type\":\"cancel\",\"call_id\":\"a\",\"reason\":\"took 3 s\"}");
	fn(RETURN("a", ",\"value\":1"));
	host("{\"type\":\"cancel\",\"call_id\":\"never\"}");
	end();
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(trace_of("a")->outcome, FNT_ERROR);
	ck_assert_str_eq(trace_of("a")->code, "FN_TIMEOUT");
	ck_assert_str_eq(trace_of("a")->message, "took 3 s");
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 2);
	finish();
}
END_TEST

START_TEST(test_ops_by_word)
{
	const struct fnt_trace *trace;

	begin();
	host(CALL("a", "f"));
	fn(DB("a", "\"op\":\"advisory_lock\",\"entity\":\"key\",\"op_id\":\"1\""));
	host(RESULT("a", "\"op_id\":\"1\",\"data\":null"));
	fn(DB("a", "\"op\":\"vector_search\",\"entity\":\"Doc\",\"op_id\":\"2\""));
	host(RESULT("a", "\"op_id\":\"2\",\"data\":{\"hits\":[{},{},{}]}"));
	fn(DB("a", "\"op\":\"get\",\"entity\":\"Lot\",\"op_id\":\"3\""));
	host(RESULT("a", "\"op_id\":\"3\",\"data\":{}"));
	fn(RETURN("a", ""));
	end();
	trace = trace_of("a");
	ck_assert_uint_eq(trace->op_count, 3);
	ck_assert_str_eq(fnt_trace_op_name(&trace->ops[0]), "advisory_lock");
	ck_assert_str_eq(fnt_trace_op_name(&trace->ops[1]), "vector_search");
	ck_assert_int_eq(trace->ops[1].row_count, 3);
	ck_assert_ptr_null(trace->ops[2].word);
	ck_assert_int_eq(trace->ops[2].op, FNT_OP_GET);
	finish();
}
END_TEST

START_TEST(test_waits)
{
	const struct fnt_trace *trace;

	begin();
	host(CALL("a", "f"));
	fn("{\"type\":\"llm_complete\",\"call_id\":\"a\",\"op_id\":\"1\",\"request\":{}"
	   "}");
	fn("{\"type\":\"workflow_op\",\"call_id\":\"a\",\"op_id\":\"2\",\"op\":"
	   "\"start\"}");
	host(RESULT("a", "\"op_id\":\"2\",\"data\":{}"));
	host("{\"type\":\"llm_event\",\"call_id\":\"a\",\"event\":{}}");
	host(RESULT("a", "\"op_id\":\"1\",\"error\":{\"code\":\"X\"}"));
	fn("{\"type\":\"send_email\",\"call_id\":\"a\",\"to\":\"x\"}");
	host(RESULT("a", "\"data\":{}"));
	fn(RETURN("a", ""));
	end();
	trace = trace_of("a");
	ck_assert_uint_eq(trace->op_count, 0);
	ck_assert_uint_eq(trace->wait_count, 3);
	ck_assert_str_eq(trace->waits[0].word, "workflow_op start");
	ck_assert(trace->waits[0].ok);
	ck_assert_str_eq(trace->waits[1].word, "llm_complete");
	ck_assert(!trace->waits[1].ok);
	ck_assert_str_eq(trace->waits[2].word, "send_email");
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 0);
	ck_assert_uint_eq(counts.of[PROTOCOL_OPS], 0);
	finish();
}
END_TEST

START_TEST(test_pages)
{
	const struct fnt_trace *trace;

	begin();
	host("{\"type\":\"render_route\",\"call_id\":\"r\",\"route_path\":\"/lots/"
	     ":id\","
	     "\"component\":\"app/lots.tsx\",\"auth\":{\"user_id\":\"u\"}}");
	fn("{\"type\":\"response_start\",\"call_id\":\"r\",\"status\":200}");
	fn(DB("r", "\"op\":\"get\",\"entity\":\"Lot\",\"op_id\":\"1\""));
	host(RESULT("r", "\"op_id\":\"1\",\"data\":{}"));
	fn("{\"type\":\"render_chunk\",\"call_id\":\"r\",\"data\":\"AAAAAAAA\"}");
	fn("{\"type\":\"render_done\",\"call_id\":\"r\"}");
	host("{\"type\":\"handle_form\",\"call_id\":\"h\",\"route_path\":\"/bid\"}");
	fn(RETURN("h", ""));
	end();
	trace = trace_of("r");
	ck_assert_str_eq(trace->fn_name, "render_route /lots/:id");
	ck_assert_str_eq(trace->user_id, "u");
	ck_assert_int_eq(trace->fn_type, FNT_QUERY);
	ck_assert_uint_eq(trace->op_count, 1);
	ck_assert_uint_eq(trace->stream_bytes, 6);
	ck_assert_str_eq(trace_of("h")->fn_name, "handle_form /bid");
	ck_assert_int_eq(trace_of("h")->fn_type, FNT_ACTION);
	finish();
}
END_TEST

#define NESTED(id, name, args, user)                                                   \
	"{\"type\":\"call\",\"call_id\":\"" id "\",\"fn_name\":\"" name                \
	"\",\"fn_type\":\"query\",\"args\":" args ",\"auth\":{\"user_id\":\"" user     \
	"\"}}"

/* Of several waits for one function, the one with the same arguments and rights. */
START_TEST(test_caller_by_arguments)
{
	static const char *const nested[] = {"n3", "n2", "n1"};
	static const char *const callers[] = {"c", "b", "a"};

	begin();
	host(NESTED("a", "f", "{}", "u1"));
	host(NESTED("b", "f", "{}", "u2"));
	host(NESTED("c", "f", "{}", "u1"));
	fn("{\"type\":\"run_fn\",\"call_id\":\"a\",\"fn_name\":\"g\",\"args\":{\"x\":1,"
	   "\"y\":\"z\"}}");
	fn("{\"type\":\"run_fn\",\"call_id\":\"b\",\"fn_name\":\"g\",\"args\":{\"x\":1,"
	   "\"y\":\"z\"}}");
	fn("{\"type\":\"run_fn\",\"call_id\":\"c\",\"fn_name\":\"g\",\"args\":{\"x\":2}"
	   "}");
	host(NESTED("n3", "g", "{\"x\":2.0}", "u1"));
	host(NESTED("n2", "g", "{\"y\":\"\\u007a\",\"x\":1.0}", "u2"));
	host(NESTED("n1", "g", "{\"x\":7}", "u3")); /* like none: the oldest */
	fn("{\"type\":\"run_agent\",\"call_id\":\"a\",\"agent\":\"helper\",\"args\":{}"
	   "}");
	host(NESTED("agent", "helper", "{}", "u1"));
	end();
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(trace_of(nested[i])->parent_uid,
				  trace_of(callers[i])->uid);
	ck_assert_uint_eq(trace_of("agent")->parent_uid, trace_of("a")->uid);
	finish();
}
END_TEST

int
main(void)
{
	return SUITE_RUN("pylon", test_a_call, test_values, test_value_too_large,
			 test_errors, test_row_counts, test_ops_end_in_any_order,
			 test_ops_without_id, test_pending_ops, test_nested,
			 test_caller_of_a_nested_call,
			 test_nested_call_in_another_process, test_call_id_reused,
			 test_malformed_auth, test_cancel, test_ops_by_word, test_waits,
			 test_pages, test_caller_by_arguments);
}
