/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include "names.h"
#include "payload.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384u

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) char bytes[];
};

#define NAMES_KNOWN 64
#define ITEMS_FIRST 64 /* more than most ask for */

/* A name's text in the set's memory: many traces, few names. */
struct name_known {
	uint32_t id_plus_1; /* 0: none */
	bool invalid;	    /* it was not UTF-8 as it stood */
	const char *text;
};

/* A table that is filled for one trace after the other. */
struct table {
	void *items;
	size_t count, room;
};

struct fnt_set {
	struct fnt_traces traces; /* first: what the caller holds */
	struct fnt_trace *items;
	size_t room;
	struct chunk *chunks;
	struct table ops, begins, schedules;
	struct name_known names[NAMES_KNOWN];
};

/* ---- memory ----------------------------------------------------------------------- */

static void *
take(struct fnt_set *set, size_t size)
{
	struct chunk *chunk = set->chunks;
	void *at;

	size = (size + 7) / 8 * 8;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->next = set->chunks;
		chunk->size = room;
		chunk->used = 0;
		set->chunks = chunk;
	}
	at = chunk->bytes + chunk->used;
	chunk->used += size;
	return at;
}

struct fnt_set *
fnt_set_create(void)
{
	return calloc(1, sizeof(struct fnt_set));
}

void
fnt_set_destroy(struct fnt_set *set)
{
	struct chunk *chunk, *next;

	if (!set)
		return;
	for (chunk = set->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(set->items);
	free(set->ops.items);
	free(set->begins.items);
	free(set->schedules.items);
	free(set);
}

void
fnt_traces_free(struct fnt_traces *traces)
{
	fnt_set_destroy((struct fnt_set *)traces);
}

/* One chunk is kept: a follower does not allocate for each record. */
void
fnt_set_reset(struct fnt_set *set)
{
	while (set->chunks && set->chunks->next) {
		struct chunk *chunk = set->chunks;

		set->chunks = chunk->next;
		free(chunk);
	}
	if (set->chunks)
		set->chunks->used = 0;
	memset(set->names, 0, sizeof(set->names));
	set->traces.count = 0;
}

struct fnt_traces *
fnt_set_traces(struct fnt_set *set)
{
	set->traces.items = set->items;
	return &set->traces;
}

void
fnt_set_reverse(struct fnt_set *set)
{
	size_t count = set->traces.count;

	for (size_t i = 0; i < count / 2; i++) {
		struct fnt_trace trace = set->items[i];

		set->items[i] = set->items[count - 1 - i];
		set->items[count - 1 - i] = trace;
	}
}

static struct fnt_trace *
next_item(struct fnt_set *set)
{
	if (set->traces.count == set->room) {
		size_t room = set->room ? 2 * set->room : ITEMS_FIRST;
		struct fnt_trace *items = realloc(set->items, room * sizeof(*items));

		if (!items)
			return NULL;
		set->items = items;
		set->room = room;
	}
	return &set->items[set->traces.count];
}

/* ---- texts ------------------------------------------------------------------------ */

/* What is being decoded. A failed allocation ends it. */
struct decoder {
	struct fnt_set *set;
	const struct fnt_view *view;
	struct fnt_trace *trace;
	bool no_memory;
};

/* An op that has begun. */
struct begin {
	struct fnt_trace_op op;
	bool ended;
};

/* Room for one more in a table; NULL without memory. */
static void *
more(struct decoder *in, struct table *table, size_t size)
{
	size_t room = table->room ? 2 * table->room : 16;
	void *items;

	if (table->count < table->room)
		return (char *)table->items + table->count++ * size;
	items = realloc(table->items, room * size);
	if (!items) {
		in->no_memory = true;
		return NULL;
	}
	table->items = items;
	table->room = room;
	return (char *)table->items + table->count++ * size;
}

static const char *
text(struct decoder *in, struct fnt_text from)
{
	bool valid = fnt_utf8_valid(from.at, from.len);
	size_t len = valid ? from.len : fnt_utf8_sanitized_len(from.at, from.len);
	char *to = take(in->set, len + 1);

	if (!to) {
		in->no_memory = true;
		return "";
	}
	if (valid) {
		memcpy(to, from.at, len);
	} else {
		fnt_utf8_sanitize(to, from.at, from.len);
		in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	}
	to[len] = '\0';
	return to;
}

static const char *
optional_text(struct decoder *in, struct fnt_text from)
{
	return from.at ? text(in, from) : NULL;
}

static const char *
read_name(struct decoder *in, uint32_t id, struct name_known *known)
{
	char name[FNT_NAME_MAX + 1];
	int len = fnt_name_get(in->view, id, name);

	if (len < 0) {
		in->trace->flags |= FNT_TRACE_DAMAGED;
		return "";
	}
	known->text = text(in, (struct fnt_text){name, (uint32_t)len});
	known->id_plus_1 = in->no_memory ? 0 : id + 1;
	known->invalid = !fnt_utf8_valid(name, (size_t)len);
	return known->text;
}

static const char *
name_text(struct decoder *in, uint32_t id)
{
	struct name_known *known = &in->set->names[id % NAMES_KNOWN];

	if (known->id_plus_1 != id + 1)
		return read_name(in, id, known);
	if (known->invalid)
		in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	return known->text;
}

static const char *
ref_text(struct decoder *in, const struct fnt_name_ref *name)
{
	return name->id == FNT_NAME_NONE ? text(in, name->text) : name_text(in, name->id);
}

/* ---- events ----------------------------------------------------------------------- */

static void
fill_op(struct decoder *in, struct fnt_trace_op *op, const struct fnt_event *event)
{
	op->op = event->op.op < FNT_OP_KINDS ? (enum fnt_op)event->op.op : FNT_OP_OTHER;
	op->entity = ref_text(in, &event->op.entity);
	op->id = optional_text(in, event->op.id);
	op->start_ns = event->op.start_ns;
	op->duration_ns = event->op.duration_ns;
	op->row_count = event->op.row_count;
	op->ok = event->op.ok;
}

static void
take_op(struct decoder *in, const struct fnt_event *event)
{
	struct fnt_trace_op *op = more(in, &in->set->ops, sizeof(*op));

	if (op)
		fill_op(in, op, event);
}

static void
take_begin(struct decoder *in, const struct fnt_event *event)
{
	struct begin *begin = more(in, &in->set->begins, sizeof(*begin));

	if (!begin)
		return;
	fill_op(in, &begin->op, event);
	begin->ended = false;
}

static void
take_end(struct decoder *in, const struct fnt_event *event)
{
	struct begin *begin = in->set->begins.items;
	struct fnt_trace_op *op;

	if (event->end.number >= in->set->begins.count ||
	    begin[event->end.number].ended) {
		in->trace->flags |= FNT_TRACE_DAMAGED;
		return;
	}
	begin += event->end.number;
	op = more(in, &in->set->ops, sizeof(*op));
	if (!op)
		return;
	begin->ended = true;
	*op = begin->op;
	op->duration_ns = event->end.duration_ns;
	op->row_count = event->end.row_count;
	op->ok = event->end.ok;
}

static void
take_beginning(struct decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;

	trace->call_id = text(in, event->call.call_id);
	trace->user_id = optional_text(in, event->call.user);
	trace->tenant_id = optional_text(in, event->call.tenant);
	if (event->call.fn.at)
		trace->fn_name = text(in, event->call.fn);
}

static void
take_value(struct decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;
	char *copy = take(in->set, event->value.bytes.len + 1);

	if (!copy) {
		in->no_memory = true;
		return;
	}
	memcpy(copy, event->value.bytes.at, event->value.bytes.len);
	copy[event->value.bytes.len] = '\0';
	if (event->value.kind != FNT_VALUE_JSON && event->value.kind != FNT_VALUE_MSGPACK)
		trace->flags |= FNT_TRACE_DAMAGED;
	else
		trace->value = (struct fnt_value){(enum fnt_value_kind)event->value.kind,
						  copy, event->value.bytes.len};
}

static void
take_schedule(struct decoder *in, const struct fnt_event *event)
{
	struct fnt_trace_schedule *schedule =
		more(in, &in->set->schedules, sizeof(*schedule));

	if (!schedule)
		return;
	schedule->fn_name = ref_text(in, &event->schedule.fn);
	schedule->delay_ms = event->schedule.delay_ms;
	schedule->run_at = event->schedule.run_at;
}

static void
take_event(struct decoder *in, const struct fnt_event *event)
{
	struct fnt_trace *trace = in->trace;

	switch (event->type) {
	case FNT_EVENT_CALL:
		take_beginning(in, event);
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

static void
take_events(struct decoder *in, const struct fnt_raw *raw)
{
	const unsigned char *bytes = (const unsigned char *)raw->payload;
	struct fnt_payload_reader reader = {bytes, bytes + raw->head.payload_bytes};
	struct fnt_event event;
	int rc;

	in->set->ops.count = in->set->begins.count = in->set->schedules.count = 0;
	while ((rc = fnt_payload_next(&reader, &event)) == 1)
		take_event(in, &event);
	if (rc < 0)
		in->trace->flags |= FNT_TRACE_DAMAGED;
}

/* The set's own copy of a table. */
static void *
keep(struct decoder *in, const struct table *table, size_t size)
{
	void *copy = take(in->set, table->count * size);

	if (!copy)
		in->no_memory = true;
	else if (table->count)
		memcpy(copy, table->items, table->count * size);
	return copy;
}

/* What has begun and not ended: the pending ones. */
static void
keep_pending(struct decoder *in)
{
	const struct table *table = &in->set->begins;
	const struct begin *begins = table->items;
	struct fnt_trace_op *pending = take(in->set, table->count * sizeof(*pending));

	if (!pending) {
		in->no_memory = true;
		return;
	}
	in->trace->pending = pending;
	for (size_t i = 0; i < table->count; i++)
		if (!begins[i].ended)
			pending[in->trace->pending_count++] = begins[i].op;
}

static void
keep_tables(struct decoder *in)
{
	struct fnt_trace *trace = in->trace;
	struct fnt_set *set = in->set;

	trace->op_count = set->ops.count;
	trace->ops = keep(in, &set->ops, sizeof(struct fnt_trace_op));
	trace->schedule_count = set->schedules.count;
	trace->schedules = keep(in, &set->schedules, sizeof(struct fnt_trace_schedule));
	if (set->begins.count)
		keep_pending(in);
}

static void
take_head(struct decoder *in, const struct fnt_record *head)
{
	struct fnt_trace *trace = in->trace;

	/* Field by field: gcc clears a whole one by "rep stos", a third of all this. */
	trace->uid = head->uid;
	trace->parent_uid = head->parent_uid;
	trace->trace_id[0] = head->trace_id[0];
	trace->trace_id[1] = head->trace_id[1];
	trace->user_id = trace->tenant_id = trace->code = trace->message = NULL;
	trace->value = (struct fnt_value){.kind = FNT_VALUE_NONE};
	trace->ops = trace->pending = NULL;
	trace->schedules = NULL;
	trace->op_count = trace->pending_count = trace->schedule_count = 0;
	trace->fn_type = (enum fnt_fn_type)head->fn_type;
	trace->outcome = (enum fnt_outcome)head->outcome;
	trace->flags = head->flags & (FNT_TRACE_VALUE_OMITTED | FNT_TRACE_CODE_CUT |
				      FNT_TRACE_MESSAGE_CUT | FNT_TRACE_ID_CUT);
	if (head->outcome > FNT_ABORTED) {
		trace->outcome = FNT_ABORTED;
		trace->flags |= FNT_TRACE_DAMAGED;
	}
	trace->pid = head->pid;
	trace->tid = head->tid;
	trace->started_at_ns = head->started_at_ns;
	trace->duration_ns = head->duration_ns;
	trace->stream_bytes = head->stream_bytes;
	trace->stream_chunks = head->stream_chunks;
	trace->ops_omitted = head->ops_omitted;
	trace->schedules_omitted = head->schedules_omitted;
	trace->call_id = trace->fn_name = "";
	if (head->fn_name != FNT_NAME_NONE)
		trace->fn_name = name_text(in, head->fn_name);
	trace->exe = head->exe == FNT_NAME_NONE ? "" : name_text(in, head->exe);
}

struct fnt_trace *
fnt_set_add(struct fnt_set *set, const struct fnt_view *view, const struct fnt_raw *raw)
{
	struct decoder in = {.set = set, .view = view};

	in.trace = next_item(set);
	if (!in.trace)
		return NULL;
	take_head(&in, &raw->head);
	take_events(&in, raw);
	keep_tables(&in);
	if (in.trace->outcome == FNT_ERROR || in.trace->outcome == FNT_ROLLED_BACK) {
		in.trace->code = in.trace->code ? in.trace->code : "";
		in.trace->message = in.trace->message ? in.trace->message : "";
	}
	if (in.no_memory)
		return NULL;
	set->traces.count++;
	return in.trace;
}
