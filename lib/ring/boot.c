/* SPDX-License-Identifier: MIT */
#include "ring/boot.h"

#include "base/random.h"
#include "region/region_time.h"
#include "ring/frame.h"
#include "ring/record_read.h"

#define TICKETS_READ 4096u	/* of each ring, the newest */
#define TIME_LIMIT (1ull << 62) /* ns; a later time is damage */

static uint64_t
later(uint64_t time, uint64_t latest)
{
	return time > latest && time < TIME_LIMIT ? time : latest;
}

/* The latest time of the ring's newest records, or `latest` if that is later. */
static uint64_t
latest_in_ring(const struct fnt_view *view, uint32_t ring, uint64_t latest)
{
	struct fnt_record_copy copy = {.payload = NULL};
	uint64_t cursor = fnt_ring_cursor(view, ring);
	uint64_t oldest = fnt_ring_oldest(view, ring, cursor);

	for (uint32_t i = 0; i < TICKETS_READ && cursor-- > oldest; i++)
		if (fnt_record_read(view, ring, cursor, &copy) == FNT_READ_RECORD)
			latest = later(fnt_record_time(&copy), latest);
	fnt_record_copy_free(&copy);
	return latest;
}

/* The latest time that anything in the region has. */
static uint64_t
latest_time(const struct fnt_view *view)
{
	uint64_t latest = 0;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		latest = latest_in_ring(view, ring, latest);
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		const struct fnt_frame *frame = &view->frames[i];

		latest = later(fnt_word_relaxed(
				       &frame->record[FNT_RECORD_WORD(started_mono)]) +
				       fnt_word_relaxed(&frame->last_ns),
			       latest);
	}
	return latest;
}

/* Who held words in place of locks has not survived the boot. (Should another process
 * take one just now, its slot is still its own: liveness.h.) */
static void
clear_claims(const struct fnt_view *view)
{
	for (uint32_t i = 0; i < view->producer_count; i++)
		fnt_word_store(&view->producers[i].claim, 0);
	fnt_word_store(&view->control->claim, 0);
}

void
fnt_boot_enter(const struct fnt_view *view)
{
	fnt_word *word = &view->control->time_base;
	uint64_t old = fnt_word_relaxed(word), base = old >> 32, now, latest;
	uint32_t boot = (uint32_t)fnt_boot_id();

	if (!boot || fnt_time_base_boot(old) == boot)
		return;
	latest = latest_time(view);
	now = fnt_region_time(view);
	if (now <= latest)
		base += (latest - now) / FNT_TIME_BASE_UNIT_NS + 1;
	clear_claims(view);
	/* If it fails, another process has set it for this boot. */
	atomic_compare_exchange_strong_explicit(
		word, &old, fnt_time_base_make(base, boot), memory_order_relaxed,
		memory_order_relaxed);
}
