/* SPDX-License-Identifier: MIT
 *
 * Pylon's protocol: lines that are not messages, ids and runtimes over the limits, and
 * input cut into pieces.
 */
#include "pylon_suite.h"

#include <stdio.h>

START_TEST(test_lines_that_are_no_messages)
{
	static const char *const lines[] = {
		"",
		"hello",
		"[]",
		"[{\"type\":\"ready\"}]",
		"{}",
		"{\"type\":5}",
		"{\"type\":\"unheard of\"}",
		"{\"type\":\"ready\"",
		"{\"type\":\"return\"}",
		"{\"type\":\"return\",\"call_id\":7}",
		"{\"type\":\"db\",\"call_id\":\"a\"}",
		"{\"type\":\"stream\",\"call_id\":\"a\",\"data\":{}}",
		/* Messages in the wrong direction. */
		"{\"type\":\"call\",\"call_id\":\"b\",\"fn_name\":\"f\"}",
		"{\"type\":\"result\",\"call_id\":\"a\"}",
	};
	size_t count = sizeof(lines) / sizeof(lines[0]);

	begin();
	host(CALL("a", "f"));
	for (size_t i = 0; i < count; i++)
		fn(lines[i]);
	host("{\"type\":\"ready\"}");
	host("{\"type\":\"return\",\"call_id\":\"a\"}");
	host("{\"type\":\"call\",\"call_id\":\"b\"}");
	host("{\"type\":\"result\"}");
	fn("{\"type\":\"ready\"}");
	fn(RETURN("nobody", ""));
	fn("{\"type\":\"error\",\"call_id\":\"nobody\"}");
	fn(RETURN("a", ""));
	end();
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(trace_of("a")->outcome, FNT_OK);
	ck_assert_uint_eq(trace_of("a")->stream_chunks, 0);
	check_causes((struct protocol_counts){.of = {[PROTOCOL_NO_JSON] = 3,
						     [PROTOCOL_NO_MESSAGE] = count + 1,
						     [PROTOCOL_UNMATCHED] = 2}});
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 5);
	finish();
}
END_TEST

START_TEST(test_last_line_without_newline)
{
	begin();
	host(CALL("a", "f"));
	feed(PROTOCOL_TO_HOST, RETURN("a", ""), 31);
	protocol->eof(state, PROTOCOL_TO_HOST);
	protocol->eof(state, PROTOCOL_TO_FN);
	end();
	ck_assert_int_eq(trace_of("a")->outcome, FNT_OK);
	check_causes((struct protocol_counts){{0}});
	finish();
}
END_TEST

START_TEST(test_long_ids)
{
	char id[PYLON_ID_MAX + 2], line[PYLON_ID_MAX + 200];

	begin();
	for (size_t len = PYLON_ID_MAX; len <= PYLON_ID_MAX + 1; len++) {
		memset(id, 'x', len);
		id[len] = '\0';
		snprintf(line, sizeof(line), CALL("%s", "f"), id);
		host(line);
	}
	fn(line); /* the wrong direction */
	snprintf(line, sizeof(line), RETURN("%s", ""), id);
	fn(line); /* for the longer id: must not end the call with the shorter one */
	id[PYLON_ID_MAX] = '\0';
	snprintf(line, sizeof(line), RETURN("%s", ",\"value\":1"), id);
	fn(line);
	end();
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].outcome, FNT_OK);
	ck_assert_int_eq(traces->items[0].value.kind, FNT_VALUE_JSON);
	ck_assert_uint_eq(counts.of[PROTOCOL_OVER_LIMIT], 1);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 1);
	finish();
}
END_TEST

/* A value that is nested too deep is lost; its call ends. */
START_TEST(test_nested_too_deep)
{
	static char line[4096];
	char *at = stpcpy(line, "{\"type\":\"return\",\"value\":");

	for (int i = 0; i < 600; i++)
		*at++ = '[';
	for (int i = 0; i < 600; i++)
		*at++ = ']';
	strcpy(at, ",\"call_id\":\"a\"}");
	begin();
	host(CALL("a", "f"));
	fn(line);
	host(CALL("b", "f"));
	fn(RETURN("b", ",\"value\":[1]"));
	end();
	ck_assert_int_eq(trace_of("a")->outcome, FNT_OK);
	ck_assert(trace_of("a")->flags & FNT_TRACE_VALUE_TOO_DEEP);
	check_value("b", "[1]");
	check_causes((struct protocol_counts){.of = {[PROTOCOL_TOO_DEEP] = 1}});
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 4);
	finish();
}
END_TEST

START_TEST(test_ids_used_twice)
{
	begin();
	host(CALL("a", "first"));
	fn(DB("a", "\"op\":\"get\",\"op_id\":\"1\",\"entity\":\"A\""));
	fn(DB("a", "\"op\":\"get\",\"op_id\":\"1\",\"entity\":\"B\""));
	host(RESULT("a", "\"op_id\":\"1\",\"data\":{}"));
	host(RESULT("a", "\"op_id\":\"1\",\"data\":{}"));
	fn(RETURN("a", ""));
	host(CALL("a", "second"));
	host(CALL("a", "third"));
	fn(RETURN("a", ""));
	fn(RETURN("a", ""));
	end();
	ck_assert_uint_eq(traces->count, 3);
	ck_assert_str_eq(traces->items[0].fn_name, "third");
	ck_assert_int_eq(traces->items[0].outcome, FNT_OK);
	ck_assert_str_eq(traces->items[1].fn_name, "second");
	ck_assert_int_eq(traces->items[1].outcome, FNT_ABORTED);
	ck_assert_uint_eq(traces->items[2].op_count, 1);
	ck_assert_str_eq(traces->items[2].ops[0].entity, "B");
	check_causes((struct protocol_counts){
		.of = {[PROTOCOL_ID_IN_USE] = 2, [PROTOCOL_UNMATCHED] = 2}});
	ck_assert_uint_eq(counts.of[PROTOCOL_ABORTED], 1);
	finish();
}
END_TEST

/* Nobody says which protocol it is: banners come first, then messages of one. */
START_TEST(test_auto)
{
	protocol = &auto_protocol;
	begin();
	fn("Server is listening");
	host("{\"jsonrpc\":\"3.0\"}");
	host(CALL("a", "f"));
	fn("a stray line");
	fn(RETURN("a", ""));
	host(CALL("b", "f"));
	end();
	ck_assert_int_eq(trace_of("a")->outcome, FNT_OK);
	ck_assert_int_eq(trace_of("b")->outcome, FNT_ABORTED);
	check_causes((struct protocol_counts){
		.of = {[PROTOCOL_NO_JSON] = 2, [PROTOCOL_NO_MESSAGE] = 1}});
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 3);
	finish();
	begin();
	fn("hello");
	end();
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 0);
	ck_assert_uint_eq(counts.of[PROTOCOL_NO_JSON], 1);
	finish();
	protocol = &pylon_protocol;
}
END_TEST

START_TEST(test_names)
{
	ck_assert_ptr_eq(protocol_by_name("pylon"), &pylon_protocol);
	ck_assert_ptr_eq(protocol_by_name("auto"), &auto_protocol);
	ck_assert_ptr_null(protocol_by_name("Pylon"));
	ck_assert_ptr_null(protocol_by_name(""));
	for (enum protocol_count i = 0; i < PROTOCOL_COUNTS; i++)
		ck_assert_ptr_nonnull(protocol_count_name(i));
}
END_TEST

/* A runtime that never answers: the number of open operations is bounded, and later
 * calls are still recorded. */
#define MOST 65536
#define TOO_MANY 66000

START_TEST(test_too_many_ops)
{
	char line[128];

	begin();
	host(CALL("a", "f"));
	for (int i = 0; i < TOO_MANY; i++) {
		snprintf(line, sizeof(line), DB("a", "\"op\":\"get\",\"op_id\":\"%d\""),
			 i);
		fn(line);
		fn(RUN_FN("a", "g"));
	}
	fn(RETURN("a", ""));
	host(CALL("b", "f"));
	fn(DB("b", "\"op\":\"get\",\"op_id\":\"1\",\"entity\":\"E\""));
	host(RESULT("b", "\"op_id\":\"1\""));
	fn(RETURN("b", ""));
	end();
	check_entities("b", "E");
	ck_assert_uint_eq(counts.of[PROTOCOL_OVER_LIMIT], 2 * (TOO_MANY - MOST));
	ck_assert_uint_eq(trace_of("a")->ops_omitted + trace_of("a")->pending_count,
			  MOST);
	finish();
}
END_TEST

START_TEST(test_too_many_calls)
{
	char line[128];

	begin();
	for (int i = 0; i < TOO_MANY; i++) {
		snprintf(line, sizeof(line), CALL("%d", "f"), i);
		host(line);
	}
	fn(RETURN("7", ""));
	host(CALL("room again", "f"));
	end();
	ck_assert_uint_eq(counts.of[PROTOCOL_OVER_LIMIT], TOO_MANY - MOST);
	ck_assert_uint_eq(counts.of[PROTOCOL_CALLS], MOST + 1);
	ck_assert_uint_eq(counts.of[PROTOCOL_ABORTED], MOST);
	ck_assert_uint_eq(fnt_log_total_count(log_), MOST + 1);
	finish();
}
END_TEST

/* A whole conversation, byte by byte. */
START_TEST(test_byte_by_byte)
{
	const char *lines[] = {CALL("a", "f"),
			       RESULT("a", "\"op_id\":\"1\",\"data\":[1,2]")};
	const char *op =
		DB("a", "\"op\":\"list\",\"op_id\":\"1\",\"entity\":\"E\"") "\n";
	const char *last = RETURN("a", ",\"value\":[\"\xf0\x9f\x98\x80\"]") "\n";

	begin();
	for (int i = 0; i < 2; i++) {
		for (const char *p = lines[i]; *p; p++)
			feed(PROTOCOL_TO_FN, p, 1);
		feed(PROTOCOL_TO_FN, "\n", 1);
		for (const char *p = i ? last : op; *p; p++)
			feed(PROTOCOL_TO_HOST, p, 1);
	}
	end();
	check_entities("a", "E");
	ck_assert_int_eq(trace_of("a")->ops[0].row_count, 2);
	check_value("a", "[\"\xf0\x9f\x98\x80\"]");
	finish();
}
END_TEST

int
main(void)
{
	return SUITE_RUN("pylon_limits", test_lines_that_are_no_messages,
			 test_last_line_without_newline, test_long_ids,
			 test_nested_too_deep, test_ids_used_twice, test_auto,
			 test_names, test_too_many_ops, test_too_many_calls,
			 test_byte_by_byte);
}
