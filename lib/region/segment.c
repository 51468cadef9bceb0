/* SPDX-License-Identifier: MIT */
#include "region/segment.h"

/* Nothing in a segment is used before this has been checked. */
static bool
is_sound(const struct fnt_segment *segment, uint64_t fixed_bytes)
{
	return segment->cell_count >= FNT_CELLS_MIN &&
	       segment->cell_count <= FNT_CELLS_MAX && segment->off % FNT_PAGE == 0 &&
	       segment->off >= fixed_bytes;
}

bool
fnt_segment_load(const struct fnt_ring_head *head, uint64_t number,
		 uint64_t fixed_bytes, struct fnt_segment *segment)
{
	const struct fnt_segment_slot *slot = &head->slots[number % FNT_SEGMENTS];

	/* [Y2] acquire: the slot's number is read before its other fields. Pairs with
	 * [Y1] in resize.c. */
	if (atomic_load_explicit(&slot->number, memory_order_acquire) != number + 1)
		return false;
	*segment = (struct fnt_segment){
		.number = number,
		.first = fnt_word_relaxed(&slot->first),
		.lap = fnt_word_relaxed(&slot->lap),
		.cell_count = fnt_word_relaxed(&slot->cells),
		.off = fnt_word_relaxed(&slot->off),
	};
	atomic_thread_fence(memory_order_acquire);
	return fnt_word_relaxed(&slot->number) == number + 1 &&
	       is_sound(segment, fixed_bytes);
}

void
fnt_segment_partition(uint64_t bytes, uint32_t kept_percent, uint64_t cells[FNT_RINGS])
{
	uint64_t pages = bytes / FNT_PAGE, kept = 0;

	if (kept_percent) {
		uint64_t least = FNT_CELLS_MIN / FNT_PAGE_CELLS, most = pages / 2;

		kept = pages * kept_percent / 100;
		kept = kept < least ? least : kept > most ? most : kept;
	}
	cells[FNT_RING_MAIN] = (pages - kept) * FNT_PAGE_CELLS;
	cells[FNT_RING_KEPT] = kept * FNT_PAGE_CELLS;
}
