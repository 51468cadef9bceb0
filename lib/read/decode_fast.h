/* SPDX-License-Identifier: MIT
 *
 * decode_fast.h: a beginning and ops, as most calls are made of, straight from the
 * payload's bytes into the trace. Whatever is otherwise is left to decode.c, with
 * nothing done.
 *
 * What is behind the payload is looked at as if it were of it: see FNT_PAYLOAD_SLACK.
 */
#ifndef FNT_READ_DECODE_FAST_H
#define FNT_READ_DECODE_FAST_H

#include "read/decode_text.h"
#include "payload/read_fast.h"

static inline bool
fnt_decode_optional_valid(struct fnt_text text)
{
	return !text.at ||
	       __builtin_expect(fnt_decode_text_valid(text.at, text.len), 1);
}

/* A NUL after a text, where the next element, or event, has been read. */
static inline char *
fnt_decode_text_end(struct fnt_decoder *in, struct fnt_text text)
{
	return in->payload + (text.at - in->payload) + text.len;
}

/* The call's beginning at `at`, if it is one: what comes after it; else `at`. `nul`:
 * where one waits for what comes next to have been read. */
static inline const unsigned char *
fnt_decode_beginning_fast(struct fnt_decoder *in, const unsigned char *at,
			  const unsigned char *end, char **nul)
{
	struct fnt_trace *trace = in->trace;
	struct fnt_event_call call;
	const unsigned char *next;

	if (!fnt_read_is(at, FNT_EVENT_CALL, 5))
		return at;
	next = fnt_read_call_fast(at + 2, end, &call);
	if (!next || next > end || call.fn.at ||
	    !fnt_decode_optional_valid(call.call_id) ||
	    !fnt_decode_optional_valid(call.user) ||
	    !fnt_decode_optional_valid(call.tenant))
		return at;
	*fnt_decode_text_end(in, call.call_id) = '\0';
	if (call.user.at)
		*fnt_decode_text_end(in, call.user) = '\0';
	if (call.tenant.at)
		*nul = fnt_decode_text_end(in, call.tenant);
	trace->call_id = call.call_id.at;
	trace->user_id = call.user.at;
	trace->tenant_id = call.tenant.at;
	return next;
}

/* The interned name at `at`; NULL: it is none. */
static inline const unsigned char *
fnt_decode_name_id_fast(const unsigned char *at, uint32_t *id)
{
	if (__builtin_expect(*at == 0xcd, 1)) {
		*id = (uint32_t)at[1] << 8 | at[2];
		return at + 3;
	}
	*id = *at;
	return *at < 0x80 ? at + 1 : NULL;
}

/* An op at `at`, into `to`: what comes after it, or NULL. */
static inline const unsigned char *
fnt_decode_op_fast(struct fnt_decoder *in, const unsigned char *at,
		   const unsigned char *end, struct fnt_trace_op *to)
{
	unsigned kind = at[2];
	struct fnt_text id;
	uint32_t entity;

	if (!fnt_read_is(at, FNT_EVENT_OP, 8) || kind >= FNT_OP_KINDS ||
	    !(at = fnt_decode_name_id_fast(at + 3, &entity)) ||
	    !(at = fnt_read_text_or_nil_fast(at, end, &id)) ||
	    !(at = fnt_read_time_fast(at, &to->start_ns)) ||
	    !(at = fnt_read_time_fast(at, &to->duration_ns)) ||
	    !(at = fnt_read_optional_fast(at, &to->row_count)) ||
	    !(at = fnt_read_bool_fast(at, &to->ok)) || at > end)
		return NULL;
	if (id.at) {
		if (__builtin_expect(!fnt_decode_text_valid(id.at, id.len), 0))
			return NULL;
		*fnt_decode_text_end(in, id) = '\0';
	}
	to->op = (enum fnt_op)kind;
	to->entity = fnt_decode_name(in, entity);
	to->id = id.at;
	return at;
}

/* The ops that come at `at`, one after the other, to `to`, where there is room for
 * `*left`; what comes after them. */
static inline const unsigned char *
fnt_decode_ops_fast(struct fnt_decoder *in, const unsigned char *at,
		    const unsigned char *end, struct fnt_trace_op *to, size_t *left,
		    char **nul)
{
	const unsigned char *next;

	for (; *left && (next = fnt_decode_op_fast(in, at, end, to)); to++) {
		if (__builtin_expect(*nul != NULL, 0)) {
			**nul = '\0';
			*nul = NULL;
		}
		at = next;
		--*left;
	}
	return at;
}

#endif
