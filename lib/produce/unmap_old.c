/* SPDX-License-Identifier: MIT */
#include "produce/unmap_old.h"

#include "base/guard.h"
#include "produce/attachment.h"
#include "region/segment_map.h"

/* Held over the grace period: what was given up before it is freed after it. */
static struct fnt_owned_lock unmapping;

static bool
in_use(void *arg, const struct fnt_segment_mapping *mapping)
{
	const struct fnt_attachment *attachment = arg;

	/* [D6] acquire: the parts are complete. Pairs with [D5] in thread.c. A thread
	 * that has come since the grace period, or moves its handle meanwhile, has a
	 * current segment, which nobody gives up. A part that its thread has left leads
	 * nowhere. */
	const struct fnt_thread *thread =
		atomic_load_explicit(&attachment->threads, memory_order_acquire);

	for (; thread; thread = thread->next)
		for (uint32_t i = 0; i < FNT_RINGS; i++)
			if (atomic_load_explicit(&thread->writer.handles[i].mapping,
						 memory_order_relaxed) == mapping &&
			    atomic_load_explicit(&thread->owner, memory_order_relaxed))
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

/* Call `each` for every attachment, with the lock of segment maps held. Returns whether
 * any call returned true. */
static bool
each_attachment(bool (*each)(struct fnt_attachment *attachment))
{
	bool any = false;

	if (!fnt_rcu_read_lock())
		return false;
	if (fnt_segment_map_lock()) {
		for (struct fnt_attachment *at = fnt_process_first(); at;
		     at = fnt_process_next(at))
			any |= each(at);
		fnt_segment_map_unlock();
	}
	fnt_rcu_read_unlock();
	return any;
}

void
fnt_process_unmap_old(void)
{
	struct fnt_guard guard = fnt_guard_enter();

	if (!fnt_rcu_in_section() && fnt_lock_try(&unmapping)) {
		if (each_attachment(give_up) && fnt_rcu_synchronize())
			each_attachment(free_all);
		fnt_lock_release(&unmapping);
	}
	fnt_guard_leave(guard);
}

void
fnt_unmap_old_after_fork(void)
{
	fnt_lock_after_fork(&unmapping);
}
