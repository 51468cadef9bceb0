/* SPDX-License-Identifier: MIT
 *
 * Functions on an open call, other than ops (op.c) and its end (finish.c): ids, user
 * and tenant, stream chunks, schedules.
 */
#include "produce/call_events.h"

#include "produce/capture.h"
#include "produce/traceparent.h"

uint64_t
fnt_call_uid(const struct fnt_call *call)
{
	return call ? call->record.uid : 0;
}

void
fnt_call_trace_id(const struct fnt_call *call, uint64_t trace_id[2])
{
	trace_id[0] = call ? call->record.trace_id[0] : 0;
	trace_id[1] = call ? call->record.trace_id[1] : 0;
}

int
fnt_call_traceparent(const struct fnt_call *call, char text[FNT_TRACEPARENT_BYTES])
{
	text[0] = '\0';
	if (!call)
		return -ESHUTDOWN;
	fnt_traceparent_format(text, call->record.trace_id, call->record.uid,
			       call->record.flags / FNT_RECORD_W3C);
	return 0;
}

static int
set_identity(struct fnt_call *call, enum fnt_event_type type, const char *text)
{
	struct fnt_event event = {.type = type};
	struct fnt_hashed hashed;
	struct fnt_call_ctx ctx;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	text = fnt_capture_user(ctx, text ? text : "", &hashed);
	if (!text) {
		fnt_leave();
		return FNT_DONE;
	}
	event.text = fnt_call_id_text(call, text);
	rc = FNT_OMITTED;
	if (fnt_call_make_room(&ctx, FNT_ID_BOUND + event.text.len)) {
		fnt_payload_event_slow(call, &event, fnt_encode_identity);
		fnt_call_publish(call, fnt_call_elapsed(&ctx));
		rc = FNT_DONE;
	} else {
		call->record.flags |= FNT_TRACE_ID_CUT;
	}
	fnt_call_show_word(call, FNT_RECORD_WORD(flags));
	fnt_leave();
	return rc;
}

int
fnt_call_user_id(struct fnt_call *call, const char *user_id)
{
	return set_identity(call, FNT_EVENT_USER, user_id);
}

int
fnt_call_tenant_id(struct fnt_call *call, const char *tenant_id)
{
	return set_identity(call, FNT_EVENT_TENANT, tenant_id);
}

static inline void
add_chunk(struct fnt_call *call, uint64_t bytes)
{
	uint64_t before = call->record.stream_chunks;

	call->record.stream_bytes += bytes;
	call->record.stream_chunks = before + 1;
	call->slow.rare = true;
	fnt_frame_count_chunk(call->shown, call->record.stream_bytes, before);
}

static __attribute__((noinline)) int
stream_chunk_slow(struct fnt_call *call, uint64_t bytes)
{
	struct fnt_call_ctx ctx;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	add_chunk(call, bytes);
	fnt_leave();
	return FNT_DONE;
}

int
fnt_call_stream_chunk(struct fnt_call *call, uint64_t bytes)
{
	struct urcu_bp_reader *reader;

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	reader = fnt_call_enter_fast(call, fnt_thread_state.fast);
	if (__builtin_expect(!reader, 0))
		return stream_chunk_slow(call, bytes);
	add_chunk(call, bytes);
	fnt_rcu_exit(reader);
	return FNT_DONE;
}

int
fnt_call_write_schedule(struct fnt_call_ctx *ctx, const char *fn_name, int64_t delay_ms,
			int64_t run_at)
{
	struct fnt_event event = {.type = FNT_EVENT_SCHEDULE};
	struct fnt_call *call = ctx->call;

	fnt_call_name(ctx->thread, fn_name, &call->record.flags, &event.schedule.fn);
	event.schedule.delay_ms = delay_ms;
	event.schedule.run_at = run_at;
	call->slow.rare = true;
	if (!fnt_call_make_room(ctx, FNT_SCHEDULE_BOUND +
					     fnt_name_ref_bytes(&event.schedule.fn))) {
		call->record.schedules_omitted++;
		fnt_call_show_word(call, FNT_RECORD_WORD(ops_omitted));
		return FNT_OMITTED;
	}
	call->extra.schedules++;
	fnt_payload_event_slow(call, &event, fnt_encode_schedule);
	fnt_call_publish(call, fnt_call_elapsed(ctx));
	return FNT_DONE;
}

int
fnt_call_schedule(struct fnt_call *call, const char *fn_name, int64_t delay_ms,
		  int64_t run_at)
{
	struct fnt_call_ctx ctx;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	rc = fnt_call_write_schedule(&ctx, fn_name, delay_ms, run_at);
	fnt_leave();
	return rc;
}
