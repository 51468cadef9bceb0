/* SPDX-License-Identifier: MIT */
#include "region/slots.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/shm_words.h"
#include "region/liveness.h"
#include "region/name_table.h"
#include "region/process.h"
#include "region/region_time.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
fnt_slot_program_name(char name[64])
{
	int fd = fnt_open("/proc/self/comm", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, name, 63);
	char exe[512];
	const char *base;

	if (fd >= 0)
		close(fd);
	name[got > 0 ? got : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	/* comm is cut at 15 bytes; the executable's file name is complete, if
	 * readable. */
	got = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (got <= 0)
		return;
	exe[got] = '\0';
	base = strrchr(exe, '/');
	if (base && base[1])
		snprintf(name, 64, "%.63s", base + 1);
}

/* Describe this process in a slot whose lock this process holds. */
static void
fill_in(const struct fnt_region *region, uint32_t slot)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];
	struct fnt_process_id self;
	char name[64];
	uint64_t shift;
	bool known;

	fnt_process_id_self(&self);
	fnt_slot_program_name(name);
	shift = fnt_region_time_shift(&region->view, &known);
	fnt_word_store(&at->readers, 0);
	fnt_word_store(&at->observed, 0);
	fnt_word_store(&at->understood, 0);
	fnt_word_store(&at->not_understood, 0);
	fnt_word_store(&at->command_len, 0);
	fnt_word_store(&at->pid, self.pid);
	fnt_word_store(&at->pid_ns, self.pid_ns);
	fnt_word_store(&at->start_time, self.start_time);
	fnt_word_store(&at->image, self.image);
	fnt_word_store(&at->attached_at_ns, fnt_clock_ns(CLOCK_REALTIME));
	fnt_word_store(&at->exe,
		       fnt_name_intern(&region->view, slot, name, strlen(name)));
	fnt_word_store(&at->clock, (uint64_t)fnt_clock_kind());
	fnt_word_store(&at->attached_mono, fnt_clock_mono() + shift);
	fnt_word_store(&at->origin, known ? 0 : FNT_ORIGIN_TIME_UNKNOWN);
	/* [E1] release: the identity is written before LIVE. Pairs with [E2] in
	 * liveness.c. */
	atomic_store_explicit(&at->status, FNT_PRODUCER_LIVE, memory_order_release);
}

/* May this process, which has just locked the slot, use it? It must be free, or
 * (`wanted` LIVE) left by a dead process. */
static bool
is_claimable(const struct fnt_region *region, uint32_t slot, uint64_t wanted)
{
	/* Only the holder of the lock changes the status. */
	uint64_t status = atomic_load_explicit(&region->view.producers[slot].status,
					       memory_order_acquire);

	if (status == FNT_PRODUCER_FREE || wanted == FNT_PRODUCER_FREE)
		return status == wanted;
	return !fnt_slot_alive_without_lock(region, slot);
}

/* Lock and fill in the first claimable slot of status `wanted`. */
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
		if (is_claimable(region, slot, wanted)) {
			fill_in(region, slot);
			return slot;
		}
		fnt_slot_unlock(region, slot);
	}
	return FNT_SLOT_NONE;
}

uint32_t
fnt_slot_claim(const struct fnt_region *region, bool *needs_recovery)
{
	uint32_t slot = claim_with(region, FNT_PRODUCER_FREE);

	*needs_recovery = slot == FNT_SLOT_NONE;
	return slot != FNT_SLOT_NONE ? slot : claim_with(region, FNT_PRODUCER_LIVE);
}

void
fnt_slot_observe(const struct fnt_view *view, uint32_t slot,
		 const struct fnt_observed *observed)
{
	struct fnt_producer_slot *at = &view->producers[slot];

	fnt_word_store(&at->command_len, 0);
	/* [E3] release: no length before the first changed word. Pairs with [E4]. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < FNT_COMMAND_WORDS; i++) {
		size_t left = observed->command_len > i * 8
				      ? observed->command_len - i * 8
				      : 0;
		uint64_t word = 0;

		memcpy(&word, observed->command + i * 8, left < 8 ? left : 8);
		fnt_word_store(&at->command[i], word);
	}
	/* [E5] release: the words before their length. Pairs with [E6]. */
	atomic_store_explicit(&at->command_len, observed->command_len,
			      memory_order_release);
	fnt_word_store(&at->exe, observed->exe);
	fnt_word_store(&at->via, observed->via);
	fnt_word_store(&at->observed, (uint64_t)(uint32_t)observed->pid);
}

size_t
fnt_slot_command(const struct fnt_view *view, uint32_t slot,
		 char command[FNT_COMMAND_MAX + 1])
{
	struct fnt_producer_slot *at = &view->producers[slot];
	/* [E6] acquire: the words of this length. Pairs with [E5]. */
	uint64_t len = atomic_load_explicit(&at->command_len, memory_order_acquire);

	command[0] = '\0';
	if (len > FNT_COMMAND_MAX)
		return 0;
	for (size_t i = 0; i < FNT_COMMAND_WORDS; i++) {
		uint64_t word = fnt_word_relaxed(&at->command[i]);

		memcpy(command + i * 8, &word, 8);
	}
	/* [E4] acquire: if the length is the same after the words, they belong to it.
	 * Pairs with [E3]. */
	atomic_thread_fence(memory_order_acquire);
	if (fnt_word_relaxed(&at->command_len) != len)
		len = 0;
	command[len] = '\0';
	return (size_t)len;
}

void
fnt_slot_release(const struct fnt_region *region, uint32_t slot)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];

	atomic_store_explicit(&at->status, FNT_PRODUCER_FREE, memory_order_release);
	fnt_slot_unlock(region, slot);
}

void
fnt_slot_abandon(const struct fnt_region *region, uint32_t slot)
{
	fnt_word_store(&region->view.producers[slot].pid, 0);
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

		/* [A1] acquire: the last owner's counters are visible to us. Pairs with
		 * [A2]. */
		if (fnt_state_status(seen) != FNT_LANE_FREE ||
		    !atomic_compare_exchange_strong_explicit(&lane->state, &seen, mine,
							     memory_order_acquire,
							     memory_order_relaxed))
			continue;
		fnt_word_store(&lane->tid, (uint64_t)(uint32_t)tid);
		for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
			fnt_word_store(&lane->rings[ring].low, FNT_TICKET_NONE);
		fnt_word_store(&lane->recorded_before, fnt_lane_recorded(lane));
		fnt_word_store(&lane->dropped_before, fnt_lane_dropped(lane));
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
		fnt_word_store(&lane->rings[ring].low, FNT_TICKET_NONE);
	/* [A2] release: our counters are visible to the next owner. Pairs with [A1]. */
	atomic_store_explicit(&lane->state,
			      fnt_state_make(fnt_state_generation(state) + 1,
					     FNT_OWNER_NONE, FNT_LANE_FREE),
			      memory_order_release);
}
