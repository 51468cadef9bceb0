/* SPDX-License-Identifier: MIT */
#include "read/overrun.h"

#define PARTS 16u /* of a ring */
#define SKIP_LEAST 2u
#define SKIP_MOST 8u
#define AFTER_LEAST 64u /* tickets: producers take as many and more at once */

uint64_t
fnt_overrun_skip(struct fnt_overrun *pace, uint64_t cells)
{
	uint32_t parts = pace->skip ? pace->skip : SKIP_LEAST;

	pace->skip = parts < SKIP_MOST ? 2 * parts : SKIP_MOST;
	return cells / PARTS * parts;
}

void
fnt_overrun_note(struct fnt_overrun *pace, uint64_t position, uint64_t cursor)
{
	uint64_t behind = cursor - position;
	uint64_t left = behind < pace->lap ? pace->lap - behind : 0;

	pace->seen_position = position;
	pace->seen_cursor = cursor;
	pace->after = left / 8 > AFTER_LEAST ? left / 8 : AFTER_LEAST;
	if (behind < pace->lap / 4)
		pace->skip = 0;
}

uint64_t
fnt_overrun_resume(struct fnt_overrun *pace, uint64_t position, uint64_t cursor)
{
	uint64_t had = position - pace->seen_position;

	if (cursor < pace->seen_cursor)
		cursor = pace->seen_cursor;
	if (cursor < position)
		cursor = position;
	if (cursor - pace->seen_cursor >= had &&
	    cursor - position > pace->lap - pace->lap / PARTS)
		position = cursor - pace->lap + fnt_overrun_skip(pace, pace->lap);
	fnt_overrun_note(pace, position, cursor);
	return position;
}
