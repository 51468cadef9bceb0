/* SPDX-License-Identifier: MIT */
#include "control/resize.h"

#include "base/error.h"
#include "base/shm_words.h"
#include "control/seal.h"
#include "region/file_space.h"
#include "region/liveness.h"
#include "region/map.h"
#include "region/region.h"
#include "region/segment.h"
#include "region/segment_map.h"
#include "region/segment_span.h"
#include "region/slots.h"
#include "ring/record_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Distance from the cursor to the first ticket of the next segment. If a tool is killed
 * between publishing and the switch, threads that take ten million tickets a second
 * need twenty days to get there, and the next process that opens the region completes
 * the switch. A ring's tickets last for 2^18 switches. */
#define SWITCH_DISTANCE (1ull << 44)

/* Tries of a compare-and-swap that fails a few times at most, unless another process
 * writes nonsense. */
#define CAS_TRIES (1 << 20)

/* A cursor past this is damaged: marks (layout.h) have no room for such tickets. */
#define CURSOR_MAX (FNT_MARK_KEPT - 2 * SWITCH_DISTANCE)

static bool
has_ring(const struct fnt_view *view, uint32_t ring)
{
	return ring == FNT_RING_MAIN || view->kept_percent;
}

/* Tell processes that something has changed (layout.h). */
static void
bump_generation(const struct fnt_view *view)
{
	atomic_fetch_add_explicit(&view->control->generation, 1, memory_order_release);
}

/* ---- switching ------------------------------------------------------------------ */

/* Loads the segment that is published and not yet current. False: there is none. */
static bool
load_pending(const struct fnt_view *view, uint32_t ring, struct fnt_segment *next)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	uint64_t segments = fnt_word_relaxed(&head->segments);

	return segments > 1 &&
	       fnt_segment_load(head, segments - 1, view->fixed_bytes, next) &&
	       atomic_load_explicit(&head->cursor, memory_order_acquire) < next->first;
}

/* Moves the cursor to the pending segment, if there is one. Threads go on taking
 * tickets, so `end` is right only once the CAS has shown that no ticket was taken since
 * it was stored. If the cursor changes at every try, as only a process that writes
 * nonsense can bring about, the segment stays pending. */
static void
complete_switch(const struct fnt_view *view, uint32_t ring)
{
	struct fnt_ring_head *head = &view->rings[ring];
	int tries = CAS_TRIES;
	struct fnt_segment next;
	uint64_t cursor;
	fnt_word *end;

	if (!load_pending(view, ring, &next))
		return;
	end = &head->slots[(next.number - 1) % FNT_SEGMENTS].end;
	cursor = fnt_word_relaxed(&head->cursor);
	do {
		fnt_word_store(end, cursor);
		/* [Y7] release: a thread that sees the cursor in the new segment also
		 * sees the old one's end, and the new one in the table. Pairs with
		 * [T2]. */
	} while (cursor < next.first && tries-- &&
		 !atomic_compare_exchange_weak_explicit(
			 &head->cursor, &cursor, next.first, memory_order_release,
			 memory_order_relaxed));
}

/* ---- retiring ------------------------------------------------------------------- */

/* Advances `shown` past segments that readers no longer show, as later records have
 * filled the ring. */
static void
hide_unseen(const struct fnt_view *view, uint32_t ring)
{
	struct fnt_ring_head *head = &view->rings[ring];
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring),
					   false, spans);

	if (count && spans[count - 1].segment->number > fnt_word_relaxed(&head->shown))
		/* Sequentially consistent, before count_readers(): a query that does
		 * not see this has announced itself before (enter_reading() in
		 * log.c). */
		atomic_store_explicit(&head->shown, spans[count - 1].segment->number,
				      memory_order_seq_cst);
}

/* How many lanes of live and of dead processes hold tickets below a given one. */
struct below {
	uint32_t live, dead;
};

static struct below
lanes_below(const struct fnt_region *region, uint32_t ring, uint64_t ticket)
{
	const struct fnt_view *view = &region->view;
	struct below below = {0, 0};

	for (uint32_t i = 0; i < view->lane_count; i++) {
		const struct fnt_lane *lane = &view->lanes[i];
		uint64_t state = fnt_word_relaxed(&lane->state);
		/* [L2] acquire: a lane stores `low` before it takes tickets. We have
		 * seen the cursor in the new segment, so we see `low` of each lane that
		 * holds tickets of the old one. Pairs with [L1] in ring.c. */
		uint64_t low = atomic_load_explicit(&lane->rings[ring].low,
						    memory_order_acquire);

		if (fnt_state_status(state) != FNT_LANE_OWNED || !low || low >= ticket)
			continue;
		if (fnt_slot_alive(region, fnt_state_owner(state)))
			below.live++;
		else
			below.dead++;
	}
	return below;
}

/* Can no cell of segment `number` be written any more? The next one begins with `next`.
 *
 * A live thread may sleep for hours with tickets that it has not used. They are sealed:
 * if no cell of the segment is busy then, none can become busy, and the space may be
 * used again, for cells of later laps. Only its blocks must not be punched, because
 * zeroes would look like cells of an old lap, which may be claimed
 * (count_threads_behind()). */
static bool
is_unused(const struct fnt_region *region, uint32_t ring, uint64_t number,
	  uint64_t next)
{
	struct below below = lanes_below(region, ring, next);
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count;

	if (below.dead)
		return false; /* recovery of the dead process reads its cells */
	if (!below.live)
		return true;
	count = fnt_segment_spans(&region->view, ring,
				  fnt_ring_cursor(&region->view, ring), true, spans);
	for (uint32_t i = 0; i < count; i++)
		if (spans[i].segment->number == number)
			return fnt_seal_span(&spans[i]) == FNT_LANE_NONE;
	return false;
}

/* The threads that hold tickets of segments that are over. */
static uint32_t
count_threads_behind(const struct fnt_region *region)
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
		count += below.live + below.dead;
	}
	return count;
}

/* The processes that are reading their own log. They have no SIGBUS handler of ours, so
 * the pages that they read must not be punched. */
static uint32_t
count_readers(const struct fnt_view *view)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->producer_count; i++) {
		const struct fnt_producer_slot *slot = &view->producers[i];

		count += fnt_word_relaxed(&slot->status) == FNT_PRODUCER_LIVE &&
			 atomic_load_explicit(&slot->readers, memory_order_seq_cst);
	}
	return count;
}

/* Record the latest lap in space that will be free: see next_lap(). */
static void
remember_lap(const struct fnt_view *view, const struct fnt_segment *segment,
	     uint64_t end)
{
	fnt_word *latest = &view->rings[FNT_RING_MAIN].lap;
	uint64_t lap = fnt_segment_lap(segment, end);

	if (fnt_lap_before(fnt_word_relaxed(latest), lap))
		fnt_word_store(latest, lap);
}

/* Retire segments that are over, hidden and unused, oldest first. True: at least one
 * was. */
static bool
retire_segments(const struct fnt_region *region, uint32_t ring,
		struct fnt_resize_holders *holders)
{
	const struct fnt_view *view = &region->view;
	struct fnt_ring_head *head = &view->rings[ring];
	bool any = false;

	for (int i = 0; i < FNT_SEGMENTS; i++) {
		uint64_t held = fnt_word_relaxed(&head->held);
		struct fnt_segment segment, next;
		uint32_t readers;

		if (held + 1 >= fnt_word_relaxed(&head->segments) ||
		    !fnt_segment_load(head, held + 1, view->fixed_bytes, &next) ||
		    next.first > fnt_word_relaxed(&head->cursor))
			return any;
		if (held >= fnt_word_relaxed(&head->shown)) {
			holders->shown = true;
			return any;
		}
		readers = count_readers(view);
		holders->readers += readers;
		if (readers || !is_unused(region, ring, held, next.first))
			return any;
		if (fnt_segment_load(head, held, view->fixed_bytes, &segment))
			remember_lap(view, &segment,
				     fnt_word_relaxed(
					     &head->slots[held % FNT_SEGMENTS].end));
		atomic_store_explicit(&head->held, held + 1, memory_order_release);
		any = true;
	}
	return any;
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
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		if (has_ring(view, ring))
			complete_switch(view, ring);
	/* A segment that this process does not know would be taken for free space. */
	if (fnt_segment_map_follow(region))
		return;
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		if (!has_ring(view, ring))
			continue;
		hide_unseen(view, ring);
		any |= retire_segments(region, ring, holders);
	}
	if (any) {
		bump_generation(view);
		if (fnt_segment_map_follow(region))
			return;
	}
	holders->threads = count_threads_behind(region);
	if (!holders->threads)
		holders->freed_bytes = fnt_file_space_punch(region);
}

/* ---- beginning ------------------------------------------------------------------ */

/* A lap later than that of any cell in free space. A reader that still looks there for
 * an old record finds a later lap, never one that it could mistake for the record's
 * own. */
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
				seen = segment->lap; /* not current any more */
			if (fnt_lap_before(lap, seen))
				lap = seen;
		}
	}
	return (lap + 2) & FNT_LAP_MASK;
}

/* Allocate the segment's space and set its cells to the lap before its first. That also
 * touches every page before producers do. */
static int
prepare_cells(const struct fnt_region *region, struct fnt_segment *segment,
	      const char *what, struct fnt_error *error)
{
	uint64_t bytes = fnt_segment_bytes(segment->cell_count);
	/* A file that was truncated would be made as long again, of zeroes. */
	int rc = fnt_view_check_file(&region->view, region->fd, what, error);

	if (!rc)
		rc = fnt_file_space_allocate(region->fd, segment->off, bytes, what,
					     error);
	if (rc)
		return rc;
	rc = fnt_segment_map_prepare(region, segment);
	if (rc)
		return fnt_resize_unmapped(region, rc, error);
	for (uint64_t i = 0; i < segment->cell_count; i++)
		fnt_word_store(&segment->cells[i].state,
			       fnt_cell_state(segment->lap - 1, 0, FNT_CELL_PAD, 0));
	return 0;
}

static void
publish_segment(struct fnt_ring_head *head, const struct fnt_segment *segment)
{
	struct fnt_segment_slot *slot = &head->slots[segment->number % FNT_SEGMENTS];

	fnt_word_store(&slot->number, 0);
	atomic_thread_fence(memory_order_release);
	fnt_word_store(&slot->first, segment->first);
	fnt_word_store(&slot->end, segment->first);
	fnt_word_store(&slot->off, segment->off);
	fnt_word_store(&slot->cells, segment->cell_count);
	fnt_word_store(&slot->lap, segment->lap);
	/* [Y1] release: the slot's other fields are written before its number. Pairs
	 * with [Y2] in segment.c. */
	atomic_store_explicit(&slot->number, segment->number + 1, memory_order_release);
	/* [Y3] release: the slot is written before the count. Pairs with [Y4] in
	 * segment_map.c. */
	atomic_store_explicit(&head->segments, segment->number + 1,
			      memory_order_release);
}

/* Can the ring get another segment? 0; -EBUSY: its table is full; -EPROTO: its head is
 * damaged. */
static int
check_head(uint64_t segments, uint64_t held, uint64_t cursor)
{
	if (!segments || segments > UINT32_MAX || held >= segments ||
	    cursor > CURSOR_MAX)
		return -EPROTO;
	return segments - held >= FNT_SEGMENTS ? -EBUSY : 0;
}

/* Choose place, first ticket and lap of the new segments. 0, or as check_head(). */
static int
plan_segments(const struct fnt_view *view, const uint64_t cells[FNT_RINGS],
	      struct fnt_segment segments[FNT_RINGS])
{
	uint64_t lap = next_lap(view);

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_ring_head *head = &view->rings[ring];
		uint64_t number = fnt_word_relaxed(&head->segments);
		uint64_t cursor = fnt_word_relaxed(&head->cursor);
		int rc;

		if (!has_ring(view, ring))
			continue;
		rc = check_head(number, fnt_word_relaxed(&head->held), cursor);
		if (rc)
			return rc;
		segments[ring] = (struct fnt_segment){
			.number = number,
			.first = cursor + SWITCH_DISTANCE,
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
	int rc = fnt_segment_map_follow(region);

	if (rc)
		return fnt_resize_unmapped(region, rc, error);
	rc = plan_segments(view, cells, segments);
	if (rc)
		return fnt_fail(error, rc,
				rc == -EBUSY
					? "%s: several earlier rings are still in use; "
					  "try again when they have been freed"
					: "%s: damaged: impossible numbers in a ring's "
					  "head; remove the file and restart the "
					  "processes that write to it",
				what);
	for (uint32_t ring = 0; !rc && ring < FNT_RINGS; ring++)
		if (has_ring(view, ring))
			rc = prepare_cells(region, &segments[ring], what, error);
	if (rc) {
		fnt_file_space_punch(region);
		return rc;
	}
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		if (!has_ring(view, ring))
			continue;
		publish_segment(&view->rings[ring], &segments[ring]);
		complete_switch(view, ring);
	}
	bump_generation(view);
	rc = fnt_segment_map_follow(region);
	return rc ? fnt_resize_unmapped(region, rc, error) : 0;
}

int
fnt_resize_unmapped(const struct fnt_region *region, int rc, struct fnt_error *error)
{
	return fnt_fail(error, rc,
			"%s: cannot map a segment of its ring: %s; no record is lost; "
			"try again with more memory",
			fnt_region_label(region), strerror(-rc));
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
