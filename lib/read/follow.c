/* SPDX-License-Identifier: MIT */
#include "read/follow.h"

#include "base/clock.h"
#include "base/shm_words.h"
#include "region/segment_span.h"

#include <errno.h>

/* How long a ticket that is not written is waited for, before it is deferred. */
#define TICKET_WAIT_NS 5000000u
/* From the beginning of one round to that of the next, at least. */
#define ROUND_NS 100000u

/* ---- rounds ----------------------------------------------------------------- */

/* Counts first, then the segments and the cursor: so each record that is counted has a
 * ticket below `until`, in a segment that is known. */
int
fnt_follow_load_lanes(struct fnt_follower *follower)
{
	const struct fnt_view *view = follower->view;
	uint32_t ring = follower->ring;
	int rc;

	for (uint32_t i = 0; i < view->lane_count; i++)
		/* [Q2] acquire: the records counted are loaded after this. Pairs with
		 * [Q1] in ring.h. */
		follower->lanes[i].target =
			fnt_word_acquire(&view->lanes[i].rings[ring].recorded);
	rc = fnt_reader_renew_segments(follower->reader);
	if (rc)
		return rc;
	follower->until = fnt_ring_cursor(view, ring);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_follow_lane *lane = &follower->lanes[i];

		/* [L2] acquire: the bounds are no older than the mark. Pairs with [L1]
		 * in ring.c. */
		lane->low = fnt_word_acquire(&view->lanes[i].rings[ring].low);
		lane->end = fnt_word_acquire(&view->lanes[i].rings[ring].block_end);
		if (!lane->low)
			lane->low = FNT_TICKET_NONE; /* never used */
		/* The lane is about to take a block: it may get any ticket from `low`
		 * on. */
		if (lane->end <= lane->low)
			lane->end = FNT_TICKET_NONE;
	}
	return 0;
}

/* Deferred tickets that have been overwritten are not read again. */
static void
trim_deferred(struct fnt_follower *follower, uint64_t oldest)
{
	for (uint32_t i = 0; i < follower->view->lane_count; i++) {
		struct fnt_follow_lane *lane = &follower->lanes[i];

		if (lane->deferred < oldest)
			lane->deferred = oldest;
		if (lane->deferred > lane->deferred_end)
			lane->deferred = lane->deferred_end;
	}
}

/* Finds the span of tickets that `position` is in, or moves `position` to the beginning
 * of the next span. That bounds a round by the number of cells, even if the segments'
 * table is damaged and has gaps of any size. */
static void
find_span(struct fnt_follower *follower)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(follower->view, follower->ring,
					   follower->until, true, spans);

	while (count-- > 0) {
		const struct fnt_segment_span *span = &spans[count];

		if (follower->position >= span->end)
			continue;
		if (follower->position < span->first) {
			follower->waiting_since = 0;
			follower->position = span->first;
			if (!count && span->first != span->segment->first)
				follower->position += fnt_overrun_skip(
					&follower->overrun, span->segment->cell_count);
		}
		follower->span_end = span->end;
		follower->overrun.lap = count ? 0 : span->segment->cell_count;
		fnt_overrun_note(&follower->overrun, follower->position,
				 follower->until);
		return;
	}
	if (follower->position < follower->until)
		follower->position = follower->until;
	follower->span_end = follower->until;
	follower->overrun.lap = 0;
}

/* Moves `position` to tickets that still exist, seen from where the cursor is now. */
static void
skip_overwritten(struct fnt_follower *follower)
{
	uint64_t until = follower->until;

	follower->until = fnt_ring_cursor(follower->view, follower->ring);
	if (follower->until < until)
		follower->until = until;
	find_span(follower);
	follower->until = until;
}

/* Skips ahead if producers are about to reach `position`: not if they write to another
 * segment. */
static void
avoid_overrun(struct fnt_follower *follower)
{
	const struct fnt_segments *segments =
		fnt_view_segments(follower->view, follower->ring);
	uint64_t cursor = fnt_ring_cursor(follower->view, follower->ring);
	uint64_t at = follower->position;

	if (fnt_segment_find(segments, cursor) != fnt_segment_find(segments, at))
		follower->overrun.lap = 0;
	else
		follower->position = fnt_overrun_resume(&follower->overrun, at, cursor);
	if (follower->position != at)
		follower->waiting_since = 0;
}

/* Has every ticket below `until` been read or lost, and can no lane write there any
 * more? Tickets that were skipped are not deferred, so `low` is checked as well. */
static bool
all_written(const struct fnt_follower *follower)
{
	for (uint32_t i = 0; i < follower->view->lane_count; i++) {
		const struct fnt_follow_lane *lane = &follower->lanes[i];

		if (lane->deferred != lane->deferred_end || lane->low < follower->until)
			return false;
	}
	return follower->position == follower->until;
}

/* 0; -errno: no round has begun. */
static int
begin_round(struct fnt_follower *follower)
{
	int rc = fnt_follow_load_lanes(follower);
	bool complete;

	if (rc)
		return rc;
	/* A cursor that went back: the region is damaged, or was overwritten. */
	if (follower->until < follower->position)
		follower->until = follower->position;
	/* In one step, not ticket by ticket: a damaged cursor may be anywhere. */
	skip_overwritten(follower);
	trim_deferred(follower,
		      fnt_ring_oldest(follower->view, follower->ring, follower->until));
	follower->next_lane = 0;
	follower->in_round = true;
	follower->waiting = false;
	/* Records that were complete a round ago are in the counts that have been
	 * loaded now. */
	complete = all_written(follower);
	follower->settled = follower->complete && complete &&
			    follower->complete_until == follower->until;
	follower->complete = complete;
	follower->complete_until = follower->until;
	return 0;
}

/* Counts what has been missed. Unless the round ended early, every record that was
 * committed before it has been returned or is lost. */
static void
end_round(struct fnt_follower *follower)
{
	follower->in_round = false;
	if (follower->waiting)
		return;
	for (uint32_t i = 0; i < follower->view->lane_count; i++) {
		struct fnt_follow_lane *lane = &follower->lanes[i];

		if (lane->target <= lane->seq)
			continue;
		follower->missed += lane->target - lane->seq;
		lane->seq = lane->target;
	}
}

/* ---- one ticket ------------------------------------------------------------- */

/* Is the record in `copy` one that has not been returned? If so, the records between it
 * and the lane's last one are counted as missed. */
static bool
accept_record(struct fnt_follower *follower)
{
	uint32_t lane_no = follower->copy.head.lane;
	uint64_t seq = follower->copy.head.seq;
	struct fnt_follow_lane *lane;

	if (lane_no >= follower->view->lane_count)
		return false;
	lane = &follower->lanes[lane_no];
	if (seq <= lane->seq)
		return false;
	follower->missed += seq - lane->seq - 1;
	lane->seq = seq;
	return true;
}

/* The lane that may still write `ticket`; NULL: none. */
static struct fnt_follow_lane *
lane_of_ticket(struct fnt_follower *follower, uint64_t ticket)
{
	for (uint32_t i = 0; i < follower->view->lane_count; i++) {
		struct fnt_follow_lane *lane = &follower->lanes[i];

		if (lane->low <= ticket && ticket < lane->end)
			return lane;
	}
	return NULL;
}

/* Defers the tickets from `position` to the end of the lane's block. */
static void
defer_block(struct fnt_follower *follower, struct fnt_follow_lane *lane)
{
	uint64_t end =
		lane->end == FNT_TICKET_NONE ? follower->position + 1 : lane->end;

	if (end > follower->until)
		end = follower->until;
	if (lane->deferred == lane->deferred_end)
		lane->deferred = follower->position;
	lane->deferred_end = end;
	if (lane->deferred_end - lane->deferred > FNT_FOLLOW_DEFERRED_MAX)
		lane->deferred = lane->deferred_end - FNT_FOLLOW_DEFERRED_MAX;
	follower->position = end;
}

/* The ticket at `position` is not written yet. True: wait for it. False: `position` has
 * moved on. */
static bool
wait_or_defer(struct fnt_follower *follower)
{
	struct fnt_follow_lane *lane = lane_of_ticket(follower, follower->position);
	uint64_t now;

	if (!lane) {
		follower->position++; /* abandoned */
		return false;
	}
	now = fnt_clock_mono();
	if (!follower->waiting_since)
		follower->waiting_since = now;
	if (now - follower->waiting_since < TICKET_WAIT_NS)
		return true;
	defer_block(follower, lane);
	return false;
}

/* Reads the lane's next record among its deferred tickets: 1, 0, -ENOMEM. */
static int
next_deferred(struct fnt_follower *follower, uint32_t lane_no)
{
	const struct fnt_lane *of_region = &follower->view->lanes[lane_no];
	struct fnt_follow_lane *lane = &follower->lanes[lane_no];

	while (lane->deferred < lane->deferred_end) {
		/* Loaded before the cell: if the mark is above the ticket, and the cell
		 * is not written, it never will be. */
		uint64_t low = fnt_word_acquire(&of_region->rings[follower->ring].low);
		enum fnt_read_result is =
			fnt_record_read(follower->view, follower->ring, lane->deferred,
					&follower->copy);

		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if ((is == FNT_READ_OLDER || is == FNT_READ_BUSY) &&
		    low <= lane->deferred)
			return 0;
		lane->deferred++;
		if (is == FNT_READ_RECORD && accept_record(follower))
			return 1;
	}
	return 0;
}

/* A record has been read at `position`. Deferred records of the same lane come before
 * it; they are read into the same copy, after which the record is read again. 1: a
 * deferred record is in `copy`; 0: the record is; -ENODATA: it is gone; -ENOMEM. */
static int
deferred_before(struct fnt_follower *follower)
{
	uint32_t lane_no = follower->copy.head.lane;
	enum fnt_read_result is;
	int rc;

	if (lane_no >= follower->view->lane_count ||
	    follower->lanes[lane_no].deferred == follower->lanes[lane_no].deferred_end)
		return 0;
	rc = next_deferred(follower, lane_no);
	if (rc)
		return rc;
	is = fnt_record_read(follower->view, follower->ring, follower->position,
			     &follower->copy);
	return is == FNT_READ_RECORD ? 0 : -ENODATA;
}

/* Moves on to the next ticket. */
static void
go_to_next(struct fnt_follower *follower)
{
	follower->position++;
	follower->waiting_since = 0;
}

/* Takes the record that has been read at `position`. 1: `copy` is to be returned; 0:
 * the record is gone or was returned before; -ENOMEM. */
static int
take_record(struct fnt_follower *follower)
{
	int rc = deferred_before(follower);

	if (rc && rc != -ENODATA)
		return rc;
	rc = !rc && accept_record(follower);
	go_to_next(follower);
	return rc;
}

/* Reads the ticket at `position`: 1: a record is in `copy`; 0: none, and `position` has
 * moved on; -EAGAIN: it is not written yet; -ENOMEM. */
static int
read_position(struct fnt_follower *follower)
{
	switch (fnt_record_read(follower->view, follower->ring, follower->position,
				&follower->copy)) {
	case FNT_READ_NO_MEMORY:
		return -ENOMEM;
	case FNT_READ_RECORD:
		return take_record(follower);
	case FNT_READ_OLDER:
	case FNT_READ_BUSY:
		if (wait_or_defer(follower))
			return -EAGAIN;
		follower->waiting_since = 0;
		return 0;
	case FNT_READ_GONE:
		follower->position++;
		skip_overwritten(follower);
		return 0;
	default:
		go_to_next(follower);
		return 0;
	}
}

/* ---- all tickets ------------------------------------------------------------ */

/* 1: the next record is in `copy`; 0: the round is over; -ENOMEM. */
static int
next_in_round(struct fnt_follower *follower)
{
	int rc;

	for (; follower->next_lane < follower->view->lane_count;
	     follower->next_lane++) {
		rc = next_deferred(follower, follower->next_lane);
		if (rc)
			return rc;
	}
	while (follower->position < follower->until) {
		if (follower->position >= follower->span_end) {
			find_span(follower);
			continue;
		}
		if (fnt_overrun_due(&follower->overrun, follower->position)) {
			avoid_overrun(follower);
			continue;
		}
		rc = read_position(follower);
		if (rc == -EAGAIN) {
			follower->waiting = true;
			return 0;
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* Has nothing been written since the last round, and was everything counted by then? A
 * producer that writes a record takes a ticket first, which moves the cursor, and so
 * does a new segment. */
static bool
nothing_new(const struct fnt_follower *follower)
{
	const struct fnt_view *view = follower->view;

	return follower->settled && !follower->in_round &&
	       follower->position == follower->until &&
	       fnt_word_acquire(&view->rings[follower->ring].cursor) == follower->until;
}

/* Waits until ROUND_NS after the last round: beginning one costs producers more than it
 * costs the follower. Also, records that were still being written near the cursor are
 * complete by then. A follower that is far behind is never early. */
static void
pause_before_round(struct fnt_follower *follower, bool may_pause)
{
	uint64_t now = fnt_clock_mono();

	for (; may_pause && now - follower->round_at < ROUND_NS; now = fnt_clock_mono())
		fnt_cpu_relax();
	follower->round_at = now;
}

/* May a round be left out, as another ring has a record to return? If this ring's
 * cursor has not moved, only tickets that were taken earlier can have been written, and
 * their records can wait. */
static bool
may_skip_round(const struct fnt_follower *follower)
{
	const struct fnt_view *view = follower->view;

	return !follower->in_round &&
	       fnt_word_acquire(&view->rings[follower->ring].cursor) ==
		       follower->until &&
	       fnt_clock_mono() - follower->round_at < ROUND_NS;
}

/* A round that began in an earlier call does not see what has been written since, so
 * another round follows it. */
int
fnt_follow_next(struct fnt_follower *follower, bool may_pause)
{
	bool begins;
	int rc;

	if (nothing_new(follower) || (!may_pause && may_skip_round(follower)))
		return 0;
	do {
		begins = !follower->in_round;
		if (begins) {
			pause_before_round(follower, may_pause);
			rc = fnt_reader_ensure_segments(follower->reader);
			if (!rc)
				rc = begin_round(follower);
			if (rc)
				return rc;
		}
		rc = next_in_round(follower);
		if (rc == 0)
			end_round(follower);
	} while (rc == 0 && !begins);
	if (rc == 1) {
		follower->has_record = true;
		follower->time = fnt_record_time(&follower->copy);
	}
	return rc;
}
