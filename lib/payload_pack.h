/* SPDX-License-Identifier: MIT
 *
 * payload_pack.h: the encoding half of payload.h, to be inlined with its writer.
 *
 * msgpack-c's packer calls back for every few bytes; with the callback known at compile
 * time all of it becomes straight stores. Room is made sure of before: the FNT_*_BOUND are
 * upper bounds of an event without its texts, and a text of n bytes takes at most n more.
 */
#ifndef FNT_PAYLOAD_PACK_H
#define FNT_PAYLOAD_PACK_H

#include "layout.h"
#include "payload.h"

#include <msgpack/pack.h>
#include <string.h>

/* Array head and type 2; texts 5 and 64-bit numbers 9 each; a bool 1. */
#define FNT_CALL_BOUND	   (2u + 4 * 5)
#define FNT_ID_BOUND	   (2u + 5)
#define FNT_OP_BOUND	   (2u + 2 + 2 * 5 + 3 * 9 + 1)
#define FNT_OP_BEGIN_BOUND (2u + 2 + 2 * 5 + 9)
#define FNT_OP_END_BOUND   (2u + 3 * 9 + 1)
#define FNT_SCHEDULE_BOUND (2u + 5 + 2 * 9)
#define FNT_ERROR_BOUND	   (2u + 2 * 5)
#define FNT_VALUE_BOUND	   (2u + 1 + 5)

static inline void
fnt_pack_head(msgpack_packer *pk, size_t count, enum fnt_event_type type)
{
	msgpack_pack_array(pk, count);
	msgpack_pack_unsigned_char(pk, (unsigned char)type);
}

static inline void
fnt_pack_text(msgpack_packer *pk, struct fnt_text text)
{
	if (!text.at) {
		msgpack_pack_nil(pk);
		return;
	}
	msgpack_pack_str(pk, text.len);
	msgpack_pack_str_body(pk, text.at, text.len);
}

static inline void
fnt_pack_bool(msgpack_packer *pk, bool value)
{
	if (value)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

static inline void
fnt_pack_optional(msgpack_packer *pk, int64_t value)
{
	if (value == FNT_NONE)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_int64(pk, value);
}

static inline void
fnt_pack_name(msgpack_packer *pk, const struct fnt_name_ref *name)
{
	if (name->id != FNT_NAME_NONE)
		msgpack_pack_uint32(pk, name->id);
	else
		fnt_pack_text(pk, name->text);
}

static inline void
fnt_pack_event(msgpack_packer *pk, const struct fnt_event *event)
{
	switch (event->type) {
	case FNT_EVENT_CALL:
		fnt_pack_head(pk, 5, FNT_EVENT_CALL);
		fnt_pack_text(pk, event->call.call_id);
		fnt_pack_text(pk, event->call.fn);
		fnt_pack_text(pk, event->call.user);
		fnt_pack_text(pk, event->call.tenant);
		break;
	case FNT_EVENT_USER:
	case FNT_EVENT_TENANT:
		fnt_pack_head(pk, 2, event->type);
		fnt_pack_text(pk, event->text);
		break;
	case FNT_EVENT_OP:
		fnt_pack_head(pk, 8, FNT_EVENT_OP);
		msgpack_pack_uint32(pk, event->op.op);
		fnt_pack_name(pk, &event->op.entity);
		fnt_pack_text(pk, event->op.id);
		msgpack_pack_uint64(pk, event->op.start_ns);
		msgpack_pack_uint64(pk, event->op.duration_ns);
		fnt_pack_optional(pk, event->op.row_count);
		fnt_pack_bool(pk, event->op.ok);
		break;
	case FNT_EVENT_OP_BEGIN:
		fnt_pack_head(pk, 5, FNT_EVENT_OP_BEGIN);
		msgpack_pack_uint32(pk, event->op.op);
		fnt_pack_name(pk, &event->op.entity);
		fnt_pack_text(pk, event->op.id);
		msgpack_pack_uint64(pk, event->op.start_ns);
		break;
	case FNT_EVENT_OP_END:
		fnt_pack_head(pk, 5, FNT_EVENT_OP_END);
		msgpack_pack_uint64(pk, event->end.number);
		msgpack_pack_uint64(pk, event->end.duration_ns);
		fnt_pack_optional(pk, event->end.row_count);
		fnt_pack_bool(pk, event->end.ok);
		break;
	case FNT_EVENT_SCHEDULE:
		fnt_pack_head(pk, 4, FNT_EVENT_SCHEDULE);
		fnt_pack_name(pk, &event->schedule.fn);
		fnt_pack_optional(pk, event->schedule.delay_ms);
		fnt_pack_optional(pk, event->schedule.run_at);
		break;
	case FNT_EVENT_ERROR:
		fnt_pack_head(pk, 3, FNT_EVENT_ERROR);
		fnt_pack_text(pk, event->error.code);
		fnt_pack_text(pk, event->error.message);
		break;
	case FNT_EVENT_VALUE:
		fnt_pack_head(pk, 3, FNT_EVENT_VALUE);
		msgpack_pack_uint32(pk, event->value.kind);
		msgpack_pack_bin(pk, event->value.bytes.len);
		msgpack_pack_bin_body(pk, event->value.bytes.at, event->value.bytes.len);
		break;
	default:
		break;
	}
}

#endif
