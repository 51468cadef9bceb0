/* SPDX-License-Identifier: MIT */
#include "produce/frame_cache.h"

/* After a search in vain, so many calls do without. */
#define WAIT 64

void
fnt_thread_release_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;

	/* Before others can claim it, this process's threads among them. */
	atomic_store(&attachment->pool->states[frame], FNT_POOL_RETURNED);
	fnt_frame_release(&attachment->region.view.frames[frame]);
}

/* Nobody in this process has it, whatever the region says of it. */
static bool
take(struct fnt_call_pool *pool, uint32_t frame)
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
	/* [B1] release: it is cleared before others look at it. Pairs with [B2]. */
	atomic_store_explicit(&pool->states[frame], FNT_POOL_TAKEN,
			      memory_order_release);
	return true;
}

static uint32_t
claim(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	uint32_t frame = fnt_frame_claim(&attachment->region.view, attachment->slot,
					 &thread->frame_hint);

	return frame != FNT_FRAME_NONE && !take(attachment->pool, frame)
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
	frame = claim(thread);
	if (frame == FNT_FRAME_NONE)
		thread->frames_wait = WAIT;
	return frame;
}

void
fnt_thread_release_frames(struct fnt_thread *thread)
{
	while (thread->ready_count)
		fnt_thread_release_frame(
			thread, thread->ready[--thread->ready_count]->own.frame);
}
