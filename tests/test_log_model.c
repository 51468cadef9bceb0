/* SPDX-License-Identifier: MIT
 *
 * test_log_model.c: random calls, overlapping in one thread, against a plain model of what
 * each has been told: while they run as a reader sees them, and as records in the end.
 */
#include "fixture.h"

#define CALLS	  12 /* at once; the region has frames for some of them only */
#define OPS_MAX	  96
#define TEXT_MAX_ 64

struct model_op {
	enum fnt_op op;
	bool ok, timed;
	char entity[TEXT_MAX_], id[TEXT_MAX_];
	bool has_id;
	uint64_t duration_ns; /* of an op that is not timed by the call */
	int64_t row_count;
	int64_t handle;
};

struct model_schedule {
	char fn[TEXT_MAX_];
	int64_t delay_ms, run_at;
};

struct model {
	struct fnt_call *call; /* NULL: none */
	unsigned number;
	uint64_t uid, parent_uid;
	char fn[TEXT_MAX_], user[TEXT_MAX_], tenant[TEXT_MAX_];
	bool has_user, has_tenant;
	enum fnt_fn_type type;
	struct model_op ops[OPS_MAX], pending[OPS_MAX];
	struct model_schedule schedules[OPS_MAX];
	size_t op_count, pending_count, schedule_count;
	uint64_t stream_bytes, stream_chunks;
};

struct run {
	struct rnd rnd;
	struct fnt_log *log;
	struct fnt_reader *reader;
	struct model models[CALLS];
	unsigned begun, finished;
};

static void
some_text(struct rnd *r, char text[TEXT_MAX_])
{
	static const char *const bits[] = {"a", "todo", "\xc3\xa9", "\xe2\x82\xac", "_",
					   "\"", "\n", "user", "0", "\xf0\x9f\x98\x80"};
	uint32_t count = rnd(r, 8);

	text[0] = '\0';
	while (count--)
		strcat(text, bits[rnd(r, sizeof(bits) / sizeof(bits[0]))]);
}

static int64_t
some_number(struct rnd *r)
{
	static const int64_t odd[] = {FNT_NONE, 0, -1, 127, 128, -32, -33, 65536,
				      INT64_MAX, INT64_MIN + 1, INT32_MIN, UINT32_MAX};

	return rnd(r, 2) ? odd[rnd(r, sizeof(odd) / sizeof(odd[0]))]
			 : (int64_t)rnd(r, 1u << 30) - (1 << 29);
}

/* ---- what happens ----------------------------------------------------------------- */

static void
begin(struct run *run, struct model *model)
{
	struct rnd *r = &run->rnd;
	struct fnt_call_info info = {0};
	struct model *parent = &run->models[rnd(r, CALLS)];
	char id[16];

	memset(model, 0, sizeof(*model));
	model->number = run->begun++;
	some_text(r, model->fn);
	some_text(r, model->user);
	some_text(r, model->tenant);
	model->has_user = rnd(r, 2);
	model->has_tenant = rnd(r, 2);
	model->type = (enum fnt_fn_type)rnd(r, 3);
	snprintf(id, sizeof(id), "%u", model->number);
	info.call_id = id;
	info.fn_name = model->fn;
	info.fn_type = model->type;
	info.user_id = model->has_user ? model->user : NULL;
	info.tenant_id = model->has_tenant ? model->tenant : NULL;
	if (parent != model && parent->call && rnd(r, 2)) {
		info.parent = parent->call;
		model->parent_uid = parent->uid;
	}
	model->call = fnt_call_begin(run->log, &info);
	MUST(model->call);
	model->uid = fnt_call_uid(model->call);
}

static void
fill_op(struct rnd *r, struct model_op *op)
{
	memset(op, 0, sizeof(*op));
	op->op = (enum fnt_op)rnd(r, FNT_OP_KINDS);
	op->ok = rnd(r, 2);
	some_text(r, op->entity);
	some_text(r, op->id);
	op->has_id = rnd(r, 3) > 0;
	op->row_count = some_number(r);
	op->duration_ns = rnd(r, 2) ? rnd(r, 1u << 30) : UINT64_MAX;
}

static void
one_op(struct run *run, struct model *model)
{
	struct model_op *op = &model->ops[model->op_count];

	if (model->op_count + model->pending_count == OPS_MAX)
		return;
	fill_op(&run->rnd, op);
	MUST(fnt_call_op(model->call, op->op, op->entity, op->has_id ? op->id : NULL,
			 op->duration_ns, op->row_count, op->ok) == FNT_DONE);
	model->op_count++;
}

static void
op_begin(struct run *run, struct model *model)
{
	struct model_op *op = &model->pending[model->pending_count];

	if (model->op_count + model->pending_count == OPS_MAX)
		return;
	fill_op(&run->rnd, op);
	op->timed = true;
	op->handle = fnt_call_op_begin(model->call, op->op, op->entity,
				       op->has_id ? op->id : NULL);
	MUST(op->handle >= 0);
	model->pending_count++;
}

static void
op_end(struct run *run, struct model *model)
{
	size_t at;

	if (!model->pending_count)
		return;
	at = rnd(&run->rnd, (uint32_t)model->pending_count);
	model->ops[model->op_count] = model->pending[at];
	MUST(fnt_call_op_end(model->call, model->pending[at].handle,
			     model->pending[at].row_count,
			     model->pending[at].ok) == FNT_DONE);
	model->op_count++;
	model->pending_count--;
	memmove(&model->pending[at], &model->pending[at + 1],
		(model->pending_count - at) * sizeof(model->pending[0]));
}

static void
schedule(struct run *run, struct model *model)
{
	struct model_schedule *at = &model->schedules[model->schedule_count];

	if (model->schedule_count == OPS_MAX)
		return;
	some_text(&run->rnd, at->fn);
	at->delay_ms = some_number(&run->rnd);
	at->run_at = some_number(&run->rnd);
	MUST(fnt_call_schedule(model->call, at->fn, at->delay_ms, at->run_at) ==
	     FNT_DONE);
	model->schedule_count++;
}

static void
small_things(struct run *run, struct model *model)
{
	uint32_t bytes = rnd(&run->rnd, 1000);

	switch (rnd(&run->rnd, 3)) {
	case 0:
		some_text(&run->rnd, model->user);
		model->has_user = true;
		MUST(fnt_call_user_id(model->call, model->user) == FNT_DONE);
		break;
	case 1:
		some_text(&run->rnd, model->tenant);
		model->has_tenant = true;
		MUST(fnt_call_tenant_id(model->call, model->tenant) == FNT_DONE);
		break;
	default:
		MUST(fnt_call_stream_chunk(model->call, bytes) == FNT_DONE);
		model->stream_bytes += bytes;
		model->stream_chunks++;
	}
}

/* ---- as it is read ---------------------------------------------------------------- */

static void
same_text(const char *got, const char *want, bool there)
{
	if (!there)
		MUST(!got);
	else if (!got || strcmp(got, want) != 0)
		ck_abort_msg("\"%s\", not \"%s\"", got ? got : "(none)", want);
}

static void
check_op(const struct fnt_trace_op *got, const struct model_op *want)
{
	MUST(got->op == want->op && got->ok == want->ok);
	MUST(got->row_count == want->row_count);
	same_text(got->entity, want->entity, true);
	same_text(got->id, want->id, want->has_id);
	if (!want->timed)
		MUST(got->duration_ns == want->duration_ns);
}

static void
check_trace(const struct fnt_trace *trace, const struct model *model)
{
	MUST(trace->uid == model->uid && trace->parent_uid == model->parent_uid);
	MUST(strtoul(trace->call_id, NULL, 10) == model->number);
	MUST(trace->fn_type == model->type);
	same_text(trace->fn_name, model->fn, true);
	same_text(trace->user_id, model->user, model->has_user);
	same_text(trace->tenant_id, model->tenant, model->has_tenant);
	MUST(trace->stream_bytes == model->stream_bytes);
	MUST(trace->stream_chunks == model->stream_chunks);
	MUST(!trace->flags && !trace->ops_omitted && !trace->schedules_omitted);
	MUST(trace->op_count == model->op_count);
	for (size_t i = 0; i < model->op_count; i++)
		check_op(&trace->ops[i], &model->ops[i]);
	MUST(trace->schedule_count == model->schedule_count);
	for (size_t i = 0; i < model->schedule_count; i++) {
		same_text(trace->schedules[i].fn_name, model->schedules[i].fn, true);
		MUST(trace->schedules[i].delay_ms == model->schedules[i].delay_ms);
		MUST(trace->schedules[i].run_at == model->schedules[i].run_at);
	}
	MUST(trace->pending_count == model->pending_count);
	for (size_t i = 0; i < model->pending_count; i++) {
		MUST(trace->pending[i].op == model->pending[i].op);
		same_text(trace->pending[i].entity, model->pending[i].entity, true);
		same_text(trace->pending[i].id, model->pending[i].id,
			  model->pending[i].has_id);
		MUST(trace->pending[i].row_count == FNT_NONE);
	}
}

static void
finish(struct run *run, struct model *model)
{
	struct fnt_value value = {FNT_VALUE_JSON, model->fn, strlen(model->fn)};
	enum fnt_outcome want = FNT_OK + (enum fnt_outcome)rnd(&run->rnd, 4);
	struct fnt_call *call = model->call;
	struct fnt_traces *traces;
	const struct fnt_trace *trace;

	if (want == FNT_OK)
		MUST(fnt_call_finish_ok(call, &value) == FNT_DONE);
	else if (want == FNT_ERROR)
		MUST(fnt_call_finish_error(call, model->user, model->fn) == FNT_DONE);
	else if (want == FNT_ROLLED_BACK)
		MUST(fnt_call_finish_rolled_back(call, "R", model->fn) == FNT_DONE);
	else
		MUST(fnt_call_abandon(call) == FNT_DONE);
	traces = newest(run->log, 1);
	trace = &traces->items[0];
	check_trace(trace, model);
	MUST(trace->outcome == want);
	if (want == FNT_OK)
		MUST(trace->value.kind == FNT_VALUE_JSON &&
		     trace->value.len == strlen(model->fn) &&
		     !memcmp(trace->value.data, model->fn, trace->value.len));
	same_text(trace->message, model->fn,
		  want == FNT_ERROR || want == FNT_ROLLED_BACK);
	if (want == FNT_ERROR)
		same_text(trace->code, model->user, true);
	fnt_traces_free(traces);
	model->call = NULL;
	run->finished++;
}

/* Every call that is in flight, and of each all that it has been told. Those that have no
 * frame are not seen; of those that outgrew the frames, less is. */
static void
look_in_flight(struct run *run, bool all)
{
	struct fnt_traces *traces = in_flight(run->reader);
	size_t open = 0;

	for (int i = 0; i < CALLS; i++)
		open += run->models[i].call != NULL;
	if (all)
		MUST(traces->count == open);
	MUST(traces->count <= open);
	for (size_t t = 0; t < traces->count; t++) {
		int i = 0;

		while (i < CALLS && !(run->models[i].call &&
				      run->models[i].uid == traces->items[t].uid))
			i++;
		MUST(i < CALLS);
		MUST(traces->items[t].outcome == FNT_IN_FLIGHT);
		if (all)
			check_trace(&traces->items[t], &run->models[i]);
	}
	fnt_traces_free(traces);
}

static void
step(struct run *run, bool all)
{
	struct model *model = &run->models[rnd(&run->rnd, CALLS)];
	uint32_t what = rnd(&run->rnd, 100);

	if (!model->call)
		begin(run, model);
	else if (what < 30)
		one_op(run, model);
	else if (what < 50)
		op_begin(run, model);
	else if (what < 68)
		op_end(run, model);
	else if (what < 78)
		schedule(run, model);
	else if (what < 90)
		small_things(run, model);
	else if (what < 92)
		look_in_flight(run, all);
	else
		finish(run, model);
}

static void
play(const char *name, uint64_t size_bytes, uint64_t seed, bool all)
{
	struct run *run = calloc(1, sizeof(*run));
	struct fnt_options options = {.size_bytes = size_bytes, .capacity = 1000000};
	unsigned open = 0;

	run->rnd.state = seed;
	run->log = open_log(name, &options);
	run->reader = open_reader(name);
	for (int i = 0; i < ROUNDS(3000, 1000); i++)
		step(run, all);
	ck_assert_uint_eq(fnt_log_total_count(run->log), run->finished);
	for (int i = 0; i < CALLS; i++)
		open += run->models[i].call != NULL;
	/* The next round begins with what this one leaves open ended. */
	fnt_log_close(run->log);
	ck_assert_uint_eq(stat_of(run->reader).total, run->finished + open);
	fnt_reader_close(run->reader);
	must_be_sound(name);
	ck_assert(!unlink(region_path(name, ".fnt")));
	free(run);
}

START_TEST(calls_in_frames)
{
	for (uint64_t seed = 1; seed <= ROUNDS(60, 8); seed++)
		play("frames", MIB(4), seed, true);
}
END_TEST

START_TEST(calls_with_too_few_frames)
{
	for (uint64_t seed = 1; seed <= ROUNDS(60, 8); seed++)
		play("few", SMALLEST, seed * 7919, false);
}
END_TEST

/* ---- traces built elsewhere ------------------------------------------------------- */

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
		some_text(r, texts[i]);
	memset(&trace, 0, sizeof(trace));
	trace.uid = 1 + rnd(r, 1u << 31);
	trace.parent_uid = rnd(r, 1u << 31);
	trace.trace_id[rnd(r, 2)] = 1 + rnd(r, 1u << 31);
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
		trace.value = (struct fnt_value){FNT_VALUE_JSON, texts[4],
						 strlen(texts[4])};
	if (trace.outcome == FNT_ERROR || trace.outcome == FNT_ROLLED_BACK) {
		trace.code = texts[4];
		trace.message = texts[5];
	}
	trace.op_count = rnd(r, OPS_MAX);
	trace.ops = trace_ops;
	for (size_t i = 0; i < trace.op_count; i++) {
		fill_op(r, &ops[i]);
		trace_ops[i] = (struct fnt_trace_op){
			.op = ops[i].op,
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
		some_text(r, schedules[i].fn);
		trace_schedules[i] = (struct fnt_trace_schedule){
			schedules[i].fn, some_number(r), some_number(r)};
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
	MUST(got->flags == want->flags);
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
		MUST(got->ops[i].op == want->ops[i].op && got->ops[i].ok == want->ops[i].ok);
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

/* What is pushed is what is read; and what is read can be pushed again. */
START_TEST(pushed_traces)
{
	struct fnt_log *log = open_log("push", &(struct fnt_options){
						       .size_bytes = MIB(4)});
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
	ck_assert_uint_eq(traces->items[0].op_count + traces->items[0].ops_omitted, 100);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("log_model", calls_in_frames, calls_with_too_few_frames, pushed_traces,
	     pushes_that_are_refused_or_cut)
