/* SPDX-License-Identifier: MIT
 *
 * rcu.h: RCU read-side critical sections and grace periods: urcu-bp, with the read side
 * inlined and annotated for ThreadSanitizer.
 *
 * A grace period orders everything in earlier read-side critical sections before what
 * follows synchronize_rcu(). ThreadSanitizer can't see that: liburcu 0.13 has no
 * annotations, and membarrier(2) is unknown to it. So its builds get a happens-before
 * edge through fnt_rcu_edge.
 *
 * liburcu aborts the process if membarrier(2) fails once it has worked: so each grace
 * period tries it first. A sandbox that closes later than the process starts would
 * otherwise kill its host at the next change of a setting. If the call is refused,
 * liburcu is told to do without it from then on, and each of its barriers is replaced
 * by a wait: readers on fast paths have no fence of their own.
 *
 * liburcu takes mutexes of its own where a thread joins and where one waits for a grace
 * period; it aborts if it gets no memory for a thread that joins; and fork has to hold
 * its mutexes. A host may fork with a lock of its own that another thread holds while
 * it comes here. So nobody enters those mutexes while a fork is on its way, and nobody
 * waits for that without an end:
 *
 *   join, wait for grace periods:  busy++ ─► forking? ─► busy--, wait a little, or fail
 *   fork:                          forking ─► busy is 0? wait a little ─► liburcu's
 *                                  mutexes; if threads stay busy, fork without them
 *
 * Entering and leaving is wait-free and makes no system call, but for a thread's first
 * fnt_rcu_read_lock(), which registers the thread. fnt_rcu_synchronize() blocks.
 */
#ifndef FNT_BASE_RCU_H
#define FNT_BASE_RCU_H

#include "base/thread_state.h"

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
extern char fnt_rcu_edge; /* any address will do */
#endif

/* ---- sections -------------------------------------------------------------------- */

/* fnt_rcu_read_lock() for a nested section, or for a thread's first. */
bool fnt_rcu_read_lock_slow(void);

/* Enter a read-side section, which may be nested. False: the thread could not be
 * registered, for lack of memory or because a fork takes long; it is in no section. As
 * urcu_bp_read_lock(), but with one lookup of the thread's state instead of three. */
static inline bool
fnt_rcu_read_lock(void)
{
	struct urcu_bp_reader **known = fnt_thread_state.reader;
	struct urcu_bp_reader *self = known ? *known : NULL;

	if (__builtin_expect(self && !(self->ctr & URCU_BP_GP_CTR_NEST_MASK), 1)) {
		CMM_STORE_SHARED(self->ctr, CMM_LOAD_SHARED(urcu_bp_gp.ctr));
		urcu_bp_smp_mb_slave();
	} else if (!fnt_rcu_read_lock_slow()) {
		return false;
	}
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
	return true;
}

static inline void
fnt_rcu_read_unlock(void)
{
#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	struct urcu_bp_reader *self = *fnt_thread_state.reader;

	urcu_bp_smp_mb_slave();
	CMM_STORE_SHARED(self->ctr, self->ctr - URCU_BP_GP_COUNT);
}

/* May fnt_rcu_enter_fast() be used? Not on kernels without membarrier(2), where a
 * reader needs a fence. Known once the process has used urcu-bp. */
static inline bool
fnt_rcu_is_fast(void)
{
	return urcu_bp_has_sys_membarrier;
}

/* Enter a read-side critical section, for a thread whose fnt_thread_state.reader is
 * set. Returns what fnt_rcu_exit() needs; or NULL, without any effect, if the thread is
 * in a section already, or if urcu-bp's destructor has run: then a destructor of the
 * host's uses the log. */
static inline struct urcu_bp_reader *
fnt_rcu_enter_fast(void)
{
	struct urcu_bp_reader *self = *fnt_thread_state.reader;

	if (__builtin_expect(!self || self->ctr & URCU_BP_GP_CTR_NEST_MASK, 0))
		return NULL;
	CMM_STORE_SHARED(self->ctr, CMM_LOAD_SHARED(urcu_bp_gp.ctr));
	/* The compiler must not reorder. The processor is ordered by the membarrier(2)
	 * of the thread that waits for a grace period. */
	cmm_barrier();
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
	return self;
}

/* Leave a section that fnt_rcu_enter_fast() entered. It is not nested, so the count of
 * nested sections, which is all that a grace period looks at, becomes 0. */
static inline void
fnt_rcu_exit(struct urcu_bp_reader *self)
{
#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	cmm_barrier();
	CMM_STORE_SHARED(self->ctr, 0);
}

/* Is the thread inside a section, its host's included? */
bool fnt_rcu_in_section(void);

/* Wait for a grace period: until every section that was entered before has been left.
 * Not to be called within one. Makes system calls. Where membarrier(2) is refused, it
 * takes FNT_RCU_SETTLE_MS twice. False: it could not be waited for, because a fork
 * takes long; what was to be freed must stay. */
bool fnt_rcu_synchronize(void);

/* In place of a barrier on all processors: wait so long that what they have stored is
 * visible to all. A store leaves a processor in less than a microsecond. */
#define FNT_RCU_SETTLE_MS 10

/* ---- fork ------------------------------------------------------------------------ */

/* For pthread_atfork(). The first waits at most about a second. */
void fnt_rcu_before_fork(void);
void fnt_rcu_after_fork_parent(void);

/* If a thread was busy all that time: the child can't join any thread, nor wait for
 * grace periods. Both fail. */
void fnt_rcu_after_fork_child(void);

#endif
