/* SPDX-License-Identifier: MIT
 *
 * A call: begin, and what happens in it but for ops (op.c).
 */
#include "call_use.h"

#include "producer.h"
#include "unframed.h"
#include "ruled.h"
#include "traceparent.h"

#include <stdlib.h>

/* splitmix64 (Steele, Lea, Flood 2014); never 0. */
static inline uint64_t
make_id(struct fnt_thread *thread)
{
	uint64_t z = thread->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return z ? z : 1;
}

/* ---- names and texts -------------------------------------------------------------- */

/* The name as this thread has not seen it yet, or not at this address. */
static void
learn_name(struct fnt_thread *thread, const char *name, uint32_t *flags,
	   struct fnt_name_ref *ref)
{
	struct fnt_attachment *attachment = thread->attachment;
	struct fnt_name_seen *seen = fnt_name_place(thread, name);

	ref->id = FNT_NAME_NONE;
	ref->text = short_text(name, FNT_ID_MAX, flags, FNT_TRACE_ID_CUT);
	if (attachment->slot == FNT_SLOT_NONE)
		return;
	ref->id = fnt_name_intern(&attachment->region.view, attachment->slot, name,
				  ref->text.len);
	if (ref->id != FNT_NAME_NONE && ref->text.len < sizeof(seen->text)) {
		memset(seen->rows, 0, sizeof(seen->rows));
		seen->at = name;
		seen->id = ref->id;
		seen->packed_len = (uint8_t)fnt_pack_id(&seen->packed, ref->id);
		seen->size = (uint8_t)(ref->text.len + 1);
		seen->kind = (uint8_t)fnt_name_kind(name, seen->size);
		memcpy(seen->text, name, seen->size);
	}
}

void
fnt_call_name(struct fnt_thread *thread, const char *name, uint32_t *flags,
	      struct fnt_name_ref *ref)
{
	struct fnt_name_seen *seen;

	if (!name)
		name = "";
	seen = fnt_name_place(thread, name);
	if (seen->at == name &&
	    (same_name(seen, name) ||
	     (seen->kind == FNT_NAME_ANY && !strcmp(seen->text, name)))) {
		ref->id = seen->id;
		return;
	}
	learn_name(thread, name, flags, ref);
}

/* ---- begin ------------------------------------------------------------------------ */

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
	call->last = call->tail = &call->own;
	call->room = room;
	fnt_pen_rewind(call);
	call->framed = call->frame ? room : 0;
	fnt_pen_set_quick(call);
}

/* What stays the same for all uses of a call of the pool. */
static void
set_up_call(struct fnt_call *call, struct fnt_log *log,
	    struct fnt_attachment *attachment, uint32_t index)
{
	call->shown = call->frame ? call->frame : (struct fnt_frame *)(call + 1);
	call->own.bytes = fnt_frame_bytes(call->shown);
	call->own.size = FNT_FRAME_PAYLOAD_BYTES;
	call->own.frame = index;
	call->generation = fnt_fork_generation;
	call->attachment = attachment;
	call->log = log;
	set_limits(call, &attachment->region.view);
	reset_room(call);
}

/* In private memory, with a frame of its own that nobody sees. */
static __attribute__((noinline)) struct fnt_call *
make_private(struct fnt_log *log, struct fnt_thread *thread, bool framed)
{
	struct fnt_call *call = calloc(1, sizeof(*call) + sizeof(*call->shown));

	if (!call)
		return NULL;
	call->allocated = true;
	set_up_call(call, log, thread->attachment, FNT_FRAME_NONE);
	if (framed && thread->writer.lane)
		fnt_count(&thread->writer.lane->unframed, 1);
	call->listed = framed;
	if (framed)
		fnt_unframed_add(thread->attachment->pool, call);
	return call;
}

static inline struct fnt_call *
make_call(struct fnt_log *log, struct fnt_thread *thread, bool framed, uint64_t now)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t index = framed ? fnt_thread_take_frame(thread) : FNT_FRAME_NONE;
	struct fnt_call *call;

	if (__builtin_expect(index == FNT_FRAME_NONE, 0)) {
		call = make_private(log, thread, framed);
		if (!call)
			return NULL;
	} else {
		call = &attachment->pool->calls[index];
		if (__builtin_expect(call->log != log, 0)) {
			call->frame = &attachment->region.view.frames[index];
			set_up_call(call, log, attachment, index);
		}
		fnt_frame_prepare(call->frame, now);
	}
	call->owner = fnt_thread_serial;
	call->thread = thread;
	fnt_pen_rewind(call);
	call->extra = (struct fnt_extra){0, 0, false};
	call->begun = call->pending_bytes = 0;
	call->pending_high = call->pending_free = 0;
	call->started_mono = now;
	if (__builtin_expect(call->ruled, 0)) {
		call->ruled = false;
		fnt_pen_set_quick(call);
	}
	return call;
}

/* Every field is named: gcc clears what is not by "rep stos", which takes longer than all of
 * this. */
static inline void
fill_record(struct fnt_record *record, struct fnt_thread *thread,
	    const struct fnt_call_info *info, uint64_t now)
{
	const struct fnt_call *parent = info->parent;
	uint64_t trace_id[2] = {info->trace_id[0], info->trace_id[1]};
	uint64_t parent_uid = info->parent_uid;

	if (parent) {
		parent_uid = parent->record.uid;
		trace_id[0] = parent->record.trace_id[0];
		trace_id[1] = parent->record.trace_id[1];
	} else if (__builtin_expect(info->traceparent != NULL, 0)) {
		fnt_traceparent_parse(info->traceparent, trace_id, &parent_uid);
	}
	*record = (struct fnt_record){
		.uid = make_id(thread),
		.parent_uid = parent_uid,
		.trace_id = {trace_id[0], trace_id[1]},
		.started_at_ns = fnt_clock_wall(&thread->clock, now),
		.duration_ns = 0,
		.seq = 0,
		.payload_bytes = 0,
		.fn_name = FNT_NAME_NONE,
		.pid = thread->attachment->pid,
		.tid = thread->tid,
		.exe = thread->attachment->exe,
		.lane = 0,
		.fn_type = (uint8_t)info->fn_type,
		.outcome = 0,
		.flags = 0,
		.op_count = 0,
		.ops_omitted = 0,
		.schedules_omitted = 0,
		.stream_bytes = 0,
		.stream_chunks = 0,
	};
	/* A root names its tree: 64 random bits of the thread, 64 of the call. */
	if (!(record->trace_id[0] | record->trace_id[1])) {
		record->trace_id[0] = thread->trace_high;
		record->trace_id[1] = record->uid;
	}
}

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
	event.call.call_id = id_text(call, info->call_id ? info->call_id : "");
	event.call.user = id_text(call, info->user_id);
	event.call.tenant = id_text(call, info->tenant_id);
	if (fn.id == FNT_NAME_NONE)
		event.call.fn = id_text(call, info->fn_name ? info->fn_name : "");
	bound = FNT_CALL_BOUND + event.call.call_id.len + event.call.fn.len +
		event.call.user.len + event.call.tenant.len;
	if (!fnt_pen_reserve(call, thread, bound))
		return false;
	fnt_pen_event(call, &event, bound, fnt_put_call);
	return true;
}

static inline bool
write_beginning(struct fnt_call *call, struct fnt_thread *thread,
		const struct fnt_call_info *info)
{
	const char *call_id = info->call_id ? info->call_id : "";
	const char *user = info->user_id, *tenant = info->tenant_id;
	size_t id_len = strlen(call_id), user_len = user ? strlen(user) : 0;
	size_t tenant_len = tenant ? strlen(tenant) : 0;
	const struct fnt_name_seen *fn = name_at_hand(thread, info->fn_name);
	char *at;

	if (__builtin_expect(!fn || (id_len | user_len | tenant_len) >= FNT_QUICK_TEXT,
			     0))
		return write_long_beginning(call, thread, info);
	call->record.fn_name = fn->id;
	at = fnt_put_head(call->at, 5, FNT_EVENT_CALL);
	at = fnt_quick_text(at, call_id, id_len);
	at = fnt_quick_text(at, NULL, 0);
	at = fnt_quick_text(at, user, user_len);
	call->at = fnt_quick_text(at, tenant, tenant_len);
	return true;
}

void
fnt_call_drop(struct fnt_call *call, struct fnt_thread *thread)
{
	uint32_t frame = thread ? call->own.frame : FNT_FRAME_NONE;

	/* The head first: who looks at the chain meanwhile sees that it is no more. */
	if (frame != FNT_FRAME_NONE)
		fnt_thread_close_frame(thread, frame);
	if (__builtin_expect(call->own.next != NULL, 0)) {
		fnt_pen_release(call, thread);
		if (frame != FNT_FRAME_NONE)
			call->frame = &thread->attachment->region.view.frames[frame];
		reset_room(call);
	}
	if (__builtin_expect(call->pending_many != NULL, 0)) {
		free(call->pending_many);
		call->pending_many = NULL;
		call->pending_size = 0;
	}
	if (__builtin_expect(call->allocated && !call->listed, 0)) {
		free(call);
		return;
	}
	call->owner = FNT_CALL_NOBODY;
	/* [Z1] release: see [Z2] in call.h. */
	atomic_store_explicit(&call->open, 0, memory_order_release);
	if (__builtin_expect(call->allocated, 0)) {
		fnt_unframed_drop(call);
		return;
	}
	/* With the frame the call's memory goes to its next user. */
	if (frame != FNT_FRAME_NONE)
		fnt_thread_keep_frame(thread, frame);
}

int
fnt_use_slow(struct fnt_call *call, struct fnt_thread **thread)
{
	struct fnt_attachment *attachment;

	*thread = NULL;
	if (!call)
		return -ESHUTDOWN;
	if (!fnt_call_is_open(call))
		return -EINVAL;
	if (call->generation != fnt_fork_generation)
		return -EPERM;
	/* Begun by this process: so it has attached already. */
	fnt_rcu_read_lock();
	attachment = atomic_load_explicit(&call->log->attachment, memory_order_acquire);
	if (!attachment) {
		fnt_leave();
		return -ESHUTDOWN;
	}
	*thread = fnt_thread_get(attachment);
	if (!*thread) {
		fnt_leave();
		return -ENOMEM;
	}
	call->owner = fnt_thread_serial;
	call->thread = *thread;
	return 0;
}

struct fnt_call *
fnt_call_start(struct fnt_log *log, struct fnt_thread *thread, const struct fnt_call_info *info,
      bool framed)
{
	uint64_t now = fnt_clock_read(&thread->clock);
	struct fnt_call *call = make_call(log, thread, framed, now);

	if (!call)
		return NULL;
	fill_record(&call->record, thread, info, now);
	if (!write_beginning(call, thread, info)) {
		fnt_call_drop(call, thread);
		return NULL;
	}
	atomic_store_explicit(&call->open, 1, memory_order_relaxed);
	if (call->frame && fnt_pen_used(call) > call->framed) {
		/* There were no frames for its beginning: it is not shown at all. */
		call->frame = NULL;
		if (thread->writer.lane)
			fnt_count(&thread->writer.lane->unframed, 1);
	}
	if (call->frame)
		fnt_frame_open(call->frame, thread->attachment->slot, &call->record,
			       fnt_pen_used(call));
	return call;
}

static __attribute__((noinline)) struct fnt_call *
begin_ruled(struct fnt_log *log, struct fnt_attachment *attachment,
	    const struct fnt_call_info *info)
{
	struct use use;

	if (fnt_ruled_start(&use, log, attachment, info, true))
		return NULL;
	fnt_leave();
	return use.call;
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
	if (!fnt_control_plain(attachment))
		return begin_ruled(log, attachment, info ? info : &nothing);
	thread = fnt_thread_get(attachment);
	if (thread)
		call = fnt_call_start(log, thread, info ? info : &nothing, true);
	fnt_leave();
	return call;
}

/* Where nothing is recorded it leaves before it has saved a register. */
struct fnt_call *
fnt_call_begin(struct fnt_log *log, const struct fnt_call_info *info)
{
	return fnt_gate_is_shut(log) ? NULL : begin(log, info);
}

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
	fnt_traceparent_format(text, call->record.trace_id, call->record.uid);
	return 0;
}

/* ---- what happens ----------------------------------------------------------------- */

static int
set_identity(struct fnt_call *call, enum fnt_event_type type, const char *text)
{
	struct fnt_event event = {.type = type};
	struct fnt_hashed hashed;
	struct use use;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	text = fnt_ruled_user(use, text ? text : "", &hashed);
	if (!text) {
		fnt_leave();
		return FNT_DONE;
	}
	event.text = id_text(call, text);
	rc = FNT_OMITTED;
	if (make_room(&use, FNT_ID_BOUND + event.text.len)) {
		fnt_pen_event_slow(call, &event);
		publish(call, since_start(&use));
		rc = FNT_DONE;
	} else {
		call->record.flags |= FNT_TRACE_ID_CUT;
	}
	show_word(call, FNT_FLAGS_WORD);
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

int
fnt_call_stream_chunk(struct fnt_call *call, uint64_t bytes)
{
	struct use use;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	call->record.stream_bytes += bytes;
	call->record.stream_chunks++;
	call->extra.rare = true;
	if (call->frame)
		fnt_frame_stream(call->frame, call->record.stream_bytes,
				 call->record.stream_chunks);
	fnt_leave();
	return FNT_DONE;
}

int
fnt_call_write_schedule(struct use *use, const char *fn_name, int64_t delay_ms, int64_t run_at)
{
	struct fnt_event event = {.type = FNT_EVENT_SCHEDULE};
	struct fnt_call *call = use->call;

	fnt_call_name(use->thread, fn_name, &call->record.flags, &event.schedule.fn);
	event.schedule.delay_ms = delay_ms;
	event.schedule.run_at = run_at;
	call->extra.rare = true;
	if (!make_room(use, FNT_SCHEDULE_BOUND + name_bytes(&event.schedule.fn))) {
		call->record.schedules_omitted++;
		show_word(call, FNT_OMITTED_WORD);
		return FNT_OMITTED;
	}
	call->extra.schedules++;
	fnt_pen_event_slow(call, &event);
	publish(call, since_start(use));
	return FNT_DONE;
}

int
fnt_call_schedule(struct fnt_call *call, const char *fn_name, int64_t delay_ms,
		  int64_t run_at)
{
	struct use use;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	rc = fnt_call_write_schedule(&use, fn_name, delay_ms, run_at);
	fnt_leave();
	return rc;
}
