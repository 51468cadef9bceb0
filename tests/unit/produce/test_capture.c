/* SPDX-License-Identifier: MIT
 *
 * test_capture.c: how texts are captured (whole, hashed, or not at all), with several
 * processes that trace at the same time; in records and in flight.
 */
#include "support/puppets.h"

#include "control/controller.h"

static bool
same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && !strcmp(a, b));
}

static bool
is_hash(const char *text)
{
	return text && strlen(text) == 18 && !strncmp(text, "h:", 2) &&
	       strspn(text + 2, "0123456789abcdef") == 16;
}

/* The newest traces of all processes are like `first`. */
static void
must_look_alike(struct fnt_traces *traces, size_t ops)
{
	const struct fnt_trace *first = &traces->items[0];

	for (size_t i = 0; i < traces->count; i++) {
		const struct fnt_trace *trace = &traces->items[i];

		ck_assert(same(trace->user_id, first->user_id));
		ck_assert(same(trace->tenant_id, first->tenant_id));
		ck_assert_uint_eq(trace->op_count, ops);
		for (size_t op = 0; op < ops; op++)
			ck_assert(same(trace->ops[op].id, first->ops[0].id));
		ck_assert_uint_eq(trace->value.kind, first->value.kind);
		ck_assert_uint_eq(trace->value.len, first->value.len);
		ck_assert(!first->value.len ||
			  !memcmp(trace->value.data, first->value.data,
				  first->value.len));
		ck_assert_uint_eq(trace->flags, 0);
	}
}

static struct fnt_traces *
detailed(struct puppets *puppets, bool pushed, const char *settings)
{
	struct order order = {
		.fn = "f", .count = 2, .outcome = FNT_OK, .detailed = true};
	struct fnt_traces *traces;

	if (pushed)
		order.pushed_ns = 5;
	set(puppets, NULL, settings);
	/* Reserved tickets of the last millisecond would sort them before these. */
	nap_us(3000);
	ck_assert_uint_eq(puppets_do(puppets, &order), 8);
	traces = newest_of(puppets, 8);
	ck_assert_uint_eq(traces->count, 8);
	must_look_alike(traces, pushed ? 1 : 2);
	return traces;
}

START_TEST(captured_texts)
{
	struct puppets puppets = start_puppets("capture");
	char user[32], tenant[32], op[32], value[32];
	const struct fnt_trace *first;
	struct fnt_traces *traces;

	for (int pushed = 0; pushed < 2; pushed++) {
		traces = detailed(&puppets, pushed,
				  "capture.users=on capture.ids=on "
				  "capture.values=on");
		first = &traces->items[0];
		ck_assert_str_eq(first->user_id, "user-id");
		ck_assert_str_eq(first->tenant_id, "tenant-id");
		ck_assert_str_eq(first->ops[0].id, "op-id");
		ck_assert_uint_eq(first->value.len, 4);
		fnt_traces_free(traces);

		traces = detailed(&puppets, pushed,
				  "capture.users=off capture.ids=off "
				  "capture.values=off");
		first = &traces->items[0];
		ck_assert(!first->user_id && !first->tenant_id && !first->ops[0].id);
		ck_assert_uint_eq(first->value.kind, FNT_VALUE_NONE);
		fnt_traces_free(traces);

		traces = detailed(&puppets, pushed,
				  "capture.users=hash capture.ids=hash "
				  "capture.values=hash");
		first = &traces->items[0];
		ck_assert(is_hash(first->user_id) && is_hash(first->tenant_id));
		ck_assert(is_hash(first->ops[0].id));
		ck_assert(strcmp(first->user_id, first->tenant_id) != 0);
		ck_assert_uint_eq(first->value.len, 20);
		if (pushed) {
			/* Equal texts have equal hashes, pushed or begun. */
			ck_assert_str_eq(first->user_id, user);
			ck_assert_str_eq(first->tenant_id, tenant);
			ck_assert_str_eq(first->ops[0].id, op);
			ck_assert(!memcmp(first->value.data, value, 20));
		}
		snprintf(user, sizeof(user), "%s", first->user_id);
		snprintf(tenant, sizeof(tenant), "%s", first->tenant_id);
		snprintf(op, sizeof(op), "%s", first->ops[0].id);
		memcpy(value, first->value.data, 20);
		fnt_traces_free(traces);

		traces = detailed(&puppets, pushed,
				  "capture.users=hash capture.ids=on "
				  "capture.values=off");
		first = &traces->items[0];
		ck_assert_str_eq(first->user_id, user);
		ck_assert_str_eq(first->ops[0].id, "op-id");
		ck_assert_uint_eq(first->value.kind, FNT_VALUE_NONE);
		fnt_traces_free(traces);
	}
	end_puppets(&puppets);

	/* Another region has another key. */
	puppets = start_puppets("other");
	traces = detailed(&puppets, false, "capture.users=hash");
	ck_assert(is_hash(traces->items[0].user_id));
	ck_assert_str_ne(traces->items[0].user_id, user);
	fnt_traces_free(traces);
	end_puppets(&puppets);
}
END_TEST

/* A text that is not captured is nowhere in the region, not even in flight. */
START_TEST(calls_in_flight_leak_no_text)
{
	struct fnt_log *log = open_log(
		"leak", &(struct fnt_options){.size_bytes = MIB(1),
					      .settings = "capture.users=hash "
							  "capture.ids=off "
							  "capture.values=off"});
	struct fnt_call *call = fnt_call_begin(
		log, &(struct fnt_call_info){.fn_name = "f", .user_id = "secret-user"});
	struct fnt_value value = {FNT_VALUE_JSON, "\"secret-value\"", 14};
	struct fnt_reader *reader = open_reader("leak");
	FILE *file = fopen(fnt_log_path(log), "r");
	char *bytes = malloc(MIB(1));
	struct fnt_traces *traces;

	MUST(file && bytes);
	fnt_call_tenant_id(call, "secret-tenant");
	ck_assert_int_ge(fnt_call_op_begin(call, FNT_OP_GET, "t", "secret-id"), 0);
	fnt_call_op(call, FNT_OP_GET, "t", "secret-id", 1, 1, true);
	traces = in_flight(reader);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert(is_hash(traces->items[0].user_id));
	ck_assert(is_hash(traces->items[0].tenant_id));
	ck_assert_uint_eq(traces->items[0].pending_count, 1);
	ck_assert_ptr_null(traces->items[0].pending[0].id);
	fnt_traces_free(traces);
	ck_assert_int_eq(fnt_call_finish_ok(call, &value), FNT_DONE);
	ck_assert_uint_eq(fread(bytes, 1, MIB(1), file), MIB(1));
	ck_assert_ptr_null(memmem(bytes, MIB(1), "secret", 6));
	ck_assert_ptr_nonnull(memmem(bytes, MIB(1), "h:", 2));
	fclose(file);
	free(bytes);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* Whoever has a rotated copy cannot test guesses of the texts; and the copy is a
 * region. */
START_TEST(frozen_copy_has_no_key)
{
	struct fnt_log *log = open_log(
		"key",
		&(struct fnt_options){.size_bytes = MIB(1),
				      .settings = "capture.users=hash keep=0.5"});
	struct fnt_call_info info = {
		.fn_name = "f", .user_id = "u", .trace_id = {1, 1}};
	struct fnt_settings_list *list;
	struct fnt_control *control;
	struct fnt_reader *reader;
	struct fnt_error error = {0};
	struct fnt_traces *traces;
	char path[256];

	MUST(!fnt_control_open(&control, "key", &error));
	while (!region_stat("key").recorded) {
		info.trace_id[1]++;
		MUST(!fnt_call_finish_ok(fnt_call_begin(log, &info), NULL));
	}
	snprintf(path, sizeof(path), "%s", region_path("frozen", ".fnt"));
	if (fnt_control_rotate(control, path, NULL, &error))
		ck_abort_msg("%s", error.message);
	ck_assert_uint_ne(control->region.view.control->hash_key[0], 0);
	fnt_control_close(control);

	MUST(!fnt_control_open(&control, "frozen", &error));
	ck_assert_uint_eq(control->region.view.control->hash_key[0], 0);
	ck_assert_uint_eq(control->region.view.control->hash_key[1], 0);
	fnt_control_close(control);
	reader = open_reader("frozen");
	MUST(!fnt_reader_settings(reader, &list));
	ck_assert(list->all.keep == 0.5);
	fnt_settings_free(list);
	MUST(!fnt_reader_query(reader, &(struct fnt_query){.limit = 2}, &traces));
	ck_assert_uint_eq(traces->count, 1);
	ck_assert(is_hash(traces->items[0].user_id));
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("capture", captured_texts, calls_in_flight_leak_no_text,
	     frozen_copy_has_no_key)
