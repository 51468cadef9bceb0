/* SPDX-License-Identifier: MIT */
#include "region/segment_span.h"

#include "region/segment.h"

/* The ticket at which `segment` ends, given that the next segment begins with `next`
 * and that the cursor has reached it. */
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
		return segment->first; /* no longer in the table, or damaged */
	return end < next ? end : next;
}

uint64_t
fnt_segment_known_cursor(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_segments *segments = fnt_view_segments(view, ring);
	struct fnt_segment next;

	/* A segment is published before the cursor moves to it. */
	if (!segments->count ||
	    atomic_load_explicit(&head->segments, memory_order_acquire) ==
		    segments->published)
		return cursor;
	if (!fnt_segment_load(head, segments->published, view->fixed_bytes, &next) ||
	    cursor < next.first)
		return cursor;
	return end_of(head, &segments->at[segments->count - 1], next.first);
}

uint32_t
fnt_segment_spans(const struct fnt_view *view, uint32_t ring, uint64_t cursor, bool all,
		  struct fnt_segment_span spans[FNT_SEGMENTS])
{
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_segments *segments = fnt_view_segments(view, ring);
	/* Sequentially consistent: a query of the process's own log has announced
	 * itself before this load (enter_reading() in log.c). */
	uint64_t shown = atomic_load_explicit(&head->shown, memory_order_seq_cst);
	const struct fnt_segment *next = NULL;
	uint32_t count = 0;

	for (uint32_t i = segments->count; i-- > 0;) {
		const struct fnt_segment *segment = &segments->at[i];
		struct fnt_segment_span *span = &spans[count];
		uint64_t end = next ? end_of(head, segment, next->first) : cursor;

		if (segment->first > cursor)
			continue; /* published, but the cursor is not there yet */
		if (segment->number < shown && !all)
			break;
		next = segment;
		if (!segment->cells)
			continue; /* not mapped */
		*span = (struct fnt_segment_span){segment->first, end, segment};
		count++;
		if (span->end - span->first < segment->cell_count)
			continue;
		/* The segment has been filled once: everything older is overwritten, or
		 * more than the ring holds. */
		span->first = span->end - segment->cell_count;
		if (!all)
			break;
	}
	return count;
}
