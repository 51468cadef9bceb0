/* SPDX-License-Identifier: MIT
 *
 * test_log_model.c: random calls that overlap in one thread, against a simple model of
 * what each of them was given: while they are in flight, and as records in the end.
 */
#include "support/model.h"

#define CALLS 12 /* at once; the region may have fewer frames */

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

/* ---- the steps ------------------------------------------------------------------- */

static void
begin(struct run *run, struct model *model)
{
	struct rnd *r = &run->rnd;
	struct fnt_call_info info = {0};
	struct model *parent = &run->models[rnd(r, CALLS)];
	char id[16];

	memset(model, 0, sizeof(*model));
	model->number = run->begun++;
	random_text(r, model->fn);
	random_text(r, model->user);
	random_text(r, model->tenant);
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
	random_text(&run->rnd, at->fn);
	at->delay_ms = random_number(&run->rnd);
	at->run_at = random_number(&run->rnd);
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
		random_text(&run->rnd, model->user);
		model->has_user = true;
		MUST(fnt_call_user_id(model->call, model->user) == FNT_DONE);
		break;
	case 1:
		random_text(&run->rnd, model->tenant);
		model->has_tenant = true;
		MUST(fnt_call_tenant_id(model->call, model->tenant) == FNT_DONE);
		break;
	default:
		MUST(fnt_call_stream_chunk(model->call, bytes) == FNT_DONE);
		model->stream_bytes += bytes;
		model->stream_chunks++;
	}
}

/* ---- as it is read --------------------------------------------------------------- */

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
	/* The model's values are any bytes. */
	MUST(!(trace->flags & ~FNT_TRACE_VALUE_INVALID));
	MUST(!trace->ops_omitted && !trace->schedules_omitted);
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

/* Every call in flight is there, with all that it was given. Calls without a frame are
 * not seen; of calls that outgrew the frames, only a part is. */
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
	/* Calls that are left open end here; the next round begins with them recorded.
	 */
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

FIXTURE_MAIN("log_model", calls_in_frames, calls_with_too_few_frames)
