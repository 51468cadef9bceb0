/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include "names.h"
#include "payload.h"
#include "utf8.h"

#include <assert.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define OP_BYTES_LEAST 8u /* of an op's event, about */
#define OPS_EXPECTED 32u

/* ---- texts --------------------------------------------------------------------- */

/* What is being decoded. A failed allocation ends it.
 *
 * The payload is copied into the set as it is, and texts are left where they are in it:
 * a NUL takes the place of the byte after each, which is the first of the next element,
 * once that has been read. Where that is the next event's, it waits in `nul` for it. */
struct decoder {
	struct fnt_set *set;
	const struct fnt_view *view;
	struct fnt_trace *trace;
	struct fnt_payload_reader reader;
	char *payload; /* the copy that the reader reads */
	char *nul;     /* NULL: none waits */
	struct fnt_list ops, schedules;
	bool no_memory;
};

/* An op that has begun. */
struct begin {
	struct fnt_trace_op op;
	bool ended;
};

/* Room for one more; NULL without memory. */
static inline void *
more(struct decoder *in, struct fnt_list *list, size_t size)
{
	void *item = fnt_list_add(&in->set->arena, list, size);

	if (!item)
		in->no_memory = true;
	return item;
}

#ifdef __SSE2__

/* Is each of the first `len` <= 16 of these 16 bytes ASCII and not NUL? */
static inline bool
plain_16(const char *s, size_t len)
{
	__m128i bytes, nul;

	bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
	nul = _mm_cmpeq_epi8(bytes, _mm_setzero_si128());
	return !((unsigned)_mm_movemask_epi8(_mm_or_si128(bytes, nul)) &
		 ((1u << len) - 1));
}

/* Is it UTF-8 without a NUL? Most texts are short and ASCII: two looks, at bytes that
 * are there after any text in the copy. */
static inline bool
is_valid(const char *s, size_t len)
{
	if (len <= 16 && plain_16(s, len))
		return true;
	if (len <= 32 && len > 16 && plain_16(s, 16) && plain_16(s + 16, len - 16))
		return true;
	return fnt_utf8_valid(s, len);
}

#else

static inline bool
is_valid(const char *s, size_t len)
{
	return fnt_utf8_valid(s, len);
}

#endif

/* A copy of `len` bytes that are no UTF-8, made valid. */
static const char *
sanitized(struct decoder *in, const char *from, size_t len)
{
	char *to =
		fnt_arena_take(&in->set->arena, fnt_utf8_sanitized_len(from, len) + 1);

	if (!to) {
		in->no_memory = true;
		return "";
	}
	to[fnt_utf8_sanitize(to, from, len)] = '\0';
	in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	return to;
}

/* The bytes in the payload, with a NUL after them. */
static const char *
terminated(struct decoder *in, struct fnt_text from)
{
	char *end = in->payload + (from.at - in->payload) + from.len;

	if (end == (const char *)in->reader.at)
		in->nul = end;
	else
		*end = '\0';
	return from.at;
}

static inline const char *
text(struct decoder *in, struct fnt_text from)
{
	if (__builtin_expect(!is_valid(from.at, from.len), 0))
		return sanitized(in, from.at, from.len);
	return terminated(in, from);
}

static inline const char *
optional_text(struct decoder *in, struct fnt_text from)
{
	return from.at ? text(in, from) : NULL;
}

/* `name`, taken last, made valid in its place, which has room for three bytes for each.
 */
static void
make_valid(struct fnt_arena *arena, char *name, size_t len)
{
	char from[FNT_NAME_MAX];
	size_t valid_len;

	memcpy(from, name, len);
	valid_len = fnt_utf8_sanitize(name, from, len);
	name[valid_len] = '\0';
	fnt_arena_trim(arena, name, valid_len + 1);
}

static const char *
read_name(struct decoder *in, uint32_t id, struct fnt_name_known *known)
{
	struct fnt_arena *arena = &in->set->name_arena;
	char *name = fnt_arena_take(arena, 3 * FNT_NAME_MAX + 1);
	int len;

	known->id_plus_1 = 0;
	if (!name) {
		in->no_memory = true;
		return "";
	}
	len = fnt_name_get(in->view, id, name);
	if (len < 0)
		in->trace->flags |= FNT_TRACE_DAMAGED;
	fnt_arena_trim(arena, name, len < 0 ? 0 : (size_t)len + 1);
	if (len < 0)
		return "";
	known->invalid = !fnt_utf8_valid(name, (size_t)len);
	if (known->invalid) {
		make_valid(arena, name, (size_t)len);
		in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	}
	known->text = name;
	known->id_plus_1 = id + 1;
	return name;
}

static inline const char *
name_text(struct decoder *in, uint32_t id)
{
	struct fnt_name_known *known = fnt_set_name(in->set, id);

	if (__builtin_expect(known->id_plus_1 != id + 1, 0))
		return read_name(in, id, known);
	if (known->invalid)
		in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	return known->text;
}

static const char *
ref_text(struct decoder *in, const struct fnt_name_ref *name)
{
	return name->id == FNT_NAME_NONE ? text(in, name->text)
					 : name_text(in, name->id);
}

/* ---- events -------------------------------------------------------------------- */

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
	struct fnt_trace_op *op = more(in, &in->ops, sizeof(*op));

	if (op)
		fill_op(in, op, event);
}

static void
take_begin(struct decoder *in, const struct fnt_event *event)
{
	struct begin *begin = fnt_table_add(&in->set->begins, sizeof(*begin));

	if (!begin) {
		in->no_memory = true;
		return;
	}
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

	if (event->value.kind != FNT_VALUE_JSON &&
	    event->value.kind != FNT_VALUE_MSGPACK)
		trace->flags |= FNT_TRACE_DAMAGED;
	else
		trace->value = (struct fnt_value){
			(enum fnt_value_kind)event->value.kind,
			terminated(in, event->value.bytes), event->value.bytes.len};
}

static void
take_schedule(struct decoder *in, const struct fnt_event *event)
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

/* The payload's copy; some more of it is there than is kept, which may become anything.
 */
static bool
copy_payload(struct decoder *in, const struct fnt_raw *raw)
{
	struct fnt_arena *arena = &in->set->arena;
	size_t bytes = raw->head.payload_bytes;

	in->payload = fnt_arena_take(arena, bytes + FNT_PAYLOAD_SLACK);
	if (!in->payload) {
		in->no_memory = true;
		return false;
	}
	memcpy(in->payload, raw->payload, bytes);
	clear_slack(in->payload + bytes);
	fnt_arena_trim(arena, in->payload, bytes + 1);
	in->reader.at = (const unsigned char *)in->payload;
	in->reader.end = in->reader.at + bytes;
	in->reader.slack = FNT_PAYLOAD_SLACK;
	return true;
}

/* Most calls have as many ops as their head says, and few. It may say anything. */
static void
expect_ops(struct decoder *in, const struct fnt_record *head)
{
	uint32_t most = head->payload_bytes / OP_BYTES_LEAST;
	uint32_t count = head->op_count < most ? head->op_count : most;

	if (count && count <= OPS_EXPECTED)
		fnt_list_begin(&in->set->arena, &in->ops, count,
			       sizeof(struct fnt_trace_op));
}

static void
take_events(struct decoder *in, const struct fnt_raw *raw)
{
	struct fnt_event event;
	int rc;

	in->set->begins.count = 0;
	if (!copy_payload(in, raw))
		return;
	expect_ops(in, &raw->head);
	do {
		rc = fnt_payload_next(&in->reader, &event);
		if (in->nul)
			*in->nul = '\0';
		in->nul = NULL;
		if (rc == 1)
			take_event(in, &event);
	} while (rc == 1);
	if (rc < 0)
		in->trace->flags |= FNT_TRACE_DAMAGED;
}

/* What has begun and not ended: the pending ones. */
static void
keep_pending(struct decoder *in)
{
	const struct fnt_table *table = &in->set->begins;
	const struct begin *begins = table->items;
	struct fnt_trace_op *pending =
		fnt_arena_take(&in->set->arena, table->count * sizeof(*pending));

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
keep_lists(struct decoder *in)
{
	struct fnt_arena *arena = &in->set->arena;
	struct fnt_trace *trace = in->trace;
	struct fnt_trace_op *ops = in->ops.items;

	if (ops && arena->at == (char *)(ops + in->ops.room))
		fnt_arena_trim(arena, ops, in->ops.count * sizeof(*ops));
	trace->ops = ops;
	trace->op_count = in->ops.count;
	trace->schedules = in->schedules.items;
	trace->schedule_count = in->schedules.count;
	if (in->set->begins.count)
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
	trace->pending = NULL;
	trace->pending_count = 0;
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
	struct decoder in;

	/* Each by itself: see take_head(). */
	in.set = set;
	in.view = view;
	in.nul = NULL;
	in.ops = in.schedules = (struct fnt_list){NULL, 0, 0};
	in.no_memory = false;
	in.trace = fnt_set_item(set);
	if (!in.trace)
		return NULL;
	take_head(&in, &raw->head);
	take_events(&in, raw);
	keep_lists(&in);
	if (in.trace->outcome == FNT_ERROR || in.trace->outcome == FNT_ROLLED_BACK) {
		in.trace->code = in.trace->code ? in.trace->code : "";
		in.trace->message = in.trace->message ? in.trace->message : "";
	}
	if (in.no_memory)
		return NULL;
	set->traces.count++;
	return in.trace;
}
