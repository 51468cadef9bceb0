/* SPDX-License-Identifier: MIT
 *
 * frame_cache.h: the frames that a thread keeps for its next calls, so that the common
 * begin and finish touch no cache line that other threads write.
 *
 *          take                                     close, keep
 *   cache ──────► the frame of a call, OPEN or LINKED ──────► cache
 *     ▲                                                         │
 *     │ claim, if it is empty            release, if it is full │
 *     └─────────────────── FREE in the region ◄─────────────────┘
 *
 * Who may write what: the cache, fnt_thread.ready, belongs to its thread. A frame's
 * words belong to the process that owns it (ring/frame.h); within the process, the
 * frame of a call belongs to the thread that uses the call.
 *
 * Wait-free; no system call, no allocation.
 */
#ifndef FNT_PRODUCE_FRAME_CACHE_H
#define FNT_PRODUCE_FRAME_CACHE_H

#include "ring/frame.h"
#include "produce/call_state.h"

/* Claim a frame in the region. Returns the number of a frame that is CACHED;
 * FNT_FRAME_NONE: none was found. After that it does not search again for some
 * calls. */
uint32_t fnt_thread_find_frame(struct fnt_thread *thread);

/* Free a CACHED frame of this process for every process. */
void fnt_thread_release_frame(struct fnt_thread *thread, uint32_t frame);

/* Take a frame out of the cache, or claim one. Returns the number of a frame that is
 * CACHED, or FNT_FRAME_NONE. */
static inline uint32_t
fnt_thread_take_frame(struct fnt_thread *thread)
{
	if (__builtin_expect(thread->ready_count != 0, 1))
		return thread->ready[--thread->ready_count]->own.frame;
	return fnt_thread_find_frame(thread);
}

/* Release all frames in the cache. */
void fnt_thread_release_frames(struct fnt_thread *thread);

/* Close an OPEN or LINKED frame of this process: readers don't see it any more. It is
 * CACHED, but not in the cache yet. */
static inline void
fnt_thread_close_frame(struct fnt_thread *thread, uint32_t frame)
{
	struct fnt_attachment *attachment = thread->attachment;

	fnt_frame_close_slow(&attachment->region.view.frames[frame], attachment->slot);
}

/* Put a call's frame into the cache, which must not be full. */
static inline void
fnt_thread_push_ready(struct fnt_thread *thread, struct fnt_call *call)
{
	struct fnt_call **at = &thread->ready[thread->ready_count++];

	/* Mostly the call is still there: don't write the line again. */
	if (__builtin_expect(*at != call, 0))
		*at = call;
}

/* Put the frame of a call of the pool into the cache, or release it if the cache is
 * full. The frame is CACHED, and this thread was the last to use the call. The call
 * stays with its frame: begin takes both out of the cache together. */
static inline void
fnt_thread_keep_frame(struct fnt_thread *thread, struct fnt_call *call)
{
	if (__builtin_expect(thread->ready_count == FNT_FRAMES_CACHED, 0))
		fnt_thread_release_frame(thread, call->own.frame);
	else
		fnt_thread_push_ready(thread, call);
}

#endif
