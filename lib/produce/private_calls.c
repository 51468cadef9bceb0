/* SPDX-License-Identifier: MIT */
#include "produce/private_calls.h"

#include "produce/call_use.h"

#include <stdlib.h>

#define SWEEP_MIN 64u

static void
push(struct fnt_call_pool *pool, struct fnt_call *call)
{
	call->next_unframed =
		atomic_load_explicit(&pool->unframed, memory_order_relaxed);
	/* [U1] release: the call is whole before it can be found. Pairs with [U2]. */
	while (!atomic_compare_exchange_weak_explicit(
		&pool->unframed, &call->next_unframed, call, memory_order_release,
		memory_order_relaxed))
		;
}

void
fnt_private_calls_add(struct fnt_call_pool *pool, struct fnt_call *call)
{
	uint32_t due = 1 + 2 * atomic_load_explicit(&pool->unframed_open,
						    memory_order_relaxed);

	push(pool, call);
	if (due < SWEEP_MIN)
		due = SWEEP_MIN;
	if (atomic_fetch_add_explicit(&pool->unframed_new, 1, memory_order_relaxed) >=
	    due)
		fnt_private_calls_sweep(pool);
}

void
fnt_private_calls_drop(struct fnt_call *call)
{
	/* [U3] release: its user has done with it before it is freed. Pairs with [U4]. */
	atomic_store_explicit(&call->done, true, memory_order_release);
}

bool
fnt_private_calls_sweep(struct fnt_call_pool *pool)
{
	struct fnt_call *call, *next;
	uint32_t open = 0;

	/* All of it, and back what is still open: nothing is taken from its middle, where
	 * others might be.
	 * [U2] acquire: pairs with [U1]. */
	call = atomic_exchange_explicit(&pool->unframed, NULL, memory_order_acquire);
	atomic_store_explicit(&pool->unframed_new, 0, memory_order_relaxed);
	for (; call; call = next) {
		next = call->next_unframed;
		/* [U4] acquire: pairs with [U3]. */
		if (atomic_load_explicit(&call->done, memory_order_acquire)) {
			free(call);
			continue;
		}
		push(pool, call);
		open++;
	}
	atomic_store_explicit(&pool->unframed_open, open, memory_order_relaxed);
	return open > 0;
}

/* What happened in the call is in our memory alone, or some of it. */
static bool
is_private(const struct fnt_call *call)
{
	return !call->frame || fnt_payload_used(call) > call->framed;
}

void
fnt_private_calls_drop_late(struct fnt_call *call)
{
	int saved = errno;

	fnt_process_lock();
	/* Whoever closes the log has yet to record it. */
	if (is_private(call) && !call->closed_out)
		call->left = true;
	else
		fnt_call_drop(call, NULL);
	fnt_process_unlock();
	errno = saved;
}

static void
close_one(struct fnt_call *call, struct fnt_thread *thread)
{
	if (!fnt_call_is_open(call) || !is_private(call))
		return;
	if (thread)
		fnt_call_close_out(call, thread);
	call->closed_out = true;
	if (call->left)
		fnt_call_drop(call, NULL);
}

bool
fnt_private_calls_any(struct fnt_call_pool *pool)
{
	bool any = fnt_private_calls_sweep(pool);
	struct fnt_call *call;
	uint32_t next = 0;

	while (!any && (call = fnt_call_pool_next(pool, &next)))
		any = fnt_call_is_open(call) && is_private(call);
	return any;
}

void
fnt_private_calls_close(struct fnt_call_pool *pool, struct fnt_thread *thread)
{
	struct fnt_call *call;
	uint32_t next = 0;

	/* Else it would look for one with the mutex that we have. */
	if (thread)
		thread->lane_retry_ns = UINT64_MAX;
	call = atomic_load_explicit(&pool->unframed, memory_order_relaxed);
	for (; call; call = call->next_unframed)
		close_one(call, thread);
	while ((call = fnt_call_pool_next(pool, &next)))
		close_one(call, thread);
}
