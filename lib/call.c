/* SPDX-License-Identifier: MIT
 *
 * The hot path: begin, what happens, finish.
 */
#include "call_use.h"

#include "producer.h"
#include "traceparent.h"

#include <stdlib.h>

#define PENDING_MAX (1u << 20)


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
static __attribute__((noinline)) void
learn_name(struct fnt_thread *thread, struct fnt_name_seen *seen, const char *name,
	   uint32_t *flags, struct fnt_name_ref *ref)
{
	struct fnt_attachment *attachment = thread->attachment;

	ref->id = FNT_NAME_NONE;
	ref->text = short_text(name, FNT_ID_MAX, flags, FNT_TRACE_ID_CUT);
	if (attachment->slot == FNT_SLOT_NONE)
		return;
	ref->id = fnt_name_intern(&attachment->region.view, attachment->slot, name,
				  ref->text.len);
	if (ref->id != FNT_NAME_NONE && ref->text.len < sizeof(seen->text)) {
		seen->at = name;
		seen->id = ref->id;
		memcpy(seen->text, name, ref->text.len + 1);
	}
}

/* Programs name the same function by the same pointer again and again: by its address the
 * name's id is found without a hash over the text, and compared to be sure. */
static inline void
name_ref(struct fnt_thread *thread, const char *name, uint32_t *flags,
	 struct fnt_name_ref *ref)
{
	struct fnt_name_seen *seen;

	if (__builtin_expect(!name, 0))
		name = "";
	seen = &thread->names[((uintptr_t)name ^ (uintptr_t)name >> 6) % FNT_NAMES_CACHED];
	if (__builtin_expect(seen->at == name && !strcmp(name, seen->text), 1))
		ref->id = seen->id;
	else
		learn_name(thread, seen, name, flags, ref);
}

void
fnt_call_name(struct fnt_thread *thread, const char *name, uint32_t *flags,
	      struct fnt_name_ref *ref)
{
	name_ref(thread, name, flags, ref);
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

/* What stays the same for all uses of a call of the pool. */
static void
set_up_call(struct fnt_call *call, struct fnt_log *log, const struct fnt_view *view,
	    uint32_t index)
{
	call->own.bytes = call->bytes;
	call->own.shown = call->frame ? call->frame->payload : NULL;
	call->own.size = FNT_FRAME_PAYLOAD_BYTES;
	call->own.frame = index;
	call->generation = fnt_fork_generation;
	call->log = log;
	set_limits(call, view);
}

static struct fnt_call *
make_private(void)
{
	struct fnt_call *call = calloc(1, sizeof(*call));

	if (call)
		call->allocated = true;
	return call;
}

static inline struct fnt_call *
make_call(struct fnt_log *log, struct fnt_thread *thread, bool framed, uint64_t now)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t index = framed ? fnt_thread_take_frame(thread) : FNT_FRAME_NONE;
	struct fnt_call *call;

	if (index == FNT_FRAME_NONE) {
		call = make_private();
		if (!call)
			return NULL;
		if (framed && thread->writer.lane)
			fnt_count(&thread->writer.lane->unframed, 1);
	} else {
		call = &attachment->pool->calls[index];
		call->frame = &attachment->region.view.frames[index];
		fnt_frame_prepare(call->frame, now);
	}
	if (__builtin_expect(call->log != log, 0))
		set_up_call(call, log, &attachment->region.view, index);
	call->own.next = NULL;
	call->last = call->tail = &call->own;
	call->tail_used = call->used = 0;
	call->room = FNT_FRAME_PAYLOAD_BYTES;
	call->framed = call->frame ? FNT_FRAME_PAYLOAD_BYTES : 0;
	call->begun = call->pending = 0;
	call->pending_high = call->pending_free = 0;
	call->started_mono = now;
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
	if (!(record->trace_id[0] | record->trace_id[1])) {
		record->trace_id[0] = make_id(thread);
		record->trace_id[1] = make_id(thread);
	}
}

/* The payload's first event. It always fits: its texts are cut to. */
static bool
write_beginning(struct fnt_call *call, struct fnt_thread *thread,
		const struct fnt_call_info *info)
{
	struct fnt_name_ref fn;
	struct fnt_event event;
	uint32_t bound;

	event.type = FNT_EVENT_CALL;
	event.call.fn = (struct fnt_text){NULL, 0};
	name_ref(thread, info->fn_name, &call->record.flags, &fn);
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

void
fnt_call_drop(struct fnt_call *call, struct fnt_thread *thread)
{
	/* The head first: who looks at the chain meanwhile sees that it is no more. */
	if (call->own.frame != FNT_FRAME_NONE && thread)
		fnt_thread_give_frame(thread, call->own.frame);
	if (call->own.next)
		fnt_pen_release(call, thread);
	if (call->pending_many) {
		free(call->pending_many);
		call->pending_many = NULL;
		call->pending_size = 0;
	}
	if (call->allocated) {
		free(call);
		return;
	}
	/* [Z1] release: see [Z2] in call.h. */
	atomic_store_explicit(&call->open, 0, memory_order_release);
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
	if (call->frame && call->used > call->framed) {
		/* There were no frames for its beginning: it is not shown at all. */
		call->frame = NULL;
		if (thread->writer.lane)
			fnt_count(&thread->writer.lane->unframed, 1);
	}
	if (call->frame)
		fnt_frame_open(call->frame, thread->attachment->slot, &call->record,
			       call->used);
	return call;
}

struct fnt_call *
fnt_call_begin(struct fnt_log *log, const struct fnt_call_info *info)
{
	static const struct fnt_call_info nothing;
	struct fnt_attachment *attachment = fnt_enter(log);
	struct fnt_call *call = NULL;
	struct fnt_thread *thread;

	if (!attachment)
		return NULL;
	thread = fnt_thread_get(attachment);
	if (thread)
		call = fnt_call_start(log, thread, info ? info : &nothing, true);
	fnt_leave();
	return call;
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
	struct use use;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	event.text = id_text(call, text ? text : "");
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

/* The texts of an op. False: it can't fit, whatever else there is. */
static inline bool
fill_op(struct use *use, struct fnt_event *event, enum fnt_op op, const char *entity,
	const char *id)
{
	size_t len = id ? strlen(id) : 0;

	event->op.op = (uint32_t)op;
	name_ref(use->thread, entity, &use->call->record.flags, &event->op.entity);
	event->op.id.at = id;
	event->op.id.len = (uint32_t)len;
	return len < use->call->op_limit;
}

static inline uint32_t
op_texts(const struct fnt_event *event)
{
	return name_bytes(&event->op.entity) + event->op.id.len;
}

static inline __attribute__((always_inline)) int
write_op(struct use *use, const struct fnt_event *event, uint64_t now)
{
	struct fnt_call *call = use->call;
	uint32_t bound = FNT_OP_BOUND + op_texts(event);

	if (!make_room(use, bound))
		return omit_op(call);
	fnt_pen_event(call, event, bound, fnt_put_op);
	call->record.op_count++;
	publish(call, now);
	return FNT_DONE;
}

int
fnt_call_write_op(struct use *use, const struct fnt_event *event, uint64_t now)
{
	return write_op(use, event, now);
}

int
fnt_call_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count, bool ok)
{
	struct fnt_event event;
	struct use use;
	uint64_t now;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	now = since_start(&use);
	event.type = FNT_EVENT_OP;
	event.op.start_ns = duration_ns < now ? now - duration_ns : 0;
	event.op.duration_ns = duration_ns;
	event.op.row_count = row_count;
	event.op.ok = ok;
	if (fill_op(&use, &event, op, entity, id))
		rc = write_op(&use, &event, now);
	else
		rc = omit_op(call);
	fnt_leave();
	return rc;
}

static struct fnt_pending_op *
pending_at(struct fnt_call *call, uint32_t i)
{
	return i < FNT_PENDING_FEW ? &call->pending_few[i]
				   : &call->pending_many[i - FNT_PENDING_FEW];
}

/* An entry of the table, made larger if need be; its number + 1, or 0. */
static uint32_t
take_pending(struct fnt_call *call)
{
	uint32_t i = call->pending_free;

	if (i) {
		call->pending_free = pending_at(call, i - 1)->next_free;
		return i;
	}
	i = call->pending_high;
	if (i >= FNT_PENDING_FEW && i - FNT_PENDING_FEW == call->pending_size) {
		uint32_t size = call->pending_size ? 2 * call->pending_size : 16;
		struct fnt_pending_op *many =
			size > PENDING_MAX ? NULL
					   : realloc(call->pending_many,
						     size * sizeof(*call->pending_many));

		if (!many)
			return 0;
		call->pending_many = many;
		call->pending_size = size;
	}
	call->pending_high++;
	return i + 1;
}

static inline bool
write_op_begin(struct use *use, struct fnt_event *event, uint64_t now)
{
	struct fnt_call *call = use->call;
	uint32_t bound = FNT_OP_BEGIN_BOUND + op_texts(event);

	if (!make_room(use, bound + FNT_OP_END_BOUND))
		return false;
	fnt_pen_event(call, event, bound, fnt_put_op_begin);
	publish(call, now);
	return true;
}

static inline int64_t
begin_op(struct use *use, struct fnt_event *event, bool fits)
{
	struct fnt_call *call = use->call;
	struct fnt_pending_op *pending;
	uint32_t entry = take_pending(call);

	if (!entry) {
		omit_op(call);
		return -ENOMEM;
	}
	pending = pending_at(call, entry - 1);
	event->op.start_ns = since_start(use);
	if (!++call->serial)
		call->serial = 1;
	pending->serial = call->serial;
	pending->start_ns = event->op.start_ns;
	pending->omitted = !fits || !write_op_begin(use, event, event->op.start_ns);
	if (pending->omitted) {
		omit_op(call);
	} else {
		pending->number = call->begun++;
		call->pending++;
	}
	return (int64_t)((uint64_t)(pending->serial & 0x7fffffff) << 32 | entry);
}

int64_t
fnt_call_op_begin(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_BEGIN};
	struct use use;
	int64_t handle;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	handle = begin_op(&use, &event, fill_op(&use, &event, op, entity, id));
	fnt_leave();
	return handle;
}

/* The entry that a handle means, if it is one of an op that is pending. */
static struct fnt_pending_op *
find_pending(struct fnt_call *call, int64_t handle, uint32_t *entry)
{
	struct fnt_pending_op *pending;

	*entry = (uint32_t)handle;
	if (handle <= 0 || !*entry || *entry > call->pending_high)
		return NULL;
	pending = pending_at(call, *entry - 1);
	if (!pending->serial || (pending->serial & 0x7fffffff) != (uint64_t)handle >> 32)
		return NULL;
	return pending;
}

static inline int
end_op(struct use *use, int64_t handle, int64_t row_count, bool ok)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_END};
	struct fnt_call *call = use->call;
	struct fnt_pending_op *pending;
	uint64_t now;
	uint32_t entry;

	pending = find_pending(call, handle, &entry);
	if (!pending)
		return -EINVAL;
	pending->serial = 0;
	pending->next_free = call->pending_free;
	call->pending_free = entry;
	if (pending->omitted)
		return FNT_OMITTED;
	call->pending--;
	now = since_start(use);
	event.end.number = pending->number;
	event.end.duration_ns = now - pending->start_ns;
	event.end.row_count = row_count;
	event.end.ok = ok;
	if (!fnt_pen_reserve(call, use->thread, FNT_OP_END_BOUND))
		return omit_op(call);
	fnt_pen_event(call, &event, FNT_OP_END_BOUND, fnt_put_op_end);
	call->record.op_count++;
	publish(call, now);
	return FNT_DONE;
}

int
fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	struct use use;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	rc = end_op(&use, handle, row_count, ok);
	fnt_leave();
	return rc;
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

	name_ref(use->thread, fn_name, &call->record.flags, &event.schedule.fn);
	event.schedule.delay_ms = delay_ms;
	event.schedule.run_at = run_at;
	if (!make_room(use, FNT_SCHEDULE_BOUND + name_bytes(&event.schedule.fn))) {
		call->record.schedules_omitted++;
		show_word(call, FNT_OMITTED_WORD);
		return FNT_OMITTED;
	}
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
