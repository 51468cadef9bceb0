/* SPDX-License-Identifier: MIT
 *
 * fnt_log_push: record a trace that was built elsewhere. It becomes a call that is
 * begun, filled and finished at once, and that is never visible in flight.
 */
#include "produce/attach.h"
#include "produce/begin_ruled.h"
#include "produce/call_events.h"
#include "produce/call_start.h"
#include "produce/capture.h"
#include "produce/finish.h"
#include "produce/op.h"
#include "produce/refused.h"

/* Write and count an op; FNT_DONE or FNT_OMITTED. */
static int
push_op(struct fnt_call_ctx *ctx, const struct fnt_trace_op *op,
	enum fnt_event_type type)
{
	struct fnt_event event = {.type = type};
	struct fnt_call *call = ctx->call;
	struct fnt_hashed hashed;
	const char *id = fnt_capture_id(*ctx, op->id, &hashed);
	int rc;

	event.op.op = (uint32_t)op->op;
	event.op.word.at = op->word;
	event.op.word.len = op->word ? fnt_op_word_len(op->word) : 0;
	fnt_call_name(ctx->thread, op->entity, &call->record.flags, &event.op.entity);
	event.op.id.at = id;
	event.op.id.len = id ? (uint32_t)strnlen(id, call->op_limit) : 0;
	event.op.start_ns = op->start_ns;
	event.op.duration_ns = op->duration_ns;
	event.op.row_count = op->row_count;
	event.op.ok = op->ok;
	rc = fnt_op_write_event(*ctx, &event, 0);
	if (type == FNT_EVENT_WAIT)
		return rc;
	fnt_call_count_op(*ctx, (struct fnt_op_done){.entity = event.op.entity.id,
						     .op = event.op.op < FNT_OP_KINDS
								   ? event.op.op
								   : FNT_OP_OTHER,
						     .ns = op->duration_ns,
						     .rows = fnt_rows_of(op->row_count),
						     .ok = op->ok});
	return rc;
}

/* Write ops and schedules; FNT_OMITTED: at least one did not fit. */
static int
push_events(struct fnt_call_ctx *ctx, const struct fnt_trace *trace)
{
	int worst = FNT_DONE;

	for (size_t i = 0; i < trace->op_count; i++)
		if (push_op(ctx, &trace->ops[i], FNT_EVENT_OP))
			worst = FNT_OMITTED;
	for (size_t i = 0; i < trace->wait_count; i++)
		if (push_op(ctx, &trace->waits[i], FNT_EVENT_WAIT))
			worst = FNT_OMITTED;
	for (size_t i = 0; i < trace->schedule_count; i++) {
		const struct fnt_trace_schedule *schedule = &trace->schedules[i];

		if (fnt_call_write_schedule(ctx, schedule->fn_name, schedule->delay_ms,
					    schedule->run_at))
			worst = FNT_OMITTED;
	}
	return worst;
}

/* The region time of a moment in wall time, by what the wall clock shows now; 0: before
 * region time began. */
static uint64_t
region_time_of(const struct fnt_clock *clock, uint64_t wall_ns)
{
	int64_t time = (int64_t)(wall_ns - clock->wall_offset);

	return time > 0 ? (uint64_t)time : 0;
}

/* Set what the trace says in place of what beginning the call has set. */
static void
push_head(struct fnt_call_ctx *ctx, const struct fnt_trace *trace)
{
	struct fnt_record *record = &ctx->call->record;

	if (trace->uid)
		record->uid = trace->uid;
	if (trace->trace_id[0] | trace->trace_id[1])
		record->flags =
			(record->flags & ~FNT_RECORD_W3C_FLAGS) |
			(trace->w3c_flags * FNT_RECORD_W3C & FNT_RECORD_W3C_FLAGS);
	if (trace->started_at_ns) {
		record->started_at_ns = trace->started_at_ns;
		record->started_mono =
			region_time_of(&ctx->thread->clock, trace->started_at_ns);
	}
	record->duration_ns = trace->duration_ns;
	record->outcome = (uint8_t)trace->outcome;
	record->stream_bytes = trace->stream_bytes;
	record->stream_chunks = trace->stream_chunks;
	record->ops_omitted = (uint32_t)trace->ops_omitted;
	record->schedules_omitted = (uint32_t)trace->schedules_omitted;
	record->flags |= trace->flags & (FNT_TRACE_VALUE_OMITTED | FNT_TRACE_CODE_CUT |
					 FNT_TRACE_MESSAGE_CUT | FNT_TRACE_ID_CUT);
}

/* Records are in a ring in the order of their commits, and a reader merges two rings by
 * time. The times of a pushed trace may be long past, so the time at which it is pushed
 * is recorded as well, if there is room and the region has a kept ring. */
static void
push_time(struct fnt_call_ctx *ctx)
{
	struct fnt_call *call = ctx->call;
	char bytes[FNT_COMMITTED_BOUND], *end;

	if (!ctx->thread->attachment->region.view.kept_percent ||
	    fnt_payload_used(call) + FNT_COMMITTED_BOUND > call->op_limit ||
	    !fnt_payload_reserve(call, ctx->thread, FNT_COMMITTED_BOUND))
		return;
	end = fnt_encode_committed(bytes, call->record.started_mono);
	fnt_payload_event_copy(call, bytes, (size_t)(end - bytes));
	call->record.flags |= FNT_RECORD_LATE;
}

static int
push_trace(struct fnt_call_ctx *ctx, const struct fnt_trace *trace)
{
	struct fnt_borrowed_value borrowed;
	int rc, worst;

	push_time(ctx);
	push_head(ctx, trace);
	ctx->call->slow.rare = true;
	worst = push_events(ctx, trace);
	ctx->thread->now = fnt_clock_read(&ctx->thread->clock);
	if (!fnt_finish_is_kept(*ctx, trace->outcome))
		return FNT_DONE;
	if (trace->outcome == FNT_OK &&
	    fnt_finish_value(*ctx, &trace->value, &borrowed))
		worst = FNT_OMITTED;
	if (trace->outcome == FNT_ERROR || trace->outcome == FNT_ROLLED_BACK)
		fnt_finish_error(ctx, trace->code, trace->message);
	rc = fnt_finish_commit(*ctx);
	return rc == FNT_DONE ? worst : rc;
}

int
fnt_log_push(struct fnt_log *log, const struct fnt_trace *trace)
{
	struct fnt_attachment *attachment;
	struct fnt_call_info info;
	struct fnt_call_ctx ctx;
	int rc;

	if (!trace || trace->outcome <= FNT_IN_FLIGHT || trace->outcome > FNT_ABORTED)
		return -EINVAL;
	info = (struct fnt_call_info){
		.call_id = trace->call_id,
		.fn_name = trace->fn_name,
		.fn_type = trace->fn_type,
		.user_id = trace->user_id,
		.tenant_id = trace->tenant_id,
		.parent_uid = trace->parent_uid,
		.trace_id = {trace->trace_id[0], trace->trace_id[1]},
	};
	if (fnt_disabled_is_set(log))
		return FNT_DONE;
	attachment = fnt_enter(log);
	if (!attachment)
		return -ESHUTDOWN;
	if (fnt_rules_plain(attachment)) {
		ctx.thread = fnt_thread_get(attachment);
		ctx.call = ctx.thread ? fnt_call_start(log, ctx.thread, &info, false)
				      : NULL;
	} else {
		rc = fnt_ruled_start(&ctx, log, attachment, &info, false);
		if (rc)
			return rc == FNT_NOT_ENABLED ? FNT_DONE : rc;
	}
	rc = ctx.call ? push_trace(&ctx, trace) : -ENOMEM;
	if (!ctx.call)
		fnt_refused_inside(attachment);
	fnt_leave();
	return rc;
}
