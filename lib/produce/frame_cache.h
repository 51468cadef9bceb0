/* SPDX-License-Identifier: MIT
 *
 * frame_cache.h: a thread's few frames at hand, so that the common begin and finish
 * touch no line that is shared.
 */
#ifndef FNT_PRODUCE_FRAME_CACHE_H
#define FNT_PRODUCE_FRAME_CACHE_H

#include "ring/frame.h"
#include "produce/call_state.h"

/* From all frames, and to them. */
uint32_t fnt_thread_find_frame(struct fnt_thread *thread);
void fnt_thread_release_frame(struct fnt_thread *thread, uint32_t frame);

/* A CACHED frame, or FNT_FRAME_NONE. */
static inline uint32_t
fnt_thread_take_frame(struct fnt_thread *thread)
{
	if (__builtin_expect(thread->ready_count != 0, 1))
		return thread->ready[--thread->ready_count]->own.frame;
	return fnt_thread_find_frame(thread);
}

/* All frames at hand are free for all. */
void fnt_thread_release_frames(struct fnt_thread *thread);

/* An OPEN or LINKED frame of this process is done with: nobody sees it any more … */
static inline void
fnt_thread_close_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;

	fnt_frame_close_slow(&attachment->region.view.frames[frame], attachment->slot);
}

static inline void
fnt_thread_push_ready(struct fnt_thread *thread, struct fnt_call *call)
{
	struct fnt_call **at = &thread->ready[thread->ready_count++];

	/* Mostly it is where it was taken from. */
	if (__builtin_expect(*at != call, 0))
		*at = call;
}

/* … and may have it. The pool's call of its number goes along, which was this thread's
 * last. */
static inline void
fnt_thread_keep_frame(struct fnt_thread *thread, struct fnt_call *call)
{
	if (__builtin_expect(thread->ready_count == FNT_FRAMES_CACHED, 0))
		fnt_thread_release_frame(thread, call->own.frame);
	else
		fnt_thread_push_ready(thread, call);
}

#endif
