/* SPDX-License-Identifier: MIT */
#include "frames.h"

#include "inflight.h"

/* After a search in vain, so many calls do without. */
#define WAIT 64

static void
release(struct fnt_attachment *attachment, uint32_t frame)
{
	/* Before others can claim it, this process's threads among them. */
	atomic_store(&attachment->pool->held[frame], false);
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
	    atomic_exchange(&attachment->pool->held[frame], true))
		return FNT_FRAME_NONE;
	return frame;
}

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
	frame = claim(thread);
	if (frame == FNT_FRAME_NONE)
		thread->frames_wait = WAIT;
	return frame;
}

void
fnt_thread_close_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;

	fnt_frame_close(&attachment->region.view.frames[frame], attachment->slot);
}

void
fnt_thread_keep_frame(struct fnt_thread *thread, uint32_t frame)
{
	if (thread->frame_count == FNT_FRAMES_CACHED)
		release(thread->attachment, frame);
	else
		thread->frames[thread->frame_count++] = frame;
}

void
fnt_thread_give_back_frames(struct fnt_thread *thread)
{
	while (thread->frame_count)
		release(thread->attachment, thread->frames[--thread->frame_count]);
}
