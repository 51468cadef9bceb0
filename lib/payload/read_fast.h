/* SPDX-License-Identifier: MIT
 *
 * read_fast.h: the usual events, each in one go.
 *
 * An event as this version writes it, of elements in the usual forms, each of which is
 * at most FNT_FAST_ELEMENT bytes or, a longer text, ends where there is still as much
 * slack as an event of short ones needs: so nothing is looked at past the slack, and it
 * is enough to see at the end whether all of it was in the payload. All else is left to
 * read.c, which finds the same wherever both can read it.
 *
 * Forms are told apart by branches, the likeliest first: computing a size from a first
 * byte makes each element wait for the one before (a third slower).
 */
#ifndef FNT_PAYLOAD_READ_FAST_H
#define FNT_PAYLOAD_READ_FAST_H

#include "format/layout.h"
#include "payload/events.h"

#include <assert.h>
#include <string.h>

#define FNT_FAST_ELEMENT 32u
static_assert(FNT_PAYLOAD_SLACK >= 2 + 4 * FNT_FAST_ELEMENT + 1, "a call: four texts");
static_assert(FNT_PAYLOAD_SLACK >= 2 + 2 * FNT_FAST_ELEMENT + 5 * 9 + 1, "an op");

/* Each takes what is at `at` and returns what comes after it; NULL: not in this form. A
 * longer text must end before `last`. */
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

/* The same, rather a small one. */
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

/* A number that is not negative, or nil. */
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

/* Does such an event begin here? */
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
