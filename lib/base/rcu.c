/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "base/clock.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

_Thread_local struct fnt_thread_state fnt_thread_state
	__attribute__((tls_model("initial-exec")));

#ifdef FNT_TSAN
char fnt_rcu_edge;
#endif

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

void
fnt_rcu_synchronize(void)
{
	bool without_barrier = is_refused();

#ifdef FNT_TSAN
	__tsan_release(&fnt_rcu_edge);
#endif
	if (without_barrier)
		wait_for_stores();
	urcu_bp_synchronize_rcu();
	if (without_barrier)
		wait_for_stores();
#ifdef FNT_TSAN
	__tsan_acquire(&fnt_rcu_edge);
#endif
}
