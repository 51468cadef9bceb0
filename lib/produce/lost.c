/* SPDX-License-Identifier: MIT */
#include "produce/lost.h"

void
fnt_lost_count_in(struct fnt_log *log, const struct fnt_attachment *attachment,
		  uint64_t calls)
{
	if (fnt_lost_view(&attachment->region.view))
		atomic_fetch_add_explicit(&log->lost, calls, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&attachment->region.view.control->refused,
					  calls, memory_order_relaxed);
}

void
fnt_lost_count(struct fnt_log *log)
{
	const struct fnt_attachment *attachment;

	if (!fnt_rcu_read_lock())
		return;
	/* [R2] acquire: as in fnt_enter(). */
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (attachment && attachment->generation == fnt_fork_generation)
		fnt_lost_count_in(log, attachment, 1);
	fnt_leave();
}
