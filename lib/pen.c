/* SPDX-License-Identifier: MIT */
#include "pen.h"

#include "frames.h"

#include <stdlib.h>

#define PRIVATE_BYTES 4096u

static void
append(struct fnt_call *call, struct fnt_extent *extent)
{
	extent->next = NULL;
	if (call->last)
		call->last->next = extent;
	else
		call->tail = extent;
	call->last = extent;
	call->room += extent->word_count * 8;
}

/* One more frame, as long as all before are frames. */
static bool
extend_framed(struct fnt_call *call, struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	const struct fnt_view *view = &attachment->region.view;
	struct fnt_extent *extent;
	uint32_t index;

	if (!call->frame || call->framed != call->room)
		return false;
	index = fnt_thread_take_frame(thread);
	if (index == FNT_FRAME_NONE)
		return false;
	extent = &attachment->pool->calls[index].own;
	*extent = (struct fnt_extent){.words = view->frames[index].payload,
				      .word_count = FNT_FRAME_PAYLOAD_WORDS,
				      .frame = index};
	fnt_frame_link(view, &view->frames[call->last->frame], index, attachment->slot);
	append(call, extent);
	call->framed = call->room;
	return true;
}

static bool
extend_private(struct fnt_call *call, uint32_t bytes)
{
	uint32_t words = ((bytes > PRIVATE_BYTES ? bytes : PRIVATE_BYTES) + 7) / 8;
	struct fnt_extent *extent = malloc(sizeof(*extent) + (size_t)words * 8);

	if (!extent)
		return false;
	*extent = (struct fnt_extent){.words = (fnt_word *)(extent + 1),
				      .word_count = words,
				      .frame = FNT_FRAME_NONE};
	append(call, extent);
	return true;
}

bool
fnt_pen_extend(struct fnt_call *call, struct fnt_thread *thread, uint32_t bytes)
{
	while (call->room - call->used < bytes)
		if (!extend_framed(call, thread) && !extend_private(call, bytes))
			return false;
	return true;
}

void
fnt_pen_release(struct fnt_call *call, struct fnt_thread *thread)
{
	/* The first extent is part of the call, or its frame is given back last. */
	struct fnt_extent *extent = call->own.next, *next;

	for (; extent; extent = next) {
		next = extent->next;
		if (extent->frame == FNT_FRAME_NONE)
			free(extent);
		else if (thread)
			fnt_thread_give_frame(thread, extent->frame);
	}
}
