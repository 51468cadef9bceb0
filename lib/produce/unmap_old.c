/* SPDX-License-Identifier: MIT */
#include "produce/unmap_old.h"

#include "produce/attachment.h"
#include "region/segment_map.h"

static bool
in_use(void *arg, const struct fnt_segment_mapping *mapping)
{
	const struct fnt_attachment *attachment = arg;

	/* The mutex keeps the list of threads as it is. A thread may move its handle
	 * meanwhile, but only to a current segment, which nobody gives up. */
	for (struct fnt_thread *thread = attachment->threads; thread;
	     thread = thread->next)
		for (uint32_t i = 0; i < FNT_RINGS; i++)
			if (atomic_load_explicit(&thread->writer.handles[i].mapping,
						 memory_order_relaxed) == mapping)
				return true;
	return false;
}

static bool
give_up(struct fnt_attachment *attachment)
{
	return fnt_segment_map_retire(&attachment->region.view);
}

static bool
free_all(struct fnt_attachment *attachment)
{
	fnt_segment_map_reclaim(&attachment->region.view, in_use, attachment);
	return true;
}

void
fnt_process_unmap_old(void)
{
	if (urcu_bp_read_ongoing() || !fnt_process_each(give_up))
		return;
	fnt_rcu_synchronize();
	fnt_process_each(free_all);
}
