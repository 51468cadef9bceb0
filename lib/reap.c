/* SPDX-License-Identifier: MIT */
#include "reap.h"

#include "clock.h"
#include "liveness.h"
#include "names.h"
#include "producer.h"
#include "shared.h"
#include "writer.h"

#include <stdlib.h>
#include <unistd.h>

#define SEQ_WORD (offsetof(struct fnt_record, seq) / 8)

static bool
owned_frame(const struct fnt_frame *frame, uint32_t slot, uint32_t *status)
{
	uint64_t state = atomic_load_explicit(&frame->state, memory_order_acquire);

	*status = fnt_state_status(state);
	return *status != FNT_FRAME_FREE && fnt_state_owner(state) == slot;
}

static bool
owned_lane(const struct fnt_lane *lane, uint32_t slot)
{
	uint64_t state = atomic_load_explicit(&lane->state, memory_order_acquire);

	return fnt_state_status(state) != FNT_LANE_FREE && fnt_state_owner(state) == slot;
}

/* Step 1. */
static void
settle_frames(const struct fnt_view *view, uint32_t slot)
{
	for (uint32_t i = 0; i < view->frame_count; i++) {
		struct fnt_frame *frame = &view->frames[i];
		uint32_t status;

		if (!owned_frame(frame, slot, &status) ||
		    (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED))
			continue;
		if (fnt_frame_committed(view, frame))
			fnt_frame_close(frame, slot);
		else
			fnt_frame_reap(frame);
	}
	for (uint32_t lane = 0; lane < view->lane_count; lane++)
		if (owned_lane(&view->lanes[lane], slot))
			fnt_frames_unmark(view, lane);
}

/* A record may have been committed and its owner killed before it was counted. */
static void
correct_count(const struct fnt_ring *ring, struct fnt_lane *lane, uint32_t lane_no,
	      uint64_t first, uint64_t end)
{
	uint64_t next = atomic_load_explicit(&lane->recorded, memory_order_relaxed) + 1;

	if (end - first > ring->cell_count)
		return;
	for (uint64_t ticket = first; ticket != end; ticket++) {
		struct fnt_cell *cell = &ring->cells[ticket % ring->cell_count];
		uint64_t state = atomic_load_explicit(&cell->state, memory_order_acquire);

		if (fnt_cell_lane(state) == lane_no && !fnt_cell_busy(state) &&
		    fnt_cell_kind(state) == FNT_CELL_HEAD &&
		    atomic_load_explicit(&cell->words[SEQ_WORD], memory_order_relaxed) ==
			    next)
			atomic_store_explicit(&lane->recorded, next, memory_order_release);
	}
}

/* Step 2. */
static void
clear_lanes(const struct fnt_view *view, const struct fnt_ring *ring, uint32_t slot)
{
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_lane *lane = &view->lanes[i];
		uint64_t first, end;

		if (!owned_lane(lane, slot))
			continue;
		first = atomic_load_explicit(&lane->block_first, memory_order_relaxed);
		end = atomic_load_explicit(&lane->block_end, memory_order_relaxed);
		correct_count(ring, lane, i, first, end);
		fnt_ring_reclaim(ring, i, first, end);
		fnt_lane_release(view, i);
	}
	fnt_names_reclaim(view, slot);
}

/* The extents of an open call: its frames, as far as its published bytes reach. The links
 * are the dead owner's word: bounded, checked, and its bytes may be anything. */
static uint32_t
collect_extents(const struct fnt_view *view, uint32_t slot, const struct fnt_frame *head,
		struct fnt_extent *extents, uint32_t max)
{
	uint64_t published = atomic_load_explicit(&head->published, memory_order_acquire);
	const struct fnt_frame *frame = head;
	uint32_t count = 0, status;

	for (;;) {
		uint64_t next = atomic_load_explicit(&frame->next, memory_order_relaxed);

		extents[count] = (struct fnt_extent){
			NULL, (fnt_word *)frame->payload, FNT_FRAME_PAYLOAD_WORDS,
			(uint32_t)(frame - view->frames)};
		if (count)
			extents[count - 1].next = &extents[count];
		count++;
		if (published <= (uint64_t)count * FNT_FRAME_PAYLOAD_BYTES)
			return (uint32_t)published;
		if (count == max || !next || next > view->frame_count)
			break;
		frame = &view->frames[next - 1];
		if (!owned_frame(frame, slot, &status) || status != FNT_FRAME_LINKED)
			break;
	}
	return count * FNT_FRAME_PAYLOAD_BYTES; /* damaged: what there is */
}

/* Step 3, one call. */
static void
record_aborted(const struct fnt_view *view, struct fnt_ring_writer *writer, uint32_t slot,
	       struct fnt_frame *frame, struct fnt_extent *extents, uint32_t max)
{
	struct fnt_record record;
	uint64_t last = atomic_load_explicit(&frame->last_ns, memory_order_relaxed);

	fnt_words_load(&record, frame->record, sizeof(record));
	record.payload_bytes = collect_extents(view, slot, frame, extents, max);
	if (record.payload_bytes > view->max_record_bytes)
		record.payload_bytes = view->max_record_bytes;
	record.outcome = FNT_ABORTED;
	record.duration_ns = last;
	if (!writer->lane ||
	    !fnt_record_emit(writer, &record, extents, frame, fnt_clock_mono())) {
		atomic_fetch_add_explicit(&view->control->dropped, 1, memory_order_relaxed);
	} else {
		record.flags &= ~FNT_TRACE_VALUE_OMITTED;
		fnt_count_record(writer->lane, &record);
	}
	fnt_frame_close(frame, slot);
}

static bool
record_all(const struct fnt_view *view, const struct fnt_ring *ring, uint32_t slot,
	   uint32_t self)
{
	uint32_t max = view->max_record_bytes / FNT_FRAME_PAYLOAD_BYTES + 1;
	struct fnt_extent *extents = malloc(max * sizeof(*extents));
	struct fnt_ring_writer writer = {.lane = NULL};
	uint32_t lane = fnt_lane_claim(view, self, (int32_t)gettid()), status;

	if (!extents) {
		if (lane != FNT_LANE_NONE)
			fnt_lane_release(view, lane);
		return false;
	}
	if (lane != FNT_LANE_NONE)
		fnt_ring_writer_init(&writer, ring, &view->lanes[lane], lane, true);
	for (uint32_t i = 0; i < view->frame_count; i++)
		if (owned_frame(&view->frames[i], slot, &status) &&
		    status == FNT_FRAME_REAPED)
			record_aborted(view, &writer, slot, &view->frames[i], extents, max);
	if (lane != FNT_LANE_NONE) {
		fnt_ring_writer_fini(&writer);
		fnt_lane_release(view, lane);
	}
	free(extents);
	return true;
}

/* Step 4. */
static void
free_frames(const struct fnt_view *view, uint32_t slot)
{
	for (uint32_t i = 0; i < view->frame_count; i++) {
		uint32_t status;

		if (owned_frame(&view->frames[i], slot, &status))
			fnt_frame_release(&view->frames[i]);
	}
}

bool
fnt_reap_slot(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	const struct fnt_view *view = &region->view;
	struct fnt_ring ring = {view->ring, view->cells, view->cell_count};

	settle_frames(view, slot);
	clear_lanes(view, &ring, slot);
	if (!record_all(view, &ring, slot, self))
		return false;
	free_frames(view, slot);
	return true;
}

static bool
reap_one(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];
	bool dead;

	if (atomic_load_explicit(&at->status, memory_order_acquire) != FNT_PRODUCER_LIVE ||
	    fnt_slot_lock(region, slot))
		return false;
	dead = atomic_load_explicit(&at->status, memory_order_acquire) ==
		       FNT_PRODUCER_LIVE &&
	       !fnt_slot_lives_unlocked(region, slot);
	if (!dead) {
		fnt_slot_unlock(region, slot);
		return false;
	}
	if (!fnt_reap_slot(region, slot, self)) {
		fnt_slot_unlock(region, slot);
		return false;
	}
	atomic_fetch_add_explicit(&region->view.control->reaped, 1, memory_order_relaxed);
	fnt_slot_release(region, slot);
	return true;
}

uint32_t
fnt_reap_dead(const struct fnt_region *region, uint32_t self)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < region->view.producer_count; slot++)
		if (slot != self && reap_one(region, slot, self))
			count++;
	return count;
}
