/* SPDX-License-Identifier: MIT
 *
 * owned_lock.h: a lock that says which thread holds it.
 *
 * fork() takes none of these locks. In the child, a lock that another thread of the
 * parent held is free again (fnt_lock_after_fork()): so whoever changes what a lock
 * protects does it by single stores, which leave it whole after each. A fork in a
 * signal handler of the thread that holds the lock leaves it held: the child goes on
 * with what the handler interrupted.
 *
 * Waiting is by sleeping and looking again, so that a wait can have an end without a
 * system call that a sandbox may refuse. These locks are for rare and short work. On
 * the way of a call only fnt_lock_try() and fnt_lock_within() are used: a host may hold
 * a lock of its own that the holder waits for.
 *
 * Any thread; not in a signal handler.
 */
#ifndef FNT_BASE_OWNED_LOCK_H
#define FNT_BASE_OWNED_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero: free. */
struct fnt_owned_lock {
	_Atomic(const void *) owner; /* fnt_self() of the thread that holds it */
};

/* Take the lock if it is free. Wait-free. False: it is not. */
bool fnt_lock_try(struct fnt_owned_lock *lock);

/* Take the lock; give up after about `ms` milliseconds, or at once if the calling
 * thread holds it: false. */
bool fnt_lock_within(struct fnt_owned_lock *lock, uint32_t ms);

/* Take the lock. Blocks. The calling thread must not hold it. */
void fnt_lock_take(struct fnt_owned_lock *lock);

void fnt_lock_release(struct fnt_owned_lock *lock);

/* In a forked child: free the lock if a thread that the child does not have held it. */
void fnt_lock_after_fork(struct fnt_owned_lock *lock);

/* One step of a wait: sleeps a little, the longer the later. `*step` is 0 at first.
 * False: about `ms` milliseconds have passed. */
bool fnt_lock_wait(uint32_t *step, uint32_t ms);

#endif
