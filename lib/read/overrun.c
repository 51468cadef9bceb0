/* SPDX-License-Identifier: MIT */
#include "read/overrun.h"

#define RING_PARTS 16u
#define SKIP_PARTS_LEAST 2u
#define SKIP_PARTS_MOST 8u
#define AFTER_LEAST 64u /* tickets; producers take blocks of this size and larger */

uint64_t
fnt_overrun_skip(struct fnt_overrun *overrun, uint64_t cells)
{
	uint32_t parts = overrun->skip ? overrun->skip : SKIP_PARTS_LEAST;

	overrun->skip = parts < SKIP_PARTS_MOST ? 2 * parts : SKIP_PARTS_MOST;
	return cells / RING_PARTS * parts;
}

void
fnt_overrun_note(struct fnt_overrun *overrun, uint64_t position, uint64_t cursor)
{
	uint64_t behind = cursor - position;
	uint64_t left = behind < overrun->lap ? overrun->lap - behind : 0;

	overrun->seen_position = position;
	overrun->seen_cursor = cursor;
	overrun->after = left / 8 > AFTER_LEAST ? left / 8 : AFTER_LEAST;
	if (behind < overrun->lap / 4)
		overrun->skip = 0;
}

/* Skips if producers have been at least as fast since the last time, and less than a
 * part of the ring is left to them. */
uint64_t
fnt_overrun_resume(struct fnt_overrun *overrun, uint64_t position, uint64_t cursor)
{
	uint64_t had = position - overrun->seen_position;
	uint64_t lap = overrun->lap;

	if (cursor < overrun->seen_cursor)
		cursor = overrun->seen_cursor;
	if (cursor < position)
		cursor = position;
	if (cursor - overrun->seen_cursor >= had &&
	    cursor - position > lap - lap / RING_PARTS)
		position = cursor - lap + fnt_overrun_skip(overrun, lap);
	fnt_overrun_note(overrun, position, cursor);
	return position;
}
