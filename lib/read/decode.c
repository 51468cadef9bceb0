/* SPDX-License-Identifier: MIT */
#include "read/decode.h"

#include "read/decode_fast.h"

#include <assert.h>
#include <string.h>

#define OP_BYTES_LEAST 8u /* of an op's event, about */
#define OPS_EXPECTED 32u

/* ---- texts --------------------------------------------------------------------- */

/* An op that has begun. */
struct begin {
	struct fnt_trace_op op;
	bool ended;
};

/* Room for one more; NULL without memory. */
static inline void *
more(struct fnt_decoder *in, struct fnt_trace_list *list, size_t size)
{
	void *item = fnt_trace_list_add(&in->set->arena, list, size);

	if (!item)
		in->no_memory = true;
	return item;
}

/* The bytes in the payload, with a NUL after them. */
static const char *
terminated(struct fnt_decoder *in, struct fnt_text from)
{
	char *end = in->payload + (from.at - in->payload) + from.len;

	if (end == (const char *)in->reader.at)
		in->nul = end;
	else
		*end = '\0';
	return from.at;
}

static const char *
text(struct fnt_decoder *in, struct fnt_text from)
{
	if (__builtin_expect(!fnt_decode_text_valid(from.at, from.len), 0))
		return fnt_decode_sanitized(in, from.at, from.len);
	return terminated(in, from);
}

static const char *
optional_text(struct fnt_decoder *in, struct fnt_text from)
{
	return from.at ? text(in, from) : NULL;
}

static const char *
ref_text(struct fnt_decoder *in, const struct fnt_name_ref *name)
{
	return name->id == FNT_NAME_NONE ? text(in, name->text)
					 : fnt_decode_name(in, name->id);
}

/* ---- events -------------------------------------------------------------------- */

static void
fill_op(struct fnt_decoder *in, struct fnt_trace_op *op,
	const struct fnt_event_op *from)
{
	op->op = from->op < FNT_OP_KINDS ? (enum fnt_op)from->op : FNT_OP_OTHER;
	op->entity = ref_text(in, &from->entity);
	op->id = optional_text(in, from->id);
	op->start_ns = from->start_ns;
	op->duration_ns = from->duration_ns;
	op->row_count = from->row_count;
	op->ok = from->ok;
}

static void
take_op(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace_op *op = more(in, &in->ops, sizeof(*op));

	if (op)
		fill_op(in, op, &event->op);
}

static void
take_begin(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct begin *begin = fnt_trace_table_add(&in->set->begins, sizeof(*begin));

	if (!begin) {
		in->no_memory = true;
		return;
	}
	fill_op(in, &begin->op, &event->op);
	begin->ended = false;
}

static void
take_end(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct begin *begin = in->set->begins.items;
	struct fnt_trace_op *op;

	if (event->end.number >= in->set->begins.count ||
	    begin[event->end.number].ended) {
		in->trace->flags |= FNT_TRACE_DAMAGED;
		return;
	}
	begin += event->end.number;
	op = more(in, &in->ops, sizeof(*op));
	if (!op)
		return;
	begin->ended = true;
	*op = begin->op;
	op->duration_ns = event->end.duration_ns;
	op->row_count = event->end.row_count;
	op->ok = event->end.ok;
}

static void
take_beginning(struct fnt_decoder *in, const struct fnt_event_call *call)
{
	struct fnt_trace *trace = in->trace;

	trace->call_id = text(in, call->call_id);
	trace->user_id = optional_text(in, call->user);
	trace->tenant_id = optional_text(in, call->tenant);
	if (call->fn.at)
		trace->fn_name = text(in, call->fn);
}

static void
take_value(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;

	if (event->value.kind != FNT_VALUE_JSON &&
	    event->value.kind != FNT_VALUE_MSGPACK)
		trace->flags |= FNT_TRACE_DAMAGED;
	else
		trace->value = (struct fnt_value){
			(enum fnt_value_kind)event->value.kind,
			terminated(in, event->value.bytes), event->value.bytes.len};
}

static void
take_schedule(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace_schedule *schedule =
		more(in, &in->schedules, sizeof(*schedule));

	if (!schedule)
		return;
	schedule->fn_name = ref_text(in, &event->schedule.fn);
	schedule->delay_ms = event->schedule.delay_ms;
	schedule->run_at = event->schedule.run_at;
}

static void
take_event(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;

	switch (event->type) {
	case FNT_EVENT_CALL:
		take_beginning(in, &event->call);
		break;
	case FNT_EVENT_USER:
		trace->user_id = text(in, event->text);
		break;
	case FNT_EVENT_TENANT:
		trace->tenant_id = text(in, event->text);
		break;
	case FNT_EVENT_OP:
		take_op(in, event);
		break;
	case FNT_EVENT_OP_BEGIN:
		take_begin(in, event);
		break;
	case FNT_EVENT_OP_END:
		take_end(in, event);
		break;
	case FNT_EVENT_SCHEDULE:
		take_schedule(in, event);
		break;
	case FNT_EVENT_ERROR:
		trace->code = text(in, event->error.code);
		trace->message = text(in, event->error.message);
		break;
	case FNT_EVENT_VALUE:
		take_value(in, event);
		break;
	case FNT_EVENT_COMMITTED:
	case FNT_EVENT_UNKNOWN:
		break;
	}
}

/* What is looked at, though it makes no difference, is something all the same. In
 * pieces: gcc clears the whole by "rep stos", which takes as long as all the rest of
 * this. */
static inline void
clear_slack(char *slack)
{
	static_assert(FNT_PAYLOAD_SLACK == 2 * 64 + 8, "pieces");
	memset(slack, 0, 64);
	memset(slack + 64, 0, 64);
	memset(slack + 128, 0, 8);
}

/* A copy of `bytes` of payload; some more of it is there than is kept, which may become
 * anything. NULL without memory. */
static char *
copy_of(struct fnt_trace_arena *arena, const struct fnt_record_copy *raw, size_t bytes)
{
	char *payload = fnt_trace_arena_take(arena, bytes + FNT_PAYLOAD_SLACK);

	if (!payload)
		return NULL;
	if (bytes <= FNT_HEAD_BYTES && raw->buffer_bytes >= FNT_HEAD_BYTES)
		memcpy(payload, raw->payload, FNT_HEAD_BYTES);
	else
		memcpy(payload, raw->payload, bytes);
	return payload;
}

/* The payload into the set, unless it has been read to where it is to be. */
static inline bool
take_payload(struct fnt_decoder *in, const struct fnt_record_copy *raw)
{
	struct fnt_trace_arena *arena = &in->set->arena;
	size_t bytes = raw->head.payload_bytes;

	in->payload = raw->direct && raw->payload == raw->direct
			      ? raw->direct
			      : copy_of(arena, raw, bytes);
	if (!in->payload)
		return false;
	clear_slack(in->payload + bytes);
	fnt_trace_arena_trim(arena, in->payload, bytes + 1);
	return true;
}

/* Most calls have as many ops as their head says, and few. It may say anything. */
static inline size_t
ops_expected(const struct fnt_record *head)
{
	uint32_t most = head->payload_bytes / OP_BYTES_LEAST;
	uint32_t count = head->op_count < most ? head->op_count : most;

	return count <= OPS_EXPECTED ? count : 0;
}

static inline void
show_nul(struct fnt_decoder *in)
{
	if (in->nul)
		*in->nul = '\0';
	in->nul = NULL;
}

/* Ops as most are, if they come next. */
static void
take_ops(struct fnt_decoder *in)
{
	struct fnt_trace_op *ops = in->ops.items;
	size_t left = in->ops.room - in->ops.count;

	if (!left)
		return;
	in->reader.at = fnt_decode_ops_fast(in, in->reader.at, in->reader.end,
					    ops + in->ops.count, &left, &in->nul);
	in->ops.count = in->ops.room - left;
}

/* What has begun and not ended: the pending ones. */
static void
keep_pending(struct fnt_decoder *in)
{
	const struct fnt_trace_table *table = &in->set->begins;
	const struct begin *begins = table->items;
	struct fnt_trace_op *pending =
		fnt_trace_arena_take(&in->set->arena, table->count * sizeof(*pending));

	if (!pending) {
		in->no_memory = true;
		return;
	}
	in->trace->pending = pending;
	for (size_t i = 0; i < table->count; i++)
		if (!begins[i].ended)
			pending[in->trace->pending_count++] = begins[i].op;
}

/* Of the list that was begun last, what is not used is given back. */
static void
keep_lists(struct fnt_decoder *in)
{
	struct fnt_trace_arena *arena = &in->set->arena;
	struct fnt_trace *trace = in->trace;
	struct fnt_trace_op *ops = in->ops.items;

	if (in->ops.count < in->ops.room && arena->at == (char *)(ops + in->ops.room))
		fnt_trace_arena_trim(arena, ops, in->ops.count * sizeof(*ops));
	trace->ops = ops;
	trace->op_count = in->ops.count;
	trace->schedules = in->schedules.items;
	trace->schedule_count = in->schedules.count;
	if (in->set->begins.count)
		keep_pending(in);
}

/* From `at` on. */
static __attribute__((noinline)) void
take_rest(struct fnt_decoder *in, const unsigned char *at, const unsigned char *end)
{
	struct fnt_event event;
	int rc;

	in->reader = (struct fnt_payload_reader){at, end, FNT_PAYLOAD_SLACK};
	in->schedules = (struct fnt_trace_list){NULL, 0, 0};
	in->set->begins.count = 0;
	for (;;) {
		rc = fnt_payload_next(&in->reader, &event);
		show_nul(in);
		if (rc != 1)
			break;
		take_event(in, &event);
		take_ops(in);
	}
	if (rc < 0)
		in->trace->flags |= FNT_TRACE_DAMAGED;
	keep_lists(in);
}

/* A beginning, and ops: of most calls that is all. */
static inline void
take_events(struct fnt_decoder *in, const struct fnt_record *head)
{
	const unsigned char *at = (const unsigned char *)in->payload;
	const unsigned char *end = at + head->payload_bytes;
	struct fnt_trace_arena *arena = &in->set->arena;
	size_t room = ops_expected(head), left;
	struct fnt_trace_op *ops = NULL;
	struct fnt_trace *trace = in->trace;
	char *nul = NULL;

	if (room)
		ops = fnt_trace_arena_take(arena, room * sizeof(*ops));
	left = room = ops ? room : 0;
	at = fnt_decode_beginning_fast(in, at, end, &nul);
	at = fnt_decode_ops_fast(in, at, end, ops, &left, &nul);
	if (__builtin_expect(at != end || left, 0)) {
		in->ops = (struct fnt_trace_list){ops, room - left, room};
		in->nul = nul;
		take_rest(in, at, end);
		return;
	}
	/* Where a NUL waits, it is behind the payload, which is one. */
	trace->ops = ops;
	trace->op_count = room;
	trace->schedules = NULL;
	trace->schedule_count = 0;
}

/* How far it is from one field of a struct to the end of another behind it. */
#define SPAN(type, first, last)                                                        \
	(offsetof(type, last) + sizeof(((type *)0)->last) - offsetof(type, first))

/* What lies together, and alike in a record's head and in a trace, is one move. */
#define TAKE(trace, head, first, last)                                                 \
	do {                                                                           \
		static_assert(SPAN(struct fnt_trace, first, last) ==                   \
				      SPAN(struct fnt_record, first, last),            \
			      "alike");                                                \
		memcpy((char *)(trace) + offsetof(struct fnt_trace, first),            \
		       (const char *)(head) + offsetof(struct fnt_record, first),      \
		       SPAN(struct fnt_record, first, last));                          \
	} while (0)
#define CLEAR(trace, first, last)                                                      \
	memset((char *)(trace) + offsetof(struct fnt_trace, first), 0,                 \
	       SPAN(struct fnt_trace, first, last))

/* Not all at once: gcc clears a whole trace by "rep stos", a third of all this. */
static void
take_head(struct fnt_decoder *in, const struct fnt_record *head)
{
	struct fnt_trace *trace = in->trace;

	TAKE(trace, head, uid, trace_id);
	CLEAR(trace, user_id, tenant_id);
	CLEAR(trace, value, message);
	CLEAR(trace, pending, pending_count);
	trace->fn_type = (enum fnt_fn_type)head->fn_type;
	trace->outcome = (enum fnt_outcome)head->outcome;
	trace->flags = head->flags & (FNT_TRACE_VALUE_OMITTED | FNT_TRACE_CODE_CUT |
				      FNT_TRACE_MESSAGE_CUT | FNT_TRACE_ID_CUT);
	if (head->outcome > FNT_ABORTED) {
		trace->outcome = FNT_ABORTED;
		trace->flags |= FNT_TRACE_DAMAGED;
	}
	TAKE(trace, head, pid, tid);
	TAKE(trace, head, started_at_ns, duration_ns);
	TAKE(trace, head, stream_bytes, stream_chunks);
	trace->ops_omitted = head->ops_omitted;
	trace->schedules_omitted = head->schedules_omitted;
	trace->call_id = trace->fn_name = "";
	if (head->fn_name != FNT_NAME_NONE)
		trace->fn_name = fnt_decode_name(in, head->fn_name);
	trace->exe = head->exe == FNT_NAME_NONE ? "" : fnt_decode_name(in, head->exe);
}

struct fnt_trace *
fnt_trace_set_add(struct fnt_trace_set *set, const struct fnt_view *view,
		  const struct fnt_record_copy *raw)
{
	struct fnt_decoder in;

	/* Each by itself: see take_head(). */
	in.set = set;
	in.view = view;
	in.no_memory = false;
	in.trace = fnt_trace_set_next(set);
	if (!in.trace || !take_payload(&in, raw))
		return NULL;
	take_head(&in, &raw->head);
	take_events(&in, &raw->head);
	if (in.trace->outcome == FNT_ERROR || in.trace->outcome == FNT_ROLLED_BACK) {
		in.trace->code = in.trace->code ? in.trace->code : "";
		in.trace->message = in.trace->message ? in.trace->message : "";
	}
	if (in.no_memory)
		return NULL;
	set->traces.count++;
	return in.trace;
}
