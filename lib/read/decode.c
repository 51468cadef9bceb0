/* SPDX-License-Identifier: MIT */
#include "read/decode.h"

#include "read/decode_fast.h"

#include <assert.h>
#include <string.h>

#define OP_BYTES_LEAST 8u /* of an op's event, roughly */
#define OPS_EXPECTED_MAX 32u

/* An op that has begun; its end is another event. */
struct op_begin {
	struct fnt_trace_op op;
	bool ended;
	bool wait;
};

/* Room for one more item in the list; NULL: no memory. */
static inline void *
add_item(struct fnt_decoder *in, struct fnt_trace_list *list, size_t size)
{
	void *item = fnt_trace_list_add(&in->set->arena, list, size);

	if (!item)
		in->no_memory = true;
	return item;
}

/* ---- texts ------------------------------------------------------------------ */

/* Terminates `from` where it is in the payload. */
static const char *
terminate(struct fnt_decoder *in, struct fnt_text from)
{
	char *end = fnt_decode_text_end(in, from);

	if (end == (const char *)in->reader.at)
		in->pending_nul = end;
	else
		*end = '\0';
	return from.at;
}

static const char *
decode_text(struct fnt_decoder *in, struct fnt_text from)
{
	if (__builtin_expect(!fnt_decode_text_valid(from.at, from.len), 0))
		return fnt_decode_sanitized(in, from.at, from.len);
	return terminate(in, from);
}

static const char *
decode_optional_text(struct fnt_decoder *in, struct fnt_text from)
{
	return from.at ? decode_text(in, from) : NULL;
}

/* A name that is interned, or given as text. */
static const char *
decode_name_ref(struct fnt_decoder *in, const struct fnt_name_ref *name)
{
	return name->id == FNT_NAME_NONE ? decode_text(in, name->text)
					 : fnt_decode_name(in, name->id);
}

/* ---- events ----------------------------------------------------------------- */

static void
fill_op(struct fnt_decoder *in, struct fnt_trace_op *op,
	const struct fnt_event_op *from)
{
	op->op = from->op < FNT_OP_KINDS ? (enum fnt_op)from->op : FNT_OP_OTHER;
	op->word = decode_optional_text(in, from->word);
	op->entity = decode_name_ref(in, &from->entity);
	op->id = decode_optional_text(in, from->id);
	op->start_ns = from->start_ns;
	op->duration_ns = from->duration_ns;
	op->row_count = from->row_count;
	op->ok = from->ok;
}

static void
decode_op(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace_list *list =
		event->type == FNT_EVENT_WAIT ? &in->waits : &in->ops;
	struct fnt_trace_op *op = add_item(in, list, sizeof(*op));

	if (op)
		fill_op(in, op, &event->op);
}

static void
decode_op_begin(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct op_begin *begin =
		fnt_trace_table_add(&in->set->op_begins, sizeof(*begin));

	if (!begin) {
		in->no_memory = true;
		return;
	}
	fill_op(in, &begin->op, &event->op);
	begin->ended = false;
	begin->wait = event->type == FNT_EVENT_WAIT_BEGIN;
}

static void
decode_op_end(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct op_begin *begin = in->set->op_begins.items;
	struct fnt_trace_op *op;

	if (event->end.number >= in->set->op_begins.count ||
	    begin[event->end.number].ended) {
		in->trace->flags |= FNT_TRACE_DAMAGED;
		return;
	}
	begin += event->end.number;
	op = add_item(in, begin->wait ? &in->waits : &in->ops, sizeof(*op));
	if (!op)
		return;
	begin->ended = true;
	*op = begin->op;
	op->duration_ns = event->end.duration_ns;
	op->row_count = event->end.row_count;
	op->ok = event->end.ok;
}

static void
decode_beginning(struct fnt_decoder *in, const struct fnt_event_call *call)
{
	struct fnt_trace *trace = in->trace;

	trace->call_id = decode_text(in, call->call_id);
	trace->user_id = decode_optional_text(in, call->user);
	trace->tenant_id = decode_optional_text(in, call->tenant);
	if (call->fn.at)
		trace->fn_name = decode_text(in, call->fn);
}

static void
decode_value(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;

	if (event->value.kind != FNT_VALUE_JSON &&
	    event->value.kind != FNT_VALUE_MSGPACK)
		trace->flags |= FNT_TRACE_DAMAGED;
	else
		trace->value = (struct fnt_value){
			(enum fnt_value_kind)event->value.kind,
			terminate(in, event->value.bytes), event->value.bytes.len};
	trace->flags |= fnt_value_flags(&trace->value);
}

static void
decode_schedule(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace_schedule *schedule =
		add_item(in, &in->schedules, sizeof(*schedule));

	if (!schedule)
		return;
	schedule->fn_name = decode_name_ref(in, &event->schedule.fn);
	schedule->delay_ms = event->schedule.delay_ms;
	schedule->run_at = event->schedule.run_at;
}

static void
decode_event(struct fnt_decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;

	switch (event->type) {
	case FNT_EVENT_CALL:
		decode_beginning(in, &event->call);
		break;
	case FNT_EVENT_USER:
		trace->user_id = decode_text(in, event->text);
		break;
	case FNT_EVENT_TENANT:
		trace->tenant_id = decode_text(in, event->text);
		break;
	case FNT_EVENT_OP:
	case FNT_EVENT_WAIT:
		decode_op(in, event);
		break;
	case FNT_EVENT_OP_BEGIN:
	case FNT_EVENT_WAIT_BEGIN:
		decode_op_begin(in, event);
		break;
	case FNT_EVENT_OP_END:
		decode_op_end(in, event);
		break;
	case FNT_EVENT_SCHEDULE:
		decode_schedule(in, event);
		break;
	case FNT_EVENT_ERROR:
		trace->code = decode_text(in, event->error.code);
		trace->message = decode_text(in, event->error.message);
		break;
	case FNT_EVENT_VALUE:
		decode_value(in, event);
		break;
	case FNT_EVENT_COMMITTED:
		in->committed_ns = event->time_ns;
		break;
	case FNT_EVENT_UNKNOWN:
		break;
	}
}

/* ---- the payload ------------------------------------------------------------ */

/* Fast paths load bytes behind the payload: their values make no difference, but must
 * be defined. In pieces: gcc clears the whole by "rep stos", which takes as long as all
 * the rest of decoding. */
static inline void
clear_slack(char *slack)
{
	static_assert(FNT_PAYLOAD_SLACK == 2 * 64 + 8, "pieces");
	memset(slack, 0, 64);
	memset(slack + 64, 0, 64);
	memset(slack + 128, 0, 8);
}

/* Copies `bytes` of payload into the set, with slack behind it; NULL: no memory. Of a
 * one-cell record as much as a cell can hold, as a copy of constant length is faster:
 * the bytes behind the payload may have any value. */
static char *
copy_into_set(struct fnt_trace_arena *arena, const struct fnt_record_copy *copy,
	      size_t bytes)
{
	char *payload = fnt_trace_arena_take(arena, bytes + FNT_PAYLOAD_SLACK);

	if (!payload)
		return NULL;
	if (bytes <= FNT_HEAD_BYTES && copy->buffer_bytes >= FNT_HEAD_BYTES)
		memcpy(payload, copy->payload, FNT_HEAD_BYTES);
	else
		memcpy(payload, copy->payload, bytes);
	return payload;
}

/* Sets in->payload, and keeps it and one byte for the last NUL. False: no memory. */
static inline bool
place_payload(struct fnt_decoder *in, const struct fnt_record_copy *copy)
{
	struct fnt_trace_arena *arena = &in->set->arena;
	size_t bytes = copy->head.payload_bytes;

	in->payload = copy->direct && copy->payload == copy->direct
			      ? copy->direct
			      : copy_into_set(arena, copy, bytes);
	if (!in->payload)
		return false;
	clear_slack(in->payload + bytes);
	fnt_trace_arena_trim(arena, in->payload, bytes + 1);
	return true;
}

/* ---- all events ------------------------------------------------------------- */

static inline void
write_pending_nul(struct fnt_decoder *in)
{
	if (in->pending_nul)
		*in->pending_nul = '\0';
	in->pending_nul = NULL;
}

/* Decodes the ops that come next, while they are of the usual form and there is
 * room. */
static void
decode_next_ops(struct fnt_decoder *in)
{
	struct fnt_trace_op *ops = in->ops.items; /* NULL if there is no room */
	struct fnt_decode_ops_room room = {.left = in->ops.room - in->ops.count};

	if (!room.left)
		return;
	room.next = ops + in->ops.count;
	in->reader.at = fnt_decode_ops_fast(in, in->reader.at, in->reader.end, &room,
					    &in->pending_nul);
	in->ops.count = in->ops.room - room.left;
}

/* Ops that have begun and not ended. */
static void
set_pending(struct fnt_decoder *in)
{
	const struct fnt_trace_table *table = &in->set->op_begins;
	const struct op_begin *begins = table->items;
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

/* Hands the lists to the trace. Room that the list of ops has not used is returned to
 * the arena, if nothing has been taken after it. */
static void
set_lists(struct fnt_decoder *in)
{
	struct fnt_trace_arena *arena = &in->set->arena;
	struct fnt_trace *trace = in->trace;
	struct fnt_trace_op *ops = in->ops.items;

	if (in->ops.count < in->ops.room && arena->at == (char *)(ops + in->ops.room))
		fnt_trace_arena_trim(arena, ops, in->ops.count * sizeof(*ops));
	trace->ops = ops;
	trace->op_count = in->ops.count;
	trace->waits = in->waits.items;
	trace->wait_count = in->waits.count;
	trace->schedules = in->schedules.items;
	trace->schedule_count = in->schedules.count;
	if (in->set->op_begins.count)
		set_pending(in);
}

/* Decodes events of any kind from `at` on. */
static __attribute__((noinline)) void
decode_events_slow(struct fnt_decoder *in, const unsigned char *at,
		   const unsigned char *end)
{
	struct fnt_event event;
	int rc;

	in->reader = (struct fnt_payload_reader){at, end, FNT_PAYLOAD_SLACK};
	in->schedules = (struct fnt_trace_list){NULL, 0, 0};
	in->waits = (struct fnt_trace_list){NULL, 0, 0};
	in->set->op_begins.count = 0;
	for (;;) {
		rc = fnt_payload_next(&in->reader, &event);
		write_pending_nul(in);
		if (rc != 1)
			break;
		decode_event(in, &event);
		decode_next_ops(in);
	}
	if (rc < 0)
		in->trace->flags |= FNT_TRACE_DAMAGED;
	set_lists(in);
}

/* How many ops to make room for: usually as many as there are. The head may be damaged,
 * so no more than the payload can have; 0 if they are many. */
static inline size_t
ops_expected(const struct fnt_record *head)
{
	uint32_t most = head->payload_bytes / OP_BYTES_LEAST;
	uint32_t count = head->op_count < most ? head->op_count : most;

	return count <= OPS_EXPECTED_MAX ? count : 0;
}

/* The fast path decodes the beginning, and as many ops as the head says, while they are
 * of the usual form. The slow path decodes everything from the first other event on. */
static inline void
decode_events(struct fnt_decoder *in, const struct fnt_record *head)
{
	const unsigned char *at = (const unsigned char *)in->payload;
	const unsigned char *end = at + head->payload_bytes;
	size_t count = ops_expected(head);
	struct fnt_trace_op *ops = NULL;
	struct fnt_trace *trace = in->trace;
	struct fnt_decode_ops_room room;
	char *pending_nul = NULL;

	if (count)
		ops = fnt_trace_arena_take(&in->set->arena, count * sizeof(*ops));
	count = ops ? count : 0;
	room = (struct fnt_decode_ops_room){ops, count};
	at = fnt_decode_beginning_fast(in, at, end, &pending_nul);
	at = fnt_decode_ops_fast(in, at, end, &room, &pending_nul);
	if (__builtin_expect(at != end || room.left, 0)) {
		in->ops = (struct fnt_trace_list){ops, count - room.left, count};
		in->pending_nul = pending_nul;
		decode_events_slow(in, at, end);
		return;
	}
	/* A pending NUL would go right behind the payload: there is one already. */
	trace->ops = ops;
	trace->op_count = count;
	trace->schedules = NULL;
	trace->schedule_count = 0;
}

/* ---- the head --------------------------------------------------------------- */

/* Bytes from the field `first` to the end of the field `last`. */
#define FIELDS_BYTES(type, first, last)                                                \
	(offsetof(type, last) + sizeof(((type *)0)->last) - offsetof(type, first))

/* Copies fields that have the same layout in a record's head and in a trace. */
#define COPY_FIELDS(trace, head, first, last)                                          \
	do {                                                                           \
		static_assert(FIELDS_BYTES(struct fnt_trace, first, last) ==           \
				      FIELDS_BYTES(struct fnt_record, first, last),    \
			      "same layout");                                          \
		memcpy((char *)(trace) + offsetof(struct fnt_trace, first),            \
		       (const char *)(head) + offsetof(struct fnt_record, first),      \
		       FIELDS_BYTES(struct fnt_record, first, last));                  \
	} while (0)
#define CLEAR_FIELDS(trace, first, last)                                               \
	memset((char *)(trace) + offsetof(struct fnt_trace, first), 0,                 \
	       FIELDS_BYTES(struct fnt_trace, first, last))

/* Flags of a trace that are stored in its record. */
#define STORED_FLAGS                                                                   \
	(FNT_TRACE_VALUE_OMITTED | FNT_TRACE_CODE_CUT | FNT_TRACE_MESSAGE_CUT |        \
	 FNT_TRACE_ID_CUT)

/* Fields are cleared in groups: gcc clears a whole trace by "rep stos", which takes a
 * third of the time of all this. */
static void
decode_head(struct fnt_decoder *in, const struct fnt_record *head)
{
	struct fnt_trace *trace = in->trace;

	COPY_FIELDS(trace, head, uid, trace_id);
	CLEAR_FIELDS(trace, user_id, tenant_id);
	CLEAR_FIELDS(trace, value, message);
	CLEAR_FIELDS(trace, pending, wait_count);
	trace->fn_type = (enum fnt_fn_type)head->fn_type;
	trace->outcome = (enum fnt_outcome)head->outcome;
	trace->flags = head->flags & STORED_FLAGS;
	trace->w3c_flags = (head->flags & FNT_RECORD_W3C_FLAGS) / FNT_RECORD_W3C;
	if (__builtin_expect(head->flags & FNT_RECORD_AS_OF_COPY, 0))
		trace->flags |= FNT_TRACE_AS_OF_COPY;
	if (__builtin_expect(head->origin & FNT_ORIGIN_TIME_UNKNOWN, 0))
		trace->flags |= FNT_TRACE_TIME_UNKNOWN;
	if (head->outcome > FNT_ABORTED) {
		trace->outcome = FNT_ABORTED;
		trace->flags |= FNT_TRACE_DAMAGED;
	}
	COPY_FIELDS(trace, head, pid, tid);
	COPY_FIELDS(trace, head, started_at_ns, duration_ns);
	COPY_FIELDS(trace, head, stream_bytes, stream_chunks);
	trace->pid_ns = head->pid_ns;
	trace->host_pid = 0;
	trace->seen_dead_ns = 0;
	trace->started_mono_ns = head->started_mono;
	trace->ops_omitted = head->ops_omitted;
	trace->schedules_omitted = head->schedules_omitted;
	trace->call_id = trace->fn_name = "";
	if (head->fn_name != FNT_NAME_NONE)
		trace->fn_name = fnt_decode_name(in, head->fn_name);
	trace->exe = head->exe == FNT_NAME_NONE ? "" : fnt_decode_name(in, head->exe);
}

/* The call's process was found dead at `committed_ns`, in region time; 0: not known. */
static void
set_seen_dead(struct fnt_trace *trace, uint64_t committed_ns)
{
	if (trace->outcome == FNT_ABORTED && committed_ns > trace->started_mono_ns &&
	    committed_ns - trace->started_mono_ns >= trace->duration_ns)
		trace->seen_dead_ns = committed_ns - trace->started_mono_ns;
}

struct fnt_trace *
fnt_trace_set_add(struct fnt_trace_set *set, const struct fnt_view *view,
		  const struct fnt_record_copy *copy)
{
	struct fnt_decoder in;

	/* Only these fields are always needed: clearing all of it takes time. */
	in.set = set;
	in.view = view;
	in.no_memory = false;
	in.committed_ns = 0;
	in.trace = fnt_trace_set_next(set);
	if (!in.trace || !place_payload(&in, copy))
		return NULL;
	decode_head(&in, &copy->head);
	decode_events(&in, &copy->head);
	if (in.trace->outcome == FNT_ERROR || in.trace->outcome == FNT_ROLLED_BACK) {
		in.trace->code = in.trace->code ? in.trace->code : "";
		in.trace->message = in.trace->message ? in.trace->message : "";
	}
	if (__builtin_expect(copy->head.flags & FNT_RECORD_KILLED, 0))
		set_seen_dead(in.trace, in.committed_ns);
	if (in.no_memory)
		return NULL;
	set->traces.count++;
	return in.trace;
}
