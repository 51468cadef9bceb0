/* SPDX-License-Identifier: MIT
 *
 * A follower: every record once, and an exact count of those it was too late for.
 *
 *   tickets   ……… done ………│ position …………│ cursor
 *                ▲ late: tickets passed over that their lane may yet use
 *
 * Tickets are taken in the order of the ring. One that is not written yet belongs to some
 * lane's block in hand: the follower waits for it a little, so that order is kept, and then
 * goes on and looks at it again later, as long as the lane may still write there. So a
 * stopped producer holds up nobody.
 *
 * Loss is counted by the lanes' own sequence numbers, not by tickets: within a lane numbers
 * and tickets grow together, so a number that is passed over is a record that was missed.
 */
#include "decode.h"
#include "reader.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>

#define PATIENCE_NS 5000000u
#define LATE_MAX    4096u /* tickets of one lane that are looked at again */

/* What is known of a lane. */
struct lane_seen {
	uint64_t seq;	     /* of the last record had */
	uint64_t target;     /* records it had committed when the round began */
	uint64_t low, end;   /* tickets it may still write, when the round began */
	uint64_t late, late_end; /* of those, the ones that were passed over */
};

struct fnt_cursor {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	uint64_t position; /* next ticket */
	uint64_t until;	   /* where this round ends */
	uint32_t late_lane; /* lane whose late tickets are looked at; lane_count: done */
	bool in_round;
	bool waited;	    /* this round ended at a ticket that is waited for */
	uint64_t waiting_since; /* for the ticket at `position`; 0: not */
	uint64_t missed;
	struct fnt_raw raw;
	struct fnt_set *set;
	struct lane_seen lanes[];
};

static uint64_t
load(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* ---- rounds ----------------------------------------------------------------------- */

/* Look at all lanes. Counts first, then the cursor: what is counted has a ticket below it. */
static void
look_at_lanes(struct fnt_cursor *cursor)
{
	const struct fnt_view *view = cursor->view;

	for (uint32_t i = 0; i < view->lane_count; i++)
		/* [Q2] acquire: see [Q1] in ring.c. */
		cursor->lanes[i].target = load(&view->lanes[i].recorded);
	cursor->until = fnt_cursor_now(view);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct lane_seen *seen = &cursor->lanes[i];

		/* [L2] acquire: see [L1] in ring.c. */
		seen->low = load(&view->lanes[i].low);
		seen->end = load(&view->lanes[i].block_end);
		if (!seen->low)
			seen->low = FNT_TICKET_NONE; /* nobody has used it yet */
		/* Between two blocks: it may hold any ticket from here on. */
		if (seen->end <= seen->low)
			seen->end = FNT_TICKET_NONE;
	}
}

/* What a lane can't write any more need not be looked at again. */
static void
trim_late(struct fnt_cursor *cursor, uint64_t oldest)
{
	for (uint32_t i = 0; i < cursor->view->lane_count; i++) {
		struct lane_seen *seen = &cursor->lanes[i];

		if (seen->late < oldest)
			seen->late = oldest;
		if (seen->late > seen->late_end)
			seen->late = seen->late_end;
	}
}

/* Behind by more than the ring: some are lost. Go on a little after the oldest, which will be
 * gone in a moment. */
static void
catch_up(struct fnt_cursor *cursor)
{
	uint64_t oldest = fnt_oldest(cursor->view, fnt_cursor_now(cursor->view));

	if (cursor->position >= oldest)
		return;
	cursor->position = oldest + cursor->view->cell_count / 16;
	cursor->waiting_since = 0;
}

static void
begin_round(struct fnt_cursor *cursor)
{
	look_at_lanes(cursor);
	catch_up(cursor); /* now, and not ticket by ticket: a damaged cursor may be anywhere */
	if (cursor->until < cursor->position)
		cursor->until = cursor->position; /* damaged, or started anew */
	trim_late(cursor, fnt_oldest(cursor->view, cursor->until));
	cursor->late_lane = 0;
	cursor->in_round = true;
	cursor->waited = false;
}

/* All that was committed before the round is had or lost. */
static void
end_round(struct fnt_cursor *cursor)
{
	cursor->in_round = false;
	if (cursor->waited)
		return;
	for (uint32_t i = 0; i < cursor->view->lane_count; i++) {
		struct lane_seen *seen = &cursor->lanes[i];

		if (seen->target <= seen->seq)
			continue;
		cursor->missed += seen->target - seen->seq;
		seen->seq = seen->target;
	}
}

/* ---- one ticket ------------------------------------------------------------------- */

/* The record in cursor->raw: new to us? */
static bool
take_record(struct fnt_cursor *cursor)
{
	uint32_t lane = cursor->raw.head.lane;
	uint64_t seq = cursor->raw.head.seq;
	struct lane_seen *seen;

	if (lane >= cursor->view->lane_count)
		return false;
	seen = &cursor->lanes[lane];
	if (seq <= seen->seq)
		return false;
	cursor->missed += seq - seen->seq - 1;
	seen->seq = seq;
	return true;
}

/* The lane that may still write `ticket`, or NULL. */
static struct lane_seen *
writer_of(struct fnt_cursor *cursor, uint64_t ticket)
{
	for (uint32_t i = 0; i < cursor->view->lane_count; i++) {
		struct lane_seen *seen = &cursor->lanes[i];

		if (seen->low <= ticket && ticket < seen->end)
			return seen;
	}
	return NULL;
}

/* The ticket at `position` is not written yet: true to wait for it; false to go on without,
 * and without the rest of that block. */
static bool
wait_for(struct fnt_cursor *cursor)
{
	struct lane_seen *seen = writer_of(cursor, cursor->position);
	uint64_t now, end;

	if (!seen) {
		cursor->position++; /* nobody's: given up */
		return false;
	}
	now = fnt_clock_mono();
	if (!cursor->waiting_since)
		cursor->waiting_since = now;
	if (now - cursor->waiting_since < PATIENCE_NS)
		return true;
	end = seen->end == FNT_TICKET_NONE ? cursor->position + 1 : seen->end;
	if (end > cursor->until)
		end = cursor->until;
	if (seen->late == seen->late_end)
		seen->late = cursor->position;
	seen->late_end = end;
	if (seen->late_end - seen->late > LATE_MAX)
		seen->late = seen->late_end - LATE_MAX;
	cursor->position = end;
	return false;
}

/* The next record among a lane's late tickets: 1, 0, -ENOMEM. */
static int
next_late(struct fnt_cursor *cursor, uint32_t lane)
{
	struct lane_seen *seen = &cursor->lanes[lane];

	while (seen->late < seen->late_end) {
		/* Before the cell: below the mark nothing can appear after this look. */
		uint64_t low = load(&cursor->view->lanes[lane].low);
		enum fnt_read is =
			fnt_record_read(cursor->view, seen->late, &cursor->raw);

		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if ((is == FNT_READ_OLDER || is == FNT_READ_BUSY) && low <= seen->late)
			return 0;
		seen->late++;
		if (is == FNT_READ_RECORD && take_record(cursor))
			return 1;
	}
	return 0;
}

/* Late records of the lane whose record we have just read come first: read it again after
 * them. */
static int
late_before(struct fnt_cursor *cursor)
{
	uint32_t lane = cursor->raw.head.lane;

	if (lane >= cursor->view->lane_count ||
	    cursor->lanes[lane].late == cursor->lanes[lane].late_end)
		return 0;
	return next_late(cursor, lane);
}

/* The record at `position`: 1; nothing there, done with it: 0; not yet: -EAGAIN. */
static int
look_at_position(struct fnt_cursor *cursor)
{
	enum fnt_read is = fnt_record_read(cursor->view, cursor->position, &cursor->raw);
	int rc;

	switch (is) {
	case FNT_READ_NO_MEMORY:
		return -ENOMEM;
	case FNT_READ_OLDER:
	case FNT_READ_BUSY:
		if (wait_for(cursor))
			return -EAGAIN;
		cursor->waiting_since = 0;
		return 0;
	case FNT_READ_GONE:
		cursor->position++;
		catch_up(cursor);
		return 0;
	case FNT_READ_RECORD:
		rc = late_before(cursor);
		if (rc)
			return rc;
		/* The late look used the copy: make it again. */
		if (fnt_record_read(cursor->view, cursor->position, &cursor->raw) ==
			    FNT_READ_RECORD &&
		    take_record(cursor)) {
			cursor->position++;
			cursor->waiting_since = 0;
			return 1;
		}
		break;
	default:
		break;
	}
	cursor->position++;
	cursor->waiting_since = 0;
	return 0;
}

/* 1: cursor->raw is the next record; 0: the round is over; -ENOMEM. */
static int
next_in_round(struct fnt_cursor *cursor)
{
	int rc;

	for (; cursor->late_lane < cursor->view->lane_count; cursor->late_lane++) {
		rc = next_late(cursor, cursor->late_lane);
		if (rc)
			return rc;
	}
	while (cursor->position < cursor->until) {
		rc = look_at_position(cursor);
		if (rc == -EAGAIN) {
			cursor->waited = true;
			return 0;
		}
		if (rc)
			return rc;
	}
	return 0;
}

int
fnt_cursor_next(struct fnt_cursor *cursor, const struct fnt_trace **trace)
{
	bool begun;
	int rc;

	/* A round that began before this call does not know what has come since. */
	do {
		begun = !cursor->in_round;
		rc = begun ? fnt_reader_fresh(cursor->reader) : 0;
		if (rc)
			return rc;
		if (begun)
			begin_round(cursor);
		rc = next_in_round(cursor);
		if (rc == 0)
			end_round(cursor);
	} while (rc == 0 && !begun);
	if (rc == 1) {
		fnt_set_reset(cursor->set);
		*trace = fnt_set_add(cursor->set, cursor->view, &cursor->raw);
		rc = *trace ? 1 : -ENOMEM;
	}
	return rc >= 0 && fnt_guard_gone(cursor->reader->guard) ? -ESTALE : rc;
}

/* ---- opening ---------------------------------------------------------------------- */

/* Where each lane's numbers begin in what is still there. */
static int
find_first(struct fnt_cursor *cursor)
{
	const struct fnt_view *view = cursor->view;

	for (uint64_t ticket = cursor->position; ticket < cursor->until; ticket++) {
		enum fnt_read is = fnt_record_read(view, ticket, &cursor->raw);
		const struct fnt_record *head = &cursor->raw.head;

		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if (is == FNT_READ_RECORD && head->lane < view->lane_count && head->seq &&
		    head->seq - 1 < cursor->lanes[head->lane].seq)
			cursor->lanes[head->lane].seq = head->seq - 1;
	}
	return 0;
}

static int
start(struct fnt_cursor *cursor, enum fnt_from from)
{
	const struct fnt_view *view = cursor->view;

	look_at_lanes(cursor);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct lane_seen *seen = &cursor->lanes[i];

		/* After `low` was read: what is at tickets below it is in the count. */
		seen->seq = load(&view->lanes[i].recorded);
		if (from == FNT_FROM_NOW && seen->low < cursor->until) {
			seen->late = seen->low;
			seen->late_end = seen->end < cursor->until ? seen->end
								   : cursor->until;
			if (seen->late_end - seen->late > LATE_MAX)
				seen->late_end = seen->late + LATE_MAX;
		}
	}
	cursor->position = cursor->until;
	if (from == FNT_FROM_NOW)
		return 0;
	cursor->position = fnt_oldest(view, cursor->until);
	return find_first(cursor);
}

int
fnt_cursor_open(struct fnt_cursor **cursor, struct fnt_reader *reader, enum fnt_from from)
{
	const struct fnt_view *view = &reader->region.view;
	struct fnt_cursor *made =
		calloc(1, sizeof(*made) + view->lane_count * sizeof(made->lanes[0]));
	int rc = -ENOMEM;

	if (made) {
		made->reader = reader;
		made->view = view;
		made->set = fnt_set_create();
		rc = made->set ? fnt_reader_fresh(reader) : -ENOMEM;
		if (!rc)
			rc = start(made, from);
		if (!rc)
			rc = fnt_reader_fresh(reader);
	}
	if (rc) {
		fnt_cursor_close(made);
		return rc;
	}
	*cursor = made;
	return 0;
}

uint64_t
fnt_cursor_missed(const struct fnt_cursor *cursor)
{
	return cursor->missed;
}

void
fnt_cursor_close(struct fnt_cursor *cursor)
{
	if (!cursor)
		return;
	fnt_raw_free(&cursor->raw);
	fnt_set_destroy(cursor->set);
	free(cursor);
}
