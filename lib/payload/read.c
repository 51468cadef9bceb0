/* SPDX-License-Identifier: MIT */
#include "payload/read.h"

#include "format/layout.h"
#include "json/msgpack_walk.h"
#include "payload/read_fast.h"

#include <errno.h>

/* ---- one scalar ---------------------------------------------------------------- */

enum kind {
	NIL,
	BOOL,
	UINT,
	NEGATIVE,
	TEXT,
	ARRAY,
	OTHER
};

struct token {
	enum kind kind;
	uint64_t number; /* value, length or count; NEGATIVE: two's complement */
	const unsigned char *bytes;
};

static uint64_t
big_endian(const unsigned char *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static bool
take_number(struct fnt_payload_reader *reader, struct token *token, enum kind kind,
	    size_t size)
{
	if ((size_t)(reader->end - reader->at) < size)
		return false;
	token->kind = kind;
	token->number = big_endian(reader->at, size);
	reader->at += size;
	return true;
}

static bool
take_signed(struct fnt_payload_reader *reader, struct token *token, size_t size)
{
	unsigned shift = (unsigned)(64 - 8 * size);

	if (!take_number(reader, token, UINT, size))
		return false;
	token->number = (uint64_t)((int64_t)(token->number << shift) >> shift);
	if ((int64_t)token->number < 0)
		token->kind = NEGATIVE;
	return true;
}

/* A text: its length in the next `size` bytes, or `len` if that is 0; then its
 * bytes. */
static bool
take_text(struct fnt_payload_reader *reader, struct token *token, size_t size,
	  uint64_t len)
{
	if (size) {
		if (!take_number(reader, token, TEXT, size))
			return false;
		len = token->number;
	}
	if (len > (uint64_t)(reader->end - reader->at))
		return false;
	token->kind = TEXT;
	token->number = len;
	token->bytes = reader->at;
	reader->at += len;
	return true;
}

/* Take an element whose first byte is 0xc0 to 0xdf. False: it is damaged, or of a kind
 * that no event has. */
static bool
take_long(struct fnt_payload_reader *reader, struct token *token, unsigned char first)
{
	switch (first) {
	case 0xc0:
		token->kind = NIL;
		return true;
	case 0xc2:
	case 0xc3:
		token->kind = BOOL;
		token->number = first & 1;
		return true;
	case 0xc4:
	case 0xc5:
	case 0xc6: /* bin 8, 16, 32 */
		return take_text(reader, token, (size_t)1 << (first - 0xc4), 0);
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf: /* uint 8 to 64 */
		return take_number(reader, token, UINT, (size_t)1 << (first - 0xcc));
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3: /* int 8 to 64 */
		return take_signed(reader, token, (size_t)1 << (first - 0xd0));
	case 0xd9:
	case 0xda:
	case 0xdb: /* str 8, 16, 32 */
		return take_text(reader, token, (size_t)1 << (first - 0xd9), 0);
	case 0xdc:
	case 0xdd: /* array 16, 32 */
		return take_number(reader, token, ARRAY, first == 0xdc ? 2 : 4);
	default:
		return false;
	}
}

/* Take one scalar or the head of an array. Any other object is skipped whole and taken
 * as OTHER. */
static bool
take_object(struct fnt_payload_reader *reader, struct token *token)
{
	const unsigned char *start = reader->at;
	size_t left = (size_t)(reader->end - start), used;

	if (!left)
		return false;
	reader->at++;
	token->kind = OTHER;
	token->number = *start;
	if (*start < 0x80) {
		token->kind = UINT;
		return true;
	}
	if (*start >= 0xe0) {
		token->kind = NEGATIVE;
		token->number = (uint64_t)(int64_t)(int8_t)*start;
		return true;
	}
	if (*start >= 0xa0 && *start < 0xc0)
		return take_text(reader, token, 0, *start & 0x1fu);
	if (*start >= 0x90 && *start < 0xa0) {
		token->kind = ARRAY;
		token->number = *start & 0x0f;
		return true;
	}
	if (*start >= 0xc0 && take_long(reader, token, *start))
		return true;
	/* Maps, floats and extensions of a later version, or damage. */
	if (fnt_msgpack_walk(start, left, &used) != FNT_MSGPACK_VALID)
		return false;
	token->kind = OTHER;
	reader->at = start + used;
	return true;
}

/* ---- the elements of an event -------------------------------------------------- */

/* The elements of one event. */
struct elements {
	struct fnt_payload_reader *reader;
	uint64_t left; /* not yet taken */
	bool bad;      /* one was missing or of the wrong kind */
};

/* Take the next element, which must be of `kind`, or nil if `nil` allows that. */
static __attribute__((noinline)) struct token
next(struct elements *in, enum kind kind, bool nil)
{
	struct token token = {.kind = NIL};

	if (!in->left || !take_object(in->reader, &token)) {
		in->bad = true;
		return (struct token){.kind = NIL};
	}
	in->left--;
	if (token.kind != kind && !(nil && token.kind == NIL)) {
		in->bad = true;
		return (struct token){.kind = NIL};
	}
	return token;
}

static uint64_t
next_uint(struct elements *in)
{
	return next(in, UINT, false).number;
}

static struct fnt_text
next_text(struct elements *in, bool nil)
{
	struct token token = next(in, TEXT, nil);

	if (token.kind != TEXT)
		return (struct fnt_text){NULL, 0};
	return (struct fnt_text){(const char *)token.bytes, (uint32_t)token.number};
}

static bool
next_bool(struct elements *in)
{
	return next(in, BOOL, false).number != 0;
}

/* An integer of either sign, or nil. */
static int64_t
next_optional(struct elements *in)
{
	struct token token;

	if (!in->left || !take_object(in->reader, &token)) {
		in->bad = true;
		return FNT_NONE;
	}
	in->left--;
	if (token.kind == NIL)
		return FNT_NONE;
	if (token.kind != NEGATIVE && (token.kind != UINT || token.number > INT64_MAX))
		in->bad = true;
	return (int64_t)token.number;
}

static struct fnt_name_ref
next_name(struct elements *in)
{
	struct fnt_name_ref name = {.id = FNT_NAME_NONE};
	struct token token;

	if (!in->left || !take_object(in->reader, &token)) {
		in->bad = true;
		return name;
	}
	in->left--;
	if (token.kind == UINT && token.number < FNT_NAME_NONE)
		name.id = (uint32_t)token.number;
	else if (token.kind == TEXT)
		name.text = (struct fnt_text){(const char *)token.bytes,
					      (uint32_t)token.number};
	else
		in->bad = true;
	return name;
}

/* An op's kind: a number or a word. */
static void
next_kind(struct elements *in, struct fnt_event_op *op)
{
	struct token token = {.kind = NIL};

	op->op = FNT_OP_OTHER;
	op->word = (struct fnt_text){NULL, 0};
	if (!in->left || !take_object(in->reader, &token) ||
	    (token.kind != UINT && token.kind != TEXT)) {
		in->bad = true;
		return;
	}
	in->left--;
	if (token.kind == UINT)
		op->op = (uint32_t)token.number;
	else
		op->word = (struct fnt_text){(const char *)token.bytes,
					     (uint32_t)token.number};
}

static void
next_op(struct elements *in, struct fnt_event *event)
{
	next_kind(in, &event->op);
	event->op.entity = next_name(in);
	event->op.id = next_text(in, true);
	event->op.start_ns = next_uint(in);
	event->op.duration_ns = 0;
	event->op.row_count = FNT_NONE;
	event->op.ok = false;
	if (event->type == FNT_EVENT_OP_BEGIN || event->type == FNT_EVENT_WAIT_BEGIN)
		return;
	event->op.duration_ns = next_uint(in);
	event->op.row_count = next_optional(in);
	event->op.ok = next_bool(in);
}

static void
read_event(struct elements *in, struct fnt_event *event)
{
	switch (event->type) {
	case FNT_EVENT_CALL:
		event->call.call_id = next_text(in, false);
		event->call.fn = next_text(in, true);
		event->call.user = next_text(in, true);
		event->call.tenant = next_text(in, true);
		break;
	case FNT_EVENT_USER:
	case FNT_EVENT_TENANT:
		event->text = next_text(in, false);
		break;
	case FNT_EVENT_OP:
	case FNT_EVENT_OP_BEGIN:
	case FNT_EVENT_WAIT:
	case FNT_EVENT_WAIT_BEGIN:
		next_op(in, event);
		break;
	case FNT_EVENT_OP_END:
		event->end.number = next_uint(in);
		event->end.duration_ns = next_uint(in);
		event->end.row_count = next_optional(in);
		event->end.ok = next_bool(in);
		break;
	case FNT_EVENT_SCHEDULE:
		event->schedule.fn = next_name(in);
		event->schedule.delay_ms = next_optional(in);
		event->schedule.run_at = next_optional(in);
		break;
	case FNT_EVENT_ERROR:
		event->error.code = next_text(in, false);
		event->error.message = next_text(in, false);
		break;
	case FNT_EVENT_VALUE:
		event->value.kind = (uint32_t)next_uint(in);
		event->value.bytes = next_text(in, false);
		break;
	case FNT_EVENT_COMMITTED:
		event->time_ns = next_uint(in);
		break;
	case FNT_EVENT_UNKNOWN:
		break;
	}
}

/* One event, of any form. */
static __attribute__((noinline)) int
next_slow(struct fnt_payload_reader *reader, struct fnt_event *event)
{
	struct elements in = {.reader = reader};
	struct token head;
	uint64_t type;

	if (!take_object(reader, &head) || head.kind != ARRAY || !head.number)
		return -EBADMSG;
	in.left = head.number;
	type = next_uint(&in);
	event->type = type < FNT_EVENT_UNKNOWN ? (enum fnt_event_type)type
					       : FNT_EVENT_UNKNOWN;
	read_event(&in, event);
	/* Skip what a later version has added. Each element takes a byte at least, so
	 * this ends with the bytes. */
	for (; in.left && !in.bad; in.left--) {
		size_t used;

		if (fnt_msgpack_walk(reader->at, (size_t)(reader->end - reader->at),
				     &used) != FNT_MSGPACK_VALID)
			in.bad = true;
		else
			reader->at += used;
	}
	return in.bad ? -EBADMSG : 1;
}

/* ---- fast and slow ------------------------------------------------------------- */

int
fnt_payload_next(struct fnt_payload_reader *reader, struct fnt_event *event)
{
	size_t left = (size_t)(reader->end - reader->at);
	const unsigned char *at;

	if (!left)
		return 0;
	if (left + reader->slack >= FNT_PAYLOAD_SLACK) {
		at = fnt_read_event_fast(
			reader->at, reader->end + reader->slack - FNT_PAYLOAD_SLACK,
			event);
		if (at && at <= reader->end) {
			reader->at = at;
			return 1;
		}
	}
	return next_slow(reader, event);
}
