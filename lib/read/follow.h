/* SPDX-License-Identifier: MIT
 *
 * follow.h: one ring, followed: every record once, and an exact count of those it was
 * too late for.
 *
 *   tickets   ……… done ………│ position …………│ cursor
 *                ▲ late: tickets passed over that their lane may yet use
 *
 * Tickets are taken in the order of the ring. One that is not written yet belongs to
 * some lane's block in hand: the follower waits for it a little, so that order is kept,
 * and then goes on and looks at it again later, as long as the lane may still write
 * there. So a stopped producer holds up nobody.
 *
 * Loss is counted by the lanes' own sequence numbers, not by tickets: within a lane
 * numbers and tickets grow together, so a number that is passed over is a record that
 * was missed.
 *
 * What a follower looks at, it takes away from the producer that is writing it, for
 * some 100 ns. So it keeps away: a ring in which nothing has happened is known by one
 * word, its cursor, and one that goes on is looked at anew no sooner than REST_NS after
 * the last time; by then there are many records to be had for one look. What it has
 * read it gives back (cache_flush.h), and from where producers will write in a moment it
 * stays away (overrun.h).
 *
 * Reads only, one thread at a time, never waits for anybody.
 */
#ifndef FNT_READ_FOLLOW_H
#define FNT_READ_FOLLOW_H

#include "read/overrun.h"
#include "read/attached.h"
#include "ring/record_read.h"

/* What is known of a lane. */
struct fnt_follow_lane {
	uint64_t seq;		 /* of the last record had */
	uint64_t target;	 /* records it had committed when the round began */
	uint64_t low, end;	 /* tickets it may still write, when the round began */
	uint64_t late, late_end; /* of those, the ones that were passed over */
};

/* What follows one ring. */
struct fnt_follower {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	uint32_t ring;
	uint64_t position;	 /* next ticket */
	uint64_t until;		 /* where this round ends */
	uint64_t span_end;	 /* and the tickets of one segment before that */
	struct fnt_overrun pace; /* where it has come in its segment */
	uint32_t late_lane; /* whose late tickets are looked at; lane_count: done */
	bool in_round;
	bool waited;	    /* this round ended at a ticket that is waited for */
	bool still;	    /* nothing below `still_at` could be written any more … */
	uint64_t still_at;  /* … when the round began */
	bool settled;	    /* so it was in the round before: all is counted */
	uint64_t looked_at; /* when this round began */
	uint64_t waiting_since; /* for the ticket at `position`; 0: not */
	uint64_t missed;
	bool has; /* a record in `raw`, to be handed out; committed at `time` */
	uint64_t time;
	struct fnt_record_copy raw;
	struct fnt_follow_lane *lanes;
};

/* For a zeroed `in`, with view, reader, ring and lanes set, the ring being there: from
 * now, or from the oldest record. 0, -ENOMEM. */
int fnt_follow_start(struct fnt_follower *in, enum fnt_from from);

/* 1: in->raw is the ring's next record, and in->has is set; 0: none now; -errno. Not
 * `patient`: another ring has a record, so that this one is not waited for. */
int fnt_follow_next(struct fnt_follower *in, bool patient);

#endif
