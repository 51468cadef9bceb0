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

/* What follows one ring. */
struct follower {
	struct fnt_cursor *cursor;
	const struct fnt_view *view;
	uint32_t ring;
	uint64_t position; /* next ticket */
	uint64_t until;	   /* where this round ends */
	uint64_t span_end; /* and the tickets of one era before that */
	uint32_t late_lane; /* lane whose late tickets are looked at; lane_count: done */
	bool in_round;
	bool waited;	    /* this round ended at a ticket that is waited for */
	uint64_t waiting_since; /* for the ticket at `position`; 0: not */
	uint64_t missed;
	bool has;      /* a record in `raw`, to be handed out; committed at `time` */
	uint64_t time;
	struct fnt_raw raw;
	struct lane_seen *lanes;
};

struct fnt_cursor {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	struct follower rings[FNT_RINGS];
	struct fnt_set *set;
	struct lane_seen lanes[];
};

static uint64_t
load(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* ---- rounds ----------------------------------------------------------------------- */

/* Look at all lanes. Counts first, then the eras and the cursor: what is counted has a ticket
 * below it, in an era that is known. */
static void
look_at_lanes(struct follower *in)
{
	const struct fnt_view *view = in->view;

	for (uint32_t i = 0; i < view->lane_count; i++)
		/* [Q2] acquire: see [Q1] in ring.c. */
		in->lanes[i].target = load(&view->lanes[i].rings[in->ring].recorded);
	fnt_reader_renew(in->cursor->reader);
	in->until = fnt_cursor_now(view, in->ring);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct lane_seen *seen = &in->lanes[i];

		/* [L2] acquire: see [L1] in ring.c. */
		seen->low = load(&view->lanes[i].rings[in->ring].low);
		seen->end = load(&view->lanes[i].rings[in->ring].block_end);
		if (!seen->low)
			seen->low = FNT_TICKET_NONE; /* nobody has used it yet */
		/* Between two blocks: it may hold any ticket from here on. */
		if (seen->end <= seen->low)
			seen->end = FNT_TICKET_NONE;
	}
}

/* What a lane can't write any more need not be looked at again. */
static void
trim_late(struct follower *in, uint64_t oldest)
{
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		struct lane_seen *seen = &in->lanes[i];

		if (seen->late < oldest)
			seen->late = oldest;
		if (seen->late > seen->late_end)
			seen->late = seen->late_end;
	}
}

/* Go on where there is something: in the span of `position`, or at the beginning of the next.
 * A little after that, if that is lost as we look: it will be gone in a moment. Whatever a
 * damaged table says, a round looks at no more tickets than there are cells. */
static void
find_span(struct follower *in)
{
	struct fnt_span spans[FNT_ERAS];
	uint32_t count = fnt_spans(in->view, in->ring, in->until, true, spans);

	while (count-- > 0) {
		const struct fnt_span *span = &spans[count];

		if (in->position >= span->end)
			continue;
		if (in->position < span->first) {
			in->waiting_since = 0;
			in->position = span->first;
			if (!count && span->first != span->era->first)
				in->position += span->era->cell_count / 16;
		}
		in->span_end = span->end;
		return;
	}
	if (in->position < in->until)
		in->position = in->until;
	in->span_end = in->until;
}

/* Behind by more than the ring: some are lost. */
static void
catch_up(struct follower *in)
{
	uint64_t until = in->until;

	in->until = fnt_cursor_now(in->view, in->ring);
	if (in->until < until)
		in->until = until;
	find_span(in);
	in->until = until;
}

static void
begin_round(struct follower *in)
{
	look_at_lanes(in);
	if (in->until < in->position)
		in->until = in->position; /* damaged, or started anew */
	catch_up(in); /* now, and not ticket by ticket: a damaged cursor may be anywhere */
	trim_late(in, fnt_oldest(in->view, in->ring, in->until));
	in->late_lane = 0;
	in->in_round = true;
	in->waited = false;
}

/* All that was committed before the round is had or lost. */
static void
end_round(struct follower *in)
{
	in->in_round = false;
	if (in->waited)
		return;
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		struct lane_seen *seen = &in->lanes[i];

		if (seen->target <= seen->seq)
			continue;
		in->missed += seen->target - seen->seq;
		seen->seq = seen->target;
	}
}

/* ---- one ticket ------------------------------------------------------------------- */

/* The record in in->raw: new to us? */
static bool
take_record(struct follower *in)
{
	uint32_t lane = in->raw.head.lane;
	uint64_t seq = in->raw.head.seq;
	struct lane_seen *seen;

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
static struct lane_seen *
writer_of(struct follower *in, uint64_t ticket)
{
	for (uint32_t i = 0; i < in->view->lane_count; i++) {
		struct lane_seen *seen = &in->lanes[i];

		if (seen->low <= ticket && ticket < seen->end)
			return seen;
	}
	return NULL;
}

/* The ticket at `position` is not written yet: true to wait for it; false to go on without,
 * and without the rest of that block. */
static bool
wait_for(struct follower *in)
{
	struct lane_seen *seen = writer_of(in, in->position);
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
next_late(struct follower *in, uint32_t lane)
{
	struct lane_seen *seen = &in->lanes[lane];

	while (seen->late < seen->late_end) {
		/* Before the cell: below the mark nothing can appear after this look. */
		uint64_t low = load(&in->view->lanes[lane].rings[in->ring].low);
		enum fnt_read is =
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

/* Late records of the lane whose record we have just read come first: read it again after
 * them. */
static int
late_before(struct follower *in)
{
	uint32_t lane = in->raw.head.lane;

	if (lane >= in->view->lane_count ||
	    in->lanes[lane].late == in->lanes[lane].late_end)
		return 0;
	return next_late(in, lane);
}

/* The record at `position`: 1; nothing there, done with it: 0; not yet: -EAGAIN. */
static int
look_at_position(struct follower *in)
{
	enum fnt_read is = fnt_record_read(in->view, in->ring, in->position, &in->raw);
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
		if (rc)
			return rc;
		/* The late look used the copy: make it again. */
		if (fnt_record_read(in->view, in->ring, in->position, &in->raw) ==
			    FNT_READ_RECORD &&
		    take_record(in)) {
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
next_in_round(struct follower *in)
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

/* 1: in->raw is the ring's next record; 0: none now; -errno. */
static int
step(struct follower *in)
{
	bool begun;
	int rc;

	/* A round that began before this call does not know what has come since. */
	do {
		begun = !in->in_round;
		rc = begun ? fnt_reader_fresh(in->cursor->reader) : 0;
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

/* Ask each ring that has nothing to hand out. */
static int
ask(struct fnt_cursor *cursor)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct follower *in = &cursor->rings[i];
		int rc = in->lanes && !in->has ? step(in) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The older of what the rings have to offer; *first NULL: nothing. What one has may be younger
 * than what the other got since it was asked: it is asked again; or waits for: so do we. */
static int
choose(struct fnt_cursor *cursor, struct follower **first)
{
	int rc = ask(cursor);

	*first = NULL;
	if (!rc && cursor->rings[0].has != cursor->rings[1].has)
		rc = ask(cursor);
	for (uint32_t i = 0; !rc && i < FNT_RINGS; i++) {
		struct follower *in = &cursor->rings[i];

		if (in->lanes && !in->has && in->waited) {
			*first = NULL;
			break;
		}
		if (in->has && (!*first || in->time < (*first)->time))
			*first = in;
	}
	return rc;
}

int
fnt_cursor_next(struct fnt_cursor *cursor, const struct fnt_trace **trace)
{
	struct follower *in;
	int rc = choose(cursor, &in);

	if (!rc && in) {
		in->has = false;
		fnt_set_reset(cursor->set);
		*trace = fnt_set_add(cursor->set, cursor->view, &in->raw);
		rc = *trace ? 1 : -ENOMEM;
	}
	return rc >= 0 && fnt_reader_gone(cursor->reader) ? -ESTALE : rc;
}

/* ---- opening ---------------------------------------------------------------------- */

/* Where each lane's numbers begin in what is still there. */
static int
find_first(struct follower *in)
{
	const struct fnt_view *view = in->view;
	struct fnt_span spans[FNT_ERAS];
	uint32_t count = fnt_spans(view, in->ring, in->until, false, spans);
	uint32_t at = count - 1;

	for (uint64_t ticket = in->position; count; ticket++) {
		enum fnt_read is;
		const struct fnt_record *head = &in->raw.head;

		while (ticket >= spans[at].end && at)
			ticket = spans[--at].first;
		if (ticket >= spans[at].end)
			break;
		is = fnt_record_read(view, in->ring, ticket, &in->raw);

		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if (is == FNT_READ_RECORD && head->lane < view->lane_count && head->seq &&
		    head->seq - 1 < in->lanes[head->lane].seq)
			in->lanes[head->lane].seq = head->seq - 1;
	}
	return 0;
}

static int
start(struct follower *in, enum fnt_from from)
{
	const struct fnt_view *view = in->view;

	look_at_lanes(in);
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct lane_seen *seen = &in->lanes[i];

		/* After `low` was read: what is at tickets below it is in the count. */
		seen->seq = load(&view->lanes[i].rings[in->ring].recorded);
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
	in->position = fnt_oldest(view, in->ring, in->until);
	return find_first(in);
}

static int
start_all(struct fnt_cursor *cursor, enum fnt_from from)
{
	int rc = fnt_reader_fresh(cursor->reader);

	for (uint32_t i = 0; !rc && i < FNT_RINGS; i++) {
		struct follower *in = &cursor->rings[i];

		in->cursor = cursor;
		in->view = cursor->view;
		in->ring = i;
		if (!fnt_view_eras(cursor->view, i)->count)
			continue;
		in->lanes = cursor->lanes + i * cursor->view->lane_count;
		rc = start(in, from);
	}
	return rc ? rc : fnt_reader_fresh(cursor->reader);
}

int
fnt_cursor_open(struct fnt_cursor **cursor, struct fnt_reader *reader, enum fnt_from from)
{
	const struct fnt_view *view = &reader->region.view;
	size_t lanes = (size_t)FNT_RINGS * view->lane_count;
	struct fnt_cursor *made =
		calloc(1, sizeof(*made) + lanes * sizeof(made->lanes[0]));
	int rc = -ENOMEM;

	if (made) {
		made->reader = reader;
		made->view = view;
		made->set = fnt_set_create();
		rc = made->set ? start_all(made, from) : -ENOMEM;
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
	uint64_t missed = 0;

	for (uint32_t i = 0; i < FNT_RINGS; i++)
		missed += cursor->rings[i].missed;
	return missed;
}

void
fnt_cursor_close(struct fnt_cursor *cursor)
{
	if (!cursor)
		return;
	for (uint32_t i = 0; i < FNT_RINGS; i++)
		fnt_raw_free(&cursor->rings[i].raw);
	fnt_set_destroy(cursor->set);
	free(cursor);
}
