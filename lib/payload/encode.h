/* SPDX-License-Identifier: MIT
 *
 * encode.h: the encoding half of read.h.
 *
 * The events of the hot path are put together by hand: msgpack-c's packer, with its callback
 * inlined and flattened, took 86 instructions for an op, and these take 40. Times are of
 * fixed width while they fit in 32 bits, which saves the branches and keeps a call of two ops in one
 * cell. The rest goes through msgpack-c. Room is made sure of before: the FNT_*_BOUND are
 * upper bounds of an event without its texts, and a text of n bytes takes at most n more.
 *
 * Format: github.com/msgpack/msgpack/blob/master/spec.md.
 */
#ifndef FNT_PAYLOAD_ENCODE_H
#define FNT_PAYLOAD_ENCODE_H

#include "format/layout.h"
#include "payload/events.h"
#include "base/shm_words.h"

#include <msgpack/pack.h>
#include <string.h>

/* Array head and type 2; texts 5 and 64-bit numbers 9 each; a bool 1. */
#define FNT_CALL_BOUND (2u + 4 * 5)
#define FNT_ID_BOUND (2u + 5)
#define FNT_OP_BOUND (2u + 2 + 2 * 5 + 3 * 9 + 1)
#define FNT_OP_BEGIN_BOUND (2u + 2 + 2 * 5 + 9)
#define FNT_OP_END_BOUND (2u + 3 * 9 + 1)
#define FNT_SCHEDULE_BOUND (2u + 5 + 2 * 9)
#define FNT_ERROR_BOUND (2u + 2 * 5)
#define FNT_VALUE_BOUND (2u + 1 + 5)
#define FNT_COMMITTED_BOUND (2u + 9)

/* ---- by hand ---------------------------------------------------------------------- */

static inline char *
fnt_encode_head(char *at, unsigned count, enum fnt_event_type type)
{
	at[0] = (char)(0x90 | count);
	at[1] = (char)type;
	return at + 2;
}

static inline char *
fnt_encode_time(char *at, uint64_t ns)
{
	uint32_t low = __builtin_bswap32((uint32_t)ns);

	if (__builtin_expect(ns > UINT32_MAX, 0)) {
		ns = __builtin_bswap64(ns);
		at[0] = (char)0xcf;
		memcpy(at + 1, &ns, 8);
		return at + 9;
	}
	at[0] = (char)0xce;
	memcpy(at + 1, &low, 4);
	return at + 5;
}

static inline char *
fnt_encode_number(char *at, uint32_t number)
{
	uint16_t low = __builtin_bswap16((uint16_t)number);

	if (number < 128) {
		at[0] = (char)number;
		return at + 1;
	}
	if (number > UINT16_MAX)
		return fnt_encode_time(at, number);
	at[0] = (char)0xcd;
	memcpy(at + 1, &low, 2);
	return at + 3;
}

static inline char *
fnt_encode_bytes(char *at, const char *bytes, uint32_t len)
{
	uint64_t first, last;

	if (len < 8) {
		for (uint32_t i = 0; i < len; i++)
			at[i] = bytes[i];
	} else if (len <= 16) {
		/* Two moves that may overlap: cheaper than a call for most ids. */
		memcpy(&first, bytes, 8);
		memcpy(&last, bytes + len - 8, 8);
		memcpy(at, &first, 8);
		memcpy(at + len - 8, &last, 8);
	} else {
		memcpy(at, bytes, len);
	}
	return at + len;
}

static inline char *
fnt_encode_text(char *at, struct fnt_text text)
{
	uint16_t len16 = __builtin_bswap16((uint16_t)text.len);
	uint32_t len32 = __builtin_bswap32(text.len);

	if (!text.at) {
		*at++ = (char)0xc0;
		return at;
	}
	if (text.len < 32) {
		*at++ = (char)(0xa0 | text.len);
	} else if (text.len < 256) {
		at[0] = (char)0xd9;
		at[1] = (char)text.len;
		at += 2;
	} else if (text.len < 65536) {
		at[0] = (char)0xda;
		memcpy(at + 1, &len16, 2);
		at += 3;
	} else {
		at[0] = (char)0xdb;
		memcpy(at + 1, &len32, 4);
		at += 5;
	}
	return fnt_encode_bytes(at, text.at, text.len);
}

static inline char *
fnt_encode_name(char *at, const struct fnt_name_ref *name)
{
	if (__builtin_expect(name->id != FNT_NAME_NONE, 1))
		return fnt_encode_number(at, name->id);
	return fnt_encode_text(at, name->text);
}

/* A name's id as it stands in a payload: 1, 3 or 5 bytes. */
static inline uint32_t
fnt_encode_id_word(uint64_t *packed, uint32_t id)
{
	char bytes[sizeof(*packed)] = {0};
	uint32_t len = (uint32_t)(fnt_encode_number(bytes + 3, id) - (bytes + 3));

	memcpy(packed, bytes, sizeof(*packed));
	return len;
}

static inline char *
fnt_encode_rows(char *at, int64_t rows)
{
	uint64_t big = __builtin_bswap64((uint64_t)rows);

	if ((uint64_t)rows < 128) {
		*at = (char)rows;
		return at + 1;
	}
	if (rows == FNT_NONE) {
		*at = (char)0xc0;
		return at + 1;
	}
	if (rows >= 0 && rows <= UINT32_MAX)
		return fnt_encode_number(at, (uint32_t)rows);
	*at = (char)0xd3;
	memcpy(at + 1, &big, 8);
	return at + 9;
}

static inline char *
fnt_encode_bool(char *at, bool value)
{
	*at = (char)(0xc2 | value);
	return at + 1;
}

static inline char *
fnt_encode_call(char *at, const struct fnt_event *event)
{
	at = fnt_encode_head(at, 5, FNT_EVENT_CALL);
	at = fnt_encode_text(at, event->call.call_id);
	at = fnt_encode_text(at, event->call.fn);
	at = fnt_encode_text(at, event->call.user);
	return fnt_encode_text(at, event->call.tenant);
}

static inline char *
fnt_encode_op_begin(char *at, const struct fnt_event *event)
{
	at = fnt_encode_head(at, 5, FNT_EVENT_OP_BEGIN);
	at = fnt_encode_number(at, event->op.op);
	at = fnt_encode_name(at, &event->op.entity);
	at = fnt_encode_text(at, event->op.id);
	return fnt_encode_time(at, event->op.start_ns);
}

static inline char *
fnt_encode_op(char *at, const struct fnt_event *event)
{
	char *end = fnt_encode_op_begin(at, event);

	fnt_encode_head(at, 8, FNT_EVENT_OP);
	end = fnt_encode_time(end, event->op.duration_ns);
	end = fnt_encode_rows(end, event->op.row_count);
	return fnt_encode_bool(end, event->op.ok);
}

static inline char *
fnt_encode_committed(char *at, uint64_t time_ns)
{
	uint64_t big = __builtin_bswap64(time_ns);

	at = fnt_encode_head(at, 2, FNT_EVENT_COMMITTED);
	*at = (char)0xcf;
	memcpy(at + 1, &big, 8);
	return at + 9;
}

static inline char *
fnt_encode_op_end(char *at, const struct fnt_event *event)
{
	at = fnt_encode_head(at, 5, FNT_EVENT_OP_END);
	at = fnt_encode_number(at, (uint32_t)event->end.number);
	at = fnt_encode_time(at, event->end.duration_ns);
	at = fnt_encode_rows(at, event->end.row_count);
	return fnt_encode_bool(at, event->end.ok);
}

/* A value that fits in one extent: what comes before its bytes, … */
static inline char *
fnt_encode_value_head(char *at, const struct fnt_event *event)
{
	uint32_t len = event->value.bytes.len, len32 = __builtin_bswap32(len);
	uint16_t len16 = __builtin_bswap16((uint16_t)len);

	at = fnt_encode_head(at, 3, FNT_EVENT_VALUE);
	at = fnt_encode_number(at, event->value.kind);
	if (len < 256) {
		at[0] = (char)0xc4;
		at[1] = (char)len;
		at += 2;
	} else if (len < 65536) {
		at[0] = (char)0xc5;
		memcpy(at + 1, &len16, 2);
		at += 3;
	} else {
		at[0] = (char)0xc6;
		memcpy(at + 1, &len32, 4);
		at += 5;
	}
	return at;
}

/* … and all of it. */
static inline char *
fnt_encode_value(char *at, const struct fnt_event *event)
{
	return fnt_encode_bytes(fnt_encode_value_head(at, event), event->value.bytes.at,
				event->value.bytes.len);
}

static inline char *
fnt_encode_error(char *at, const struct fnt_event *event)
{
	at = fnt_encode_head(at, 3, FNT_EVENT_ERROR);
	at = fnt_encode_text(at, event->error.code);
	return fnt_encode_text(at, event->error.message);
}

/* ---- by msgpack-c ----------------------------------------------------------------- */

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
fnt_pack_call(msgpack_packer *pk, const struct fnt_event *event)
{
	fnt_pack_head(pk, 5, FNT_EVENT_CALL);
	fnt_pack_text(pk, event->call.call_id);
	fnt_pack_text(pk, event->call.fn);
	fnt_pack_text(pk, event->call.user);
	fnt_pack_text(pk, event->call.tenant);
}

static inline void
fnt_pack_op(msgpack_packer *pk, const struct fnt_event *event)
{
	fnt_pack_head(pk, 8, FNT_EVENT_OP);
	msgpack_pack_uint32(pk, event->op.op);
	fnt_pack_name(pk, &event->op.entity);
	fnt_pack_text(pk, event->op.id);
	msgpack_pack_uint64(pk, event->op.start_ns);
	msgpack_pack_uint64(pk, event->op.duration_ns);
	fnt_pack_optional(pk, event->op.row_count);
	fnt_pack_bool(pk, event->op.ok);
}

static inline void
fnt_pack_op_begin(msgpack_packer *pk, const struct fnt_event *event)
{
	fnt_pack_head(pk, 5, FNT_EVENT_OP_BEGIN);
	msgpack_pack_uint32(pk, event->op.op);
	fnt_pack_name(pk, &event->op.entity);
	fnt_pack_text(pk, event->op.id);
	msgpack_pack_uint64(pk, event->op.start_ns);
}

static inline void
fnt_pack_op_end(msgpack_packer *pk, const struct fnt_event *event)
{
	fnt_pack_head(pk, 5, FNT_EVENT_OP_END);
	msgpack_pack_uint64(pk, event->end.number);
	msgpack_pack_uint64(pk, event->end.duration_ns);
	fnt_pack_optional(pk, event->end.row_count);
	fnt_pack_bool(pk, event->end.ok);
}

static inline void
fnt_pack_schedule(msgpack_packer *pk, const struct fnt_event *event)
{
	fnt_pack_head(pk, 4, FNT_EVENT_SCHEDULE);
	fnt_pack_name(pk, &event->schedule.fn);
	fnt_pack_optional(pk, event->schedule.delay_ms);
	fnt_pack_optional(pk, event->schedule.run_at);
}

static inline void
fnt_pack_value(msgpack_packer *pk, const struct fnt_event *event)
{
	fnt_pack_head(pk, 3, FNT_EVENT_VALUE);
	msgpack_pack_uint32(pk, event->value.kind);
	msgpack_pack_bin(pk, event->value.bytes.len);
	msgpack_pack_bin_body(pk, event->value.bytes.at, event->value.bytes.len);
}

static inline void
fnt_pack_event(msgpack_packer *pk, const struct fnt_event *event)
{
	switch (event->type) {
	case FNT_EVENT_CALL:
		fnt_pack_call(pk, event);
		break;
	case FNT_EVENT_USER:
	case FNT_EVENT_TENANT:
		fnt_pack_head(pk, 2, event->type);
		fnt_pack_text(pk, event->text);
		break;
	case FNT_EVENT_OP:
		fnt_pack_op(pk, event);
		break;
	case FNT_EVENT_OP_BEGIN:
		fnt_pack_op_begin(pk, event);
		break;
	case FNT_EVENT_OP_END:
		fnt_pack_op_end(pk, event);
		break;
	case FNT_EVENT_SCHEDULE:
		fnt_pack_schedule(pk, event);
		break;
	case FNT_EVENT_ERROR:
		fnt_pack_head(pk, 3, FNT_EVENT_ERROR);
		fnt_pack_text(pk, event->error.code);
		fnt_pack_text(pk, event->error.message);
		break;
	case FNT_EVENT_VALUE:
		fnt_pack_value(pk, event);
		break;
	case FNT_EVENT_COMMITTED:
		fnt_pack_head(pk, 2, FNT_EVENT_COMMITTED);
		msgpack_pack_uint64(pk, event->time_ns);
		break;
	case FNT_EVENT_UNKNOWN:
		break;
	}
}

#endif
