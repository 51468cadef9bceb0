/* SPDX-License-Identifier: MIT */
#include "produce/frame_cache.h"

/* After a failed search, so many calls take place without another search. */
#define CALLS_WITHOUT_SEARCH 64

void
fnt_thread_release_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;

	/* First, so that another thread of this process can take the frame as soon as
	 * it can claim it. */
	atomic_store(&attachment->pool->states[frame], FNT_POOL_RETURNED);
	fnt_frame_release(&attachment->region.view.frames[frame]);
}

/* Take a claimed frame's call in the pool. False: a thread of this process has it
 * already, so the region is damaged. */
static bool
take_call(struct fnt_call_pool *pool, uint32_t frame)
{
	unsigned char had = atomic_load(&pool->states[frame]);

	if (had == FNT_POOL_RETURNED)
		return atomic_compare_exchange_strong(&pool->states[frame], &had,
						      FNT_POOL_TAKEN);
	if (had != FNT_POOL_NEVER ||
	    !atomic_compare_exchange_strong(&pool->states[frame], &had,
					    FNT_POOL_CLEARING))
		return false;
	memset(&pool->calls[frame], 0, sizeof(pool->calls[frame]));
	/* [B1] release: the call is cleared before it can be found. Pairs with [B2]. */
	atomic_store_explicit(&pool->states[frame], FNT_POOL_TAKEN,
			      memory_order_release);
	return true;
}

/* Claim a frame of the region and its call; FNT_FRAME_NONE: there is none. */
static uint32_t
claim_frame(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t frame = fnt_frame_claim(&attachment->region.view, attachment->slot,
					 &thread->frame_hint);

	return frame != FNT_FRAME_NONE && !take_call(attachment->pool, frame)
		       ? FNT_FRAME_NONE
		       : frame;
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
	frame = claim_frame(thread);
	if (frame == FNT_FRAME_NONE)
		thread->frames_wait = CALLS_WITHOUT_SEARCH;
	return frame;
}

void
fnt_thread_release_frames(struct fnt_thread *thread)
{
	while (thread->ready_count)
		fnt_thread_release_frame(
			thread, thread->ready[--thread->ready_count]->own.frame);
}
