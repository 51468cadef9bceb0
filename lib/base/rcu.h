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
 * Entering and leaving is wait-free and makes no system call, but for a thread's first
 * fnt_rcu_read_lock(), which registers the thread. fnt_rcu_synchronize() blocks.
 */
#ifndef FNT_BASE_RCU_H
#define FNT_BASE_RCU_H

#include <stdbool.h>
#include <stdint.h>
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

/* As urcu_bp_read_lock(), which may be nested, but with one lookup of the thread's
 * state instead of three. urcu-bp's own function handles a thread's first lock and
 * nested ones. */
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

/* What the fast paths need to know of the calling thread, in one thread-local struct.
 * Written by the thread itself (produce/thread.c). */
struct fnt_thread_state {
	/* Identifies the thread: no other thread of the process ever has this number.
	 * 0: it has not used a log yet. A forked child gets new ones. */
	uint64_t serial;
	/* `serial` if the thread may take fast paths, which need fnt_rcu_is_fast();
	 * else 0. */
	uint64_t fast;
	/* `fast` if the thread's clock is the counter, too; else 0. */
	uint64_t fast_counter;
	/* urcu-bp's state of the thread if it may take fast paths, else NULL. A copy,
	 * since a shared library needs a function call to find another library's
	 * thread-local variable. */
	struct urcu_bp_reader *reader;
};

extern _Thread_local struct fnt_thread_state fnt_thread_state
	__attribute__((tls_model("initial-exec")));

/* May fnt_rcu_enter_fast() be used? Not on kernels without membarrier(2), where a
 * reader needs a fence. Known once the process has used urcu-bp. */
static inline bool
fnt_rcu_is_fast(void)
{
	return urcu_bp_has_sys_membarrier;
}

/* Enter a read-side critical section, for a thread whose fnt_thread_state.reader is
 * set. Returns what fnt_rcu_exit() needs; or NULL, without any effect, if the thread is
 * in a section already. */
static inline struct urcu_bp_reader *
fnt_rcu_enter_fast(void)
{
	struct urcu_bp_reader *self = fnt_thread_state.reader;

	if (__builtin_expect(self->ctr & URCU_BP_GP_CTR_NEST_MASK, 0))
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

/* Wait for a grace period: until every section that was entered before has been left.
 * Not to be called within one. Makes system calls. Where membarrier(2) is refused, it
 * takes FNT_RCU_SETTLE_MS twice. */
void fnt_rcu_synchronize(void);

/* In place of a barrier on all processors: wait so long that what they have stored is
 * visible to all. A store leaves a processor in less than a microsecond. */
#define FNT_RCU_SETTLE_MS 10

#endif
