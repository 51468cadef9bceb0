/* SPDX-License-Identifier: MIT */
#include "ring/recover.h"

#include "base/clock.h"
#include "region/liveness.h"
#include "metrics/journal.h"
#include "ring/frame.h"
#include "region/name_table.h"
#include "payload/encode.h"
#include "payload/read.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "base/shm_words.h"
#include "ring/record_write.h"

#include <stdlib.h>
#include <unistd.h>

#define MOVES 4 /* of the ring, while one record is written */
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

	return fnt_state_status(state) != FNT_LANE_FREE &&
	       fnt_state_owner(state) == slot;
}

/* The mark's record is committed, or there is to be none: was that counted before its owner
 * was killed? A record's cell may be somebody else's by now, and clear_lanes() not find it. */
static void
count_committed(const struct fnt_view *view, const struct fnt_frame *frame)
{
	uint64_t lane = atomic_load_explicit(&frame->commit_lane, memory_order_relaxed);
	uint64_t seq = atomic_load_explicit(&frame->commit_seq, memory_order_relaxed);
	uint64_t mark = atomic_load_explicit(&frame->commit, memory_order_relaxed);
	uint64_t before = seq - 1;

	if (lane < view->lane_count)
		atomic_compare_exchange_strong_explicit(
			fnt_journal_mark_counter(&view->lanes[lane], mark), &before,
			seq, memory_order_release, memory_order_relaxed);
}

/* Step 1. */
static void
settle_frames(const struct fnt_view *view, uint32_t slot)
{
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		struct fnt_frame *frame = &view->frames[i];
		uint32_t status;

		if (!owned_frame(frame, slot, &status) ||
		    (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED))
			continue;
		if (fnt_frame_committed(view, frame)) {
			count_committed(view, frame);
			fnt_frame_close_slow(frame, slot);
		} else {
			fnt_frame_recover(frame);
		}
	}
	for (uint32_t lane = 0; lane < view->lane_count; lane++)
		if (owned_lane(&view->lanes[lane], slot))
			fnt_frame_clear_marks(view, lane);
}

/* A record may have been committed and its owner killed before it was counted. */
static void
correct_count(const struct fnt_segments *segments, struct fnt_lane_ring *lane,
	      uint32_t lane_no)
{
	uint64_t next = atomic_load_explicit(&lane->recorded, memory_order_relaxed) + 1;
	uint64_t first = atomic_load_explicit(&lane->block_first, memory_order_relaxed);
	uint64_t end = atomic_load_explicit(&lane->block_end, memory_order_relaxed);
	const struct fnt_segment *segment = fnt_segment_find(segments, first);

	if (!segment || end - first > segment->cell_count)
		return;
	for (uint64_t ticket = first; ticket != end; ticket++) {
		struct fnt_cell *cell = fnt_segment_cell(segment, ticket);
		uint64_t state =
			atomic_load_explicit(&cell->state, memory_order_acquire);

		if (fnt_cell_lane(state) == lane_no && !fnt_cell_busy(state) &&
		    fnt_cell_kind(state) == FNT_CELL_HEAD &&
		    atomic_load_explicit(&cell->words[SEQ_WORD],
					 memory_order_relaxed) == next)
			atomic_store_explicit(&lane->recorded, next,
					      memory_order_release);
	}
}

/* The dead may have been a reaper itself, killed between a record and its count, and the
 * cell be somebody else's by now: then the mark, in another's frame, knows. After this the
 * lane's counts are right, whoever takes it next. */
static void
count_marks(const struct fnt_view *view, uint32_t lane_no)
{
	for (uint32_t i = 0; i < view->frame_count; i++) {
		struct fnt_frame *frame = &view->frames[i];
		uint32_t status = fnt_state_status(
			atomic_load_explicit(&frame->state, memory_order_acquire));

		if (status == FNT_FRAME_REAPED &&
		    atomic_load_explicit(&frame->commit_lane, memory_order_relaxed) ==
			    lane_no &&
		    fnt_frame_committed(view, frame))
			count_committed(view, frame);
	}
}

/* Step 2. */
static void
clear_lane(const struct fnt_view *view, uint32_t lane_no)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_lane_ring *lane = &view->lanes[lane_no].rings[i];
		const struct fnt_segments *segments = fnt_view_segments(view, i);

		correct_count(segments, lane, lane_no);
		fnt_ring_recover(
			segments, lane_no,
			atomic_load_explicit(&lane->block_first, memory_order_relaxed),
			atomic_load_explicit(&lane->block_end, memory_order_relaxed));
	}
	count_marks(view, lane_no);
	fnt_journal_replay(view, lane_no);
	fnt_lane_release(view, lane_no);
}

static void
clear_lanes(const struct fnt_view *view, uint32_t slot)
{
	for (uint32_t i = 0; i < view->lane_count; i++)
		if (owned_lane(&view->lanes[i], slot))
			clear_lane(view, i);
	fnt_name_reclaim(view, slot);
}

/* The payload of an open call: its frames, as far as its published bytes reach. The links
 * are the dead owner's word: bounded, checked, and its bytes may be anything. */
static uint32_t
collect_payload(const struct fnt_view *view, uint32_t slot,
		const struct fnt_frame *head, const struct fnt_extent *into)
{
	uint64_t published =
		atomic_load_explicit(&head->published, memory_order_acquire);
	const struct fnt_frame *frame = head;
	uint32_t done = 0, status;

	if (published > view->max_record_bytes - sizeof(struct fnt_record))
		published = view->max_record_bytes - sizeof(struct fnt_record);
	for (;;) {
		uint64_t next =
			atomic_load_explicit(&frame->next, memory_order_relaxed);
		uint32_t left = (uint32_t)published - done;

		if (left <= FNT_FRAME_PAYLOAD_BYTES) {
			fnt_words_load(into->bytes + done, frame->payload, left);
			return (uint32_t)published;
		}
		fnt_words_load(into->bytes + done, frame->payload,
			       FNT_FRAME_PAYLOAD_BYTES);
		done += FNT_FRAME_PAYLOAD_BYTES;
		if (!next || next > view->frame_count)
			return done; /* damaged: what there is */
		frame = &view->frames[next - 1];
		if (!owned_frame(frame, slot, &status) || status != FNT_FRAME_LINKED)
			return done;
	}
}

static void
count_rows(struct fnt_record *record, struct fnt_extra *extra, int64_t rows)
{
	record->op_count++;
	if (rows > 0)
		extra->rows += (uint64_t)rows;
}

/* What the payload says of the call. */
static void
count_events(struct fnt_record *record, struct fnt_extra *extra, const char *payload)
{
	const unsigned char *at = (const unsigned char *)payload;
	struct fnt_payload_reader reader = {at, at + record->payload_bytes, 0};
	struct fnt_event event;

	record->op_count = 0;
	while (fnt_payload_next(&reader, &event) == 1)
		if (event.type == FNT_EVENT_OP)
			count_rows(record, extra, event.op.row_count);
		else if (event.type == FNT_EVENT_OP_END)
			count_rows(record, extra, event.end.row_count);
		else if (event.type == FNT_EVENT_SCHEDULE)
			extra->schedules++;
}

/* A reaper at work: its lane's writer and meter, room for a payload. */
struct reaper {
	const struct fnt_region *region;
	uint32_t slot; /* of the dead */
	struct fnt_ring_writer writer;
	struct fnt_meter meter;
	struct fnt_extent room;
};

/* When it was recorded, which is not when it ended: if there is room to say so. */
static void
note_time(struct fnt_record *record, const struct fnt_extent *room)
{
	if (record->payload_bytes + FNT_COMMITTED_BOUND > room->size)
		return;
	fnt_encode_committed(room->bytes + record->payload_bytes,
			     fnt_clock_ns(CLOCK_REALTIME));
	record->payload_bytes += FNT_COMMITTED_BOUND;
	record->flags |= FNT_RECORD_LATE;
}

/* Into the ring; where that has moved on, after it. */
static bool
emit(struct reaper *reaper, struct fnt_ending *ending)
{
	enum fnt_claim_result is = FNT_CLAIM_NEW_SEGMENT;

	for (int i = 0; i < MOVES && is == FNT_CLAIM_NEW_SEGMENT; i++) {
		is = fnt_record_write_slow(&reaper->writer, ending, fnt_clock_mono());
		if (is == FNT_CLAIM_NEW_SEGMENT)
			fnt_ring_writer_move(&reaper->writer, reaper->region);
	}
	return is == FNT_CLAIMED;
}

/* With a record, or without. */
static void
end_call(struct reaper *reaper, struct fnt_ending *ending)
{
	const struct fnt_view *view = &reaper->region->view;

	if (!reaper->writer.lane) {
		atomic_fetch_add_explicit(&view->control->dropped, 1,
					  memory_order_relaxed);
		fnt_journal_apply_slow(&ending->place,
				       fnt_journal_end_of(FNT_MARK_DROPPED));
	} else if (view->flags & FNT_KEEP_NONE) {
		fnt_record_skip_slow(&reaper->writer, ending, FNT_MARK_NOT_KEPT);
	} else if (!emit(reaper, ending)) {
		fnt_record_skip_slow(&reaper->writer, ending, FNT_MARK_DROPPED);
	}
}

/* Step 3, one call. */
static void
record_aborted(struct reaper *reaper, struct fnt_frame *frame)
{
	const struct fnt_view *view = &reaper->region->view;
	struct fnt_extra extra = {0};
	struct fnt_record record;
	struct fnt_ending ending = {.record = &record,
				    .payload = &reaper->room,
				    .frame = frame,
				    .meter = &reaper->meter};

	fnt_words_load(&record, frame->record, sizeof(record));
	fnt_frame_read_chunks(frame, &record);
	record.payload_bytes =
		collect_payload(view, reaper->slot, frame, &reaper->room);
	count_events(&record, &extra, reaper->room.bytes);
	record.outcome = FNT_ABORTED;
	record.duration_ns =
		atomic_load_explicit(&frame->last_ns, memory_order_relaxed);
	record.flags &= ~(FNT_TRACE_VALUE_OMITTED | FNT_RECORD_LATE);
	record.flags |= FNT_RECORD_KEPT;
	note_time(&record, &reaper->room);
	ending.place = fnt_meter_place_slow(&reaper->meter, &record, &extra, true);
	end_call(reaper, &ending);
	fnt_frame_close_slow(frame, reaper->slot);
}

static struct reaper *
make_reaper(const struct fnt_region *region, uint32_t slot)
{
	uint32_t size = (region->view.max_record_bytes + 7) / 8 * 8;
	struct reaper *reaper = malloc(sizeof(*reaper) + size);

	if (!reaper)
		return NULL;
	reaper->region = region;
	reaper->slot = slot;
	reaper->writer = (struct fnt_ring_writer){.lane = NULL};
	reaper->room = (struct fnt_extent){.bytes = (char *)(reaper + 1), .size = size};
	return reaper;
}

static bool
record_all(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	const struct fnt_view *view = &region->view;
	struct reaper *reaper = make_reaper(region, slot);
	uint32_t lane, status;

	if (!reaper)
		return false;
	lane = fnt_lane_claim(view, self, (int32_t)gettid());
	fnt_meter_init(&reaper->meter, view, lane);
	if (lane != FNT_LANE_NONE)
		fnt_ring_writer_init(&reaper->writer, view, lane);
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++)
		if (owned_frame(&view->frames[i], slot, &status) &&
		    status == FNT_FRAME_REAPED)
			record_aborted(reaper, &view->frames[i]);
	if (lane != FNT_LANE_NONE) {
		fnt_ring_writer_fini(&reaper->writer);
		fnt_lane_release(view, lane);
	}
	free(reaper);
	return true;
}

/* Step 4. */
static void
free_frames(const struct fnt_view *view, uint32_t slot)
{
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		uint32_t status;

		if (owned_frame(&view->frames[i], slot, &status))
			fnt_frame_release(&view->frames[i]);
	}
}

bool
fnt_recover_slot(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	const struct fnt_view *view = &region->view;

	/* The dead knew of all segments in which they have left something. */
	fnt_segment_map_follow(region);
	settle_frames(view, slot);
	clear_lanes(view, slot);
	if (!record_all(region, slot, self))
		return false;
	free_frames(view, slot);
	return true;
}

static bool
reap_one(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];
	bool dead;

	if (atomic_load_explicit(&at->status, memory_order_acquire) !=
		    FNT_PRODUCER_LIVE ||
	    fnt_slot_lock(region, slot))
		return false;
	dead = atomic_load_explicit(&at->status, memory_order_acquire) ==
		       FNT_PRODUCER_LIVE &&
	       !fnt_slot_alive_without_lock(region, slot);
	if (!dead) {
		fnt_slot_unlock(region, slot);
		return false;
	}
	if (!fnt_recover_slot(region, slot, self)) {
		fnt_slot_unlock(region, slot);
		return false;
	}
	atomic_fetch_add_explicit(&region->view.control->reaped, 1,
				  memory_order_relaxed);
	fnt_slot_release(region, slot);
	return true;
}

uint32_t
fnt_recover_dead(const struct fnt_region *region, uint32_t self)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < region->view.producer_count; slot++)
		if (slot != self && reap_one(region, slot, self))
			count++;
	return count;
}
