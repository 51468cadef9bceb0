/* SPDX-License-Identifier: MIT */
#include "region/liveness.h"

#include "region/claim.h"
#include "region/fd.h"
#include "region/process.h"
#include "region/region_time.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Describes a lock on the first byte of the slot. */
static struct flock
lock_of(const struct fnt_region *region, uint32_t slot, short type)
{
	const unsigned char *at = (const unsigned char *)&region->view.producers[slot];

	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = at - region->view.base,
		.l_len = 1,
	};
}

/* Set or release (F_UNLCK) the lock of a slot. 0; -EAGAIN: another process holds it; or
 * another -errno: the system refuses such locks. */
static int
set_lock(const struct fnt_region *region, uint32_t slot, short type)
{
	struct flock lock = lock_of(region, slot, type);

	return fcntl(region->fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

int
fnt_slot_lock(const struct fnt_region *region, uint32_t slot)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];
	/* The host may have closed our descriptor and opened another file since, and a
	 * forked child may not have been able to open one. */
	int rc = fnt_region_owns_fd(region, region->fd)
			 ? set_lock(region, slot, F_WRLCK)
			 : -EBADF;

	if (rc == -EAGAIN)
		return rc;
	if (!rc) {
		if (!fnt_claim_is_held(&at->claim))
			return 0;
		set_lock(region, slot, F_UNLCK);
		return -EAGAIN;
	}
	/* Its owner may have a lock, which can't be seen from here. */
	if (fnt_word_relaxed(&at->status) == FNT_PRODUCER_LIVE &&
	    !fnt_word_relaxed(&at->claim))
		return rc;
	return fnt_claim_take(&at->claim);
}

int
fnt_slot_why_none(const struct fnt_region *region)
{
	struct flock lock = lock_of(region, 0, F_WRLCK);
	struct stat st;

	if (fstat(region->fd, &st))
		return -errno;
	if (fcntl(region->fd, F_OFD_GETLK, &lock) && !fnt_claim_is_possible())
		return -ENOLCK;
	return -EUSERS;
}

void
fnt_slot_unlock(const struct fnt_region *region, uint32_t slot)
{
	fnt_claim_drop(&region->view.producers[slot].claim);
	if (fnt_region_owns_fd(region, region->fd))
		set_lock(region, slot, F_UNLCK);
}

/* The owner's process, as the slot names it. */
static enum fnt_process_life
life_of_owner(const struct fnt_region *region, const struct fnt_producer_slot *slot)
{
	const struct fnt_process_id id = {
		.pid = fnt_word_relaxed(&slot->pid),
		.pid_ns = fnt_word_relaxed(&slot->pid_ns),
		.start_time = fnt_word_relaxed(&slot->start_time),
		.image = fnt_word_relaxed(&slot->image),
	};
	enum fnt_process_life life;

	if (!fnt_region_time_is_now(&region->view))
		return FNT_PROCESS_DEAD;
	life = fnt_process_life(&id);
	return life == FNT_PROCESS_RUNS && !fnt_process_writes_to(id.pid, region->ino)
		       ? FNT_PROCESS_DEAD
		       : life;
}

bool
fnt_slot_alive_without_lock(const struct fnt_region *region, uint32_t slot)
{
	const struct fnt_producer_slot *at = &region->view.producers[slot];
	enum fnt_process_life life = life_of_owner(region, at);

	return life == FNT_PROCESS_RUNS ||
	       (life == FNT_PROCESS_UNKNOWN && fnt_word_relaxed(&at->claim));
}

bool
fnt_slot_alive(const struct fnt_region *region, uint32_t slot)
{
	const struct fnt_producer_slot *at;
	struct flock lock;

	if (slot >= region->view.producer_count)
		return false;
	at = &region->view.producers[slot];
	/* [E2] acquire: the status is read before the process's identity. Pairs with
	 * [E1] in slots.c. */
	if (atomic_load_explicit(&at->status, memory_order_acquire) !=
	    FNT_PRODUCER_LIVE)
		return false;
	lock = lock_of(region, slot, F_WRLCK);
	if (fcntl(region->fd, F_OFD_GETLK, &lock))
		return life_of_owner(region, at) != FNT_PROCESS_DEAD;
	return lock.l_type != F_UNLCK || fnt_slot_alive_without_lock(region, slot);
}
