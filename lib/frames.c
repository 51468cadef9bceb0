/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include "inflight.h"

/* After a search in vain, so many calls do without. */
#define WAIT 64

uint32_t
fnt_thread_take_frame(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t frame;

	if (thread->frame_count)
		return thread->frames[--thread->frame_count];
	if (attachment->slot == UINT32_MAX)
		return FNT_FRAME_NONE;
	if (thread->frames_wait) {
		thread->frames_wait--;
		return FNT_FRAME_NONE;
	}
	frame = fnt_frame_claim(&attachment->region.view, attachment->slot,
				&thread->frame_hint);
	if (frame == FNT_FRAME_NONE)
		thread->frames_wait = WAIT;
	return frame;
}

void
fnt_thread_give_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;
	struct fnt_frame *at = &attachment->region.view.frames[frame];

	if (thread->frame_count == FNT_FRAMES_CACHED) {
		fnt_frame_release(at);
		return;
	}
	fnt_frame_close(at, attachment->slot);
	thread->frames[thread->frame_count++] = frame;
}
