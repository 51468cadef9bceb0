/* SPDX-License-Identifier: MIT
 *
 * test_log_push.c: traces that are built elsewhere and pushed.
 */
#include "support/model.h"

static struct fnt_trace *
build_trace(struct rnd *r)
{
	static char texts[6][TEXT_MAX_];
	static struct model_op ops[OPS_MAX];
	static struct fnt_trace_op trace_ops[OPS_MAX];
	static struct model_schedule schedules[OPS_MAX];
	static struct fnt_trace_schedule trace_schedules[OPS_MAX];
	static struct fnt_trace trace;

	for (int i = 0; i < 6; i++)
		random_text(r, texts[i]);
	memset(&trace, 0, sizeof(trace));
	trace.uid = 1 + rnd(r, 1u << 31);
	trace.parent_uid = rnd(r, 1u << 31);
	trace.trace_id[rnd(r, 2)] = 1 + rnd(r, 1u << 31);
	trace.w3c_flags = rnd(r, 4);
	trace.call_id = texts[0];
	trace.fn_name = texts[1];
	trace.user_id = rnd(r, 2) ? texts[2] : NULL;
	trace.tenant_id = rnd(r, 2) ? texts[3] : NULL;
	trace.fn_type = (enum fnt_fn_type)rnd(r, 3);
	trace.outcome = FNT_OK + (enum fnt_outcome)rnd(r, 4);
	trace.started_at_ns = 1000000000ull * (1 + rnd(r, 1u << 31));
	trace.duration_ns = UINT64_MAX - rnd(r, 100);
	trace.stream_bytes = UINT64_MAX - rnd(r, 100);
	trace.stream_chunks = rnd(r, 100);
	trace.ops_omitted = rnd(r, 100);
	trace.schedules_omitted = rnd(r, 100);
	if (trace.outcome == FNT_OK && rnd(r, 2))
		trace.value =
			(struct fnt_value){FNT_VALUE_JSON, texts[4], strlen(texts[4])};
	if (trace.outcome == FNT_ERROR || trace.outcome == FNT_ROLLED_BACK) {
		trace.code = texts[4];
		trace.message = texts[5];
	}
	trace.op_count = rnd(r, OPS_MAX);
	trace.ops = trace_ops;
	for (size_t i = 0; i < trace.op_count; i++) {
		fill_op(r, &ops[i]);
		trace_ops[i] =
			(struct fnt_trace_op){.op = ops[i].op,
					      .ok = ops[i].ok,
					      .entity = ops[i].entity,
					      .id = ops[i].has_id ? ops[i].id : NULL,
					      .start_ns = rnd(r, 1u << 31),
					      .duration_ns = ops[i].duration_ns,
					      .row_count = ops[i].row_count};
	}
	trace.schedule_count = rnd(r, OPS_MAX);
	trace.schedules = trace_schedules;
	for (size_t i = 0; i < trace.schedule_count; i++) {
		random_text(r, schedules[i].fn);
		trace_schedules[i] = (struct fnt_trace_schedule){
			schedules[i].fn, random_number(r), random_number(r)};
	}
	return &trace;
}

static void
same_optional(const char *got, const char *want)
{
	same_text(got, want ? want : "", want != NULL);
}

static void
same_trace(const struct fnt_trace *got, const struct fnt_trace *want)
{
	MUST(got->uid == want->uid && got->parent_uid == want->parent_uid);
	MUST(!memcmp(got->trace_id, want->trace_id, sizeof(got->trace_id)));
	MUST(got->fn_type == want->fn_type && got->outcome == want->outcome);
	MUST(got->started_at_ns == want->started_at_ns);
	MUST(got->duration_ns == want->duration_ns);
	MUST(got->stream_bytes == want->stream_bytes);
	MUST(got->stream_chunks == want->stream_chunks);
	MUST(got->ops_omitted == want->ops_omitted);
	MUST(got->schedules_omitted == want->schedules_omitted);
	MUST(got->flags == (want->flags | fnt_value_flags(&want->value)));
	MUST(got->w3c_flags == want->w3c_flags);
	same_optional(got->call_id, want->call_id);
	same_optional(got->fn_name, want->fn_name);
	same_optional(got->user_id, want->user_id);
	same_optional(got->tenant_id, want->tenant_id);
	same_optional(got->code, want->code);
	same_optional(got->message, want->message);
	MUST(got->value.kind == want->value.kind && got->value.len == want->value.len);
	if (want->value.len)
		MUST(!memcmp(got->value.data, want->value.data, want->value.len));
	MUST(got->op_count == want->op_count);
	for (size_t i = 0; i < want->op_count; i++) {
		MUST(got->ops[i].op == want->ops[i].op &&
		     got->ops[i].ok == want->ops[i].ok);
		MUST(got->ops[i].start_ns == want->ops[i].start_ns);
		MUST(got->ops[i].duration_ns == want->ops[i].duration_ns);
		MUST(got->ops[i].row_count == want->ops[i].row_count);
		same_optional(got->ops[i].entity, want->ops[i].entity);
		same_optional(got->ops[i].id, want->ops[i].id);
	}
	MUST(got->schedule_count == want->schedule_count);
	for (size_t i = 0; i < want->schedule_count; i++) {
		same_optional(got->schedules[i].fn_name, want->schedules[i].fn_name);
		MUST(got->schedules[i].delay_ms == want->schedules[i].delay_ms);
		MUST(got->schedules[i].run_at == want->schedules[i].run_at);
	}
	MUST(!got->pending_count);
}

/* A trace is read as it was pushed, and what is read can be pushed again. */
START_TEST(pushed_traces)
{
	struct fnt_log *log =
		open_log("push", &(struct fnt_options){.size_bytes = MIB(4)});
	struct rnd r = {99};

	for (int i = 0; i < ROUNDS(5000, 800); i++) {
		const struct fnt_trace *trace = build_trace(&r);
		struct fnt_traces *once, *twice;

		ck_assert_int_eq(fnt_log_push(log, trace), FNT_DONE);
		once = newest(log, 1);
		same_trace(&once->items[0], trace);
		MUST(once->items[0].pid == getpid());
		ck_assert_int_eq(fnt_log_push(log, &once->items[0]), FNT_DONE);
		twice = newest(log, 1);
		same_trace(&twice->items[0], &once->items[0]);
		fnt_traces_free(once);
		fnt_traces_free(twice);
	}
	fnt_log_close(log);
	must_be_sound("push");
}
END_TEST

START_TEST(pushes_that_are_refused_or_cut)
{
	struct fnt_options options = {.size_bytes = SMALLEST, .max_record_bytes = 1024};
	struct fnt_log *log = open_log("refuse", &options);
	struct fnt_trace trace = {.outcome = FNT_IN_FLIGHT};
	struct fnt_trace_op op = {.entity = "e", .id = "0123456789", .ok = true};
	struct fnt_trace_op ops[100];
	struct fnt_traces *traces;

	ck_assert_int_eq(fnt_log_push(log, NULL), -EINVAL);
	ck_assert_int_eq(fnt_log_push(log, &trace), -EINVAL);
	trace.outcome = FNT_ABORTED + 1;
	ck_assert_int_eq(fnt_log_push(log, &trace), -EINVAL);
	ck_assert_uint_eq(fnt_log_total_count(log), 0);
	trace.outcome = FNT_OK;
	ck_assert_int_eq(fnt_log_push(log, &trace), FNT_DONE);
	traces = newest(log, 1);
	ck_assert(traces->items[0].uid);
	ck_assert(traces->items[0].trace_id[0] | traces->items[0].trace_id[1]);
	ck_assert(traces->items[0].started_at_ns);
	fnt_traces_free(traces);
	for (int i = 0; i < 100; i++)
		ops[i] = op;
	trace.ops = ops;
	trace.op_count = 100;
	ck_assert_int_eq(fnt_log_push(log, &trace), FNT_OMITTED);
	traces = newest(log, 1);
	ck_assert_uint_gt(traces->items[0].op_count, 5);
	ck_assert_uint_eq(traces->items[0].op_count + traces->items[0].ops_omitted,
			  100);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("log_push", pushed_traces, pushes_that_are_refused_or_cut)
