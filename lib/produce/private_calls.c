/* SPDX-License-Identifier: MIT */
#include "produce/private_calls.h"

#include <stdlib.h>

#define SWEEP_MIN 64u

static void
push_open(struct fnt_call_pool *pool, struct fnt_call *call)
{
	call->next_private =
		atomic_load_explicit(&pool->private_calls, memory_order_relaxed);
	/* [U1] release: the call is complete before it can be found. Pairs with
	 * [U2]. */
	while (!atomic_compare_exchange_weak_explicit(
		&pool->private_calls, &call->next_private, call, memory_order_release,
		memory_order_relaxed))
		;
}

void
fnt_private_calls_add(struct fnt_call_pool *pool, struct fnt_call *call)
{
	uint32_t due =
		1 + 2 * atomic_load_explicit(&pool->private_open, memory_order_relaxed);

	push_open(pool, call);
	if (due < SWEEP_MIN)
		due = SWEEP_MIN;
	if (atomic_fetch_add_explicit(&pool->private_new, 1, memory_order_relaxed) >=
	    due)
		fnt_private_calls_sweep(pool);
}

void
fnt_private_calls_drop(struct fnt_call *call)
{
	/* [U3] release: its user's accesses come before it is freed. Pairs with
	 * [U4]. */
	atomic_store_explicit(&call->done, true, memory_order_release);
}

bool
fnt_private_calls_sweep(struct fnt_call_pool *pool)
{
	struct fnt_call *call, *next;
	uint32_t open = 0;

	/* Take the whole list and put back what is still open: nothing is removed from
	 * the middle, where another thread might be. [U2] acquire: the calls are
	 * complete. Pairs with [U1]. */
	call = atomic_exchange_explicit(&pool->private_calls, NULL,
					memory_order_acquire);
	atomic_store_explicit(&pool->private_new, 0, memory_order_relaxed);
	for (; call; call = next) {
		next = call->next_private;
		/* [U4] acquire: its user is done with it. Pairs with [U3]. */
		if (atomic_load_explicit(&call->done, memory_order_acquire)) {
			free(call);
			continue;
		}
		push_open(pool, call);
		open++;
	}
	atomic_store_explicit(&pool->private_open, open, memory_order_relaxed);
	return open > 0;
}
