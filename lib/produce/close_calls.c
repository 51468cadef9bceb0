/* SPDX-License-Identifier: MIT */
#include "produce/close_calls.h"

#include "produce/call_end.h"
#include "produce/call_pool.h"
#include "produce/finish.h"
#include "produce/private_calls.h"

static void
close_one(struct fnt_call *call, struct fnt_thread *thread)
{
	if (!fnt_call_is_open(call) || !fnt_call_is_private(call))
		return;
	if (thread)
		fnt_finish_aborted(call, thread);
	call->closed_out = true;
	if (call->left)
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
	struct fnt_call *call;
	uint32_t next = 0;

	/* Never look for a lane: that would take the mutex, which we hold. */
	if (thread)
		thread->lane_retry_ns = UINT64_MAX;
	call = atomic_load_explicit(&pool->private_calls, memory_order_relaxed);
	for (; call; call = call->next_private)
		close_one(call, thread);
	while ((call = fnt_call_pool_next(pool, &next)))
		close_one(call, thread);
}
