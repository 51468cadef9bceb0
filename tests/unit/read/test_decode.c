/* SPDX-License-Identifier: MIT
 *
 * test_decode.c: records whose payloads have the usual encoding, which the fast path
 * decodes, against the same events with one more element each, which it declines. Both
 * must give the same traces.
 */
#include "support/payload_events.h"

#include "read/decode.h"
#include "region/name_table.h"

#define NAMES 600 /* so that ids have one byte, or two */

static struct fnt_view view;
static uint32_t known[8]; /* ids of names in the table */

static void
make_names(void)
{
	static const char *const names[] = {"Lot",
					    "Bid",
					    "placeBid",
					    "worker",
					    "\xc3\xa9t\xc3\xa9",
					    "\xff!",
					    "a\x80"
					    "b",
					    "Item"};

	view.name_count = NAMES;
	view.max_record_bytes = UINT32_MAX;
	view.names = calloc(NAMES, sizeof(*view.names));
	MUST(view.names);
	for (size_t i = 0; i < 8; i++)
		known[i] = fnt_name_intern(&view, 0, names[i], strlen(names[i]));
}

/* Some ids are like real ones, others are not. */
static struct fnt_text
some_id(struct rnd *r)
{
	static const char odd[] =
		"\xc3\xa9t\xc3\xa9-\xe4\xb8\xad\xe6\x96\x87\xff\x80z\0y";
	struct fnt_text text = random_text(r);

	if (rnd(r, 6))
		return (struct fnt_text){text.at, rnd(r, 34)};
	if (rnd(r, 2))
		return (struct fnt_text){odd, rnd(r, sizeof(odd))};
	return text;
}

static struct fnt_text
some_id_or_nil(struct rnd *r)
{
	return rnd(r, 2) ? some_id(r) : (struct fnt_text){NULL, 0};
}

static void
usual_name(struct rnd *r, struct fnt_name_ref *name)
{
	if (rnd(r, 4))
		*name = (struct fnt_name_ref){.id = known[rnd(r, 8)]};
}

/* More often a begin or an op than other events. */
static void
likely_event(struct rnd *r, struct fnt_event *event, int i)
{
	do
		some_event(r, event);
	while (rnd(r, 8) && event->type != (i ? FNT_EVENT_OP : FNT_EVENT_CALL));
	if (event->type == FNT_EVENT_CALL) {
		event->call.call_id = some_id(r);
		event->call.fn = rnd(r, 4) ? (struct fnt_text){NULL, 0} : some_id(r);
		event->call.user = some_id_or_nil(r);
		event->call.tenant = some_id_or_nil(r);
	} else if (event->type == FNT_EVENT_OP || event->type == FNT_EVENT_OP_BEGIN) {
		usual_name(r, &event->op.entity);
		event->op.id = some_id_or_nil(r);
		if (event->type == FNT_EVENT_OP && rnd(r, 4)) {
			event->op.row_count = rnd(r, 300);
			event->op.start_ns = rnd(r, UINT32_MAX);
		}
	} else if (event->type == FNT_EVENT_OP_END) {
		event->end.number = rnd(r, 3);
	}
}

/* ---- comparing traces ------------------------------------------------------------ */

static bool
same_string(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool
same_op(const struct fnt_trace_op *a, const struct fnt_trace_op *b)
{
	return a->op == b->op && a->ok == b->ok && same_string(a->entity, b->entity) &&
	       same_string(a->id, b->id) && a->start_ns == b->start_ns &&
	       a->duration_ns == b->duration_ns && a->row_count == b->row_count;
}

static bool
same_ops(const struct fnt_trace_op *a, size_t a_count, const struct fnt_trace_op *b,
	 size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!same_op(&a[i], &b[i]))
			return false;
	return true;
}

static bool
same_head(const struct fnt_trace *a, const struct fnt_trace *b)
{
	return a->uid == b->uid && a->parent_uid == b->parent_uid &&
	       a->trace_id[0] == b->trace_id[0] && a->trace_id[1] == b->trace_id[1] &&
	       a->fn_type == b->fn_type && a->outcome == b->outcome &&
	       a->pid == b->pid && a->tid == b->tid &&
	       a->started_at_ns == b->started_at_ns &&
	       a->duration_ns == b->duration_ns && a->stream_bytes == b->stream_bytes &&
	       a->stream_chunks == b->stream_chunks &&
	       a->ops_omitted == b->ops_omitted &&
	       a->schedules_omitted == b->schedules_omitted && a->flags == b->flags;
}

static bool
same_texts(const struct fnt_trace *a, const struct fnt_trace *b)
{
	return same_string(a->call_id, b->call_id) &&
	       same_string(a->fn_name, b->fn_name) &&
	       same_string(a->user_id, b->user_id) &&
	       same_string(a->tenant_id, b->tenant_id) && same_string(a->exe, b->exe) &&
	       same_string(a->code, b->code) && same_string(a->message, b->message) &&
	       a->value.kind == b->value.kind && a->value.len == b->value.len &&
	       (!a->value.len || !memcmp(a->value.data, b->value.data, a->value.len));
}

static bool
same_schedules(const struct fnt_trace *a, const struct fnt_trace *b)
{
	if (a->schedule_count != b->schedule_count)
		return false;
	for (size_t i = 0; i < a->schedule_count; i++)
		if (!same_string(a->schedules[i].fn_name, b->schedules[i].fn_name) ||
		    a->schedules[i].delay_ms != b->schedules[i].delay_ms ||
		    a->schedules[i].run_at != b->schedules[i].run_at)
			return false;
	return true;
}

static bool
same_trace(const struct fnt_trace *a, const struct fnt_trace *b)
{
	return same_head(a, b) && same_texts(a, b) && same_schedules(a, b) &&
	       same_ops(a->ops, a->op_count, b->ops, b->op_count) &&
	       same_ops(a->pending, a->pending_count, b->pending, b->pending_count);
}

/* The last trace, and all before it: adding one must not change another. */
static bool
same_traces(const struct fnt_traces *a, const struct fnt_traces *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = same_trace(&a->items[i], &b->items[i]);
	return same;
}

/* ---- fast and slow path ---------------------------------------------------------- */

static struct fnt_record
some_head(struct rnd *r)
{
	struct fnt_record head;
	unsigned char *bytes = (unsigned char *)&head;

	for (size_t i = 0; i < sizeof(head); i++)
		bytes[i] = (unsigned char)rnd(r, 256);
	head.fn_name = rnd(r, 4) ? known[rnd(r, 8)] : FNT_NAME_NONE;
	head.exe = rnd(r, 8) ? known[rnd(r, 8)] : rnd(r, NAMES);
	head.outcome = (uint8_t)rnd(r, 6);
	return head;
}

/* As if it had been copied out of a ring: the buffer has room for whole cells, and
 * holds more bytes than the payload. `placed`: a short payload is copied to its place
 * in the set. */
static const struct fnt_trace *
decode(struct fnt_trace_set *set, struct fnt_record head,
       const msgpack_sbuffer *payload, uint32_t op_count, bool placed)
{
	struct fnt_record_copy raw = {.head = head,
				      .buffer_bytes = (uint32_t)payload->size + 4096};
	const struct fnt_trace *trace;

	raw.head.payload_bytes = (uint32_t)payload->size;
	raw.head.op_count = op_count;
	raw.direct = payload->size <= FNT_HEAD_BYTES && placed
			     ? fnt_trace_set_next_payload(set)
			     : NULL;
	raw.buffer = malloc(raw.buffer_bytes);
	MUST(raw.buffer);
	raw.payload = raw.direct ? raw.direct : raw.buffer;
	memset(raw.payload, 0x98, raw.direct ? FNT_HEAD_BYTES : raw.buffer_bytes);
	memcpy(raw.payload, payload->data, payload->size);
	trace = fnt_trace_set_add(set, &view, &raw);
	MUST(trace);
	fnt_record_copy_free(&raw);
	return trace;
}

static void
pack_all(msgpack_sbuffer *to, const struct fnt_event *events, int count, size_t more)
{
	msgpack_packer pk;

	msgpack_sbuffer_init(to);
	msgpack_packer_init(&pk, to, msgpack_sbuffer_write);
	for (int i = 0; i < count; i++)
		pack(&pk, &events[i], more);
}

/* Cut both payloads within their last event. */
static void
cut_short(struct rnd *r, msgpack_sbuffer *usual, msgpack_sbuffer *other,
	  const struct fnt_event *events, int count)
{
	msgpack_sbuffer before;

	pack_all(&before, events, count - 1, 0);
	usual->size =
		before.size + 1 + rnd(r, (uint32_t)(usual->size - before.size - 1));
	msgpack_sbuffer_destroy(&before);
	pack_all(&before, events, count - 1, 1);
	other->size = before.size + 1;
	msgpack_sbuffer_destroy(&before);
}

/* With as many ops as the head says, more, and fewer; with sets that are used again and
 * have names in them; with payloads that end within their last event. */
START_TEST(fast_path_agrees_with_slow_path)
{
	enum {
		EVENTS = 40
	};
	struct fnt_trace_set *a = fnt_trace_set_create(), *b = fnt_trace_set_create();
	static struct fnt_event events[EVENTS];
	struct rnd r = {77};

	MUST(a && b);
	fill_letters();
	make_names();
	for (int round = 0; round < ROUNDS(40000, 4000); round++) {
		int count = 1 + (int)rnd(&r, rnd(&r, 8) ? 6 : EVENTS);
		uint32_t op_count = rnd(&r, 2) ? rnd(&r, EVENTS) : (uint32_t)count;
		msgpack_sbuffer usual, other;
		const struct fnt_trace *one, *two;
		struct fnt_record head = some_head(&r);

		for (int i = 0; i < count; i++)
			likely_event(&r, &events[i], i);
		pack_all(&usual, events, count, 0);
		pack_all(&other, events, count, 1);
		if (!rnd(&r, 10) && count > 1)
			cut_short(&r, &usual, &other, events, count);
		if (!rnd(&r, 20)) {
			MUST(same_traces(fnt_trace_set_traces(a),
					 fnt_trace_set_traces(b)));
			fnt_trace_set_reset(a);
			fnt_trace_set_reset(b);
		}
		one = decode(a, head, &usual, op_count, rnd(&r, 2));
		two = decode(b, head, &other, op_count, rnd(&r, 2));
		ck_assert_msg(same_trace(one, two), "round %d", round);
		msgpack_sbuffer_destroy(&usual);
		msgpack_sbuffer_destroy(&other);
	}
	fnt_trace_set_destroy(a);
	fnt_trace_set_destroy(b);
	free(view.names);
}
END_TEST

int
main(void)
{
	return SUITE_RUN("decode", fast_path_agrees_with_slow_path);
}
