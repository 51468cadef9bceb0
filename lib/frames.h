/* SPDX-License-Identifier: MIT
 *
 * frames.h: a thread's few frames at hand, so that the common begin and finish touch no
 * line that is shared.
 */
#ifndef FNT_FRAMES_H
#define FNT_FRAMES_H

#include "process.h"

/* A CACHED frame, or FNT_FRAME_NONE. */
uint32_t fnt_thread_take_frame(struct fnt_thread *thread);

/* All frames at hand are free for all. */
void fnt_thread_give_back_frames(struct fnt_thread *thread);

/* An OPEN or LINKED frame of this process is done with: nobody sees it any more … */
void fnt_thread_close_frame(struct fnt_thread *thread, uint32_t frame);
/* … and may have it. The pool's call of its number goes along. */
void fnt_thread_keep_frame(struct fnt_thread *thread, uint32_t frame);

#endif
