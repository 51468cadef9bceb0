/* SPDX-License-Identifier: MIT
 *
 * pen.h: events into a call's payload.
 *
 *   packer ──► stage (on the stack) ──whole words──► extents: frames, then private memory
 *
 * Room is reserved before an event is packed, so that packing can't fail half-way. The last,
 * partly filled word is kept in private memory: it is stored again, with the same bytes in
 * front, when more follow.
 */
#ifndef FNT_PEN_H
#define FNT_PEN_H

#include "call.h"
#include "payload_pack.h"

#define FNT_STAGE_BYTES 512

struct fnt_pen {
	struct fnt_call *call;
	size_t len;
	char stage[FNT_STAGE_BYTES + 8];
};

/* Make room for `bytes` more: frames if the call is framed and there are some, else private
 * memory. False: no memory. */
bool fnt_pen_extend(struct fnt_call *call, struct fnt_thread *thread, uint32_t bytes);

static inline bool
fnt_pen_reserve(struct fnt_call *call, struct fnt_thread *thread, uint32_t bytes)
{
	return call->room - call->used >= bytes || fnt_pen_extend(call, thread, bytes);
}

/* Give back all extents but the first. `thread` NULL: the frames are gone already. */
void fnt_pen_release(struct fnt_call *call, struct fnt_thread *thread);

static inline void
fnt_pen_put(struct fnt_call *call, uint64_t word)
{
	atomic_store_explicit(&call->tail->words[call->tail_words], word,
			      memory_order_relaxed);
}

static inline void
fnt_pen_flush(struct fnt_pen *pen)
{
	struct fnt_call *call = pen->call;
	size_t at;
	uint64_t word;

	for (at = 0; at + 8 <= pen->len; at += 8) {
		if (call->tail_words == call->tail->word_count) {
			call->tail = call->tail->next;
			call->tail_words = 0;
		}
		memcpy(&word, pen->stage + at, 8);
		fnt_pen_put(call, word);
		call->tail_words++;
	}
	memmove(pen->stage, pen->stage + at, 8);
	pen->len -= at;
}

static inline int
fnt_pen_write(void *data, const char *bytes, size_t len)
{
	struct fnt_pen *pen = data;

	pen->call->used += (uint32_t)len;
	while (__builtin_expect(len > FNT_STAGE_BYTES - pen->len, 0)) {
		size_t some = FNT_STAGE_BYTES - pen->len;

		memcpy(pen->stage + pen->len, bytes, some);
		pen->len += some;
		bytes += some;
		len -= some;
		fnt_pen_flush(pen);
	}
	memcpy(pen->stage + pen->len, bytes, len);
	pen->len += len;
	return 0;
}

/* Write one event for which there is room; not yet published. */
static inline void
fnt_pen_event(struct fnt_call *call, const struct fnt_event *event)
{
	struct fnt_pen pen;
	msgpack_packer packer;

	pen.call = call;
	pen.len = call->used % 8;
	memcpy(pen.stage, &call->partial_word, 8);
	msgpack_packer_init(&packer, &pen, fnt_pen_write);
	fnt_pack_event(&packer, event);
	fnt_pen_flush(&pen);
	if (!pen.len)
		return;
	if (call->tail_words == call->tail->word_count) {
		call->tail = call->tail->next;
		call->tail_words = 0;
	}
	memcpy(&call->partial_word, pen.stage, 8);
	fnt_pen_put(call, call->partial_word);
}

#endif
