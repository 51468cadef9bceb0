/* SPDX-License-Identifier: MIT */
#include "region/segment.h"

#include "region/region.h"
#include "base/shm_words.h"

#include <string.h>

bool
fnt_segment_load(const struct fnt_ring_head *head, uint64_t number,
		 struct fnt_segment *segment)
{
	const struct fnt_segment_slot *slot = &head->slots[number % FNT_SEGMENTS];

	/* [Y2] acquire: what the slot says comes after whose it is. Pairs with [Y1] in
	 * resize.c. */
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

/* No number of it is believed before it has been held against the file. */
static bool
sound(const struct fnt_segment *segment, const struct fnt_view *view,
      uint64_t file_bytes)
{
	return segment->cell_count >= FNT_CELLS_MIN && segment->off % FNT_PAGE == 0 &&
	       segment->off >= view->fixed_bytes && segment->off <= file_bytes &&
	       segment->cell_count <= (file_bytes - segment->off) / FNT_CELL_BYTES;
}

static void
read_ring(struct fnt_segments *segments, const struct fnt_view *view, uint32_t ring,
	  uint64_t file_bytes)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	uint64_t number, first = 0;

	/* [Y4] acquire: the slots come after their count. Pairs with [Y3] in resize.c. */
	segments->published =
		atomic_load_explicit(&head->segments, memory_order_acquire);
	segments->held = fnt_word_relaxed(&head->held);
	number = segments->published > FNT_SEGMENTS ? segments->published - FNT_SEGMENTS
						    : 0;
	if (number < segments->held)
		number = segments->held;
	for (; number < segments->published; number++) {
		struct fnt_segment *segment = &segments->at[segments->count];

		if (!fnt_segment_load(head, number, segment) ||
		    !sound(segment, view, file_bytes) ||
		    (segments->count && segment->first <= first))
			continue;
		first = segment->first;
		segments->count++;
	}
}

static bool
within(const struct fnt_view *view, const struct fnt_segment *segment)
{
	return segment->off <= view->size_bytes &&
	       segment->cell_count <=
		       (view->size_bytes - segment->off) / FNT_CELL_BYTES;
}

void
fnt_segment_table_read(struct fnt_segment_table *maps, const struct fnt_view *view,
		       uint64_t file_bytes)
{
	memset(maps, 0, sizeof(*maps));
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_segments *segments = &maps->rings[ring];

		if (ring == FNT_RING_KEPT && !view->kept_percent)
			continue;
		read_ring(segments, view, ring, file_bytes);
		for (uint32_t i = 0; i < segments->count; i++)
			if (within(view, &segments->at[i]))
				segments->at[i].cells =
					(struct fnt_cell *)(void *)(view->base +
								    segments->at[i]
									    .off);
	}
}

/* Where segment `segment` ends, if the next, which begins with ticket `next`, is the current
 * one. */
static uint64_t
end_of(const struct fnt_ring_head *head, const struct fnt_segment *segment,
       uint64_t next)
{
	const struct fnt_segment_slot *slot =
		&head->slots[segment->number % FNT_SEGMENTS];
	uint64_t end = fnt_word_relaxed(&slot->end);

	if (atomic_load_explicit(&slot->number, memory_order_relaxed) !=
		    segment->number + 1 ||
	    end < segment->first)
		return segment->first; /* over and gone, or damaged */
	return end < next ? end : next;
}

uint64_t
fnt_segment_known_cursor(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_segments *segments = fnt_view_segments(view, ring);
	struct fnt_segment next;

	/* Whose cursor came to a segment has published it before. */
	if (!segments->count ||
	    atomic_load_explicit(&head->segments, memory_order_acquire) ==
		    segments->published)
		return cursor;
	if (!fnt_segment_load(head, segments->published, &next) || cursor < next.first)
		return cursor;
	return end_of(head, &segments->at[segments->count - 1], next.first);
}

uint32_t
fnt_segment_spans(const struct fnt_view *view, uint32_t ring, uint64_t cursor, bool all,
		  struct fnt_segment_span spans[FNT_SEGMENTS])
{
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_segments *segments = fnt_view_segments(view, ring);
	/* After fnt_log's queries have said that they are there: see log.c. */
	uint64_t shown = atomic_load_explicit(&head->shown, memory_order_seq_cst);
	uint32_t count = 0;

	for (uint32_t i = segments->count; i-- > 0;) {
		const struct fnt_segment *segment = &segments->at[i];
		struct fnt_segment_span *span = &spans[count];

		if (segment->first > cursor)
			continue; /* published, and not begun */
		if (segment->number < shown && !all)
			break;
		span->segment = segment;
		span->first = segment->first;
		span->end =
			count ? end_of(head, segment, spans[count - 1].segment->first)
			      : cursor;
		count++;
		if (span->end - span->first < segment->cell_count)
			continue;
		/* It has been once around: what is older is more than fits. */
		span->first = span->end - segment->cell_count;
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
		const struct fnt_segments *segments = fnt_view_segments(view, ring);

		if (segments->count)
			bytes += fnt_segment_bytes(
				segments->at[segments->count - 1].cell_count);
	}
	return bytes;
}
