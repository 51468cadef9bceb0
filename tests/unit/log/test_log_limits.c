/* SPDX-License-Identifier: MIT
 *
 * test_log_limits.c: what is cut, left out, counted and flagged at each limit; and
 * nothing is below it.
 */
#include "support/fixture.h"

#include "base/utf8.h"

static char *
fill(size_t len, char with)
{
	char *text = malloc(len + 1);

	memset(text, with, len);
	text[len] = '\0';
	return text;
}

/* ---- ops and schedules ----------------------------------------------------------- */

START_TEST(call_of_300_inserts_and_3_kb_is_whole)
{
	struct fnt_log *log = open_sized("whole", MIB(1));
	struct fnt_call *call = begin_call(log, "fn", "id");
	char id[48], *json = fill(3000, '7');
	struct fnt_value value = {FNT_VALUE_JSON, json, 3000};
	const struct fnt_trace *trace;
	struct fnt_traces *traces;

	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "%040d", i);
		ck_assert_int_eq(
			fnt_call_op(call, FNT_OP_INSERT, "todo", id, 1000, 1, true),
			FNT_DONE);
	}
	ck_assert_int_eq(fnt_call_finish_ok(call, &value), FNT_DONE);
	traces = newest(log, 1);
	trace = &traces->items[0];
	ck_assert_uint_eq(trace->op_count, 300);
	ck_assert_uint_eq(trace->ops_omitted, 0);
	ck_assert_uint_eq(trace->flags, 0);
	for (int i = 0; i < 300; i++) {
		ck_assert_int_eq(atoi(trace->ops[i].id), i);
		ck_assert_uint_eq(strlen(trace->ops[i].id), 40);
	}
	ck_assert_uint_eq(trace->value.len, 3000);
	ck_assert_mem_eq(trace->value.data, json, 3000);
	fnt_traces_free(traces);
	fnt_log_close(log);
	free(json);
}
END_TEST

/* Add ops and schedules of all sizes to records of one size, far past the limit. Those
 * that were accepted are there, in order; the others are counted. */
static void
overfill(struct fnt_log *log, uint32_t max_record, struct rnd *r)
{
	struct fnt_call *call = begin_call(log, "fn", "id");
	unsigned tries = max_record / 16 + 100, ops = 0, schedules = 0, taken_ops = 0;
	unsigned taken_schedules = 0, *numbers = calloc(tries, sizeof(*numbers));
	char *id = malloc(max_record * 2);
	struct fnt_traces *traces;
	const struct fnt_trace *trace;

	for (unsigned i = 0; i < tries; i++) {
		uint32_t size =
			rnd(r, 20) ? rnd(r, 60) + 8 : rnd(r, max_record * 3 / 2) + 8;
		int rc;

		if (rnd(r, 4) == 0) {
			schedules++;
			rc = fnt_call_schedule(call, "later", (int64_t)i, FNT_NONE);
			taken_schedules += rc == FNT_DONE;
		} else {
			snprintf(id, 16, "%u ", i);
			memset(id + strlen(id), 'x', size);
			id[size] = '\0';
			ops++;
			rc = fnt_call_op(call, FNT_OP_GET, "todo", id, 1, 1, true);
			if (rc == FNT_DONE)
				numbers[taken_ops++] = i;
		}
		MUST(rc == FNT_DONE || rc == FNT_OMITTED);
	}
	ck_assert_int_eq(fnt_call_finish_error(call, "CODE", "message"), FNT_DONE);
	traces = newest(log, 1);
	trace = &traces->items[0];
	ck_assert_uint_eq(trace->op_count, taken_ops);
	ck_assert_uint_eq(trace->op_count + trace->ops_omitted, ops);
	ck_assert_uint_eq(trace->schedule_count, taken_schedules);
	ck_assert_uint_eq(trace->schedule_count + trace->schedules_omitted, schedules);
	ck_assert(trace->ops_omitted && trace->schedules_omitted);
	for (unsigned i = 0; i < taken_ops; i++)
		ck_assert_uint_eq(strtoul(trace->ops[i].id, NULL, 10), numbers[i]);
	/* Room for the outcome is reserved. */
	ck_assert_str_eq(trace->code, "CODE");
	ck_assert_str_eq(trace->message, "message");
	ck_assert_uint_eq(trace->flags & FNT_TRACE_DAMAGED, 0);
	fnt_traces_free(traces);
	free(numbers);
	free(id);
}

START_TEST(omitted_counts_are_exact)
{
	static const uint32_t sizes[] = {1024, 1500, 4096, 65536, 1u << 20};
	struct rnd r = {7};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fnt_options options = {.size_bytes = MIB(16),
					      .max_record_bytes = sizes[i]};
		struct fnt_log *log = open_log(NULL, &options);

		for (int round = 0; round < (sizes[i] > 65536 ? 2 : 20); round++)
			overfill(log, sizes[i], &r);
		fnt_log_close(log);
	}
}
END_TEST

START_TEST(totals_of_what_was_omitted)
{
	struct fnt_options options = {.size_bytes = MIB(1), .max_record_bytes = 1024};
	struct fnt_log *log = open_log("totals", &options);
	struct fnt_call *call = begin_call(log, "fn", "id");
	struct fnt_value value = {FNT_VALUE_JSON, "", 4000};
	unsigned done = 0, omitted = 0;
	struct fnt_stat stat;

	for (int i = 0; i < 100; i++) {
		int rc =
			fnt_call_op(call, FNT_OP_GET, "todo", "0123456789", 1, 1, true);

		done += rc == FNT_DONE;
		omitted += rc == FNT_OMITTED;
	}
	value.data = fill(4000, '1');
	ck_assert_int_eq(fnt_call_finish_ok(call, &value), FNT_OMITTED);
	free((void *)value.data);
	stat = region_stat("totals");
	ck_assert_uint_eq(done + omitted, 100);
	ck_assert_uint_eq(stat.ops, 100);
	ck_assert_uint_eq(stat.ops_omitted, omitted);
	ck_assert_uint_eq(stat.values_omitted, 1);
	fnt_log_close(log);
}
END_TEST

START_TEST(omitted_op_takes_no_room)
{
	struct fnt_options options = {.size_bytes = MIB(1), .max_record_bytes = 4096};
	struct fnt_log *log = open_log("huge", &options);
	struct fnt_call *call = begin_call(log, "fn", "id");
	char *huge = fill(100000, 'h');
	struct fnt_traces *traces;
	int64_t handle;

	ck_assert_int_eq(fnt_call_op(call, FNT_OP_GET, "t", huge, 1, 1, true),
			 FNT_OMITTED);
	handle = fnt_call_op_begin(call, FNT_OP_GET, "t", huge);
	ck_assert_int_ge(handle, 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(fnt_call_op(call, FNT_OP_GET, "t", "i", 1, 1, true),
				 FNT_DONE);
	ck_assert_int_eq(fnt_call_op_end(call, handle, 1, true), FNT_OMITTED);
	ck_assert_int_eq(fnt_call_op_end(call, handle, 1, true), -EINVAL);
	fnt_call_finish_ok(call, NULL);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->items[0].op_count, 20);
	ck_assert_uint_eq(traces->items[0].ops_omitted, 2);
	fnt_traces_free(traces);
	free(huge);
	fnt_log_close(log);
}
END_TEST

/* The end of each op that was begun fits, too. */
START_TEST(begun_ops_can_end)
{
	struct fnt_options options = {.size_bytes = MIB(16), .max_record_bytes = 65536};
	struct fnt_log *log = open_log("ends", &options);
	struct fnt_call *call = begin_call(log, "fn", "id");
	int64_t *handles = calloc(5000, sizeof(*handles));
	unsigned done = 0;
	struct fnt_traces *traces;

	for (int i = 0; i < 5000; i++)
		ck_assert_int_gt(
			handles[i] = fnt_call_op_begin(call, FNT_OP_GET, "t", "1"), 0);
	for (int i = 0; i < 5000; i++)
		done += fnt_call_op_end(call, handles[(i * 1777) % 5000], INT64_MIN + 1,
					true) == FNT_DONE;
	fnt_call_finish_error(call, "C", "M");
	traces = newest(log, 1);
	ck_assert_uint_gt(done, 500);
	ck_assert_uint_eq(traces->items[0].op_count, done);
	ck_assert_uint_eq(traces->items[0].ops_omitted, 5000 - done);
	ck_assert_uint_eq(traces->items[0].pending_count, 0);
	ck_assert_str_eq(traces->items[0].message, "M");
	fnt_traces_free(traces);
	free(handles);
	fnt_log_close(log);
}
END_TEST

/* ---- outcomes -------------------------------------------------------------------- */

/* `got` is `text`, or a prefix of it in whole characters and an ellipsis, up to 4 KiB.
 */
static void
check_cut(const char *got, const char *text, bool flagged)
{
	size_t len = strlen(got), whole = strlen(text);

	ck_assert(fnt_utf8_valid(got, len));
	ck_assert_uint_le(len, 4096);
	ck_assert_int_eq(flagged, whole > 4096);
	if (whole <= 4096) {
		ck_assert_str_eq(got, text);
		return;
	}
	/* Not shorter than whole characters require. */
	ck_assert_uint_ge(len, 4096 - 3);
	ck_assert_str_eq(got + len - 3, "\xE2\x80\xA6");
	ck_assert(!strncmp(got, text, len - 3));
}

static void
check_error(struct fnt_log *log, const char *code, const char *message)
{
	struct fnt_traces *traces;
	const struct fnt_trace *trace;

	ck_assert_int_eq(
		fnt_call_finish_rolled_back(begin_call(log, "fn", "id"), code, message),
		FNT_DONE);
	traces = newest(log, 1);
	trace = &traces->items[0];
	ck_assert_int_eq(trace->outcome, FNT_ROLLED_BACK);
	check_cut(trace->code, code, trace->flags & FNT_TRACE_CODE_CUT);
	check_cut(trace->message, message, trace->flags & FNT_TRACE_MESSAGE_CUT);
	fnt_traces_free(traces);
}

START_TEST(error_texts_are_cut_between_characters)
{
	static const char *const parts[] = {"a", "\xc3\xa4", "\xe2\x82\xac",
					    "\xf0\x9f\x98\x80"};
	struct fnt_log *log = open_sized("cut", MIB(1));
	char text[5200];

	for (size_t p = 0; p < 4; p++) {
		for (size_t shift = 0; shift < 4; shift++) {
			for (size_t want = 4080; want < 4110; want++) {
				size_t len = shift, step = strlen(parts[p]);

				memset(text, '.', shift);
				for (; len + step <= want; len += step)
					memcpy(text + len, parts[p], step);
				text[len] = '\0';
				check_error(log, "code", text);
				check_error(log, text, "message");
				check_error(log, text, text);
			}
		}
	}
	fnt_log_close(log);
}
END_TEST

/* Even in the smallest record the beginnings of both texts are there. */
START_TEST(error_texts_in_a_small_record)
{
	struct fnt_options options = {.size_bytes = SMALLEST, .max_record_bytes = 1024};
	struct fnt_log *log = open_log("tiny", &options);
	char *text = fill(100000, 'e');
	struct fnt_traces *traces;
	const struct fnt_trace *trace;

	for (int ops = 0; ops < 60; ops++) {
		struct fnt_call *call = begin_call(log, text, text);

		fnt_call_user_id(call, text);
		fnt_call_tenant_id(call, text);
		for (int i = 0; i < ops; i++)
			fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
		ck_assert_int_eq(fnt_call_finish_error(call, text, text), FNT_DONE);
		traces = newest(log, 1);
		trace = &traces->items[0];
		ck_assert_uint_ge(strlen(trace->code), 40);
		ck_assert_uint_ge(strlen(trace->message), 40);
		ck_assert_str_eq(trace->message + strlen(trace->message) - 3,
				 "\xE2\x80\xA6");
		ck_assert(trace->flags & FNT_TRACE_CODE_CUT);
		ck_assert(trace->flags & FNT_TRACE_MESSAGE_CUT);
		ck_assert(trace->flags & FNT_TRACE_ID_CUT);
		ck_assert_uint_eq(trace->op_count + trace->ops_omitted, (uint64_t)ops);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
	free(text);
	must_be_sound("tiny");
}
END_TEST

/* A value is whole or left out, wherever the limit is. */
START_TEST(values_are_whole_or_left_out)
{
	struct fnt_options options = {.size_bytes = MIB(1), .max_record_bytes = 2048};
	struct fnt_log *log = open_log("values", &options);
	char *json = fill(4096, '8');
	size_t largest = 0;

	for (size_t len = 1; len < 4096; len += len < 1700 ? 50 : 1) {
		struct fnt_value value = {FNT_VALUE_JSON, json, len};
		struct fnt_call *call = begin_call(log, "fn", "id");
		struct fnt_traces *traces;
		const struct fnt_trace *trace;
		int rc;

		fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
		rc = fnt_call_finish_ok(call, &value);
		traces = newest(log, 1);
		trace = &traces->items[0];
		ck_assert_uint_eq(trace->op_count, 1);
		if (rc == FNT_DONE) {
			ck_assert_uint_eq(trace->flags, 0);
			ck_assert_uint_eq(trace->value.len, len);
			ck_assert_mem_eq(trace->value.data, json, len);
			largest = len;
		} else {
			ck_assert_int_eq(rc, FNT_OMITTED);
			ck_assert_uint_eq(trace->flags, FNT_TRACE_VALUE_OMITTED);
			ck_assert_int_eq(trace->value.kind, FNT_VALUE_NONE);
		}
		fnt_traces_free(traces);
	}
	/* As much as the record holds, less its head and the op. */
	ck_assert_uint_ge(largest, 2048 - 112 - 100);
	ck_assert_uint_lt(largest, 2048);
	fnt_log_close(log);
	free(json);
}
END_TEST

/* A value of an unknown kind is left out, whatever its length. */
START_TEST(values_of_unknown_kinds_are_left_out)
{
	static const unsigned kinds[] = {3, 255, 65536, UINT32_MAX};
	struct fnt_log *log = open_log("kinds", NULL);
	char *json = fill(70000, '8');

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (size_t len = 0; len <= 70000; len += 10000) {
			struct fnt_value value = {(enum fnt_value_kind)kinds[i], json,
						  len};
			struct fnt_call *call = begin_call(log, "fn", "id");
			struct fnt_traces *traces;

			ck_assert_int_eq(fnt_call_finish_ok(call, &value), FNT_OMITTED);
			traces = newest(log, 1);
			ck_assert_uint_eq(traces->items[0].flags,
					  FNT_TRACE_VALUE_OMITTED);
			ck_assert_int_eq(traces->items[0].value.kind, FNT_VALUE_NONE);
			fnt_traces_free(traces);
		}
	fnt_log_close(log);
	free(json);
}
END_TEST

/* ---- ids and names --------------------------------------------------------------- */

START_TEST(ids_of_100_kb)
{
	struct fnt_log *log = open_sized("ids", MIB(1));
	char *text = fill(100000, 'i');
	struct fnt_call_info info = {
		.call_id = text, .fn_name = text, .user_id = text, .tenant_id = text};
	struct fnt_call *call = fnt_call_begin(log, &info);
	const struct fnt_trace *trace;
	struct fnt_traces *traces;

	ck_assert_int_eq(fnt_call_op(call, FNT_OP_GET, text, "1", 1, 1, true),
			 FNT_DONE);
	ck_assert_int_eq(fnt_call_schedule(call, text, 1, 1), FNT_DONE);
	fnt_call_finish_ok(call, NULL);
	traces = newest(log, 1);
	trace = &traces->items[0];
	ck_assert(trace->flags & FNT_TRACE_ID_CUT);
	ck_assert_uint_eq(trace->flags & FNT_TRACE_INVALID_UTF8, 0);
	ck_assert_uint_ge(strlen(trace->call_id), 1000);
	ck_assert(!strncmp(trace->call_id, text, strlen(trace->call_id)));
	ck_assert(!strncmp(trace->fn_name, text, strlen(trace->fn_name)));
	ck_assert(!strncmp(trace->user_id, text, strlen(trace->user_id)));
	ck_assert(!strncmp(trace->tenant_id, text, strlen(trace->tenant_id)));
	fnt_traces_free(traces);
	free(text);
	fnt_log_close(log);
}
END_TEST

/* A long name is cut between two characters. */
START_TEST(long_names_are_cut_between_characters)
{
	struct fnt_log *log = open_sized("chars", MIB(1));
	char text[6001];

	for (size_t shift = 0; shift < 3; shift++) {
		struct fnt_call *call;
		struct fnt_traces *traces;

		memset(text, '.', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		call = begin_call(log, text, text);
		fnt_call_op(call, FNT_OP_GET, text, "1", 1, 1, true);
		fnt_call_schedule(call, text, 1, 1);
		fnt_call_finish_ok(call, NULL);
		traces = newest(log, 1);
		ck_assert_uint_eq(traces->items[0].flags & FNT_TRACE_INVALID_UTF8, 0);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
}
END_TEST

/* Names of every length, far more than the table holds: all are returned whole. */
START_TEST(more_names_than_the_table_holds)
{
	struct fnt_log *log = open_sized("names", SMALLEST);
	char name[700];

	for (unsigned i = 0; i < 600; i++) {
		struct fnt_traces *traces;
		struct fnt_call *call;

		snprintf(name, sizeof(name), "%0*u", (int)i + 1, i);
		call = begin_call(log, name, "id");
		fnt_call_op(call, FNT_OP_GET, name, "1", 1, 1, true);
		fnt_call_schedule(call, name, 1, 1);
		fnt_call_finish_ok(call, NULL);
		ck_assert(!fnt_log_by_fn(log, name, 1, &traces));
		ck_assert_uint_eq(traces->count, 1);
		ck_assert_str_eq(traces->items[0].fn_name, name);
		ck_assert_str_eq(traces->items[0].ops[0].entity, name);
		ck_assert_str_eq(traces->items[0].schedules[0].fn_name, name);
		ck_assert_uint_eq(traces->items[0].flags, 0);
		fnt_traces_free(traces);
	}
	ck_assert_uint_le(region_stat("names").names, SMALL_NAMES);
	ck_assert_uint_ge(region_stat("names").names, SMALL_NAMES / 2);
	fnt_log_close(log);
	must_be_sound("names");
}
END_TEST

/* ---- more calls than frames ------------------------------------------------------ */

START_TEST(more_open_calls_than_frames)
{
	enum {
		CALLS = 200
	};
	struct fnt_log *log = open_sized("unframed", SMALLEST);
	struct fnt_call *calls[CALLS];
	struct fnt_traces *traces;
	struct fnt_stat stat;
	char id[24];

	for (int i = 0; i < CALLS; i++) {
		snprintf(id, sizeof(id), "%d", i);
		calls[i] = begin_call(log, "fn", id);
		ck_assert_ptr_nonnull(calls[i]);
	}
	for (int op = 0; op < 20; op++)
		for (int i = 0; i < CALLS; i++) {
			snprintf(id, sizeof(id), "%d.%d", i, op);
			ck_assert_int_eq(
				fnt_call_op(calls[i], FNT_OP_GET, "t", id, 1, 1, true),
				FNT_DONE);
		}
	stat = region_stat("unframed");
	ck_assert_uint_eq(stat.unframed + stat.in_flight, CALLS);
	ck_assert_uint_gt(stat.in_flight, 0);
	for (int i = 0; i < CALLS; i++)
		ck_assert_int_eq(fnt_call_finish_ok(calls[(i * 77) % CALLS], NULL),
				 FNT_DONE);
	traces = newest(log, CALLS);
	for (size_t i = 0; i < traces->count; i++) {
		const struct fnt_trace *trace = &traces->items[i];
		unsigned number = (unsigned)((CALLS - 1 - i) * 77 % CALLS);

		ck_assert_uint_eq(strtoul(trace->call_id, NULL, 10), number);
		ck_assert_uint_eq(trace->op_count, 20);
		for (unsigned op = 0; op < 20; op++) {
			snprintf(id, sizeof(id), "%u.%u", number, op);
			ck_assert_str_eq(trace->ops[op].id, id);
		}
	}
	ck_assert_uint_eq(fnt_log_total_count(log), CALLS);
	fnt_traces_free(traces);
	fnt_log_close(log);
	must_be_sound("unframed");
}
END_TEST

FIXTURE_MAIN("log_limits", call_of_300_inserts_and_3_kb_is_whole,
	     omitted_counts_are_exact, totals_of_what_was_omitted,
	     omitted_op_takes_no_room, begun_ops_can_end,
	     error_texts_are_cut_between_characters, error_texts_in_a_small_record,
	     values_are_whole_or_left_out, values_of_unknown_kinds_are_left_out,
	     ids_of_100_kb, long_names_are_cut_between_characters,
	     more_names_than_the_table_holds, more_open_calls_than_frames)
