/* SPDX-License-Identifier: MIT
 *
 * call_end.h: where a call's memory goes when it has ended.
 *
 * Wait-free.
 */
#ifndef FNT_PRODUCE_CALL_END_H
#define FNT_PRODUCE_CALL_END_H

#include "produce/frame_cache.h"

/* Return a call's frames and memory. `thread` NULL: its log is closed. The call must
 * not be accessed after this. */
void fnt_call_drop(struct fnt_call *call, struct fnt_thread *thread);

/* The same when the call's owner ends it after its log was closed: now, or, if the
 * thread that closes the log has yet to record it, when that is done. */
void fnt_call_drop_late(struct fnt_call *call);

/* fnt_call_drop() for a call that has no slow flag but a rule. */
static inline void
fnt_call_drop_fast(struct fnt_call *call, struct fnt_thread *thread)
{
	fnt_frame_close_fast(call->frame);
	fnt_call_disown(call);
	fnt_thread_keep_frame(thread, call);
}

#endif
