/* SPDX-License-Identifier: MIT */
#include "frames.h"

/* After a search in vain, so many calls do without. */
#define WAIT 64

void
fnt_thread_release_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;

	/* Before others can claim it, this process's threads among them. */
	atomic_store(&attachment->pool->had[frame], FNT_HAD_BEFORE);
	fnt_frame_release(&attachment->region.view.frames[frame]);
}

/* One that nobody in this process has, whatever the region says of it. */
static uint32_t
claim(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t frame = fnt_frame_claim(&attachment->region.view, attachment->slot,
					 &thread->frame_hint);

	if (frame != FNT_FRAME_NONE &&
	    atomic_exchange(&attachment->pool->had[frame], FNT_HAD_NOW) == FNT_HAD_NOW)
		return FNT_FRAME_NONE;
	return frame;
}

uint32_t
fnt_thread_find_frame(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t frame;

	if (attachment->slot == UINT32_MAX)
		return FNT_FRAME_NONE;
	if (thread->frames_wait) {
		thread->frames_wait--;
		return FNT_FRAME_NONE;
	}
	frame = claim(thread);
	if (frame == FNT_FRAME_NONE)
		thread->frames_wait = WAIT;
	return frame;
}

void
fnt_thread_give_back_frames(struct fnt_thread *thread)
{
	while (thread->ready_count)
		fnt_thread_release_frame(
			thread, thread->ready[--thread->ready_count]->own.frame);
}
