/* SPDX-License-Identifier: MIT
 *
 * payload_writer.h: write events to a call's payload.
 *
 *   event ──encode──► extents: frames of the region, or private memory
 *                         └──publish──► readers see the events in frames
 *
 * A payload is a list of extents, which need not be contiguous. Events are encoded in
 * place, where readers will load them: building them in private memory first would
 * stall the processor, which can't quickly load a word that was just stored as bytes.
 * Bytes past `published` belong to the call's owner, which writes them by stores that
 * are relaxed and atomic byte by byte (fnt_bytes_store8() and others). Readers load
 * whole words and discard what is past `published`.
 *
 * Room is reserved before an event is encoded, so that encoding can't fail half-way.
 * Only the thread that uses the call may call these functions. Reserving room may
 * allocate if there are no free frames; all else is wait-free, without a system call.
 */
#ifndef FNT_PRODUCE_PAYLOAD_WRITER_H
#define FNT_PRODUCE_PAYLOAD_WRITER_H

#include "produce/call_state.h"
#include "payload/encode_fast.h"
#include "base/shm_words.h"

/* Add extents until there is room for `bytes` more: frames, as long as the call has
 * only frames and there are free ones, then private memory. False: no memory. */
bool fnt_payload_extend(struct fnt_call *call, struct fnt_thread *thread,
			uint32_t bytes);

/* Bytes of payload, in all extents. */
static inline uint32_t
fnt_payload_used(const struct fnt_call *call)
{
	return (uint32_t)((uintptr_t)call->at - call->origin);
}

/* Make sure that there is room for `bytes` more. False: no memory. */
static inline bool
fnt_payload_reserve(struct fnt_call *call, struct fnt_thread *thread, uint32_t bytes)
{
	return call->room - fnt_payload_used(call) >= bytes ||
	       fnt_payload_extend(call, thread, bytes);
}

/* Release all extents but the first. `thread` NULL: the call's frames are not ours any
 * more, so only private memory is freed. */
void fnt_payload_release(struct fnt_call *call, struct fnt_thread *thread);

/* Write an event that may pass the end of an extent. Room is reserved. The event is not
 * published yet. */
void fnt_payload_event_slow(struct fnt_call *call, const struct fnt_event *event,
			    fnt_encode_event_fn *encode);

/* The caller's value buffer as a payload's last extents, instead of a copy in a
 * frame. */
#define FNT_FRAME_BORROWED (FNT_FRAME_NONE - 1) /* `frame` of these extents */
struct fnt_borrowed_value {
	struct fnt_extent body; /* whole words, in the caller's buffer */
	struct fnt_extent rest; /* the bytes after them, in `bytes` */
	char bytes[8];
};

/* Write a value of a call that ends: copy its beginning, up to a word boundary, and
 * reference the rest in the caller's buffer. It is then copied once, to the cells, and
 * takes no frames. `borrowed` and the buffer must stay until the call is dropped;
 * nothing can be written after the value. False, without any effect: the value is to be
 * copied. */
bool fnt_payload_borrow_value(struct fnt_call *call, const struct fnt_event *event,
			      struct fnt_borrowed_value *borrowed);

/* Write an event that was encoded elsewhere, as fnt_payload_event_slow() does. */
void fnt_payload_event_copy(struct fnt_call *call, const char *bytes, size_t len);

/* May `bytes` be stored at call->at, and still leave room for the ends of pending ops?
 * fnt_payload_publish() is then to be called with their end. */
static inline bool
fnt_payload_has(const struct fnt_call *call, size_t bytes)
{
	return __builtin_expect(
		(uintptr_t)call->at + call->pending_bytes + bytes < call->fast_end, 1);
}

/* Publish events stored at call->at up to `end`, `now_ns` after the call's start. */
static inline void
fnt_payload_publish(struct fnt_call *call, char *end, uint64_t now_ns)
{
	call->at = end;
	fnt_frame_publish(call->shown, fnt_payload_used(call), now_ns);
}

/* Write one event of at most `bound` bytes. Room is reserved. The event is not
 * published yet. */
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
