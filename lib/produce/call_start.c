/* SPDX-License-Identifier: MIT */
#include "produce/call_start.h"

#include "produce/call_end.h"
#include "produce/call_head.h"
#include "produce/call_pool.h"
#include "produce/private_calls.h"
#include "produce/traceparent.h"

#include <stdlib.h>

/* ---- memory ---------------------------------------------------------------------- */

/* Count a call in private memory, if the thread has a lane. */
static void
count_without_frame(struct fnt_thread *thread)
{
	if (thread->writer.lane)
		fnt_count(&thread->writer.lane->unframed, 1);
}

/* A call in private memory, with a frame behind it that nobody else sees. */
static __attribute__((noinline)) struct fnt_call *
make_private(struct fnt_log *log, struct fnt_thread *thread, bool framed)
{
	size_t size = sizeof(struct fnt_call) + sizeof(struct fnt_frame);
	struct fnt_call *call = aligned_alloc(FNT_CACHE_LINE, size);

	if (!call)
		return NULL;
	memset(call, 0, size);
	call->allocated = true;
	call->slow.no_frame = true;
	fnt_call_set_up_private(call, log, thread->attachment);
	call->listed = framed;
	if (framed) {
		count_without_frame(thread);
		fnt_private_calls_add(thread->attachment->pool, call);
	}
	return call;
}

static struct fnt_call *
make_call(struct fnt_log *log, struct fnt_thread *thread, bool framed)
{
	uint32_t index = framed ? fnt_thread_take_frame(thread) : FNT_FRAME_NONE;
	struct fnt_call *call;

	if (__builtin_expect(index == FNT_FRAME_NONE, 0))
		return make_private(log, thread, framed);
	call = &thread->calls[index];
	fnt_call_set_up(call, log, thread->attachment, index);
	return call;
}

static void
reset(struct fnt_call *call, struct fnt_thread *thread)
{
	fnt_frame_prepare();
	fnt_call_start_clean(call);
	call->thread = thread;
	fnt_payload_rewind(call);
	if (__builtin_expect(call->slow.ruled, 0)) {
		call->slow.ruled = false;
		fnt_payload_set_fast(call);
	}
}

/* ---- the first event ------------------------------------------------------------- */

/* It always fits: its texts are cut until it does. False: no memory. */
static __attribute__((noinline)) bool
write_beginning_slow(struct fnt_call *call, struct fnt_thread *thread,
		     const struct fnt_call_info *info)
{
	struct fnt_name_ref fn;
	struct fnt_event event;
	uint32_t bound;

	event.type = FNT_EVENT_CALL;
	event.call.fn = (struct fnt_text){NULL, 0};
	fnt_call_name(thread, info->fn_name, &call->record.flags, &fn);
	call->record.fn_name = fn.id;
	event.call.call_id = fnt_call_id_text(call, info->call_id ? info->call_id : "");
	event.call.user = fnt_call_id_text(call, info->user_id);
	event.call.tenant = fnt_call_id_text(call, info->tenant_id);
	if (fn.id == FNT_NAME_NONE)
		event.call.fn =
			fnt_call_id_text(call, info->fn_name ? info->fn_name : "");
	bound = FNT_CALL_BOUND + event.call.call_id.len + event.call.fn.len +
		event.call.user.len + event.call.tenant.len;
	if (!fnt_payload_reserve(call, thread, bound))
		return false;
	fnt_payload_event(call, &event, bound, fnt_encode_call);
	return true;
}

static bool
write_beginning(struct fnt_call *call, struct fnt_thread *thread,
		const struct fnt_call_info *info)
{
	char *end = call->record.fn_name != FNT_NAME_NONE
			    ? fnt_call_encode_beginning_fast(call->at, info)
			    : NULL;

	if (!end)
		return write_beginning_slow(call, thread, info);
	call->at = end;
	return true;
}

/* ---- start ----------------------------------------------------------------------- */

static void
write_head(struct fnt_call *call, struct fnt_thread *thread,
	   const struct fnt_call_info *info, uint64_t now)
{
	const struct fnt_name_entry *fn = fnt_name_find(&thread->names, info->fn_name);
	struct fnt_call_ids ids = fnt_head_make_ids(thread, info);
	struct fnt_head head;
	uint32_t flags;

	if (info->traceparent && !info->parent &&
	    fnt_traceparent_parse(info->traceparent, ids.trace_id, &ids.parent_uid,
				  &flags))
		ids.flags = flags * FNT_RECORD_W3C;
	fnt_head_start_trace(thread, &ids, NULL);
	fnt_clock_update_wall(&thread->clock, now);
	head = fnt_head_make(thread, ids, now,
			     fn ? fn->fn : fnt_name_pair(FNT_NAME_NONE),
			     (uint8_t)info->fn_type);
	fnt_head_store(&call->record, &head);
	fnt_head_show(call->shown, &head);
}

/* Make the call visible in flight, if frames hold all of it. */
static void
show(struct fnt_call *call, struct fnt_thread *thread)
{
	if (call->frame && fnt_payload_used(call) > call->framed) {
		/* Not enough frames were free for its first event. */
		call->frame = NULL;
		call->slow.no_frame = true;
		count_without_frame(thread);
	}
	if (!call->frame)
		return;
	/* Name and flags may have changed since the head was shown. */
	fnt_call_show_word(call, FNT_RECORD_WORD(fn_name));
	fnt_call_show_word(call, FNT_RECORD_WORD(flags));
	fnt_frame_open(call->frame, fnt_payload_used(call));
}

struct fnt_call *
fnt_call_start(struct fnt_log *log, struct fnt_thread *thread,
	       const struct fnt_call_info *info, bool framed)
{
	uint64_t now = fnt_clock_read(&thread->clock);
	struct fnt_call *call = make_call(log, thread, framed);

	if (!call)
		return NULL;
	reset(call, thread);
	write_head(call, thread, info, now);
	if (!write_beginning(call, thread, info)) {
		fnt_call_drop(call, thread);
		return NULL;
	}
	show(call, thread);
	return call;
}
