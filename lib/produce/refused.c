/* SPDX-License-Identifier: MIT */
#include "produce/refused.h"

void
fnt_refused_outside(struct fnt_log *log)
{
	if (log && atomic_load_explicit(&log->attachment, memory_order_relaxed))
		atomic_fetch_add_explicit(&log->refused, 1, memory_order_relaxed);
}

void
fnt_refused_inside(struct fnt_attachment *attachment)
{
	atomic_fetch_add_explicit(&attachment->region.view.control->refused, 1,
				  memory_order_relaxed);
}

void
fnt_refused_settle(struct fnt_log *log, struct fnt_attachment *attachment)
{
	uint64_t count;

	if (!atomic_load_explicit(&log->refused, memory_order_relaxed))
		return;
	count = atomic_exchange_explicit(&log->refused, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&attachment->region.view.control->refused, count,
				  memory_order_relaxed);
}
