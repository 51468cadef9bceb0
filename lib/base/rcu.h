/* SPDX-License-Identifier: MIT
 *
 * rcu.h: urcu-bp, inlined, and explained to ThreadSanitizer.
 *
 * liburcu's grace periods order everything in a read-side critical section before what
 * follows synchronize_rcu(). ThreadSanitizer cannot see that (no annotations in 0.13, and
 * membarrier is beyond it), so its builds are told where the happens-before edges are.
 */
#ifndef FNT_BASE_RCU_H
#define FNT_BASE_RCU_H

#include <stdbool.h>
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

/* As urcu_bp_read_lock(), with the thread's state looked up once: the library's own looks
 * three times, which is a tenth of what an op takes. A thread's first lock, and one within
 * another, are the library's. */
static inline void
fnt_rcu_read_lock(void)
{
	struct urcu_bp_reader *self = URCU_TLS(urcu_bp_reader);

	if (__builtin_expect(self && !(self->ctr & URCU_BP_GP_CTR_NEST_MASK), 1)) {
		CMM_STORE_SHARED(self->ctr, CMM_LOAD_SHARED(urcu_bp_gp.ctr));
		urcu_bp_smp_mb_slave();
	} else {
		urcu_bp_read_lock();
	}
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
	struct urcu_bp_reader *self = URCU_TLS(urcu_bp_reader);

	urcu_bp_smp_mb_slave();
	CMM_STORE_SHARED(self->ctr, self->ctr - URCU_BP_GP_COUNT);
}

/* What is at hand of the calling thread: one look says where all of it is. */
struct fnt_thread_state {
	/* The thread, by a number that no other in the process ever has; 0: it has not
	 * used a log yet. A forked child starts anew. */
	uint64_t serial;
	/* The same if it may take the short ways, which are made for an urcu-bp that
	 * needs no fences; else 0. And the same if, besides, its clock is the counter.
	 */
	uint64_t fast, fast_counter;
	/* urcu-bp's of the thread, as long as it may take the short ways (thread.c);
	 * else NULL. In a shared library the original, another library's thread-local,
	 * is a function call away. */
	struct urcu_bp_reader *reader;
};

extern _Thread_local struct fnt_thread_state fnt_thread_state
	__attribute__((tls_model("initial-exec")));

/* Can fnt_rcu_enter_fast() be used? Not on kernels without membarrier, where a reader
 * has a fence to make. Settled when the process first uses urcu-bp. */
static inline bool
fnt_rcu_is_fast(void)
{
	return urcu_bp_has_sys_membarrier;
}

/* The same, for the shortest ways in and out of a thread that may take them: no call,
 * and what is looked up once serves for both. NULL, and nothing has happened: within
 * another such section. */
static inline struct urcu_bp_reader *
fnt_rcu_enter_fast(void)
{
	struct urcu_bp_reader *self = fnt_thread_state.reader;

	if (__builtin_expect(self->ctr & URCU_BP_GP_CTR_NEST_MASK, 0))
		return NULL;
	CMM_STORE_SHARED(self->ctr, CMM_LOAD_SHARED(urcu_bp_gp.ctr));
	/* The processor's part is the membarrier of whoever waits for a grace period.
	 */
	cmm_barrier();
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
	return self;
}

/* Not within another: so no count of nested ones is left, which is all that is looked
 * at. */
static inline void
fnt_rcu_exit(struct urcu_bp_reader *self)
{
#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	cmm_barrier();
	CMM_STORE_SHARED(self->ctr, 0);
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
