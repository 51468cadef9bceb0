/* SPDX-License-Identifier: MIT */
#include "base/owned_lock.h"

#include "base/thread_state.h"

#include <sched.h>
#include <time.h>

/* First steps only give other threads the processor; then each sleeps so long. */
#define YIELDS 20u
#define STEP_NS 100000
#define STEPS_PER_MS 10u

bool
fnt_lock_try(struct fnt_owned_lock *lock)
{
	const void *nobody = NULL;

	/* [X1] acquire: what the last owner has done. Pairs with [X2]. */
	return atomic_compare_exchange_strong_explicit(&lock->owner, &nobody,
						       fnt_self(), memory_order_acquire,
						       memory_order_relaxed);
}

bool
fnt_lock_wait(uint32_t *step, uint32_t ms)
{
	struct timespec pause = {.tv_nsec = STEP_NS};

	if ((*step)++ < YIELDS) {
		sched_yield();
		return true;
	}
	if (*step - YIELDS > ms * STEPS_PER_MS)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

bool
fnt_lock_within(struct fnt_owned_lock *lock, uint32_t ms)
{
	uint32_t step = 0;

	while (!fnt_lock_try(lock)) {
		if (atomic_load_explicit(&lock->owner, memory_order_relaxed) ==
			    fnt_self() ||
		    !fnt_lock_wait(&step, ms))
			return false;
	}
	return true;
}

void
fnt_lock_take(struct fnt_owned_lock *lock)
{
	while (!fnt_lock_within(lock, 1000))
		continue;
}

void
fnt_lock_release(struct fnt_owned_lock *lock)
{
	/* [X2] release: what the owner has done comes before. Pairs with [X1]. */
	atomic_store_explicit(&lock->owner, NULL, memory_order_release);
}

void
fnt_lock_after_fork(struct fnt_owned_lock *lock)
{
	if (atomic_load_explicit(&lock->owner, memory_order_relaxed) != fnt_self())
		atomic_store_explicit(&lock->owner, NULL, memory_order_relaxed);
}
