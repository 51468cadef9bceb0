/* SPDX-License-Identifier: MIT
 *
 * disabled.h: the shortest way out of a log that records nothing: one comparison,
 * before RCU.
 *
 * While nothing is enabled a log remembers the region's generation, and where it can
 * read the word for ever: a page of its own over the control section, which stays
 * mapped, by whatever, until the process ends, for late callers may look at any time.
 * Who meets another page there (the log was closed, and the page is used for another)
 * gets nothing out of a closed log, or goes on and finds it closed.
 *
 * Pages come out of one reservation, and are covered by plain memory when given back:
 * so logs that come and go do not use up the process's mappings.
 */
#ifndef FNT_PRODUCE_DISABLED_H
#define FNT_PRODUCE_DISABLED_H

#include "produce/attachment.h"

/* Shut it, while the region's generation is this. Inside fnt_enter. Makes system calls
 * the first time. */
void fnt_disabled_set(struct fnt_log *log, struct fnt_attachment *attachment,
		      uint64_t generation);

static inline void
fnt_disabled_clear(struct fnt_log *log)
{
	if (atomic_load_explicit(&log->off, memory_order_relaxed))
		atomic_store_explicit(&log->off, 0, memory_order_relaxed);
}

/* The log is closed, and a grace period is over: give its page back. With the process's
 * mutex in hand. */
void fnt_disabled_fini(struct fnt_log *log);

/* Does the log record nothing, as nothing is enabled? False if that is not known. */
static inline bool
fnt_disabled_is_set(struct fnt_log *log)
{
	uint64_t off;

	if (!log || !FNT_COUNTED)
		return false;
	/* [H2] acquire: the place comes with it. Pairs with [H1] in disabled.c. */
	off = atomic_load_explicit(&log->off, memory_order_acquire);
	return __builtin_expect(off != 0, 0) &&
	       atomic_load_explicit(
		       atomic_load_explicit(&log->generation, memory_order_relaxed),
		       memory_order_relaxed) == off;
}

#endif
