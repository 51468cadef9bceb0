/* SPDX-License-Identifier: MIT */
#include "read/follow.h"

#include "base/clock.h"
#include "base/shm_words.h"

#include <errno.h>

#define PATIENCE_NS 5000000u
#define REST_NS 100000u
#define LATE_MAX 4096u /* tickets of one lane that are looked at again */

/* ---- rounds -------------------------------------------------------------------- */

/* Look at all lanes. Counts first, then the segments and the cursor: what is counted has a
 * ticket below it, in a segment that is known. */
static void
look_at_lanes(struct fnt_follower *in)
{
	const struct fnt_view *view = in->view;

	for (uint32_t i = 0; i < view->lane_count; i++)
		/* [Q2] acquire: see [Q1] in ring.c. */
		in->lanes[i].target =
			fnt_word_acquire(&view->lanes[i].rings[in->ring].recorded);
	fnt_reader_renew_segments(in->reader);
	in->until = fnt_ring_cursor(view, in->ring);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_follow_lane *seen = &in->lanes[i];

		/* [L2] acquire: see [L1] in ring.c. */
		seen->low = fnt_word_acquire(&view->lanes[i].rings[in->ring].low);
		seen->end = fnt_word_acquire(&view->lanes[i].rings[in->ring].block_end);
		if (!seen->low)
			seen->low = FNT_TICKET_NONE; /* nobody has used it yet */
		/* Between two blocks: it may hold any ticket from here on. */
		if (seen->end <= seen->low)
			seen->end = FNT_TICKET_NONE;
	}
}

/* What a lane can't write any more need not be looked at again. */
static void
trim_late(struct fnt_follower *in, uint64_t oldest)
{
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		struct fnt_follow_lane *seen = &in->lanes[i];

		if (seen->late < oldest)
			seen->late = oldest;
		if (seen->late > seen->late_end)
			seen->late = seen->late_end;
	}
}

/* Go on where there is something: in the span of `position`, or at the beginning of the
 * next. Whatever a damaged table says, a round looks at no more tickets than there are
 * cells. */
static void
find_span(struct fnt_follower *in)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(in->view, in->ring, in->until, true, spans);

	while (count-- > 0) {
		const struct fnt_segment_span *span = &spans[count];

		if (in->position >= span->end)
			continue;
		if (in->position < span->first) {
			in->waiting_since = 0;
			in->position = span->first;
			if (!count && span->first != span->segment->first)
				in->position += fnt_overrun_skip(
					&in->pace, span->segment->cell_count);
		}
		in->span_end = span->end;
		in->pace.lap = count ? 0 : span->segment->cell_count;
		fnt_overrun_note(&in->pace, in->position, in->until);
		return;
	}
	if (in->position < in->until)
		in->position = in->until;
	in->span_end = in->until;
	in->pace.lap = 0;
}

/* Behind by more than the ring: some are lost. */
static void
catch_up(struct fnt_follower *in)
{
	uint64_t until = in->until;

	in->until = fnt_ring_cursor(in->view, in->ring);
	if (in->until < until)
		in->until = until;
	find_span(in);
	in->until = until;
}

/* Before producers come around to us. If the cursor is in another segment, nobody does. */
static void
keep_clear(struct fnt_follower *in)
{
	const struct fnt_segments *segments = fnt_view_segments(in->view, in->ring);
	uint64_t cursor = fnt_ring_cursor(in->view, in->ring), at = in->position;

	if (fnt_segment_find(segments, cursor) != fnt_segment_find(segments, at))
		in->pace.lap = 0;
	else
		in->position = fnt_overrun_resume(&in->pace, at, cursor);
	if (in->position != at)
		in->waiting_since = 0;
}

/* Is there no ticket below the cursor that may yet be written? Those that were jumped
 * over, because the ring has been around since, are in no list of ours. */
static bool
all_written(const struct fnt_follower *in)
{
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		const struct fnt_follow_lane *seen = &in->lanes[i];

		if (seen->late != seen->late_end || seen->low < in->until)
			return false;
	}
	return in->position == in->until;
}

static void
begin_round(struct fnt_follower *in)
{
	look_at_lanes(in);
	if (in->until < in->position)
		in->until = in->position; /* damaged, or started anew */
	/* Now, and not ticket by ticket: a damaged cursor may be anywhere. */
	catch_up(in);
	trim_late(in, fnt_ring_oldest(in->view, in->ring, in->until));
	in->late_lane = 0;
	in->in_round = true;
	in->waited = false;
	/* And what was so in the round before is in this one's counts. */
	in->settled = in->still && in->still_at == in->until && all_written(in);
	in->still = all_written(in);
	in->still_at = in->until;
}

/* All that was committed before the round is had or lost. */
static void
end_round(struct fnt_follower *in)
{
	in->in_round = false;
	if (in->waited)
		return;
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		struct fnt_follow_lane *seen = &in->lanes[i];

		if (seen->target <= seen->seq)
			continue;
		in->missed += seen->target - seen->seq;
		seen->seq = seen->target;
	}
}

/* ---- one ticket ---------------------------------------------------------------- */

/* The record in in->raw: new to us? */
static bool
take_record(struct fnt_follower *in)
{
	uint32_t lane = in->raw.head.lane;
	uint64_t seq = in->raw.head.seq;
	struct fnt_follow_lane *seen;

	if (lane >= in->view->lane_count)
		return false;
	seen = &in->lanes[lane];
	if (seq <= seen->seq)
		return false;
	in->missed += seq - seen->seq - 1;
	seen->seq = seq;
	return true;
}

/* The lane that may still write `ticket`, or NULL. */
static struct fnt_follow_lane *
writer_of(struct fnt_follower *in, uint64_t ticket)
{
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		struct fnt_follow_lane *seen = &in->lanes[i];

		if (seen->low <= ticket && ticket < seen->end)
			return seen;
	}
	return NULL;
}

/* The ticket at `position` is not written yet: true to wait for it; false to go on
 * without, and without the rest of that block. */
static bool
wait_for(struct fnt_follower *in)
{
	struct fnt_follow_lane *seen = writer_of(in, in->position);
	uint64_t now, end;

	if (!seen) {
		in->position++; /* nobody's: given up */
		return false;
	}
	now = fnt_clock_mono();
	if (!in->waiting_since)
		in->waiting_since = now;
	if (now - in->waiting_since < PATIENCE_NS)
		return true;
	end = seen->end == FNT_TICKET_NONE ? in->position + 1 : seen->end;
	if (end > in->until)
		end = in->until;
	if (seen->late == seen->late_end)
		seen->late = in->position;
	seen->late_end = end;
	if (seen->late_end - seen->late > LATE_MAX)
		seen->late = seen->late_end - LATE_MAX;
	in->position = end;
	return false;
}

/* The next record among a lane's late tickets: 1, 0, -ENOMEM. */
static int
next_late(struct fnt_follower *in, uint32_t lane)
{
	struct fnt_follow_lane *seen = &in->lanes[lane];

	while (seen->late < seen->late_end) {
		/* Before the cell: below the mark nothing can appear after this look.
		 */
		uint64_t low =
			fnt_word_acquire(&in->view->lanes[lane].rings[in->ring].low);
		enum fnt_read_result is =
			fnt_record_read(in->view, in->ring, seen->late, &in->raw);

		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if ((is == FNT_READ_OLDER || is == FNT_READ_BUSY) && low <= seen->late)
			return 0;
		seen->late++;
		if (is == FNT_READ_RECORD && take_record(in))
			return 1;
	}
	return 0;
}

/* Late records of the lane whose record we have just read come first; the look for them
 * used the copy: it is made again. 1: a late one; 0: what was read; -ENODATA: it is
 * gone. */
static int
late_before(struct fnt_follower *in)
{
	uint32_t lane = in->raw.head.lane;
	int rc;

	if (lane >= in->view->lane_count ||
	    in->lanes[lane].late == in->lanes[lane].late_end)
		return 0;
	rc = next_late(in, lane);
	if (rc)
		return rc;
	return fnt_record_read(in->view, in->ring, in->position, &in->raw) ==
			       FNT_READ_RECORD
		       ? 0
		       : -ENODATA;
}

/* The record at `position`: 1; nothing there, done with it: 0; not yet: -EAGAIN. */
static int
look_at_position(struct fnt_follower *in)
{
	enum fnt_read_result is =
		fnt_record_read(in->view, in->ring, in->position, &in->raw);
	int rc;

	switch (is) {
	case FNT_READ_NO_MEMORY:
		return -ENOMEM;
	case FNT_READ_OLDER:
	case FNT_READ_BUSY:
		if (wait_for(in))
			return -EAGAIN;
		in->waiting_since = 0;
		return 0;
	case FNT_READ_GONE:
		in->position++;
		catch_up(in);
		return 0;
	case FNT_READ_RECORD:
		rc = late_before(in);
		if (rc && rc != -ENODATA)
			return rc;
		if (!rc && take_record(in)) {
			in->position++;
			in->waiting_since = 0;
			return 1;
		}
		break;
	default:
		break;
	}
	in->position++;
	in->waiting_since = 0;
	return 0;
}

/* 1: in->raw is the next record; 0: the round is over; -ENOMEM. */
static int
next_in_round(struct fnt_follower *in)
{
	int rc;

	for (; in->late_lane < in->view->lane_count; in->late_lane++) {
		rc = next_late(in, in->late_lane);
		if (rc)
			return rc;
	}
	while (in->position < in->until) {
		if (in->position >= in->span_end) {
			find_span(in);
			continue;
		}
		if (fnt_overrun_due(&in->pace, in->position)) {
			keep_clear(in);
			continue;
		}
		rc = look_at_position(in);
		if (rc == -EAGAIN) {
			in->waited = true;
			return 0;
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* Has nothing happened since the last round, which had nothing to look at? Whoever
 * writes a record takes a ticket first, and of those below the cursor all were written
 * or given up, and counted, before it. The next segment comes with its own. */
static bool
is_quiet(const struct fnt_follower *in)
{
	return in->settled && !in->in_round && in->position == in->until &&
	       fnt_word_acquire(&in->view->rings[in->ring].cursor) == in->until;
}

/* A look at the lanes and at what is being written costs a producer more than it costs
 * us. And with some time between two looks, what was the end at one has been written,
 * and left alone, before we come to it. Who is far behind has no need to rest. */
static void
rest(struct fnt_follower *in, bool patient)
{
	uint64_t now = fnt_clock_mono();

	for (; patient && now - in->looked_at < REST_NS; now = fnt_clock_mono())
		fnt_cpu_relax();
	in->looked_at = now;
}

/* Somebody else has a record to offer: nothing is gained by waiting here. A ring whose
 * cursor stands may still get what its lanes have tickets for; that can wait. */
static bool
may_skip(const struct fnt_follower *in)
{
	return !in->in_round &&
	       fnt_word_acquire(&in->view->rings[in->ring].cursor) == in->until &&
	       fnt_clock_mono() - in->looked_at < REST_NS;
}

int
fnt_follow_next(struct fnt_follower *in, bool patient)
{
	bool begun;
	int rc;

	if (is_quiet(in) || (!patient && may_skip(in)))
		return 0;
	/* A round that began before this call does not know what has come since. */
	do {
		begun = !in->in_round;
		if (begun)
			rest(in, patient);
		rc = begun ? fnt_reader_ensure_fresh(in->reader) : 0;
		if (rc)
			return rc;
		if (begun)
			begin_round(in);
		rc = next_in_round(in);
		if (rc == 0)
			end_round(in);
	} while (rc == 0 && !begun);
	if (rc == 1) {
		in->has = true;
		in->time = fnt_record_time(&in->raw);
	}
	return rc;
}

/* ---- opening ------------------------------------------------------------------- */

/* Where each lane's numbers begin in what is still there. */
static int
find_first(struct fnt_follower *in)
{
	const struct fnt_view *view = in->view;
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, in->ring, in->until, false, spans);
	uint32_t at = count - 1;

	for (uint64_t ticket = in->position; count; ticket++) {
		enum fnt_read_result is;
		const struct fnt_record *head = &in->raw.head;

		while (ticket >= spans[at].end && at)
			ticket = spans[--at].first;
		if (ticket >= spans[at].end)
			break;
		is = fnt_record_read(view, in->ring, ticket, &in->raw);

		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if (is == FNT_READ_RECORD && head->lane < view->lane_count &&
		    head->seq && head->seq - 1 < in->lanes[head->lane].seq)
			in->lanes[head->lane].seq = head->seq - 1;
	}
	return 0;
}

int
fnt_follow_start(struct fnt_follower *in, enum fnt_from from)
{
	const struct fnt_view *view = in->view;

	in->raw.flush = true;
	look_at_lanes(in);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_follow_lane *seen = &in->lanes[i];

		/* After `low` was read: what is at tickets below it is in the count. */
		seen->seq = fnt_word_acquire(&view->lanes[i].rings[in->ring].recorded);
		if (from == FNT_FROM_NOW && seen->low < in->until) {
			seen->late = seen->low;
			seen->late_end = seen->end < in->until ? seen->end : in->until;
			if (seen->late_end - seen->late > LATE_MAX)
				seen->late_end = seen->late + LATE_MAX;
		}
	}
	in->position = in->until;
	if (from == FNT_FROM_NOW)
		return 0;
	in->position = fnt_ring_oldest(view, in->ring, in->until);
	return find_first(in);
}
