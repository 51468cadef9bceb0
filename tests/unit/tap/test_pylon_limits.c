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
	ck_assert_uint_eq(counts.other_lines, count + 4);
	ck_assert_uint_eq(counts.messages, 5);
	ck_assert_uint_eq(counts.unknown, 2);
	finish();
}
END_TEST

START_TEST(test_last_line_without_newline)
{
	begin();
	host(CALL("a", "f"));
	pylon_protocol.feed(state, PROTOCOL_TO_HOST, RETURN("a", ""), 31);
	pylon_protocol.eof(state, PROTOCOL_TO_HOST);
	pylon_protocol.eof(state, PROTOCOL_TO_FN);
	end();
	ck_assert_int_eq(trace_of("a")->outcome, FNT_OK);
	ck_assert_uint_eq(counts.other_lines, 0);
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
	ck_assert_uint_eq(counts.untraced, 1);
	ck_assert_uint_eq(counts.unknown, 1);
	finish();
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
	ck_assert_uint_eq(counts.untraced, 2 * (TOO_MANY - MOST));
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
	ck_assert_uint_eq(counts.untraced, TOO_MANY - MOST);
	ck_assert_uint_eq(counts.calls, MOST + 1);
	ck_assert_uint_eq(counts.aborted, MOST);
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
			pylon_protocol.feed(state, PROTOCOL_TO_FN, p, 1);
		pylon_protocol.feed(state, PROTOCOL_TO_FN, "\n", 1);
		for (const char *p = i ? last : op; *p; p++)
			pylon_protocol.feed(state, PROTOCOL_TO_HOST, p, 1);
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
			 test_too_many_ops, test_too_many_calls, test_byte_by_byte);
}
