/* SPDX-License-Identifier: MIT */
#include "produce/close_calls.h"

#include "produce/call_end.h"
#include "produce/call_pool.h"
#include "produce/finish.h"
#include "produce/private_calls.h"

static void
close_one(struct fnt_call *call, struct fnt_thread *thread)
{
	unsigned char had;

	if (!fnt_call_is_open(call))
		return;
	if (thread && fnt_call_is_private(call))
		fnt_finish_aborted(call, thread);
	/* [I2] acquire: the owner is done with the call, if it has left it. Pairs with
	 * [I1] in call_end.c. Its owner may drop the call from now on. */
	had = atomic_fetch_or_explicit(&call->late, FNT_CALL_CLOSED_OUT,
				       memory_order_acq_rel);
	if (had & FNT_CALL_LEFT)
		fnt_call_drop(call, NULL);
}

bool
fnt_close_calls_needed(struct fnt_call_pool *pool)
{
	bool needed = fnt_private_calls_sweep(pool);
	struct fnt_call *call;
	uint32_t next = 0;

	while (!needed && (call = fnt_call_pool_next(pool, &next)))
		needed = fnt_call_is_open(call) && fnt_call_is_private(call);
	return needed;
}

void
fnt_close_calls(struct fnt_call_pool *pool, struct fnt_thread *thread)
{
	struct fnt_call *call, *next_private;
	uint32_t next = 0;

	if (thread)
		thread->no_lane_wanted = true;
	call = atomic_load_explicit(&pool->private_calls, memory_order_relaxed);
	for (; call; call = next_private) {
		next_private = call->next_private;
		close_one(call, thread);
	}
	while ((call = fnt_call_pool_next(pool, &next)))
		close_one(call, thread);
}
