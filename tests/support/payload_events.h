/* SPDX-License-Identifier: MIT
 *
 * payload_events.h: random events, packed by msgpack-c as the table in payload/events.h
 * says.
 */
#ifndef FNT_TEST_PAYLOAD_EVENTS_H
#define FNT_TEST_PAYLOAD_EVENTS_H

#include "fixture.h"

#include <msgpack.h>

#include "payload/read.h"

static void
pack_text(msgpack_packer *pk, const struct fnt_text *text)
{
	if (!text->at)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_str_with_body(pk, text->at, text->len);
}

static void
pack_optional(msgpack_packer *pk, int64_t value)
{
	if (value == FNT_NONE)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_int64(pk, value);
}

static void
pack_name(msgpack_packer *pk, const struct fnt_name_ref *name)
{
	if (name->id != UINT32_MAX)
		msgpack_pack_uint32(pk, name->id);
	else
		pack_text(pk, &name->text);
}

static const size_t elements[FNT_EVENT_UNKNOWN] = {5, 2, 2, 8, 5, 5, 4, 3, 3, 2, 5, 8};

static bool
is_begin(const struct fnt_event *event)
{
	return event->type == FNT_EVENT_OP_BEGIN || event->type == FNT_EVENT_WAIT_BEGIN;
}

/* `more`: extra elements, as a later version may write them. */
static void
pack(msgpack_packer *pk, const struct fnt_event *event, size_t more)
{
	msgpack_pack_array(pk, elements[event->type] + more);
	msgpack_pack_int(pk, (int)event->type);
	switch (event->type) {
	case FNT_EVENT_CALL:
		pack_text(pk, &event->call.call_id);
		pack_text(pk, &event->call.fn);
		pack_text(pk, &event->call.user);
		pack_text(pk, &event->call.tenant);
		break;
	case FNT_EVENT_OP:
	case FNT_EVENT_OP_BEGIN:
	case FNT_EVENT_WAIT:
	case FNT_EVENT_WAIT_BEGIN:
		if (event->op.word.at)
			pack_text(pk, &event->op.word);
		else
			msgpack_pack_uint32(pk, event->op.op);
		pack_name(pk, &event->op.entity);
		pack_text(pk, &event->op.id);
		msgpack_pack_uint64(pk, event->op.start_ns);
		if (is_begin(event))
			break;
		msgpack_pack_uint64(pk, event->op.duration_ns);
		pack_optional(pk, event->op.row_count);
		event->op.ok ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
		break;
	case FNT_EVENT_OP_END:
		msgpack_pack_uint64(pk, event->end.number);
		msgpack_pack_uint64(pk, event->end.duration_ns);
		pack_optional(pk, event->end.row_count);
		event->end.ok ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
		break;
	case FNT_EVENT_SCHEDULE:
		pack_name(pk, &event->schedule.fn);
		pack_optional(pk, event->schedule.delay_ms);
		pack_optional(pk, event->schedule.run_at);
		break;
	case FNT_EVENT_ERROR:
		pack_text(pk, &event->error.code);
		pack_text(pk, &event->error.message);
		break;
	case FNT_EVENT_VALUE:
		msgpack_pack_uint32(pk, event->value.kind);
		msgpack_pack_bin_with_body(pk, event->value.bytes.at,
					   event->value.bytes.len);
		break;
	case FNT_EVENT_COMMITTED:
		msgpack_pack_uint64(pk, event->time_ns);
		break;
	default:
		pack_text(pk, &event->text);
	}
	while (more--) {
		msgpack_pack_map(pk, 1);
		msgpack_pack_double(pk, 1.5);
		msgpack_pack_array(pk, 0);
	}
}

static char letters[70000];

static struct fnt_text
random_text(struct rnd *r)
{
	static const uint32_t edges[] = {0, 31, 32, 255, 256, 65535, 65536};
	uint32_t len = rnd(r, 8) ? rnd(r, 60) : edges[rnd(r, 7)];

	return (struct fnt_text){letters + rnd(r, 100), len};
}

static struct fnt_text
text_or_nil(struct rnd *r)
{
	return rnd(r, 3) ? random_text(r) : (struct fnt_text){NULL, 0};
}

static struct fnt_name_ref
some_name(struct rnd *r)
{
	struct fnt_name_ref name = {.id = UINT32_MAX};

	if (rnd(r, 2))
		name.id = rnd(r, 2) ? rnd(r, 300) : UINT32_MAX - 1 - rnd(r, 5);
	else
		name.text = random_text(r);
	return name;
}

static uint64_t
some_bits(struct rnd *r)
{
	uint64_t bits = (uint64_t)rnd(r, UINT32_MAX) << 32 | rnd(r, UINT32_MAX);

	return bits >> rnd(r, 64);
}

static int64_t
number_or_nil(struct rnd *r)
{
	int64_t number = (int64_t)some_bits(r);

	return rnd(r, 4) ? (rnd(r, 2) ? number : ~number) : FNT_NONE;
}

static void
some_event(struct rnd *r, struct fnt_event *event)
{
	memset(event, 0, sizeof(*event));
	event->type = (enum fnt_event_type)rnd(r, FNT_EVENT_UNKNOWN);
	switch (event->type) {
	case FNT_EVENT_CALL:
		event->call.call_id = random_text(r);
		event->call.fn = text_or_nil(r);
		event->call.user = text_or_nil(r);
		event->call.tenant = text_or_nil(r);
		break;
	case FNT_EVENT_OP:
	case FNT_EVENT_WAIT:
		event->op.duration_ns = some_bits(r);
		event->op.ok = rnd(r, 2);
		/* fall through */
	case FNT_EVENT_OP_BEGIN:
	case FNT_EVENT_WAIT_BEGIN:
		event->op.row_count = is_begin(event) ? FNT_NONE : number_or_nil(r);
		event->op.op = rnd(r, 20);
		if (rnd(r, 2)) {
			event->op.op = FNT_OP_OTHER;
			event->op.word = random_text(r);
			if (event->op.word.len > FNT_WORD_MAX)
				event->op.word.len = FNT_WORD_MAX;
		}
		event->op.entity = some_name(r);
		event->op.id = text_or_nil(r);
		event->op.start_ns = some_bits(r);
		break;
	case FNT_EVENT_OP_END:
		event->end.number = some_bits(r);
		event->end.duration_ns = some_bits(r);
		event->end.row_count = number_or_nil(r);
		event->end.ok = rnd(r, 2);
		break;
	case FNT_EVENT_SCHEDULE:
		event->schedule.fn = some_name(r);
		event->schedule.delay_ms = number_or_nil(r);
		event->schedule.run_at = number_or_nil(r);
		break;
	case FNT_EVENT_ERROR:
		event->error.code = random_text(r);
		event->error.message = random_text(r);
		break;
	case FNT_EVENT_VALUE:
		event->value.kind = rnd(r, 5);
		event->value.bytes = random_text(r);
		break;
	case FNT_EVENT_COMMITTED:
		event->time_ns = some_bits(r);
		break;
	default:
		event->text = random_text(r);
	}
}

static void
fill_letters(void)
{
	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = (char)('a' + i % 23);
}

#endif
