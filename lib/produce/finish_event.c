/* SPDX-License-Identifier: MIT
 *
 * A call's last event: an error's code and message, which are cut if they do not fit,
 * or a value, which is left out if it does not fit.
 */
#include "produce/finish.h"

#include "produce/capture.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define ELLIPSIS_SIZE 3u

/* `text` in at most `max` bytes. If it has to be cut: a copy in `room`, which ends with
 * an ellipsis, and `flag` is set. NULL is "". */
static struct fnt_text
cut_text(char room[FNT_TEXT_MAX], const char *text, uint32_t max, uint32_t *flags,
	 uint32_t flag)
{
	size_t len = text ? strnlen(text, (size_t)max + 4) : 0;

	if (len <= max)
		return (struct fnt_text){text ? text : "", (uint32_t)len};
	*flags |= flag;
	if (max < ELLIPSIS_SIZE)
		return (struct fnt_text){"", 0};
	len = fnt_utf8_cut(text, len, max - ELLIPSIS_SIZE);
	memcpy(room, text, len);
	memcpy(room + len, ELLIPSIS, ELLIPSIS_SIZE);
	return (struct fnt_text){room, (uint32_t)len + ELLIPSIS_SIZE};
}

static uint32_t
at_most(uint32_t value, uint32_t max)
{
	return value < max ? value : max;
}

/* Write an error with two short texts in the tail. False, without any effect: a text is
 * not short, or there is not enough room to be sure that write_error_slow() would cut
 * none. */
static inline bool
write_error_fast(struct fnt_call *call, const char *code, const char *message)
{
	size_t code_len = fnt_short_text_len(code),
	       message_len = fnt_short_text_len(message);
	char *at = call->at;

	if (code_len >= FNT_SHORT_TEXT || message_len >= FNT_SHORT_TEXT ||
	    !fnt_payload_has(call, FNT_ERROR_BOUND + 4 * FNT_SHORT_TEXT))
		return false;
	at = fnt_encode_head(at, 3, FNT_EVENT_ERROR);
	at = fnt_encode_text_fast(at, code, code_len);
	call->at = fnt_encode_text_fast(at, message, message_len);
	return true;
}

/* Ops leave room for this event. If that is not enough for both texts, the code may
 * take a quarter of the room, and the message what is left. */
static __attribute__((noinline)) void
write_error_slow(struct fnt_call_ctx *ctx, const char *code, const char *message)
{
	struct fnt_event event = {.type = FNT_EVENT_ERROR};
	struct fnt_call *call = ctx->call;
	uint32_t left = call->limit - fnt_payload_used(call) - FNT_ERROR_BOUND;
	char code_room[FNT_TEXT_MAX], message_room[FNT_TEXT_MAX];
	uint32_t code_max = at_most(left / 4, FNT_TEXT_MAX);

	if (left >= 2 * FNT_TEXT_MAX || !code ||
	    strnlen(code, FNT_TEXT_MAX) <= code_max)
		code_max = FNT_TEXT_MAX;
	event.error.code = cut_text(code_room, code, at_most(code_max, left),
				    &call->record.flags, FNT_TRACE_CODE_CUT);
	left -= event.error.code.len;
	event.error.message =
		cut_text(message_room, message, at_most(left, FNT_TEXT_MAX),
			 &call->record.flags, FNT_TRACE_MESSAGE_CUT);
	left = FNT_ERROR_BOUND + event.error.code.len + event.error.message.len;
	if (fnt_payload_reserve(call, ctx->thread, left))
		fnt_payload_event(call, &event, left, fnt_encode_error);
	else
		call->record.flags |= FNT_TRACE_CODE_CUT | FNT_TRACE_MESSAGE_CUT;
}

void
fnt_finish_error(struct fnt_call_ctx *ctx, const char *code, const char *message)
{
	if (!write_error_fast(ctx->call, code ? code : "", message ? message : ""))
		write_error_slow(ctx, code, message);
}

/* Write a value of at most 255 bytes in the tail. False, without any effect: it is
 * longer or not valid, the call has a rule, or there is no room. */
static inline bool
write_value_fast(struct fnt_call *call, const struct fnt_value *value)
{
	uint32_t head = 0x93u | FNT_EVENT_VALUE << 8 | (uint32_t)value->kind << 16 |
			0xc4u << 24;

	if (value->len > UINT8_MAX || (uint32_t)value->kind > FNT_VALUE_MSGPACK ||
	    !value->data || call->slow.ruled ||
	    !fnt_payload_has(call, FNT_VALUE_BOUND + value->len))
		return false;
	fnt_bytes_store4(call->at, head);
	fnt_bytes_store1(call->at + 4, (uint8_t)value->len);
	if (value->len < FNT_SHORT_TEXT)
		fnt_short_text_copy_exact(call->at + 5, value->data, value->len);
	else
		fnt_bytes_copy(call->at + 5, value->data, value->len);
	call->at += 5 + value->len;
	return true;
}

/* Flag the value as omitted. */
static int
omit_value(struct fnt_call *call)
{
	call->record.flags |= FNT_TRACE_VALUE_OMITTED;
	call->slow.rare = true;
	return FNT_OMITTED;
}

/* Write any value: FNT_DONE, also if the call's rule leaves it out, or FNT_OMITTED. */
static __attribute__((noinline)) int
write_value_slow(struct fnt_call_ctx ctx, const struct fnt_value *value,
		 struct fnt_borrowed_value *borrowed)
{
	struct fnt_event event = {.type = FNT_EVENT_VALUE};
	struct fnt_call *call = ctx.call;
	char room[FNT_HASHED_JSON_BYTES];
	struct fnt_value hashed;
	uint32_t bound;

	if (__builtin_expect(call->slow.ruled, 0)) {
		hashed = *value;
		value = &hashed;
		if (!fnt_capture_value(ctx.thread->attachment, call->rule.values,
				       &hashed, room))
			return FNT_DONE;
	}
	event.value.kind = (uint32_t)value->kind;
	event.value.bytes.at = value->data;
	event.value.bytes.len = (uint32_t)value->len;
	bound = FNT_VALUE_BOUND + (uint32_t)value->len;
	/* A length without data stands for a value that the host could not hand
	 * over. */
	if ((uint32_t)value->kind > FNT_VALUE_MSGPACK || (!value->data && value->len) ||
	    value->len > call->limit || fnt_payload_used(call) + bound > call->limit)
		return omit_value(call);
	/* A hash of the value is in `room`, which ends with this function. */
	if (!call->slow.ruled && fnt_payload_borrow_value(call, &event, borrowed))
		return FNT_DONE;
	if (!fnt_payload_reserve(call, ctx.thread, bound))
		return omit_value(call);
	fnt_payload_event(call, &event, bound, fnt_encode_value);
	return FNT_DONE;
}

int
fnt_finish_value(struct fnt_call_ctx ctx, const struct fnt_value *value,
		 struct fnt_borrowed_value *borrowed)
{
	if (!value || value->kind == FNT_VALUE_NONE)
		return FNT_DONE;
	return write_value_fast(ctx.call, value)
		       ? FNT_DONE
		       : write_value_slow(ctx, value, borrowed);
}
