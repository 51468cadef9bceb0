/* SPDX-License-Identifier: MIT
 *
 * The beginning of a call, and where its memory comes from and goes.
 *
 *   fnt_call_begin ─┬─► begin_short: all as it mostly is, and at hand; nothing called
 *                   └─► begin ─┬─► fnt_call_start ─► a frame's call, or a private one
 *                              └─► begin_ruled (begin_ruled.c) ─► fnt_call_start
 *   fnt_call_drop: back where it came from
 */
#include "produce/call_head.h"

#include "produce/begin_ruled.h"
#include "produce/traceparent.h"
#include "produce/private_calls.h"

#include <stdlib.h>

/* ---- memory --------------------------------------------------------------------- */

static void
set_limits(struct fnt_call *call, const struct fnt_view *view)
{
	uint32_t outcome;

	call->limit = view->max_record_bytes - (uint32_t)sizeof(struct fnt_record);
	outcome = 2 * FNT_TEXT_MAX + FNT_ERROR_BOUND;
	if (outcome > call->limit / 4)
		outcome = call->limit / 4;
	call->op_limit = call->limit - outcome;
}

/* As it is for each call, until it is extended. */
static void
reset_room(struct fnt_call *call)
{
	uint32_t room = FNT_FRAME_PAYLOAD_BYTES;

	call->own.next = NULL;
	call->own.size = room;
	call->last = call->tail = &call->own;
	call->room = room;
	fnt_payload_rewind(call);
	call->framed = call->frame ? room : 0;
	fnt_payload_set_fast(call);
}

/* What stays the same for all uses of a call. */
static void
set_up(struct fnt_call *call, struct fnt_log *log, struct fnt_attachment *attachment,
       uint32_t index)
{
	call->shown = call->frame ? call->frame : (struct fnt_frame *)(call + 1);
	call->own.bytes = fnt_frame_bytes(call->shown);
	call->own.frame = index;
	call->generation = fnt_fork_generation;
	call->attachment = attachment;
	call->slow.keeps_none = attachment->region.view.flags & FNT_KEEP_NONE;
	call->log = log;
	set_limits(call, &attachment->region.view);
	reset_room(call);
}

void
fnt_call_set_up(struct fnt_call *call, struct fnt_log *log,
		struct fnt_attachment *attachment, uint32_t index)
{
	if (call->log == log)
		return;
	call->frame = &attachment->region.view.frames[index];
	set_up(call, log, attachment, index);
}

/* In private memory, with a frame of its own that nobody sees. */
static __attribute__((noinline)) struct fnt_call *
make_private(struct fnt_log *log, struct fnt_thread *thread, bool framed)
{
	size_t size = sizeof(struct fnt_call) + sizeof(struct fnt_frame);
	struct fnt_call *call = aligned_alloc(FNT_CACHE_LINE, size);

	if (!call)
		return NULL;
	memset(call, 0, size);
	call->allocated = true;
	call->slow.unframed = true;
	set_up(call, log, thread->attachment, FNT_FRAME_NONE);
	if (framed && thread->writer.lane)
		fnt_count(&thread->writer.lane->unframed, 1);
	call->listed = framed;
	if (framed)
		fnt_private_calls_add(thread->attachment->pool, call);
	return call;
}

/* A call of the pool or a private one is set up: begin it. */
static inline __attribute__((always_inline)) void
start_clean(struct fnt_call *call, uint64_t now)
{
	fnt_call_own(call, fnt_thread_state.serial);
	fnt_pair_store(&call->extra.rows, fnt_pair_make(0, 0));
	fnt_pair_store(&call->begun, fnt_pair_make(0, 0));
	call->started_mono = now;
}

/* One that its thread has at hand: it is as it was left, and its first event is
 * written. */
static inline __attribute__((always_inline)) void
start_again(struct fnt_call *call, char *end, uint64_t now)
{
	start_clean(call, now);
	call->at = end;
}

static inline void
start_call(struct fnt_call *call, struct fnt_thread *thread, uint64_t now)
{
	fnt_frame_prepare();
	start_clean(call, now);
	call->thread = thread;
	fnt_payload_rewind(call);
}

static struct fnt_call *
make_call(struct fnt_log *log, struct fnt_thread *thread, bool framed, uint64_t now)
{
	uint32_t index = framed ? fnt_thread_take_frame(thread) : FNT_FRAME_NONE;
	struct fnt_call *call;

	if (__builtin_expect(index == FNT_FRAME_NONE, 0)) {
		call = make_private(log, thread, framed);
		if (!call)
			return NULL;
	} else {
		call = &thread->calls[index];
		fnt_call_set_up(call, log, thread->attachment, index);
	}
	start_call(call, thread, now);
	if (__builtin_expect(call->slow.ruled, 0)) {
		call->slow.ruled = false;
		fnt_payload_set_fast(call);
	}
	return call;
}

void
fnt_call_drop(struct fnt_call *call, struct fnt_thread *thread)
{
	uint32_t frame = thread ? call->own.frame : FNT_FRAME_NONE;

	/* The head first: who looks at the chain meanwhile sees that it is no more. */
	if (frame != FNT_FRAME_NONE)
		fnt_thread_close_frame(thread, frame);
	if (__builtin_expect(call->own.next != NULL, 0)) {
		fnt_payload_release(call, thread);
		if (frame != FNT_FRAME_NONE) {
			call->frame = &thread->attachment->region.view.frames[frame];
			fnt_frame_unlink(call->frame);
		}
		call->slow.unframed = call->slow.linked = false;
		reset_room(call);
	}
	if (__builtin_expect(call->pending_many != NULL, 0)) {
		free(call->pending_many);
		call->pending_many = NULL;
		call->pending_size = 0;
		call->slow.many_ops = false;
	}
	fnt_call_forget_rare(call);
	if (__builtin_expect(call->allocated && !call->listed, 0)) {
		free(call);
		return;
	}
	fnt_call_disown(call);
	if (__builtin_expect(call->allocated, 0)) {
		fnt_private_calls_drop(call);
		return;
	}
	/* With the frame the call's memory goes to its next user. */
	if (frame != FNT_FRAME_NONE)
		fnt_thread_keep_frame(thread, call);
}

/* ---- the first event ------------------------------------------------------------ */

/* The payload's first event. It always fits: its texts are cut to. */
static __attribute__((noinline)) bool
write_long_beginning(struct fnt_call *call, struct fnt_thread *thread,
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

/* One of them is not short: take back what was put, which may go on behind a text. */
static __attribute__((noinline)) char *
blank_beginning(char *at)
{
	memset(at, 0, 3 + 3 * (2 + FNT_SHORT_TEXT));
	return NULL;
}

/* The same of short texts: where it ends, or NULL, if one of them is not short. */
static inline __attribute__((always_inline)) char *
put_quick_beginning(char *const start, const struct fnt_call_info *info)
{
	const char *text = info->call_id ? info->call_id : "";
	size_t len = fnt_short_text_len(text);
	char *at = start;

	if (__builtin_expect(len >= FNT_SHORT_TEXT, 0))
		return NULL;
	at = fnt_encode_text_after_fast(at, FNT_HEAD_CALL, 2, text, len, true);
	/* The name is in the record's head: nil. */
	text = info->user_id;
	if (text) {
		len = fnt_short_text_len(text);
		if (__builtin_expect(len >= FNT_SHORT_TEXT, 0))
			return blank_beginning(start);
		at = fnt_encode_text_after_fast(at, 0xc0, 1, text, len, false);
	} else {
		fnt_short_text_blank(at);
		memcpy(at, "\xc0\xc0", 2);
		at += 2;
	}
	text = info->tenant_id;
	len = text ? fnt_short_text_len(text) : 0;
	if (__builtin_expect(len >= FNT_SHORT_TEXT, 0))
		return blank_beginning(start);
	return fnt_encode_text_fast(at, text, len);
}

static bool
write_beginning(struct fnt_call *call, struct fnt_thread *thread,
		const struct fnt_call_info *info)
{
	char *end = call->record.fn_name != FNT_NAME_NONE
			    ? put_quick_beginning(call->at, info)
			    : NULL;

	if (!end)
		return write_long_beginning(call, thread, info);
	call->at = end;
	return true;
}

/* ---- begin ---------------------------------------------------------------------- */

static inline void
open_frame(struct fnt_call *call)
{
	fnt_frame_open(call->frame, fnt_payload_used(call), call->started_mono);
}

struct fnt_call *
fnt_call_start(struct fnt_log *log, struct fnt_thread *thread,
	       const struct fnt_call_info *info, bool framed)
{
	uint64_t now = fnt_clock_read(&thread->clock);
	struct fnt_call *call = make_call(log, thread, framed, now);
	const struct fnt_name_entry *fn = fnt_name_find(&thread->names, info->fn_name);
	struct fnt_call_ids who;
	struct fnt_head head;

	if (!call)
		return NULL;
	who = fnt_head_identify(thread, info);
	if (info->traceparent && !info->parent)
		fnt_traceparent_parse(info->traceparent, who.trace_id, &who.parent_uid);
	fnt_head_name_tree(thread, &who);
	fnt_clock_update_wall(&thread->clock, now);
	head = fnt_head_make(thread, who, now,
			     fn ? fn->fn : fnt_name_pair(FNT_NAME_NONE),
			     (uint8_t)info->fn_type);
	fnt_head_keep(&call->record, &head);
	fnt_head_show(call->shown, &head);
	if (!write_beginning(call, thread, info)) {
		fnt_call_drop(call, thread);
		return NULL;
	}
	if (call->frame && fnt_payload_used(call) > call->framed) {
		/* There were no frames for its beginning: it is not shown at all. */
		call->frame = NULL;
		call->slow.unframed = true;
		if (thread->writer.lane)
			fnt_count(&thread->writer.lane->unframed, 1);
	}
	if (call->frame) {
		/* Name and flags may have come after the rest. */
		fnt_call_show_word(call, FNT_RECORD_WORD(fn_name));
		fnt_call_show_word(call, FNT_RECORD_WORD(flags));
		open_frame(call);
	}
	return call;
}

static __attribute__((noinline)) struct fnt_call *
begin_ruled(struct fnt_log *log, struct fnt_attachment *attachment,
	    const struct fnt_call_info *info)
{
	struct fnt_call_ctx ctx;

	if (fnt_ruled_start(&ctx, log, attachment, info, true))
		return NULL;
	fnt_leave();
	return ctx.call;
}

static __attribute__((noinline)) struct fnt_call *
begin(struct fnt_log *log, const struct fnt_call_info *info)
{
	static const struct fnt_call_info nothing;
	struct fnt_attachment *attachment;
	struct fnt_call *call = NULL;
	struct fnt_thread *thread;

	attachment = fnt_enter(log);
	if (!attachment)
		return NULL;
	if (!fnt_rules_plain(attachment))
		return begin_ruled(log, attachment, info ? info : &nothing);
	thread = fnt_thread_get(attachment);
	if (thread)
		call = fnt_call_start(log, thread, info ? info : &nothing, true);
	fnt_leave();
	return call;
}

/* What a clock has shown, and which. */
struct look {
	uint64_t shown;
	bool counter;
};

/* What most calls are: no traceparent, a function that the thread has begun before,
 * short texts. All that is looked at is looked at before anything is done, but for
 * bytes of a payload that nobody sees; NULL: it wasn't. `rule`: fnt_ruled_fast(), or
 * NULL where nothing is set. `known`: the function may be known by its text alone. */
static inline __attribute__((always_inline)) struct fnt_call *
begin_at_hand(struct fnt_attachment *attachment, const struct fnt_call_info *info,
	      const struct fnt_rule *rule, struct look look, bool known)
{
	struct fnt_thread *thread = fnt_thread_cached(attachment);
	const struct fnt_name_entry *fn;
	struct fnt_call_ids who;
	struct fnt_call *call;
	struct fnt_head head;
	uint64_t now;
	char *end;

	if (__builtin_expect(!thread, 0))
		return NULL;
	if (__builtin_expect(!thread->ready_count, 0))
		return NULL;
	call = thread->ready[thread->ready_count - 1];
	/* Under a rule it may have had one before, but none that has to do with ids. */
	if (__builtin_expect(rule ? !call->fast_end : call->slow.ruled, 0))
		return NULL;
	fn = fnt_name_by_address(&thread->names, info->fn_name);
	if (known && !fn)
		fn = fnt_name_find(&thread->names, info->fn_name);
	if (__builtin_expect(!fn || info->traceparent, 0))
		return NULL;
	fnt_frame_prepare();
	end = put_quick_beginning(call->own.bytes, info);
	if (__builtin_expect(!end, 0))
		return NULL;
	if (__builtin_expect(
		    !fnt_clock_time(&thread->clock, look.counter, look.shown, &now) ||
			    !fnt_clock_has_wall(&thread->clock, look.counter, now),
		    0))
		return NULL;
	thread->ready_count--;
	start_again(call, end, now);
	if (rule) {
		call->slow.ruled = true;
		call->rule = *rule;
	}
	who = fnt_head_identify(thread, info);
	fnt_head_name_tree(thread, &who);
	head = fnt_head_make(thread, who, now, fn->fn, (uint8_t)info->fn_type);
	fnt_head_keep(&call->record, &head);
	fnt_head_show(call->shown, &head);
	open_frame(call);
	return call;
}

static __attribute__((noinline)) struct fnt_call *
begin_ruled_at_hand(struct fnt_attachment *attachment, const struct fnt_call_info *info,
		    struct look look)
{
	const struct fnt_rule *rule = fnt_ruled_fast(attachment);

	return rule ? begin_at_hand(attachment, info, rule, look, true) : NULL;
}

static __attribute__((noinline)) struct fnt_call *
begin_known_at_hand(struct fnt_attachment *attachment, const struct fnt_call_info *info,
		    struct look look)
{
	return begin_at_hand(attachment, info, NULL, look, true);
}

/* Inside the log's read-side critical section. */
static inline __attribute__((always_inline)) struct fnt_call *
begin_in(struct fnt_attachment *attachment, const struct fnt_call_info *info,
	 struct look look)
{
	struct fnt_call *call;

	if (!fnt_rules_plain(attachment))
		return begin_ruled_at_hand(attachment, info, look);
	call = begin_at_hand(attachment, info, NULL, look, false);
	return __builtin_expect(call != NULL, 1)
		       ? call
		       : begin_known_at_hand(attachment, info, look);
}

/* The clock first: the counter takes its time, and that passes meanwhile. */
static inline __attribute__((always_inline)) struct fnt_call *
begin_short(struct fnt_log *log, const struct fnt_call_info *info, bool counter)
{
	struct fnt_attachment *attachment;
	struct urcu_bp_reader *reader;
	struct fnt_call *call = NULL;
	struct look look;

	if (__builtin_expect(!info, 0))
		return NULL;
	look = (struct look){fnt_clock_sample(counter), counter};
	reader = fnt_rcu_enter_fast();
	if (__builtin_expect(!reader, 0))
		return NULL;
	/* [R2] acquire: as in fnt_enter(). */
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (__builtin_expect(attachment != NULL, 1))
		call = begin_in(attachment, info, look);
	fnt_rcu_exit(reader);
	return call;
}

static __attribute__((noinline)) struct fnt_call *
begin_by_vdso(struct fnt_log *log, const struct fnt_call_info *info)
{
	struct fnt_call *call = begin_short(log, info, false);

	return call ? call : begin(log, info);
}

static __attribute__((noinline)) struct fnt_call *
begin_by_counter(struct fnt_log *log, const struct fnt_call_info *info)
{
	struct fnt_call *call;

	if (__builtin_expect(!fnt_thread_state.fast_counter, 0))
		return fnt_thread_state.fast ? begin_by_vdso(log, info)
					     : begin(log, info);
	call = begin_short(log, info, true);
	return call ? call : begin(log, info);
}

/* Where nothing is recorded it leaves before it has saved a register. */
struct fnt_call *
fnt_call_begin(struct fnt_log *log, const struct fnt_call_info *info)
{
	return __builtin_expect(!log || fnt_disabled_is_set(log), 0)
		       ? NULL
		       : begin_by_counter(log, info);
}
