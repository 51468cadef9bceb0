/* SPDX-License-Identifier: MIT */
#include "produce/call_end.h"

#include "produce/call_pool.h"
#include "produce/payload_writer.h"
#include "produce/private_calls.h"

#include <stdlib.h>

/* The payload had more than one extent: back to one. */
static void
drop_extents(struct fnt_call *call, struct fnt_thread *thread, uint32_t frame)
{
	fnt_payload_release(call, thread);
	if (frame != FNT_FRAME_NONE) {
		call->frame = &thread->attachment->region.view.frames[frame];
		fnt_frame_unlink(call->frame);
	}
	call->slow.no_frame = call->slow.linked = false;
	fnt_call_reset_room(call);
}

static void
drop_pending(struct fnt_call *call)
{
	free(call->pending_many);
	call->pending_many = NULL;
	call->pending_size = 0;
	call->slow.many_ops = false;
}

void
fnt_call_drop(struct fnt_call *call, struct fnt_thread *thread)
{
	uint32_t frame = thread ? call->own.frame : FNT_FRAME_NONE;

	/* The head frame first: a reader of the chain then sees that the call has
	 * ended. */
	if (frame != FNT_FRAME_NONE)
		fnt_thread_close_frame(thread, frame);
	if (__builtin_expect(call->own.next != NULL, 0))
		drop_extents(call, thread, frame);
	if (__builtin_expect(call->pending_many != NULL, 0))
		drop_pending(call);
	fnt_call_forget_rare(call);
	if (__builtin_expect(call->allocated && !call->listed, 0)) {
		free(call);
		return;
	}
	fnt_call_disown(call);
	if (__builtin_expect(call->allocated, 0)) {
		fnt_private_calls_drop(call);
		return;
	}
	/* The frame's next user gets the call's memory with it. */
	if (frame != FNT_FRAME_NONE)
		fnt_thread_keep_frame(thread, call);
}

void
fnt_call_drop_late(struct fnt_call *call)
{
	/* [I1] release: the owner is done with the call. Pairs with [I2] in
	 * close_calls.c. */
	unsigned char had = atomic_fetch_or_explicit(&call->late, FNT_CALL_LEFT,
						     memory_order_acq_rel);

	if (had & FNT_CALL_CLOSED_OUT)
		fnt_call_drop(call, NULL);
}
