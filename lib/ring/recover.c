/* SPDX-License-Identifier: MIT */
#include "ring/recover.h"

#include "base/clock.h"
#include "base/shm_words.h"
#include "metrics/journal.h"
#include "payload/encode.h"
#include "payload/read.h"
#include "region/liveness.h"
#include "region/name_table.h"
#include "region/provenance.h"
#include "region/region_time.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "ring/frame.h"
#include "ring/record_write.h"

#include <stdlib.h>
#include <unistd.h>

#define MOVES 4 /* to new segments, while one record is written */
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

/* ---- step 1: the dead process's frames ----------------------------------------- */

/* Count a call that has ended according to its frame's mark, unless its owner did
 * before it was killed. correct_count() may not find its record, because the cell may
 * have been overwritten. */
static void
count_committed(const struct fnt_view *view, const struct fnt_frame *frame)
{
	uint64_t lane = fnt_word_relaxed(&frame->commit_lane);
	uint64_t seq = fnt_word_relaxed(&frame->commit_seq);
	uint64_t mark = fnt_word_relaxed(&frame->commit);
	uint64_t before = seq - 1;

	if (lane < view->lane_count)
		atomic_compare_exchange_strong_explicit(
			fnt_journal_mark_counter(&view->lanes[lane], mark), &before,
			seq, memory_order_release, memory_order_relaxed);
}

static void
resolve_frames(const struct fnt_view *view, uint32_t slot)
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

/* ---- step 2: its lanes --------------------------------------------------------- */

/* Count the lane's last record if its owner was killed after it was committed, before
 * it was counted. */
static void
correct_count(const struct fnt_segments *segments, struct fnt_lane_ring *lane,
	      uint32_t lane_no)
{
	uint64_t next = fnt_word_relaxed(&lane->recorded) + 1;
	uint64_t first = fnt_word_relaxed(&lane->block_first);
	uint64_t end = fnt_word_relaxed(&lane->block_end);
	const struct fnt_segment *segment = fnt_segment_find(segments, first);

	if (!segment || end - first > segment->cell_count)
		return;
	for (uint64_t ticket = first; ticket != end; ticket++) {
		struct fnt_cell *cell = fnt_segment_cell(segment, ticket);
		uint64_t state =
			atomic_load_explicit(&cell->state, memory_order_acquire);

		if (fnt_cell_lane(state) == lane_no && !fnt_cell_busy(state) &&
		    fnt_cell_kind(state) == FNT_CELL_HEAD &&
		    fnt_word_relaxed(&cell->words[SEQ_WORD]) == next)
			atomic_store_explicit(&lane->recorded, next,
					      memory_order_release);
	}
}

/* The dead process may have been recovering another one, and was killed between a
 * record and its count. correct_count() does not find that if the cell has been
 * overwritten, but the mark, in the other process's frame, tells. After this the lane's
 * counters are right for its next owner. */
static void
count_marks(const struct fnt_view *view, uint32_t lane_no)
{
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		struct fnt_frame *frame = &view->frames[i];
		uint32_t status = fnt_state_status(
			atomic_load_explicit(&frame->state, memory_order_acquire));

		if (status == FNT_FRAME_REAPED &&
		    fnt_word_relaxed(&frame->commit_lane) == lane_no &&
		    fnt_frame_committed(view, frame))
			count_committed(view, frame);
	}
}

static void
recover_lane(const struct fnt_view *view, uint32_t lane_no)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_lane_ring *lane = &view->lanes[lane_no].rings[i];
		const struct fnt_segments *segments = fnt_view_segments(view, i);

		correct_count(segments, lane, lane_no);
		fnt_ring_recover(segments, lane_no,
				 fnt_word_relaxed(&lane->block_first),
				 fnt_word_relaxed(&lane->block_end));
	}
	count_marks(view, lane_no);
	fnt_journal_replay(view, lane_no);
	fnt_lane_release(view, lane_no);
}

static void
recover_lanes(const struct fnt_view *view, uint32_t slot)
{
	for (uint32_t i = 0; i < view->lane_count; i++)
		if (owned_lane(&view->lanes[i], slot))
			recover_lane(view, i);
	fnt_name_reclaim(view, slot);
}

/* ---- step 3: its calls --------------------------------------------------------- */

/* Copy the published payload of an open call from its frames. Returns the number of
 * bytes. Numbers and links are the dead process's, and are checked; the bytes may be
 * any. */
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
		uint64_t next = fnt_word_relaxed(&frame->next);
		uint32_t left = (uint32_t)published - done;

		if (left <= FNT_FRAME_PAYLOAD_BYTES) {
			fnt_words_load(into->bytes + done, frame->payload, left);
			return (uint32_t)published;
		}
		fnt_words_load(into->bytes + done, frame->payload,
			       FNT_FRAME_PAYLOAD_BYTES);
		done += FNT_FRAME_PAYLOAD_BYTES;
		if (!next || next > view->frame_count)
			return done; /* damaged: as much as there is */
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

/* Count the call's ops, rows and schedules from its payload. */
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

/* What recording aborted calls takes: a lane's writer and meter, room for a payload. */
struct recorder {
	const struct fnt_region *region;
	uint32_t slot; /* of the dead process */
	struct fnt_ring_writer writer;
	struct fnt_meter meter;
	struct fnt_extent room;
	uint64_t time_shift; /* from CLOCK_MONOTONIC to region time */
	uint32_t flags;	     /* FNT_RECORD_*, of the records that are made */
};

/* Append the time of recording, which is later than the call's end, if there is
 * room. */
static void
append_commit_time(struct fnt_record *record, const struct fnt_extent *room,
		   uint64_t now)
{
	if (record->payload_bytes + FNT_COMMITTED_BOUND > room->size)
		return;
	fnt_encode_committed(room->bytes + record->payload_bytes, now);
	record->payload_bytes += FNT_COMMITTED_BOUND;
	record->flags |= FNT_RECORD_LATE;
}

/* Write the record; if there are new segments, to those. */
static enum fnt_claim_result
write_moving(struct recorder *recorder, struct fnt_ending *ending)
{
	enum fnt_claim_result is = FNT_CLAIM_NEW_SEGMENT;

	for (int i = 0; i < MOVES && is == FNT_CLAIM_NEW_SEGMENT; i++) {
		is = fnt_record_write_slow(&recorder->writer, ending, fnt_clock_mono());
		if (is == FNT_CLAIM_NEW_SEGMENT &&
		    !fnt_ring_writer_move(&recorder->writer, recorder->region))
			break;
	}
	return is;
}

/* End the call: with a record, or counted only. */
static void
end_call(struct recorder *recorder, struct fnt_ending *ending)
{
	const struct fnt_view *view = &recorder->region->view;
	enum fnt_claim_result is;

	if (!recorder->writer.lane) {
		atomic_fetch_add_explicit(&view->control->dropped, 1,
					  memory_order_relaxed);
		fnt_journal_apply_slow(&ending->place,
				       fnt_journal_end_of(FNT_MARK_DROPPED));
	} else if (view->flags & FNT_KEEP_NONE) {
		fnt_record_skip_slow(&recorder->writer, ending, FNT_MARK_NOT_KEPT);
	} else {
		is = write_moving(recorder, ending);
		if (is != FNT_CLAIMED)
			fnt_record_skip_slow(&recorder->writer, ending,
					     fnt_record_lost_mark(is));
	}
}

static void
record_aborted(struct recorder *recorder, struct fnt_frame *frame)
{
	const struct fnt_view *view = &recorder->region->view;
	struct fnt_extra extra = {0};
	struct fnt_record record;
	struct fnt_ending ending = {.record = &record,
				    .payload = &recorder->room,
				    .frame = frame,
				    .meter = &recorder->meter};

	fnt_words_load(&record, frame->record, sizeof(record));
	fnt_frame_read_chunks(frame, &record);
	record.payload_bytes =
		collect_payload(view, recorder->slot, frame, &recorder->room);
	count_events(&record, &extra, recorder->room.bytes);
	record.outcome = FNT_ABORTED;
	record.duration_ns = fnt_word_relaxed(&frame->last_ns);
	record.flags &= ~(FNT_TRACE_VALUE_OMITTED | FNT_RECORD_LATE |
			  FNT_RECORD_KILLED | FNT_RECORD_AS_OF_COPY);
	record.flags |= recorder->flags;
	append_commit_time(&record, &recorder->room,
			   fnt_clock_mono() + recorder->time_shift);
	ending.place = fnt_meter_place_slow(&recorder->meter, &record, &extra, true);
	end_call(recorder, &ending);
	fnt_frame_close_slow(frame, recorder->slot);
}

/* The processes of a copy's calls need not be dead: they write to another file. */
static uint32_t
why_ended(const struct fnt_region *region, uint32_t self)
{
	return fnt_region_is_moved(region) && !fnt_region_is_live(region, self)
		       ? FNT_RECORD_AS_OF_COPY
		       : FNT_RECORD_KILLED;
}

static struct recorder *
make_recorder(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	uint32_t size = (region->view.max_record_bytes + 7) / 8 * 8;
	struct recorder *recorder = malloc(sizeof(*recorder) + size);
	bool known;

	if (!recorder)
		return NULL;
	recorder->region = region;
	recorder->slot = slot;
	recorder->writer = (struct fnt_ring_writer){.lane = NULL};
	recorder->time_shift = fnt_region_time_shift(&region->view, &known);
	recorder->flags = FNT_RECORD_KEPT | why_ended(region, self);
	recorder->room =
		(struct fnt_extent){.bytes = (char *)(recorder + 1), .size = size};
	return recorder;
}

static bool
record_all(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	const struct fnt_view *view = &region->view;
	struct recorder *recorder = make_recorder(region, slot, self);
	uint32_t lane, status;

	if (!recorder)
		return false;
	lane = fnt_lane_claim(view, self, (int32_t)gettid());
	fnt_meter_init(&recorder->meter, view, lane);
	if (lane != FNT_LANE_NONE)
		fnt_ring_writer_init(&recorder->writer, view, lane);
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++)
		if (owned_frame(&view->frames[i], slot, &status) &&
		    status == FNT_FRAME_REAPED)
			record_aborted(recorder, &view->frames[i]);
	if (lane != FNT_LANE_NONE) {
		fnt_ring_writer_fini(&recorder->writer);
		fnt_lane_release(view, lane);
	}
	free(recorder);
	return true;
}

/* ---- steps 4 and 5 ------------------------------------------------------------- */

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

	/* The dead process can have left something in any segment of the region.
	 * Whether a call has ended is known only where its cell can be looked at. */
	if (fnt_segment_map_follow(region))
		return false;
	resolve_frames(view, slot);
	recover_lanes(view, slot);
	if (!record_all(region, slot, self))
		return false;
	free_frames(view, slot);
	return true;
}

/* Is the slot in use? It may change until the caller holds the slot's lock. */
static bool
is_taken(const struct fnt_producer_slot *slot)
{
	return atomic_load_explicit(&slot->status, memory_order_acquire) ==
	       FNT_PRODUCER_LIVE;
}

/* All steps for one slot. False: its process is not dead, or another process is
 * recovering it, or there is no memory. */
static bool
recover_one(const struct fnt_region *region, uint32_t slot, uint32_t self)
{
	struct fnt_producer_slot *at = &region->view.producers[slot];

	if (!is_taken(at) || fnt_slot_lock(region, slot))
		return false;
	if (!is_taken(at) || fnt_slot_alive_without_lock(region, slot) ||
	    !fnt_recover_slot(region, slot, self)) {
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
		if (slot != self && recover_one(region, slot, self))
			count++;
	return count;
}
