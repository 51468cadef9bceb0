/* SPDX-License-Identifier: MIT */
#include "region/segment.h"

bool
fnt_segment_load(const struct fnt_ring_head *head, uint64_t number,
		 struct fnt_segment *segment)
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
	return fnt_word_relaxed(&slot->number) == number + 1;
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
