/* SPDX-License-Identifier: MIT
 *
 * payload_writer.h: events into a call's payload.
 *
 *   packer ──► extents: frames of the region, or private memory
 *                              └──publish──► seen by others
 *
 * A payload is written where others will see it. Bytes past what is published belong to
 * the call's owner: they are written by plain stores, of whatever size is at hand, and
 * readers, who load whole words, throw away what is past `published`. (It was built in
 * private memory first, and its words stored in the frame after it: a processor has to
 * wait before it can load a word that was just stored as bytes, and a tenth of a call
 * went into that.) Room is reserved before an event is packed, so that packing can't
 * fail half-way.
 */
#ifndef FNT_PRODUCE_PAYLOAD_WRITER_H
#define FNT_PRODUCE_PAYLOAD_WRITER_H

#include "produce/call_state.h"
#include "payload/encode_fast.h"
#include "base/shm_words.h"

/* Make room for `bytes` more: frames if the call is framed and there are some, else
 * private memory only. False: no memory. */
bool fnt_payload_extend(struct fnt_call *call, struct fnt_thread *thread,
			uint32_t bytes);

/* Bytes of payload, in all extents. */
static inline uint32_t
fnt_payload_used(const struct fnt_call *call)
{
	return (uint32_t)((uintptr_t)call->at - call->origin);
}

static inline bool
fnt_payload_reserve(struct fnt_call *call, struct fnt_thread *thread, uint32_t bytes)
{
	return call->room - fnt_payload_used(call) >= bytes ||
	       fnt_payload_extend(call, thread, bytes);
}

/* Give back all extents but the first. `thread` NULL: the frames are gone already. */
void fnt_payload_release(struct fnt_call *call, struct fnt_thread *thread);

/* Write an event that may go over the end of an extent. Room is reserved. Not yet
 * published. */
void fnt_payload_event_slow(struct fnt_call *call, const struct fnt_event *event,
			    fnt_encode_event_fn *encode);

/* A value's bytes where the host has them, as the last extents of a call that ends. */
#define FNT_FRAME_BORROWED (FNT_FRAME_NONE - 1) /* of an extent that is neither */
struct fnt_borrowed_value {
	struct fnt_extent body, rest;
	char bytes[8]; /* what is left of the last word */
};

/* Write a value that is not seen before the record is: its beginning, up to a whole
 * word, and of the rest no more than where it is; so it is copied once, and takes no
 * frames. `lent` is to be there until the call is dropped. False: not this way. Nothing
 * can be written after it. */
bool fnt_payload_borrow_value(struct fnt_call *call, const struct fnt_event *event,
			      struct fnt_borrowed_value *lent);

/* Write an event that was encoded elsewhere, as fnt_payload_event_slow() does. */
void fnt_payload_event_copy(struct fnt_call *call, const char *bytes, size_t len);

/* May `bytes` more, with what the pending ops will need, be put straight at call->at?
 * Then fnt_payload_publish() says where they end. */
static inline bool
fnt_payload_has(const struct fnt_call *call, size_t bytes)
{
	return __builtin_expect(
		(uintptr_t)call->at + call->pending_bytes + bytes < call->fast_end, 1);
}

/* Where a quick event ends: let others see it, `now_ns` after the start. */
static inline void
fnt_payload_publish(struct fnt_call *call, char *end, uint64_t now_ns)
{
	call->at = end;
	fnt_frame_publish(call->shown, fnt_payload_used(call), now_ns);
}

/* Write one event, of at most `bound` bytes, with room reserved. Not yet published. */
static inline __attribute__((always_inline)) void
fnt_payload_event(struct fnt_call *call, const struct fnt_event *event, uint32_t bound,
		  fnt_encode_event_fn *encode)
{
	const struct fnt_extent *tail = call->tail;

	if (__builtin_expect((size_t)(tail->bytes + tail->size - call->at) < bound, 0))
		fnt_payload_event_slow(call, event, encode);
	else
		call->at = encode(call->at, event, NULL);
}

#endif
