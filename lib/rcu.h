/* SPDX-License-Identifier: MIT
 *
 * rcu.h: urcu-bp, inlined, and explained to ThreadSanitizer.
 *
 * liburcu's grace periods order everything in a read-side critical section before what
 * follows synchronize_rcu(). ThreadSanitizer cannot see that (no annotations in 0.13, and
 * membarrier is beyond it), so its builds are told where the happens-before edges are.
 */
#ifndef FNT_RCU_H
#define FNT_RCU_H

#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
#define FNT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FNT_TSAN 1
#endif
#endif

#ifdef FNT_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
extern char fnt_rcu_edge;
#endif

static inline void
fnt_rcu_read_lock(void)
{
	urcu_bp_read_lock();
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
}

static inline void
fnt_rcu_read_unlock(void)
{
#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	urcu_bp_read_unlock();
}

static inline void
fnt_rcu_synchronize(void)
{
#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	urcu_bp_synchronize_rcu();
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
}

#endif
