/* SPDX-License-Identifier: MIT
 *
 * overrun.h: a follower and the producers of a ring that goes around: how far to go on
 * when it has been lapped, and how not to be.
 *
 *   a lap of tickets      oldest        position          cursor
 *                         ├──────────────┼────────────────┤
 *                         │◄─── left ───►│◄─── behind ───►│
 *
 * Producers that go faster than a follower, and have nearly come around to it, do not
 * pass it. Each cell that they come to has just been in its hands, so that they wait
 * for it, for about as long as the follower takes for the next, and go on right behind
 * it and no faster: with a follower of 120 ns a record, so does the producer. So before
 * they are there a follower leaves that stretch to them, and goes on further on.
 *
 * It misses no more for it than what was about to be overwritten: whoever is slower
 * than the producers misses as many whatever it does. The first time it goes an eighth
 * of the ring past what is oldest, then a quarter, then half; from the beginning when
 * it has caught up.
 *
 * Numbers only: no shared memory, no loop.
 */
#ifndef FNT_READ_OVERRUN_H
#define FNT_READ_OVERRUN_H

#include <stdbool.h>
#include <stdint.h>

struct fnt_overrun {
	uint64_t lap; /* cells of the ring; 0: nobody overwrites what is read */
	/* After how many tickets to look where the cursor is, and where both were then.
	 */
	uint64_t after, seen_position, seen_cursor;
	uint32_t skip; /* how far to go next time, in sixteenths of the ring; 0: the
			  first */
};

/* The follower is lapped, in a ring of so many cells: how far past the oldest ticket to
 * go on. */
uint64_t fnt_overrun_skip(struct fnt_overrun *pace, uint64_t cells);

/* `position` <= `cursor`, seen just now. */
void fnt_overrun_note(struct fnt_overrun *pace, uint64_t position, uint64_t cursor);

/* Is it time to look at the cursor again? Producers that are up to four times as fast
 * as the follower do not come to it before that. */
static inline bool
fnt_overrun_due(const struct fnt_overrun *pace, uint64_t position)
{
	return pace->lap && position - pace->seen_position >= pace->after;
}

/* It was, and the cursor is there: where to go on, which is `position` or up to half a
 * ring further. A cursor before that seen last, or before `position`, is damaged, and
 * taken for that. */
uint64_t fnt_overrun_resume(struct fnt_overrun *pace, uint64_t position,
			    uint64_t cursor);

#endif
