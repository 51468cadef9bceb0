/* SPDX-License-Identifier: MIT
 *
 * decode_fast.h: decodes the beginning of a call, and ops, straight from the payload's
 * bytes into the trace. Most calls consist of nothing else.
 *
 * Each function parses and validates one event first. The usual form of an event is the
 * one that payload/encode.h gives to short texts, interned names and common numbers. An
 * event of another form is left to the slow path in decode.c: nothing that is in use
 * has been changed then. Where both paths can decode an event, they give the same
 * trace.
 *
 * Private memory of one thread. Loads may pass the payload's end by up to
 * FNT_PAYLOAD_SLACK; ends are checked afterwards.
 */
#ifndef FNT_READ_DECODE_FAST_H
#define FNT_READ_DECODE_FAST_H

#include "payload/read_fast.h"
#include "read/decode_text.h"

static inline bool
fnt_decode_optional_valid(struct fnt_text text)
{
	return !text.at ||
	       __builtin_expect(fnt_decode_text_valid(text.at, text.len), 1);
}

/* Decodes the call's beginning at `at`. Returns the place after it, or `at` if the
 * event is not of the usual form. `*pending_nul`: as in struct fnt_decoder. */
static inline const unsigned char *
fnt_decode_beginning_fast(struct fnt_decoder *in, const unsigned char *at,
			  const unsigned char *end, char **pending_nul)
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
		*pending_nul = fnt_decode_text_end(in, call.tenant);
	trace->call_id = call.call_id.at;
	trace->user_id = call.user.at;
	trace->tenant_id = call.tenant.at;
	return next;
}

/* Reads the id of an interned name. Returns the place after it; NULL: it is not one. */
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

/* Decodes the op at `at` into `to`. Returns the place after it; NULL: the event is not
 * of the usual form, and `to` is not valid. */
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
	to->word = NULL;
	to->entity = fnt_decode_name(in, entity);
	to->id = id.at;
	return at;
}

/* Room for ops that are yet to be decoded. */
struct fnt_decode_ops_room {
	struct fnt_trace_op *next;
	size_t left;
};

/* Decodes ops one after the other into `room`, until it is full or an event is not an
 * op of the usual form. Returns the place after the last one. */
static inline const unsigned char *
fnt_decode_ops_fast(struct fnt_decoder *in, const unsigned char *at,
		    const unsigned char *end, struct fnt_decode_ops_room *room,
		    char **pending_nul)
{
	const unsigned char *next;

	for (; room->left && (next = fnt_decode_op_fast(in, at, end, room->next));
	     room->next++) {
		if (__builtin_expect(*pending_nul != NULL, 0)) {
			**pending_nul = '\0';
			*pending_nul = NULL;
		}
		at = next;
		room->left--;
	}
	return at;
}

#endif
