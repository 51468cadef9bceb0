/* SPDX-License-Identifier: MIT */
#include "produce/payload_writer.h"

#include "produce/call_pool.h"
#include "produce/frame_cache.h"

#include <stdlib.h>

#define PRIVATE_BYTES 4096u

/* ---- room ------------------------------------------------------------------------ */

static void
append(struct fnt_call *call, struct fnt_extent *extent)
{
	extent->next = NULL;
	call->last->next = extent;
	call->slow.linked = true;
	call->last = extent;
	call->room += extent->size;
}

/* Add a frame, if all extents so far are frames and there is a free one. */
static bool
extend_framed(struct fnt_call *call, struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	const struct fnt_view *view = &attachment->region.view;
	struct fnt_call *spare;
	uint32_t index;

	if (!call->frame || call->framed != call->room)
		return false;
	index = fnt_thread_take_frame(thread);
	if (index == FNT_FRAME_NONE)
		return false;
	/* The extent is that of the pool's call of the same number, which has no other
	 * use while its frame is linked. */
	spare = &attachment->pool->calls[index];
	fnt_call_set_up(spare, call->log, attachment, index);
	fnt_frame_link(view, &view->frames[call->last->frame], index, attachment->slot);
	append(call, &spare->own);
	call->framed = call->room;
	return true;
}

static bool
extend_private(struct fnt_call *call, uint32_t bytes)
{
	uint32_t size = ((bytes > PRIVATE_BYTES ? bytes : PRIVATE_BYTES) + 7) / 8 * 8;
	struct fnt_extent *extent = malloc(sizeof(*extent) + size);

	if (!extent)
		return false;
	*extent = (struct fnt_extent){
		.bytes = (char *)(extent + 1), .size = size, .frame = FNT_FRAME_NONE};
	append(call, extent);
	return true;
}

bool
fnt_payload_extend(struct fnt_call *call, struct fnt_thread *thread, uint32_t bytes)
{
	while (call->room - fnt_payload_used(call) < bytes)
		if (!extend_framed(call, thread) && !extend_private(call, bytes))
			return false;
	return true;
}

static void
give_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_call *spare = &thread->calls[frame];

	fnt_thread_close_frame(thread, frame);
	spare->thread = thread;
	fnt_thread_keep_frame(thread, spare);
}

void
fnt_payload_release(struct fnt_call *call, struct fnt_thread *thread)
{
	/* The first extent is part of the call, or its frame is given back last. */
	struct fnt_extent *extent = call->own.next, *next;

	for (; extent; extent = next) {
		next = extent->next;
		if (extent->frame == FNT_FRAME_BORROWED)
			break;	     /* and so is the next */
		extent->next = NULL; /* the pool's: clean for its next use */
		extent->size = FNT_FRAME_PAYLOAD_BYTES;
		if (extent->frame == FNT_FRAME_NONE)
			free(extent);
		else if (thread)
			give_frame(thread, extent->frame);
	}
}

/* ---- over the end of an extent --------------------------------------------------- */

static void
next_extent(struct fnt_call *call)
{
	uint32_t used = fnt_payload_used(call);

	call->tail = call->tail->next;
	call->at = call->tail->bytes;
	call->origin = (uintptr_t)call->at - used;
}

/* Few bytes, in moves that need no call. */
static inline void
copy_piece(struct fnt_call *call, const char *bytes, size_t len)
{
	if (len < FNT_SHORT_TEXT)
		fnt_short_text_copy_exact(call->at, bytes, len);
	else
		fnt_bytes_copy(call->at, bytes, len);
	call->at += len;
}

static void
write_split(struct fnt_call *call, const char *bytes, size_t len)
{
	size_t room = (size_t)(call->tail->bytes + call->tail->size - call->at);

	while (len > room) {
		copy_piece(call, bytes, room);
		bytes += room;
		len -= room;
		next_extent(call);
		room = call->tail->size;
	}
	copy_piece(call, bytes, len);
}

void
fnt_payload_event_copy(struct fnt_call *call, const char *bytes, size_t len)
{
	write_split(call, bytes, len);
	fnt_payload_set_fast(call);
}

/* Everything but texts is encoded into `buffer` first. */
struct splitter {
	struct fnt_encode_sink sink; /* first: see split_text() */
	struct fnt_call *call;
	char buffer[FNT_ENCODE_SINK_BYTES];
};

static char *
split_text(struct fnt_encode_sink *sink, char *at, const char *bytes, uint32_t len)
{
	struct splitter *to = (struct splitter *)(void *)sink;

	write_split(to->call, to->buffer, (size_t)(at - to->buffer));
	write_split(to->call, bytes, len);
	return to->buffer;
}

void
fnt_payload_event_slow(struct fnt_call *call, const struct fnt_event *event,
		       fnt_encode_event_fn *encode)
{
	struct splitter to;
	char *at;

	to.sink.write = split_text;
	to.call = call;
	at = encode(to.buffer, event, &to.sink);
	fnt_payload_event_copy(call, to.buffer, (size_t)(at - to.buffer));
}

/* ---- borrowed values ------------------------------------------------------------- */

#define BORROW_MIN 64u /* bytes; shorter values are copied */

bool
fnt_payload_borrow_value(struct fnt_call *call, const struct fnt_event *event,
			 struct fnt_borrowed_value *borrowed)
{
	const char *bytes = event->value.bytes.at;
	uint32_t len = event->value.bytes.len, used = fnt_payload_used(call), head;
	struct fnt_extent *tail = call->tail;
	char *at = call->at;
	size_t room = (size_t)(tail->bytes + tail->size - at);

	/* A value that fits into the tail is copied there: committing a contiguous
	 * payload saves more than a second copy costs. */
	if (room >= FNT_VALUE_BOUND + len || len < BORROW_MIN || !call->frame ||
	    call->framed != call->room || tail != call->last ||
	    room < FNT_VALUE_BOUND + 8)
		return false;
	at = fnt_encode_value_head(at, event);
	used += (uint32_t)(at - call->at) + len;
	head = -(uint32_t)(uintptr_t)at & 7;
	fnt_bytes_copy(at, bytes, head);
	at += head;
	bytes += head;
	len -= head;
	borrowed->body = (struct fnt_extent){.next = &borrowed->rest,
					     .bytes = (char *)(uintptr_t)bytes,
					     .size = len & ~7u,
					     .frame = FNT_FRAME_BORROWED};
	borrowed->rest = (struct fnt_extent){
		.bytes = borrowed->bytes, .size = 8, .frame = FNT_FRAME_BORROWED};
	memset(borrowed->bytes, 0, 8);
	memcpy(borrowed->bytes, bytes + (len & ~7u), len & 7);
	tail->size = (uint32_t)(at - tail->bytes);
	tail->next = &borrowed->body;
	call->last = call->tail = &borrowed->rest;
	call->slow.linked = true;
	call->at = borrowed->bytes + (len & 7);
	call->origin = (uintptr_t)call->at - used;
	return true;
}
