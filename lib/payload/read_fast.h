/* SPDX-License-Identifier: MIT
 *
 * read_fast.h: decode a common event as this version encodes it, without checking
 * bounds at each element.
 *
 * An element takes at most FNT_FAST_ELEMENT bytes, unless it is a longer text, which
 * must end at or before `last`. There are FNT_PAYLOAD_SLACK readable bytes from `last`
 * on, enough for all elements of an event that are no longer texts. So nothing outside
 * the readable bytes is loaded, and the caller compares only the event's end with the
 * payload's. read.c decodes everything else, and gives the same result wherever both
 * can decode an event.
 *
 * An element's form is found by branches, the most likely first: computing its size
 * from its first byte would make the load of each element wait for the one before.
 *
 * Any thread. Wait-free, no allocation, no system call.
 */
#ifndef FNT_PAYLOAD_READ_FAST_H
#define FNT_PAYLOAD_READ_FAST_H

#include "format/layout.h"
#include "payload/events.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FNT_FAST_ELEMENT 32u
static_assert(FNT_PAYLOAD_SLACK >= 2 + 4 * FNT_FAST_ELEMENT + 1, "a call: four texts");
static_assert(FNT_PAYLOAD_SLACK >= 2 + 2 * FNT_FAST_ELEMENT + 5 * 9 + 1, "an op");

/* Each function decodes the element at `at` and returns the place after it; NULL: it is
 * in another form. */
static inline const unsigned char *
fnt_read_time_fast(const unsigned char *at, uint64_t *number)
{
	uint32_t four;
	uint64_t eight;

	if (__builtin_expect(*at == 0xce, 1)) {
		memcpy(&four, at + 1, 4);
		*number = __builtin_bswap32(four);
		return at + 5;
	}
	if (*at < 0x80) {
		*number = *at;
		return at + 1;
	}
	if (*at == 0xcd) {
		*number = (uint64_t)at[1] << 8 | at[2];
		return at + 3;
	}
	if (*at != 0xcf)
		return NULL;
	memcpy(&eight, at + 1, 8);
	*number = __builtin_bswap64(eight);
	return at + 9;
}

/* The same for an integer that is most likely below 128. */
static inline const unsigned char *
fnt_read_uint_fast(const unsigned char *at, uint64_t *number)
{
	if (__builtin_expect(*at >= 0x80, 0))
		return fnt_read_time_fast(at, number);
	*number = *at;
	return at + 1;
}

static inline const unsigned char *
fnt_read_text_fast(const unsigned char *at, const unsigned char *last,
		   struct fnt_text *text)
{
	uint32_t len = *at - 0xa0u;

	if (__builtin_expect(len < 0x20, 1)) {
		*text = (struct fnt_text){(const char *)at + 1, len};
		return at + 1 + len;
	}
	if (*at != 0xd9 || last - at < 2 + at[1])
		return NULL;
	*text = (struct fnt_text){(const char *)at + 2, at[1]};
	return at + 2 + at[1];
}

static inline const unsigned char *
fnt_read_text_or_nil_fast(const unsigned char *at, const unsigned char *last,
			  struct fnt_text *text)
{
	if (*at != 0xc0)
		return fnt_read_text_fast(at, last, text);
	*text = (struct fnt_text){NULL, 0};
	return at + 1;
}

static inline const unsigned char *
fnt_read_name_fast(const unsigned char *at, const unsigned char *last,
		   struct fnt_name_ref *name)
{
	uint64_t number;

	if (__builtin_expect(*at == 0xcd, 1)) {
		*name = (struct fnt_name_ref){.id = (uint32_t)at[1] << 8 | at[2]};
		return at + 3;
	}
	if (__builtin_expect(*at - 0xa0u < 0x20 || *at == 0xd9, 0)) {
		name->id = FNT_NAME_NONE;
		return fnt_read_text_fast(at, last, &name->text);
	}
	at = fnt_read_uint_fast(at, &number);
	if (!at || number >= FNT_NAME_NONE)
		return NULL;
	*name = (struct fnt_name_ref){.id = (uint32_t)number};
	return at;
}

static inline const unsigned char *
fnt_read_bool_fast(const unsigned char *at, bool *value)
{
	unsigned is = *at - 0xc2u;

	*value = is;
	return is <= 1 ? at + 1 : NULL;
}

/* An integer that is not negative, or nil. */
static inline const unsigned char *
fnt_read_optional_fast(const unsigned char *at, int64_t *value)
{
	uint64_t number;

	if (*at == 0xc0) {
		*value = FNT_NONE;
		return at + 1;
	}
	at = fnt_read_uint_fast(at, &number);
	if (!at || number > INT64_MAX)
		return NULL;
	*value = (int64_t)number;
	return at;
}

static inline const unsigned char *
fnt_read_op_begin_fast(const unsigned char *at, const unsigned char *last,
		       struct fnt_event_op *op)
{
	uint64_t kind;

	if (!(at = fnt_read_uint_fast(at, &kind)) ||
	    !(at = fnt_read_name_fast(at, last, &op->entity)) ||
	    !(at = fnt_read_text_or_nil_fast(at, last, &op->id)))
		return NULL;
	op->op = (uint32_t)kind;
	op->word = (struct fnt_text){NULL, 0};
	return fnt_read_time_fast(at, &op->start_ns);
}

static inline const unsigned char *
fnt_read_op_fast(const unsigned char *at, const unsigned char *last,
		 struct fnt_event_op *op)
{
	if (!(at = fnt_read_op_begin_fast(at, last, op)) ||
	    !(at = fnt_read_time_fast(at, &op->duration_ns)) ||
	    !(at = fnt_read_optional_fast(at, &op->row_count)))
		return NULL;
	return fnt_read_bool_fast(at, &op->ok);
}

static inline const unsigned char *
fnt_read_op_end_fast(const unsigned char *at, struct fnt_event *event)
{
	if (!(at = fnt_read_uint_fast(at, &event->end.number)) ||
	    !(at = fnt_read_time_fast(at, &event->end.duration_ns)) ||
	    !(at = fnt_read_optional_fast(at, &event->end.row_count)))
		return NULL;
	return fnt_read_bool_fast(at, &event->end.ok);
}

static inline const unsigned char *
fnt_read_call_fast(const unsigned char *at, const unsigned char *last,
		   struct fnt_event_call *call)
{
	if (!(at = fnt_read_text_fast(at, last, &call->call_id)) ||
	    !(at = fnt_read_text_or_nil_fast(at, last, &call->fn)) ||
	    !(at = fnt_read_text_or_nil_fast(at, last, &call->user)))
		return NULL;
	return fnt_read_text_or_nil_fast(at, last, &call->tenant);
}

/* Does an event of this type and number of elements begin at `at`? */
static inline bool
fnt_read_is(const unsigned char *at, enum fnt_event_type type, unsigned elements)
{
	uint16_t two;
	unsigned char want[2] = {(unsigned char)(0x90 | elements), (unsigned char)type};
	uint16_t both;

	memcpy(&two, at, 2);
	memcpy(&both, want, 2);
	return two == both;
}

/* Decode the event at `at`. Returns its end, which may be past the payload's: then the
 * event must not be used. NULL: it is for fnt_payload_next() to decode. */
static inline const unsigned char *
fnt_read_event_fast(const unsigned char *at, const unsigned char *last,
		    struct fnt_event *event)
{
	event->type = (enum fnt_event_type)at[1];
	if (at[0] == 0x98)
		return at[1] == FNT_EVENT_OP
			       ? fnt_read_op_fast(at + 2, last, &event->op)
			       : NULL;
	if (at[0] != 0x95)
		return NULL;
	switch (at[1]) {
	case FNT_EVENT_CALL:
		return fnt_read_call_fast(at + 2, last, &event->call);
	case FNT_EVENT_OP_BEGIN:
		event->op.duration_ns = 0;
		event->op.row_count = FNT_NONE;
		event->op.ok = false;
		return fnt_read_op_begin_fast(at + 2, last, &event->op);
	case FNT_EVENT_OP_END:
		return fnt_read_op_end_fast(at + 2, event);
	default:
		return NULL;
	}
}

#endif
