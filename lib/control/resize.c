/* SPDX-License-Identifier: MIT */
#include "control/resize.h"

#include "region/file_space.h"
#include "base/error.h"
#include "region/liveness.h"
#include "region/region.h"
#include "region/segment.h"
#include "region/segment_map.h"
#include "region/segment_span.h"
#include "region/slots.h"
#include "ring/record_read.h"
#include "base/shm_words.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* From the cursor to the next segment's first ticket. Were a tool killed in between, a
 * region whose threads take ten million tickets a second would get there in twenty
 * days; whoever opens it meanwhile completes the switch. There is room for 2^18
 * switches. */
#define JUMP (1ull << 44)

static bool
has_ring(const struct fnt_view *view, uint32_t ring)
{
	return ring == FNT_RING_MAIN || view->kept_percent;
}

static void
bump(const struct fnt_view *view)
{
	atomic_fetch_add_explicit(&view->control->generation, 1, memory_order_release);
}

/* ---- switching ------------------------------------------------------------------ */

/* The segment that is published and not yet current. */
static bool
pending(const struct fnt_ring_head *head, struct fnt_segment *next)
{
	uint64_t segments = fnt_word_relaxed(&head->segments);

	return segments > 1 && fnt_segment_load(head, segments - 1, next) &&
	       atomic_load_explicit(&head->cursor, memory_order_acquire) < next->first;
}

/* Tickets are taken all the time: `end` is a candidate until the CAS says that no
 * ticket was taken since. */
static void
complete(struct fnt_ring_head *head)
{
	struct fnt_segment next;
	uint64_t cursor;
	fnt_word *end;

	if (!pending(head, &next))
		return;
	end = &head->slots[(next.number - 1) % FNT_SEGMENTS].end;
	cursor = fnt_word_relaxed(&head->cursor);
	do {
		fnt_word_store(end, cursor);
		/* [Y7] release: who finds the cursor in the new segment finds the old one's
		 * end, and the new one in the table. Pairs with [T2]. */
	} while (cursor < next.first &&
		 !atomic_compare_exchange_weak_explicit(
			 &head->cursor, &cursor, next.first, memory_order_release,
			 memory_order_relaxed));
}

/* ---- sealing -------------------------------------------------------------------- */

/* A ticket that was taken and not written is made PAD, as if its owner had given it up:
 * that one finds its lap gone by (LAPPED in ring.c), and takes others. */
static uint32_t
seal_cell(const struct fnt_segment *segment, uint64_t ticket)
{
	struct fnt_cell *cell = fnt_segment_cell(segment, ticket);
	uint64_t lap = fnt_segment_lap(segment, ticket);
	uint64_t seen = atomic_load_explicit(&cell->state, memory_order_acquire);

	for (;;) {
		if (fnt_cell_busy(seen))
			return fnt_cell_lane(seen);
		if (!fnt_lap_before(fnt_cell_lap(seen), lap))
			return FNT_LANE_NONE;
		/* [O1] acquire, as for any claim: pairs with [C1]. */
		if (atomic_compare_exchange_weak_explicit(
			    &cell->state, &seen,
			    fnt_cell_state(lap, 0, FNT_CELL_PAD, 0),
			    memory_order_acq_rel, memory_order_acquire))
			return FNT_LANE_NONE;
	}
}

/* All tickets of a span; a lane that is in the middle of writing one, or FNT_LANE_NONE.
 */
static uint32_t
seal_span(const struct fnt_segment_span *span)
{
	uint32_t busy = FNT_LANE_NONE;

	for (uint64_t ticket = span->first; ticket < span->end; ticket++) {
		uint32_t lane = seal_cell(span->segment, ticket);

		busy = lane != FNT_LANE_NONE ? lane : busy;
	}
	return busy;
}

/* ---- retiring ------------------------------------------------------------------- */

/* The oldest segment that readers show. */
static void
hide_unseen(const struct fnt_view *view, uint32_t ring)
{
	struct fnt_ring_head *head = &view->rings[ring];
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring),
					   false, spans);

	if (count && spans[count - 1].segment->number > fnt_word_relaxed(&head->shown))
		/* Before the look at who reads (log.c): a query that does not see this
		 * is seen. */
		atomic_store_explicit(&head->shown, spans[count - 1].segment->number,
				      memory_order_seq_cst);
}

/* Lanes that hold tickets below `ticket`: of living threads, and of dead ones. */
struct below {
	uint32_t living, dead;
};

static struct below
lanes_below(const struct fnt_region *region, uint32_t ring, uint64_t ticket)
{
	const struct fnt_view *view = &region->view;
	struct below below = {0, 0};

	for (uint32_t i = 0; i < view->lane_count; i++) {
		const struct fnt_lane *lane = &view->lanes[i];
		uint64_t state = fnt_word_relaxed(&lane->state);
		/* [L2] acquire: see [L1] in ring.c. A lane that took tickets of the old
		 * segment said so before: we have seen the cursor in the new one. */
		uint64_t low = atomic_load_explicit(&lane->rings[ring].low,
						    memory_order_acquire);

		if (fnt_state_status(state) != FNT_LANE_OWNED || !low || low >= ticket)
			continue;
		if (fnt_slot_alive(region, fnt_state_owner(state)))
			below.living++;
		else
			below.dead++;
	}
	return below;
}

/* A living thread may wait for hours with tickets that it has not used. They are
 * sealed: where none of the segment's cells is busy, none can become so any more, and the
 * area may be used again, for cells of later laps. Only its blocks must stay, with the
 * laps in them: zeroes would look like cells to be had (threads_behind). */
static bool
out_of_hands(const struct fnt_region *region, uint32_t ring, uint64_t number,
	     uint64_t next)
{
	struct below below = lanes_below(region, ring, next);
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count;

	if (below.dead)
		return false; /* their reaper counts what is there */
	if (!below.living)
		return true;
	count = fnt_segment_spans(&region->view, ring,
				  fnt_ring_cursor(&region->view, ring), true, spans);
	for (uint32_t i = 0; i < count; i++)
		if (spans[i].segment->number == number)
			return seal_span(&spans[i]) == FNT_LANE_NONE;
	return false;
}

/* Threads with tickets of segments that are over. */
static uint32_t
threads_behind(const struct fnt_region *region)
{
	const struct fnt_view *view = &region->view;
	uint32_t count = 0;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);
		struct below below;

		if (!segments->count)
			continue;
		below = lanes_below(region, ring,
				    segments->at[segments->count - 1].first);
		count += below.living + below.dead;
	}
	return count;
}

/* Processes that read their own log just now: they have no guard against the loss of a
 * page. */
static uint32_t
readers_inside(const struct fnt_view *view)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->producer_count; i++) {
		const struct fnt_producer_slot *slot = &view->producers[i];

		count += fnt_word_relaxed(&slot->status) == FNT_PRODUCER_LIVE &&
			 atomic_load_explicit(&slot->readers, memory_order_seq_cst);
	}
	return count;
}

/* An area that will be free has seen laps up to this. */
static void
remember_lap(const struct fnt_view *view, const struct fnt_segment *segment,
	     uint64_t end)
{
	fnt_word *latest = &view->rings[FNT_RING_MAIN].lap;
	uint64_t lap = fnt_segment_lap(segment, end);

	if (fnt_lap_before(fnt_word_relaxed(latest), lap))
		fnt_word_store(latest, lap);
}

/* Retire what is over, hidden, and in nobody's hands, oldest first. True: something
 * was. */
static bool
retire(const struct fnt_region *region, uint32_t ring,
       struct fnt_resize_holders *holders)
{
	const struct fnt_view *view = &region->view;
	struct fnt_ring_head *head = &view->rings[ring];
	bool any = false;

	for (;;) {
		uint64_t held = fnt_word_relaxed(&head->held);
		struct fnt_segment segment, next;
		uint32_t readers;

		if (held + 1 >= fnt_word_relaxed(&head->segments) ||
		    !fnt_segment_load(head, held + 1, &next) ||
		    next.first > fnt_word_relaxed(&head->cursor))
			return any;
		if (held >= fnt_word_relaxed(&head->shown)) {
			holders->shown = true;
			return any;
		}
		readers = readers_inside(view);
		holders->readers += readers;
		if (readers || !out_of_hands(region, ring, held, next.first))
			return any;
		if (fnt_segment_load(head, held, &segment))
			remember_lap(view, &segment,
				     fnt_word_relaxed(
					     &head->slots[held % FNT_SEGMENTS].end));
		atomic_store_explicit(&head->held, held + 1, memory_order_release);
		any = true;
	}
}

bool
fnt_resize_pending(const struct fnt_view *view)
{
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		if (has_ring(view, ring) &&
		    fnt_word_relaxed(&view->rings[ring].segments) >
			    fnt_word_relaxed(&view->rings[ring].held) + 1)
			return true;
	return false;
}

void
fnt_resize_settle(const struct fnt_region *region, struct fnt_resize_holders *holders)
{
	const struct fnt_view *view = &region->view;
	struct fnt_resize_holders none = {0};
	bool any = false;

	if (!holders)
		holders = &none;
	*holders = none;
	fnt_segment_map_follow(region);
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		if (!has_ring(view, ring))
			continue;
		complete(&view->rings[ring]);
		hide_unseen(view, ring);
		any |= retire(region, ring, holders);
	}
	if (any) {
		bump(view);
		fnt_segment_map_follow(region);
	}
	holders->threads = threads_behind(region);
	if (!holders->threads)
		holders->given_back = fnt_file_space_punch(region);
}

/* ---- beginning ------------------------------------------------------------------ */

/* Later than any lap that a cell of a free area may bear, so that whoever still looks
 * there for a record of old finds a later lap, and none that it may take for its own.
 */
static uint64_t
next_lap(const struct fnt_view *view)
{
	uint64_t lap = fnt_word_relaxed(&view->rings[FNT_RING_MAIN].lap);

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);
		uint64_t cursor = fnt_word_relaxed(&view->rings[ring].cursor);

		for (uint32_t i = 0; i < segments->count; i++) {
			const struct fnt_segment *segment = &segments->at[i];
			uint64_t seen = cursor >= segment->first
						? fnt_segment_lap(segment, cursor)
						: segment->lap;

			if (i + 1 < segments->count &&
			    cursor >= segments->at[i + 1].first)
				seen = segment->lap; /* the cursor has left it */
			if (fnt_lap_before(lap, seen))
				lap = seen;
		}
	}
	return (lap + 2) & FNT_LAP_MASK;
}

/* All its cells are of the lap before its first. This touches every page, too. */
static int
prepare(const struct fnt_region *region, const struct fnt_segment *segment,
	const char *what, struct fnt_error *error)
{
	uint64_t bytes = fnt_segment_bytes(segment->cell_count);
	int rc = fnt_file_space_allocate(region->fd, segment->off, bytes, what, error);
	struct fnt_cell *cells;

	if (rc)
		return rc;
	cells = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd,
		     (off_t)segment->off);
	if (cells == MAP_FAILED)
		return fnt_fail(error, -ENOMEM, "%s: cannot map its new part", what);
	for (uint64_t i = 0; i < segment->cell_count; i++)
		fnt_word_store(&cells[i].state,
			       fnt_cell_state(segment->lap - 1, 0, FNT_CELL_PAD, 0));
	munmap(cells, bytes);
	return 0;
}

static void
publish(struct fnt_ring_head *head, const struct fnt_segment *segment)
{
	struct fnt_segment_slot *slot = &head->slots[segment->number % FNT_SEGMENTS];

	fnt_word_store(&slot->number, 0);
	atomic_thread_fence(memory_order_release);
	fnt_word_store(&slot->first, segment->first);
	fnt_word_store(&slot->end, segment->first);
	fnt_word_store(&slot->off, segment->off);
	fnt_word_store(&slot->cells, segment->cell_count);
	fnt_word_store(&slot->lap, segment->lap);
	/* [Y1] release: what the slot says comes before whose it is. Pairs with [Y2] in
	 * segment.c. */
	atomic_store_explicit(&slot->number, segment->number + 1, memory_order_release);
	/* [Y3] release: the slot comes before the count of segments. Pairs with [Y4]. */
	atomic_store_explicit(&head->segments, segment->number + 1,
			      memory_order_release);
}

static int
plan(const struct fnt_view *view, const uint64_t cells[FNT_RINGS],
     struct fnt_segment segments[FNT_RINGS])
{
	uint64_t lap = next_lap(view);

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_ring_head *head = &view->rings[ring];

		if (!has_ring(view, ring))
			continue;
		if (fnt_word_relaxed(&head->segments) - fnt_word_relaxed(&head->held) >=
		    FNT_SEGMENTS)
			return -EBUSY;
		segments[ring] = (struct fnt_segment){
			.number = fnt_word_relaxed(&head->segments),
			.first = fnt_word_relaxed(&head->cursor) + JUMP,
			.lap = lap,
			.cell_count = cells[ring],
			.off = fnt_file_space_find(view, fnt_segment_bytes(cells[ring]),
						   ring ? &segments[0] : NULL),
		};
	}
	return 0;
}

int
fnt_resize_begin(const struct fnt_region *region, const uint64_t cells[FNT_RINGS],
		 struct fnt_error *error)
{
	const char *what = fnt_region_label(region);
	const struct fnt_view *view = &region->view;
	struct fnt_segment segments[FNT_RINGS];
	int rc = plan(view, cells, segments);

	if (rc)
		return fnt_fail(
			error, rc,
			"%s: the areas of earlier rings are still in use; try again "
			"when they have been given up",
			what);
	for (uint32_t ring = 0; !rc && ring < FNT_RINGS; ring++)
		if (has_ring(view, ring))
			rc = prepare(region, &segments[ring], what, error);
	if (rc) {
		fnt_file_space_punch(region);
		return rc;
	}
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		if (!has_ring(view, ring))
			continue;
		publish(&view->rings[ring], &segments[ring]);
		complete(&view->rings[ring]);
	}
	bump(view);
	fnt_segment_map_follow(region);
	return 0;
}

void
fnt_resize_hide(const struct fnt_view *view)
{
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_ring_head *head = &view->rings[ring];

		if (has_ring(view, ring) && fnt_word_relaxed(&head->segments))
			atomic_store_explicit(&head->shown,
					      fnt_word_relaxed(&head->segments) - 1,
					      memory_order_seq_cst);
	}
}

uint32_t
fnt_resize_seal(const struct fnt_view *view)
{
	uint32_t busy = FNT_LANE_NONE;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_segment_span spans[FNT_SEGMENTS];
		uint32_t count;

		if (!has_ring(view, ring))
			continue;
		count = fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring), true,
					  spans);
		for (uint32_t i = 1; i < count; i++) {
			uint32_t lane = seal_span(&spans[i]);

			busy = lane != FNT_LANE_NONE ? lane : busy;
		}
	}
	return busy;
}
