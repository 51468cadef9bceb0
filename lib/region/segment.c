/* SPDX-License-Identifier: MIT */
#include "region/segment.h"

#include "region/region.h"

#include <string.h>

static uint64_t
load(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

bool
fnt_era_load(const struct fnt_ring_head *head, uint64_t number, struct fnt_era *era)
{
	const struct fnt_era_slot *slot = &head->slots[number % FNT_ERAS];

	/* [Y2] acquire: what the slot says comes after whose it is. Pairs with [Y1] in
	 * resize.c. */
	if (atomic_load_explicit(&slot->number, memory_order_acquire) != number + 1)
		return false;
	*era = (struct fnt_era){
		.number = number,
		.first = load(&slot->first),
		.lap = load(&slot->lap),
		.cell_count = load(&slot->cells),
		.off = load(&slot->off),
	};
	atomic_thread_fence(memory_order_acquire);
	return load(&slot->number) == number + 1;
}

/* No number of it is believed before it has been held against the file. */
static bool
sound(const struct fnt_era *era, const struct fnt_view *view, uint64_t file_bytes)
{
	return era->cell_count >= FNT_CELLS_MIN && era->off % FNT_PAGE == 0 &&
	       era->off >= view->fixed_bytes && era->off <= file_bytes &&
	       era->cell_count <= (file_bytes - era->off) / FNT_CELL_BYTES;
}

static void
read_ring(struct fnt_eras *eras, const struct fnt_view *view, uint32_t ring,
	  uint64_t file_bytes)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	uint64_t number, first = 0;

	/* [Y4] acquire: the slots come after their count. Pairs with [Y3] in resize.c. */
	eras->published = atomic_load_explicit(&head->eras, memory_order_acquire);
	eras->held = load(&head->held);
	number = eras->published > FNT_ERAS ? eras->published - FNT_ERAS : 0;
	if (number < eras->held)
		number = eras->held;
	for (; number < eras->published; number++) {
		struct fnt_era *era = &eras->at[eras->count];

		if (!fnt_era_load(head, number, era) || !sound(era, view, file_bytes) ||
		    (eras->count && era->first <= first))
			continue;
		first = era->first;
		eras->count++;
	}
}

static bool
within(const struct fnt_view *view, const struct fnt_era *era)
{
	return era->off <= view->size_bytes &&
	       era->cell_count <= (view->size_bytes - era->off) / FNT_CELL_BYTES;
}

void
fnt_maps_read(struct fnt_maps *maps, const struct fnt_view *view, uint64_t file_bytes)
{
	memset(maps, 0, sizeof(*maps));
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_eras *eras = &maps->rings[ring];

		if (ring == FNT_RING_KEPT && !view->kept_percent)
			continue;
		read_ring(eras, view, ring, file_bytes);
		for (uint32_t i = 0; i < eras->count; i++)
			if (within(view, &eras->at[i]))
				eras->at[i].cells =
					(struct fnt_cell *)(void *)(view->base +
								    eras->at[i].off);
	}
}

/* Where era `era` ends, if the next, which begins with ticket `next`, is the current
 * one. */
static uint64_t
end_of(const struct fnt_ring_head *head, const struct fnt_era *era, uint64_t next)
{
	const struct fnt_era_slot *slot = &head->slots[era->number % FNT_ERAS];
	uint64_t end = load(&slot->end);

	if (atomic_load_explicit(&slot->number, memory_order_relaxed) !=
		    era->number + 1 ||
	    end < era->first)
		return era->first; /* over and gone, or damaged */
	return end < next ? end : next;
}

uint64_t
fnt_cursor_known(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_eras *eras = fnt_view_eras(view, ring);
	struct fnt_era next;

	/* Whose cursor came to an era has published it before. */
	if (!eras->count ||
	    atomic_load_explicit(&head->eras, memory_order_acquire) == eras->published)
		return cursor;
	if (!fnt_era_load(head, eras->published, &next) || cursor < next.first)
		return cursor;
	return end_of(head, &eras->at[eras->count - 1], next.first);
}

uint32_t
fnt_spans(const struct fnt_view *view, uint32_t ring, uint64_t cursor, bool all,
	  struct fnt_span spans[FNT_ERAS])
{
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_eras *eras = fnt_view_eras(view, ring);
	/* After fnt_log's queries have said that they are there: see log.c. */
	uint64_t shown = atomic_load_explicit(&head->shown, memory_order_seq_cst);
	uint32_t count = 0;

	for (uint32_t i = eras->count; i-- > 0;) {
		const struct fnt_era *era = &eras->at[i];
		struct fnt_span *span = &spans[count];

		if (era->first > cursor)
			continue; /* published, and not begun */
		if (era->number < shown && !all)
			break;
		span->era = era;
		span->first = era->first;
		span->end =
			count ? end_of(head, era, spans[count - 1].era->first) : cursor;
		count++;
		if (span->end - span->first < era->cell_count)
			continue;
		/* It has been once around: what is older is more than fits. */
		span->first = span->end - era->cell_count;
		if (!all)
			break;
	}
	return count;
}

uint64_t
fnt_view_bytes(const struct fnt_view *view)
{
	uint64_t bytes = view->fixed_bytes;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_eras *eras = fnt_view_eras(view, ring);

		if (eras->count)
			bytes += fnt_area_bytes(eras->at[eras->count - 1].cell_count);
	}
	return bytes;
}
