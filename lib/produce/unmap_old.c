/* SPDX-License-Identifier: MIT
 *
 * What segments that are over have left mapped in this process.
 */
#include "produce/attach.h"
#include "region/segment_map.h"

static bool
in_hand(void *arg, const struct fnt_segment_mapping *mapping)
{
	const struct fnt_attachment *attachment = arg;

	/* With the attachment's threads held still by the process's mutex; a hand that
	 * moves on moves to a segment that is current, and so out of what is looked for.
	 */
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
	fnt_segment_map_reclaim(&attachment->region.view, in_hand, attachment);
	return true;
}

void
fnt_process_segments(void)
{
	/* A thread's own hand may move between the two; what it moves to is not given
	 * up. */
	if (urcu_bp_read_ongoing() || !fnt_process_each(give_up))
		return;
	fnt_rcu_synchronize();
	fnt_process_each(free_all);
}
