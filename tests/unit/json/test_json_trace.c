/* SPDX-License-Identifier: MIT
 *
 * test_json_trace.c: the shape of a trace in JSON, the words of the enums, and failed
 * allocations. Linked with --wrap=realloc.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fntrace/fntrace.h>

#include "support/json_oracle.h"
#include "support/suite.h"

/* How many more calls of realloc succeed. Only the buffer calls it. */
static int reallocs_left = INT_MAX;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *
__wrap_realloc(void *memory, size_t size)
{
	return reallocs_left-- > 0 ? __real_realloc(memory, size) : NULL;
}

/* Valid until the next call. */
static const char *
json_of(const struct fnt_trace *trace)
{
	static char *json;
	size_t len;

	free(json);
	ck_assert_int_eq(fnt_trace_to_json(trace, &json, &len), 0);
	ck_assert_uint_eq(strlen(json), len);
	ck_assert(oracle_is_output(json, len));
	return json;
}

static const struct fnt_trace_op ops[] = {
	{FNT_OP_LOOKUP, true, "Lot", NULL, 5000, 94912, 1, NULL},
	{FNT_OP_UPDATE, false, "L\"o", "id\xFF", 1000000, 0, FNT_NONE, NULL},
	{(enum fnt_op)99, true, NULL, "", 0, 1, INT64_MIN + 1, NULL},
};
static const struct fnt_trace_schedule schedules[] = {
	{"sweep", 5000, FNT_NONE},
	{"sweep", FNT_NONE, 1795447202689},
	{NULL, -1, 0},
};

static const struct fnt_trace full = {
	.uid = 0xfedcba9876543210,
	.parent_uid = 0x1f,
	.trace_id = {1, 0xabcdef},
	.call_id = "c_33",
	.fn_name = "placeBid",
	.user_id = "__admin__",
	.tenant_id = "t\n",
	.exe = "bun",
	.fn_type = FNT_MUTATION,
	.outcome = FNT_OK,
	.pid = 42,
	.tid = -1,
	.pid_ns = 4026531836u,
	.host_pid = 1042,
	.started_mono_ns = 5000000001u,
	.w3c_flags = FNT_W3C_RANDOM | FNT_W3C_SAMPLED,
	.started_at_ns = 1795447155319999999,
	.duration_ns = 10484756,
	.value = {FNT_VALUE_JSON, "{ \"amount\": 60 }", 16},
	.ops = ops,
	.op_count = 3,
	.schedules = schedules,
	.schedule_count = 3,
	.stream_bytes = UINT64_MAX,
	.stream_chunks = 3,
};

/* clang-format off */
#define FULL_HEAD                                                                      \
	"{\"call_id\":\"c_33\",\"fn_name\":\"placeBid\",\"fn_type\":\"mutation\","     \
	"\"user_id\":\"__admin__\",\"started_at\":1795447155319,"                      \
	"\"duration_ms\":10.484756,\"outcome\":"
#define FULL_OPS                                                                       \
	",\"ops\":[{\"op\":\"lookup\",\"entity\":\"Lot\",\"duration_ms\":0.094912,"    \
	"\"row_count\":1,\"ok\":true,\"start_ms\":0.005},"                             \
	"{\"op\":\"update\",\"entity\":\"L\\\"o\",\"id\":\"id�\",\"duration_ms\":0.0," \
	"\"ok\":false,\"start_ms\":1.0},"                                              \
	"{\"op\":\"unknown\",\"entity\":\"\",\"id\":\"\",\"duration_ms\":1e-6,"        \
	"\"row_count\":-9223372036854775807,\"ok\":true,\"start_ms\":0.0}],"           \
	"\"stream_bytes\":18446744073709551615,\"stream_chunks\":3,"                   \
	"\"schedules\":[{\"fn_name\":\"sweep\",\"delay_ms\":5000},"                    \
	"{\"fn_name\":\"sweep\",\"run_at\":1795447202689},"                            \
	"{\"fn_name\":\"\",\"delay_ms\":-1,\"run_at\":0}]"
#define FULL_OURS                                                                      \
	",\"tenant_id\":\"t\\n\",\"uid\":\"fedcba9876543210\","                        \
	"\"trace_id\":\"00000000000000010000000000abcdef\","                           \
	"\"parent_uid\":\"000000000000001f\",\"trace_flags\":3,\"pid\":42,\"tid\":-1," \
	"\"pid_ns\":4026531836,\"host_pid\":1042,\"exe\":\"bun\"," \
	"\"started_mono_ms\":5000.000001"
#define NOTHING_CUT                                                                    \
	",\"ops_omitted\":0,\"schedules_omitted\":0,\"truncated\":false"
/* clang-format on */

START_TEST(full_trace)
{
	ck_assert_str_eq(
		json_of(&full), FULL_HEAD
		"{\"status\":\"ok\",\"value\":{\"amount\":60}}" FULL_OPS FULL_OURS
			NOTHING_CUT "}");
}
END_TEST

START_TEST(empty_trace)
{
	static const struct fnt_trace empty = {.outcome = FNT_OK};

	ck_assert_str_eq(
		json_of(&empty),
		"{\"call_id\":\"\",\"fn_name\":\"\",\"fn_type\":\"query\",\"user_id\":"
		"null,"
		"\"started_at\":0,\"duration_ms\":0.0,\"outcome\":{\"status\":\"ok\"},"
		"\"ops\":[],\"stream_bytes\":0,\"stream_chunks\":0,\"schedules\":[],"
		"\"tenant_id\":null,\"uid\":\"0000000000000000\","
		"\"trace_id\":\"00000000000000000000000000000000\",\"parent_uid\":null,"
		"\"trace_flags\":0,\"pid\":0,\"tid\":0,\"pid_ns\":0,\"exe\":\"\","
		"\"started_mono_ms\":0.0" NOTHING_CUT "}");
}
END_TEST

START_TEST(outcomes)
{
	struct fnt_trace trace = full;

	trace.code = "BID_TOO_LOW";
	trace.message = "bid 54 is\nnot above 69";
	trace.outcome = FNT_ERROR;
	ck_assert_str_eq(json_of(&trace), FULL_HEAD
			 "{\"status\":\"error\",\"code\":\"BID_TOO_LOW\","
			 "\"message\":\"bid 54 is\\nnot above 69\"}" FULL_OPS FULL_OURS
				 NOTHING_CUT "}");
	trace.outcome = FNT_ROLLED_BACK;
	trace.message = NULL;
	ck_assert_str_eq(json_of(&trace), FULL_HEAD
			 "{\"status\":\"rolled_back\",\"code\":\"BID_TOO_LOW\","
			 "\"message\":\"\"}" FULL_OPS FULL_OURS NOTHING_CUT "}");
	trace.outcome = (enum fnt_outcome)77;
	ck_assert_str_eq(json_of(&trace), FULL_HEAD
			 "{\"status\":\"unknown\"}" FULL_OPS FULL_OURS NOTHING_CUT "}");
}
END_TEST

START_TEST(traces_in_flight_and_aborted)
{
	static const struct fnt_trace_op pending[] = {
		{FNT_OP_INSERT, false, "Bid", "7", 10000000, 0, FNT_NONE, NULL},
		{FNT_OP_GET, false, "Lot", NULL, 10000001, 0, FNT_NONE, NULL},
	};
	struct fnt_trace trace = full;

	trace.outcome = FNT_IN_FLIGHT;
	ck_assert_str_eq(json_of(&trace), FULL_HEAD
			 "{\"status\":\"in_flight\"}" FULL_OPS FULL_OURS NOTHING_CUT
			 ",\"elapsed_ms\":10.484756,\"pending_op\":null}");
	trace.pending = pending;
	trace.pending_count = 2;
	trace.outcome = FNT_ABORTED;
	trace.seen_dead_ns = 3600000000000u;
	ck_assert_str_eq(json_of(&trace), FULL_HEAD
			 "{\"status\":\"aborted\"}" FULL_OPS FULL_OURS NOTHING_CUT
			 ",\"elapsed_ms\":10.484756,\"seen_dead_ms\":3600000.0,"
			 "\"pending_op\":"
			 "{\"op\":\"insert\",\"entity\":\"Bid\",\"id\":\"7\","
			 "\"start_ms\":10.0,\"elapsed_ms\":0.484756}}");
	/* The end is never before the begin, even if the last sign of life was. */
	trace.duration_ns = 1;
	ck_assert_ptr_nonnull(strstr(json_of(&trace), ",\"elapsed_ms\":0.0}}"));
}
END_TEST

START_TEST(flags_of_cut_traces)
{
	static const struct {
		uint32_t flag;
		const char *words;
	} flags[] = {
		{FNT_TRACE_VALUE_OMITTED, "\"truncated\":true,\"value_omitted\":true}"},
		{FNT_TRACE_CODE_CUT, "\"truncated\":true,\"code_cut\":true}"},
		{FNT_TRACE_MESSAGE_CUT, "\"truncated\":true,\"message_cut\":true}"},
		{FNT_TRACE_ID_CUT, "\"truncated\":true,\"id_cut\":true}"},
		{FNT_TRACE_INVALID_UTF8, "\"truncated\":false,\"invalid_utf8\":true}"},
		{FNT_TRACE_DAMAGED, "\"truncated\":false,\"damaged\":true}"},
		{FNT_TRACE_AS_OF_COPY, "\"truncated\":false,\"as_of_copy\":true}"},
		{FNT_TRACE_TIME_UNKNOWN, "\"truncated\":false,\"time_unknown\":true}"},
		{FNT_TRACE_CODE_CUT | FNT_TRACE_DAMAGED,
		 "\"truncated\":true,\"code_cut\":true,\"damaged\":true}"},
	};
	struct fnt_trace trace = full;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		trace.flags = flags[i].flag;
		ck_assert_ptr_nonnull(strstr(json_of(&trace), flags[i].words));
	}
	trace.flags = 0;
	trace.ops_omitted = 7;
	ck_assert_ptr_nonnull(strstr(json_of(&trace),
				     "\"ops_omitted\":7,\"schedules_omitted\":0,"
				     "\"truncated\":true}"));
	trace.ops_omitted = 0;
	trace.schedules_omitted = UINT64_MAX;
	ck_assert_ptr_nonnull(strstr(json_of(&trace),
				     "\"schedules_omitted\":18446744073709551615,"
				     "\"truncated\":true}"));
}
END_TEST

START_TEST(values)
{
	static const struct {
		struct fnt_value value;
		const char *json;
	} cases[] = {
		{{FNT_VALUE_NONE, "1", 1}, "null"},
		{{(enum fnt_value_kind)9, "1", 1}, "null"},
		{{FNT_VALUE_JSON, " [1 ,2] ", 8}, "[1,2]"},
		{{FNT_VALUE_JSON, "null", 4}, "null"},
		{{FNT_VALUE_JSON, NULL, 4}, "\"<invalid JSON at byte 0 of 0: >\""},
		{{FNT_VALUE_MSGPACK, "\x81\xA1k\xC3", 4}, "{\"k\":true}"},
		{{FNT_VALUE_MSGPACK, NULL, 4}, "\"<invalid msgpack at byte 0 of 0:>\""},
	};
	struct fnt_trace trace = full;
	char *json;

	ck_assert_int_eq(fnt_value_to_json(NULL, &json, NULL), 0);
	ck_assert_str_eq(json, "null");
	free(json);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[100];

		ck_assert_int_eq(fnt_value_to_json(&cases[i].value, &json, NULL), 0);
		ck_assert_str_eq(json, cases[i].json);
		free(json);
		trace.value = cases[i].value;
		snprintf(expected, sizeof(expected),
			 "\"outcome\":{\"status\":\"ok\"%s%s}",
			 trace.value.kind ? ",\"value\":" : "",
			 trace.value.kind ? cases[i].json : "");
		ck_assert_ptr_nonnull(strstr(json_of(&trace), expected));
	}
}
END_TEST

/* Each allocation fails once. The failure is reported, nothing leaks (ASan), and no
 * partial text is returned. */
START_TEST(no_memory)
{
	static const char packed[] = "\x93\x01\x81\x05\x06\xA1x";
	struct fnt_value value = {FNT_VALUE_MSGPACK, packed, sizeof(packed) - 1};
	char bytes[5000], *json;
	struct fnt_trace trace = full;
	int needed = 0, error = -ENOMEM;

	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = bytes[sizeof(bytes) - 1] = '"';
	trace.value = (struct fnt_value){FNT_VALUE_JSON, bytes, sizeof(bytes)};
	for (; error == -ENOMEM && needed < 100; needed++) {
		json = bytes;
		reallocs_left = needed;
		error = fnt_trace_to_json(&trace, &json, NULL);
		ck_assert((error == 0) == (json != NULL));
	}
	ck_assert_int_eq(error, 0);
	ck_assert_int_gt(needed, 2);
	free(json);
	reallocs_left = 0;
	ck_assert_int_eq(fnt_value_to_json(&value, &json, NULL), -ENOMEM);
	ck_assert_ptr_null(json);
	reallocs_left = INT_MAX;
	ck_assert_int_eq(fnt_value_to_json(&value, &json, NULL), 0);
	free(json);
}
END_TEST

START_TEST(words_of_enums_round_trip)
{
	static const char *const op_words[] = {
		"get",	  "list",   "paginate", "insert",      "update",
		"delete", "lookup", "query",	"query_graph", "link",
		"unlink", "search", "other"};

	for (int i = 0; i < FNT_OP_KINDS; i++) {
		const char *word = fnt_op_name((enum fnt_op)i);

		ck_assert_str_eq(word, op_words[i]);
		ck_assert_int_eq(fnt_op_parse(word, strlen(word)), i);
		ck_assert_int_eq(fnt_op_parse(word, strlen(word) - 1), -EINVAL);
		ck_assert_int_eq(fnt_op_parse(word, strlen(word) + 1), -EINVAL);
	}
	for (int i = FNT_QUERY; i <= FNT_ACTION; i++) {
		const char *word = fnt_fn_type_name((enum fnt_fn_type)i);

		ck_assert_int_eq(fnt_fn_type_parse(word, strlen(word)), i);
	}
	ck_assert_str_eq(fnt_fn_type_name(FNT_MUTATION), "mutation");
	ck_assert_str_eq(fnt_outcome_name(FNT_IN_FLIGHT), "in_flight");
	ck_assert_str_eq(fnt_outcome_name(FNT_OK), "ok");
	ck_assert_str_eq(fnt_outcome_name(FNT_ERROR), "error");
	ck_assert_str_eq(fnt_outcome_name(FNT_ROLLED_BACK), "rolled_back");
	ck_assert_str_eq(fnt_outcome_name(FNT_ABORTED), "aborted");
	ck_assert_str_eq(fnt_op_name((enum fnt_op) - 1), "unknown");
	ck_assert_str_eq(fnt_op_name(FNT_OP_KINDS), "unknown");
	ck_assert_str_eq(fnt_fn_type_name((enum fnt_fn_type)3), "unknown");
	ck_assert_int_eq(fnt_op_parse("", 0), -EINVAL);
	ck_assert_int_eq(fnt_op_parse("GET", 3), -EINVAL);
	ck_assert_int_eq(fnt_fn_type_parse("get", 3), -EINVAL);
}
END_TEST

int
main(void)
{
	return SUITE_RUN("json_trace", full_trace, empty_trace, outcomes,
			 traces_in_flight_and_aborted, flags_of_cut_traces, values,
			 no_memory, words_of_enums_round_trip);
}
