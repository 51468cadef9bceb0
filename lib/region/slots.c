/* SPDX-License-Identifier: MIT */
#include "region/slots.h"

#include "base/clock.h"
#include "region/liveness.h"
#include "region/name_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
fnt_slot_program_name(char name[64])
{
	int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, name, 63);
	char exe[512];
	const char *base;

	if (fd >= 0)
		close(fd);
	name[got > 0 ? got : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	/* comm is cut at 15 bytes; the executable's name is whole, where we may see it. */
	got = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (got <= 0)
		return;
	exe[got] = '\0';
	base = strrchr(exe, '/');
	if (base && base[1])
		snprintf(name, 64, "%.63s", base + 1);
}

static void
put(fnt_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* The slot's lock is ours; who are we? */
static void
enter(const struct fnt_region *region, uint32_t slot)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];
	struct fnt_process_id self;
	char name[64];

	fnt_process_id_self(&self);
	fnt_slot_program_name(name);
	put(&at->readers, 0);
	put(&at->pid, self.pid);
	put(&at->pid_ns, self.pid_ns);
	put(&at->start_time, self.start_time);
	put(&at->attached_at_ns, fnt_clock_ns(CLOCK_REALTIME));
	put(&at->exe, fnt_name_intern(&region->view, slot, name, strlen(name)));
	put(&at->clock, (uint64_t)fnt_clock_kind());
	/* [E1] release: who it is comes before LIVE. Pairs with [E2] in liveness.c. */
	atomic_store_explicit(&at->status, FNT_PRODUCER_LIVE, memory_order_release);
}

/* Is the slot, whose lock we have just got, to be had: free, or left by the dead? */
static bool
to_be_had(const struct fnt_region *region, uint32_t slot, uint64_t wanted)
{
	/* With the lock in hand nobody else changes it. */
	uint64_t status = atomic_load_explicit(&region->view.producers[slot].status,
					       memory_order_acquire);

	if (status == FNT_PRODUCER_FREE || wanted == FNT_PRODUCER_FREE)
		return status == wanted;
	return !fnt_slot_alive_without_lock(region, slot);
}

static uint32_t
claim_with(const struct fnt_region *region, uint64_t wanted)
{
	for (uint32_t slot = 0; slot < region->view.producer_count; slot++) {
		uint64_t status = atomic_load_explicit(
			&region->view.producers[slot].status, memory_order_acquire);

		if (wanted == FNT_PRODUCER_FREE && status != FNT_PRODUCER_FREE)
			continue;
		if (fnt_slot_lock(region, slot))
			continue;
		if (to_be_had(region, slot, wanted)) {
			enter(region, slot);
			return slot;
		}
		fnt_slot_unlock(region, slot);
	}
	return FNT_SLOT_NONE;
}

uint32_t
fnt_slot_claim(const struct fnt_region *region, bool *left)
{
	uint32_t slot = claim_with(region, FNT_PRODUCER_FREE);

	*left = slot == FNT_SLOT_NONE;
	return slot != FNT_SLOT_NONE ? slot : claim_with(region, FNT_PRODUCER_LIVE);
}

void
fnt_slot_release(const struct fnt_region *region, uint32_t slot)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];

	atomic_store_explicit(&at->status, FNT_PRODUCER_FREE, memory_order_release);
	fnt_slot_unlock(region, slot);
}

uint32_t
fnt_lane_claim(const struct fnt_view *view, uint32_t slot, int32_t tid)
{
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_lane *lane = &view->lanes[i];
		uint64_t seen =
			atomic_load_explicit(&lane->state, memory_order_relaxed);
		uint64_t mine = fnt_state_make(fnt_state_generation(seen) + 1, slot,
					       FNT_LANE_OWNED);

		/* [A1] acquire: the last owner's counts come before ours. Pairs with [A2]. */
		if (fnt_state_status(seen) != FNT_LANE_FREE ||
		    !atomic_compare_exchange_strong_explicit(&lane->state, &seen, mine,
							     memory_order_acquire,
							     memory_order_relaxed))
			continue;
		put(&lane->tid, (uint64_t)(uint32_t)tid);
		for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
			put(&lane->rings[ring].low, FNT_TICKET_NONE);
		put(&lane->recorded_before, fnt_lane_recorded(lane));
		put(&lane->dropped_before,
		    atomic_load_explicit(&lane->dropped, memory_order_relaxed));
		return i;
	}
	return FNT_LANE_NONE;
}

void
fnt_lane_release(const struct fnt_view *view, uint32_t lane_no)
{
	struct fnt_lane *lane = &view->lanes[lane_no];
	uint64_t state = atomic_load_explicit(&lane->state, memory_order_relaxed);

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		put(&lane->rings[ring].low, FNT_TICKET_NONE);
	/* [A2] release: see [A1]. */
	atomic_store_explicit(&lane->state,
			      fnt_state_make(fnt_state_generation(state) + 1,
					     FNT_OWNER_NONE, FNT_LANE_FREE),
			      memory_order_release);
}
