/* SPDX-License-Identifier: MIT
 *
 * follow.h: follows one ring: returns every record once, and counts exactly those that
 * it has missed.
 *
 *   tickets   ……… read ………│ position …………│ until ……… cursor
 *                ▲ deferred: not written in time, their lane may still write them
 *
 * Order. Tickets are read in the order of the ring. One that is not written yet belongs
 * to the block of some lane: the follower waits a few ms, so that order is kept, then
 * defers the rest of that block and goes on. Deferred tickets are read in each round,
 * for as long as the lane may write them. So a producer that is stopped delays nobody.
 *
 * Loss is counted by the lanes' sequence numbers, not by tickets: within a lane both
 * grow together, so a gap in the numbers is as many records missed.
 *
 * Cost for producers. A cache line that the follower loads has to be fetched back by
 * the core of the producer that writes it next, which takes about 100 ns. So the
 * follower works in rounds: it loads the lanes' counters once, then reads all records
 * up to where the cursor was. A new round begins no sooner than ROUND_NS after the last
 * one, and if nothing has happened, only the ring's cursor is loaded. Lines that have
 * been read are flushed (cache_flush.h), and where producers are about to write the
 * follower skips ahead (overrun.h).
 *
 * Reads the region, never writes to it. One thread at a time for one follower. A call
 * never blocks: while the follower waits for a ticket it returns that there is no
 * record yet, and before a round it spins for ROUND_NS at most. A round begins with the
 * system calls of fnt_reader_ensure_segments().
 */
#ifndef FNT_READ_FOLLOW_H
#define FNT_READ_FOLLOW_H

#include "read/attached.h"
#include "read/overrun.h"
#include "ring/record_read.h"

#define FNT_FOLLOW_DEFERRED_MAX 4096u /* tickets of one lane */

/* What is known of a lane. */
struct fnt_follow_lane {
	uint64_t seq;	   /* of its last record that was returned or missed */
	uint64_t target;   /* records that it had committed when the round began */
	uint64_t low, end; /* tickets that it might still write then */
	uint64_t deferred, deferred_end; /* tickets to be read again in each round */
};

struct fnt_follower {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	uint32_t ring;
	uint64_t position; /* next ticket to be read */
	uint64_t until;	   /* where the round ends: the cursor, when it began */
	uint64_t span_end; /* end of the tickets in the present segment */
	struct fnt_overrun overrun;
	uint32_t next_lane; /* with deferred tickets to be read; lane_count: none */
	bool in_round;
	bool waiting; /* the round ended at a ticket that is not written yet */
	/* When the round began, every ticket below complete_until was read or lost, and
	 * no lane could write there any more. */
	bool complete;
	uint64_t complete_until;
	bool settled;		/* so it was a round earlier: all is counted */
	uint64_t round_at;	/* monotonic ns, when the round began */
	uint64_t waiting_since; /* monotonic ns, for the ticket at `position`; 0: not */
	uint64_t missed;	/* records */
	bool has_record;	/* `copy` is to be returned next; committed at `time` */
	uint64_t time;		/* region time */
	struct fnt_record_copy copy;
	/* One for each lane of the region; NULL: there is no such ring. */
	struct fnt_follow_lane *lanes;
};

/* Starts at the ring's cursor (FNT_FROM_NOW) or at its oldest record. `follower` is
 * zero except for reader, view, ring and lanes; the lanes are zero as well. 0,
 * -ENOMEM. */
int fnt_follow_start(struct fnt_follower *follower, enum fnt_from from);

/* Loads how many records each lane has committed and which tickets it may still write,
 * and sets `until` to the cursor. Called when the follower starts, and at the beginning
 * of each round. 0; -errno: the ring's newest segment can't be mapped. */
int fnt_follow_load_lanes(struct fnt_follower *follower);

/* 1: the ring's next record is in `copy`, and has_record is set; 0: there is none now;
 * -errno. `may_pause`: another round may be delayed until ROUND_NS after the last one;
 * not if another ring has a record already. */
int fnt_follow_next(struct fnt_follower *follower, bool may_pause);

#endif
