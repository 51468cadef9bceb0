/* SPDX-License-Identifier: MIT
 *
 * disabled.h: the early exit of calls of a log whose settings enable nothing: one
 * comparison, before the RCU read-side section.
 *
 *   log->off ─────────► the generation of the settings that enable nothing, or 0
 *   log->generation ──► the region's generation, in a page mapped for this log only
 *
 *   disabled: off != 0 and *generation == off. Any change of settings ends that.
 *
 * A thread that is not in a read-side section may read *generation at any time, even
 * after the log was closed. So the page's address stays mapped and readable until the
 * process ends. When the log is closed, zeroed memory replaces the page, and another
 * log may use it later. A late reader may therefore read another region's generation.
 * It then records nothing, as a closed log does, or enters the log and finds it closed.
 *
 * Pages are allocated in chunks that are never unmapped, so that logs which are opened
 * and closed again and again do not use up the process's mappings.
 *
 * Who may write what: the two words of a log, the holder of the process's lock;
 * fnt_disabled_clear() without it. Checking is wait-free.
 */
#ifndef FNT_PRODUCE_DISABLED_H
#define FNT_PRODUCE_DISABLED_H

#include "produce/attachment.h"

/* Disable the log as long as the region's generation is `generation`, unless another
 * thread holds the process's lock. Inside fnt_enter. Makes system calls the first
 * time. */
void fnt_disabled_set(struct fnt_log *log, struct fnt_attachment *attachment,
		      uint64_t generation);

/* The log is enabled again. Any thread. */
static inline void
fnt_disabled_clear(struct fnt_log *log)
{
	if (atomic_load_explicit(&log->off, memory_order_relaxed))
		atomic_store_explicit(&log->off, 0, memory_order_relaxed);
}

/* Release the page of a log that is closed, after a grace period. With the process's
 * lock held. */
void fnt_disabled_fini(struct fnt_log *log);

/* Is the log known to record nothing, because its settings enable nothing? `log` may be
 * NULL: false. */
static inline bool
fnt_disabled_is_set(struct fnt_log *log)
{
	uint64_t off;

	if (!log || !FNT_COUNTED)
		return false;
	/* [H2] acquire: log->generation is set. Pairs with [H1] in disabled.c. */
	off = atomic_load_explicit(&log->off, memory_order_acquire);
	return __builtin_expect(off != 0, 0) &&
	       atomic_load_explicit(
		       atomic_load_explicit(&log->generation, memory_order_relaxed),
		       memory_order_relaxed) == off;
}

#endif
