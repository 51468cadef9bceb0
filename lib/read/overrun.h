/* SPDX-License-Identifier: MIT
 *
 * overrun.h: skip-ahead for a follower that producers are about to lap.
 *
 *   a lap of tickets      oldest        position          cursor
 *                         ├──────────────┼────────────────┤
 *                         │◄─── left ───►│◄─── behind ───►│
 *
 * Producers that are faster than a follower come around the ring to it, and then can't
 * pass it: each cell that they reach has just been read, so that it is in the cache of
 * the follower's core and takes them about as long to fetch as the follower takes for
 * its next record. With a follower of 120 ns a record, producers slow down to 120 ns a
 * record. So a follower skips ahead before they reach it.
 *
 * That misses no more records: those that are skipped were about to be overwritten, and
 * a follower that is slower than the producers misses as many in any case. It skips an
 * eighth of the ring past the oldest ticket the first time, then a quarter, then half;
 * once it has caught up it begins with an eighth again.
 *
 * Arithmetic on private memory only: wait-free. One thread at a time.
 */
#ifndef FNT_READ_OVERRUN_H
#define FNT_READ_OVERRUN_H

#include <stdbool.h>
#include <stdint.h>

struct fnt_overrun {
	uint64_t lap; /* cells of the ring; 0: nobody overwrites what is read */
	/* Position and cursor when the cursor was last loaded, and after how many
	 * tickets from there to load it again. */
	uint64_t after, seen_position, seen_cursor;
	/* How far to skip next, in sixteenths of the ring; 0: as far as the first
	 * time. */
	uint32_t skip;
};

/* The follower has been lapped in a ring of `cells` cells. Returns how far past the
 * oldest ticket it should go on: an eighth of the ring, and at each further call twice
 * as much, up to half the ring. fnt_overrun_note() of a follower that has caught up
 * makes it an eighth again. */
uint64_t fnt_overrun_skip(struct fnt_overrun *overrun, uint64_t cells);

/* Notes `cursor`, which has just been loaded. `position` <= `cursor`. */
void fnt_overrun_note(struct fnt_overrun *overrun, uint64_t position, uint64_t cursor);

/* Should the cursor be loaded again? Producers that are up to four times as fast as the
 * follower do not reach it before this returns true. */
static inline bool
fnt_overrun_due(const struct fnt_overrun *overrun, uint64_t position)
{
	return overrun->lap && position - overrun->seen_position >= overrun->after;
}

/* `cursor` has been loaded because fnt_overrun_due(). Returns where to go on:
 * `position`, or up to half a ring further. A cursor below the one seen last, or below
 * `position`, is damaged; the higher value is used instead. */
uint64_t fnt_overrun_resume(struct fnt_overrun *overrun, uint64_t position,
			    uint64_t cursor);

#endif
