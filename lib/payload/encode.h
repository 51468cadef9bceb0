/* SPDX-License-Identifier: MIT
 *
 * encode.h: events as bytes. The table of events is in events.h, the format of the
 * elements at github.com/msgpack/msgpack/blob/master/spec.md.
 *
 * A time takes 5 bytes whenever it fits in 32 bits, as nearly all do: a fixed width
 * needs no branch per size. Other elements take their shortest form, except integers of
 * 128 to 255 (3 bytes) and negative ones (9 bytes).
 *
 * Each function writes at `at`, past the length that readers have been told, and
 * returns the place after what it wrote. The caller has made room: FNT_…_BOUND is an
 * event's upper bound without its texts, and a text of n bytes takes at most n more.
 *
 * Only the thread that builds the call writes at `at`. Wait-free, no allocation, no
 * system call.
 */
#ifndef FNT_PAYLOAD_ENCODE_H
#define FNT_PAYLOAD_ENCODE_H

#include "base/shm_words.h"
#include "format/layout.h"
#include "payload/events.h"

#include <stdbool.h>
#include <stdint.h>

/* Array head and type take 2 bytes; the head of a text 5, a name 5, a time or another
 * integer 9, a bool 1. */
#define FNT_CALL_BOUND (2u + 4 * 5)
#define FNT_ID_BOUND (2u + 5)
#define FNT_OP_BOUND (2u + 2 + 2 * 5 + 3 * 9 + 1)
#define FNT_OP_BEGIN_BOUND (2u + 2 + 2 * 5 + 9)
#define FNT_OP_END_BOUND (2u + 3 * 9 + 1)
#define FNT_SCHEDULE_BOUND (2u + 5 + 2 * 9)
#define FNT_ERROR_BOUND (2u + 2 * 5)
#define FNT_VALUE_BOUND (2u + 1 + 5)
#define FNT_COMMITTED_BOUND (2u + 9)

/* A destination that is not contiguous. The event is encoded into a buffer of at least
 * FNT_ENCODE_SINK_BYTES. For each text the encoder calls `write`, which moves the
 * buffer's bytes up to `at`, and then the text, to the destination, and returns the
 * buffer's start. After the event the caller moves the bytes that remain in the
 * buffer. */
struct fnt_encode_sink {
	char *(*write)(struct fnt_encode_sink *sink, char *at, const char *bytes,
		       uint32_t len);
};
#define FNT_ENCODE_SINK_BYTES FNT_OP_BOUND /* the longest event without its texts */

/* Encodes one event. `sink` NULL: all of it goes to `at`. */
typedef char *fnt_encode_event_fn(char *at, const struct fnt_event *event,
				  struct fnt_encode_sink *sink);

/* ---- elements -------------------------------------------------------------------- */

static inline char *
fnt_encode_head(char *at, unsigned count, enum fnt_event_type type)
{
	fnt_bytes_store2(at, (uint16_t)(0x90 | count | (unsigned)type << 8));
	return at + 2;
}

static inline char *
fnt_encode_time(char *at, uint64_t ns)
{
	uint32_t low = __builtin_bswap32((uint32_t)ns);

	if (__builtin_expect(ns > UINT32_MAX, 0)) {
		ns = __builtin_bswap64(ns);
		fnt_bytes_store1(at, 0xcf);
		fnt_bytes_store8(at + 1, ns);
		return at + 9;
	}
	fnt_bytes_store1(at, 0xce);
	fnt_bytes_store4(at + 1, low);
	return at + 5;
}

static inline char *
fnt_encode_number(char *at, uint32_t number)
{
	uint16_t low = __builtin_bswap16((uint16_t)number);

	if (number < 128) {
		fnt_bytes_store1(at, (uint8_t)number);
		return at + 1;
	}
	if (number > UINT16_MAX)
		return fnt_encode_time(at, number);
	fnt_bytes_store1(at, 0xcd);
	fnt_bytes_store2(at + 1, low);
	return at + 3;
}

/* An integer of either sign; FNT_NONE: nil. */
static inline char *
fnt_encode_optional(char *at, int64_t value)
{
	uint64_t big = __builtin_bswap64((uint64_t)value);

	if ((uint64_t)value < 128) {
		fnt_bytes_store1(at, (uint8_t)value);
		return at + 1;
	}
	if (value == FNT_NONE) {
		fnt_bytes_store1(at, 0xc0);
		return at + 1;
	}
	if (value > UINT32_MAX)
		return fnt_encode_time(at, (uint64_t)value);
	if (value > 0)
		return fnt_encode_number(at, (uint32_t)value);
	fnt_bytes_store1(at, 0xd3);
	fnt_bytes_store8(at + 1, big);
	return at + 9;
}

static inline char *
fnt_encode_bool(char *at, bool value)
{
	fnt_bytes_store1(at, (uint8_t)(0xc2 | value));
	return at + 1;
}

/* The head of a str (`type` 0xd9) or bin (0xc4) with a length of 1, 2 or 4 bytes. */
static inline char *
fnt_encode_len(char *at, unsigned type, uint32_t len)
{
	uint16_t len16 = __builtin_bswap16((uint16_t)len);
	uint32_t len32 = __builtin_bswap32(len);

	if (len < 256) {
		fnt_bytes_store2(at, (uint16_t)(type | len << 8));
		return at + 2;
	}
	if (len < 65536) {
		fnt_bytes_store1(at, (uint8_t)(type + 1));
		fnt_bytes_store2(at + 1, len16);
		return at + 3;
	}
	fnt_bytes_store1(at, (uint8_t)(type + 2));
	fnt_bytes_store4(at + 1, len32);
	return at + 5;
}

static inline char *
fnt_encode_bytes(char *at, struct fnt_text text, struct fnt_encode_sink *sink)
{
	if (sink)
		return sink->write(sink, at, text.at, text.len);
	fnt_bytes_copy(at, text.at, text.len);
	return at + text.len;
}

static inline char *
fnt_encode_text(char *at, struct fnt_text text, struct fnt_encode_sink *sink)
{
	if (!text.at) {
		fnt_bytes_store1(at, 0xc0);
		return at + 1;
	}
	if (text.len < 32)
		fnt_bytes_store1(at++, (uint8_t)(0xa0 | text.len));
	else
		at = fnt_encode_len(at, 0xd9, text.len);
	return fnt_encode_bytes(at, text, sink);
}

static inline char *
fnt_encode_name(char *at, const struct fnt_name_ref *name, struct fnt_encode_sink *sink)
{
	if (__builtin_expect(name->id != FNT_NAME_NONE, 1))
		return fnt_encode_number(at, name->id);
	return fnt_encode_text(at, name->text, sink);
}

/* ---- events ---------------------------------------------------------------------- */

static inline char *
fnt_encode_call(char *at, const struct fnt_event *event, struct fnt_encode_sink *sink)
{
	at = fnt_encode_head(at, 5, FNT_EVENT_CALL);
	at = fnt_encode_text(at, event->call.call_id, sink);
	at = fnt_encode_text(at, event->call.fn, sink);
	at = fnt_encode_text(at, event->call.user, sink);
	return fnt_encode_text(at, event->call.tenant, sink);
}

/* A user or a tenant. */
static inline char *
fnt_encode_identity(char *at, const struct fnt_event *event,
		    struct fnt_encode_sink *sink)
{
	at = fnt_encode_head(at, 2, event->type);
	return fnt_encode_text(at, event->text, sink);
}

/* The elements that ops and their beginnings share. */
static inline char *
fnt_encode_op_start(char *at, const struct fnt_event_op *op,
		    struct fnt_encode_sink *sink)
{
	at = op->word.at ? fnt_encode_text(at, op->word, sink)
			 : fnt_encode_number(at, op->op);
	at = fnt_encode_name(at, &op->entity, sink);
	at = fnt_encode_text(at, op->id, sink);
	return fnt_encode_time(at, op->start_ns);
}

static inline char *
fnt_encode_op_begin(char *at, const struct fnt_event *event,
		    struct fnt_encode_sink *sink)
{
	at = fnt_encode_head(at, 5, event->type);
	return fnt_encode_op_start(at, &event->op, sink);
}

static inline char *
fnt_encode_op(char *at, const struct fnt_event *event, struct fnt_encode_sink *sink)
{
	at = fnt_encode_head(at, 8, event->type);
	at = fnt_encode_op_start(at, &event->op, sink);
	at = fnt_encode_time(at, event->op.duration_ns);
	at = fnt_encode_optional(at, event->op.row_count);
	return fnt_encode_bool(at, event->op.ok);
}

static inline char *
fnt_encode_op_end(char *at, const struct fnt_event *event, struct fnt_encode_sink *sink)
{
	(void)sink;
	at = fnt_encode_head(at, 5, FNT_EVENT_OP_END);
	at = fnt_encode_number(at, (uint32_t)event->end.number);
	at = fnt_encode_time(at, event->end.duration_ns);
	at = fnt_encode_optional(at, event->end.row_count);
	return fnt_encode_bool(at, event->end.ok);
}

static inline char *
fnt_encode_schedule(char *at, const struct fnt_event *event,
		    struct fnt_encode_sink *sink)
{
	at = fnt_encode_head(at, 4, FNT_EVENT_SCHEDULE);
	at = fnt_encode_name(at, &event->schedule.fn, sink);
	at = fnt_encode_optional(at, event->schedule.delay_ms);
	return fnt_encode_optional(at, event->schedule.run_at);
}

static inline char *
fnt_encode_error(char *at, const struct fnt_event *event, struct fnt_encode_sink *sink)
{
	at = fnt_encode_head(at, 3, FNT_EVENT_ERROR);
	at = fnt_encode_text(at, event->error.code, sink);
	return fnt_encode_text(at, event->error.message, sink);
}

/* What comes before a value's bytes. */
static inline char *
fnt_encode_value_head(char *at, const struct fnt_event *event)
{
	at = fnt_encode_head(at, 3, FNT_EVENT_VALUE);
	at = fnt_encode_number(at, event->value.kind);
	return fnt_encode_len(at, 0xc4, event->value.bytes.len);
}

static inline char *
fnt_encode_value(char *at, const struct fnt_event *event, struct fnt_encode_sink *sink)
{
	at = fnt_encode_value_head(at, event);
	return fnt_encode_bytes(at, event->value.bytes, sink);
}

static inline char *
fnt_encode_committed(char *at, uint64_t time_ns)
{
	uint64_t big = __builtin_bswap64(time_ns);

	at = fnt_encode_head(at, 2, FNT_EVENT_COMMITTED);
	fnt_bytes_store1(at, 0xcf);
	fnt_bytes_store8(at + 1, big);
	return at + 9;
}

#endif
