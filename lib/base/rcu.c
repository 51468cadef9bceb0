/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "base/clock.h"
#include "base/guard.h"
#include "base/owned_lock.h"

#include <linux/membarrier.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long a thread waits for a fork, and a fork for threads. */
#define WAIT_FOR_FORK_MS 100u
#define WAIT_FOR_BUSY_MS 1000u

/* What a thread that joins may need: of malloc(), for thread-local variables of
 * liburcu; and for each thread, twice, of its table of readers, whose size doubles. */
#define JOIN_BYTES 16384u
#define READER_BYTES (2 * sizeof(struct urcu_bp_reader))

#ifdef FNT_TSAN
char fnt_rcu_edge;
#endif

static _Atomic uint32_t busy;	      /* threads in urcu-bp's mutexes, or about to be */
static struct fnt_owned_lock forking; /* held from before a fork until after it */
static _Atomic uint32_t joined;	      /* threads that have ever joined, roughly */
static bool lost; /* in a forked child: urcu-bp's mutexes may be taken for ever */

/* ---- urcu-bp's mutexes ----------------------------------------------------------- */

static void
leave_mutexes(void)
{
	atomic_fetch_sub(&busy, 1);
	fnt_thread_state.busy--;
}

/* Sequentially consistent, as is before_fork(): either this thread sees that a fork is
 * on its way, or the fork sees that the thread is busy. */
static bool
enter_mutexes(void)
{
	uint32_t step = 0;

	while (!lost) {
		fnt_thread_state.busy++;
		atomic_fetch_add(&busy, 1);
		if (!atomic_load(&forking.owner))
			return true;
		leave_mutexes();
		if (atomic_load(&forking.owner) == fnt_self() ||
		    !fnt_lock_wait(&step, WAIT_FOR_FORK_MS))
			return false;
	}
	return false;
}

/* ---- joining --------------------------------------------------------------------- */

/* Memory that is released here is there a moment later: malloc() keeps it, and a table
 * of readers is smaller than what is tried here. */
static bool
has_memory(void)
{
	size_t bytes = READER_BYTES *
		       (8 + atomic_load_explicit(&joined, memory_order_relaxed));
	void *block = malloc(JOIN_BYTES);
	void *pages;

	/* The compiler must not take a block that nobody uses for one that is there. */
	__asm__ volatile("" : "+r"(block) : : "memory");
	if (!block)
		return false;
	free(block);
	pages = mmap(NULL, bytes * 2, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return false;
	munmap(pages, bytes * 2);
	return true;
}

static bool
join(void)
{
	struct fnt_guard guard = fnt_guard_enter();
	bool may = enter_mutexes();

	if (may) {
		may = has_memory();
		if (may) {
			fnt_thread_state.reader = &URCU_TLS(urcu_bp_reader);
			urcu_bp_register_thread();
			atomic_fetch_add_explicit(&joined, 1, memory_order_relaxed);
		}
		leave_mutexes();
	}
	fnt_guard_leave(guard);
	return may;
}

bool
fnt_rcu_read_lock_slow(void)
{
	if ((!fnt_thread_state.reader || !*fnt_thread_state.reader) && !join())
		return false;
	urcu_bp_read_lock();
	return true;
}

bool
fnt_rcu_in_section(void)
{
	return fnt_thread_state.reader && *fnt_thread_state.reader &&
	       urcu_bp_read_ongoing();
}

/* ---- grace periods --------------------------------------------------------------- */

/* Has this process been refused a barrier that liburcu relied on? It stays so: a filter
 * of system calls can't be removed. */
static _Atomic bool refused;

static bool
is_refused(void)
{
	if (urcu_bp_has_sys_membarrier &&
	    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0)) {
		/* Makes readers fence where they look at it, and liburcu too. */
		CMM_STORE_SHARED(urcu_bp_has_sys_membarrier, 0);
		refused = true;
	}
	return refused;
}

/* Wait for FNT_RCU_SETTLE_MS. Sleeping, or the clock, may be refused as well: then
 * spin, and for a number of rounds. */
static void
wait_for_stores(void)
{
	uint64_t until = fnt_clock_mono() + FNT_RCU_SETTLE_MS * 1000000u;
	struct timespec step = {0, 1000000};

	cmm_smp_mb();
	for (int i = 0; i < 10 * FNT_RCU_SETTLE_MS && fnt_clock_mono() < until; i++)
		if (nanosleep(&step, NULL))
			for (int spin = 0; spin < 100000; spin++)
				fnt_cpu_relax();
	cmm_smp_mb();
}

bool
fnt_rcu_synchronize(void)
{
	struct fnt_guard guard = fnt_guard_enter();
	bool may, without_barrier = is_refused();

#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	may = enter_mutexes();
	if (may) {
		if (without_barrier)
			wait_for_stores();
		urcu_bp_synchronize_rcu();
		if (without_barrier)
			wait_for_stores();
		leave_mutexes();
	}
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
	fnt_guard_leave(guard);
	return may;
}

/* ---- fork ------------------------------------------------------------------------ */

/* The forking thread itself may be busy: it forks in a signal handler. It holds none of
 * the mutexes then, since urcu-bp holds them with all signals blocked. */
static bool
nobody_is_busy(void)
{
	uint32_t step = 0;

	while (atomic_load(&busy) > fnt_thread_state.busy)
		if (!fnt_lock_wait(&step, WAIT_FOR_BUSY_MS))
			return false;
	return true;
}

void
fnt_rcu_before_fork(void)
{
	struct fnt_guard guard = fnt_guard_enter();

	fnt_thread_state.holds_fork = false;
	if (!lost && fnt_lock_within(&forking, WAIT_FOR_BUSY_MS)) {
		atomic_thread_fence(memory_order_seq_cst);
		if (nobody_is_busy()) {
			urcu_bp_before_fork();
			fnt_thread_state.holds_fork = true;
		} else {
			fnt_lock_release(&forking);
		}
	}
	fnt_guard_leave(guard);
}

void
fnt_rcu_after_fork_parent(void)
{
	if (!fnt_thread_state.holds_fork)
		return;
	fnt_thread_state.holds_fork = false;
	fnt_lock_release(&forking);
	urcu_bp_after_fork_parent();
}

void
fnt_rcu_after_fork_child(void)
{
	bool held = fnt_thread_state.holds_fork;

	fnt_thread_state.holds_fork = false;
	atomic_store(&busy, fnt_thread_state.busy);
	if (held) {
		fnt_lock_release(&forking);
		urcu_bp_after_fork_child();
	} else {
		lost = true;
		fnt_lock_after_fork(&forking);
	}
}
