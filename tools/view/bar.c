/* SPDX-License-Identifier: MIT */
#include "view/bar.h"
#include "view/text.h"

#include <string.h>

/* The character for a bar that covers `from` to `to`, in eighths, of a terminal column.
 * Unicode has blocks of every width at the left, but at the right only one eighth and
 * one half; the nearest is taken. */
static const char *
block(unsigned from, unsigned to)
{
	static const char *const left[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

	if (to <= from)
		return " ";
	if (from == 0)
		return left[to];
	if (to == 8)
		return from >= 6 ? "▕" : from >= 3 ? "▐" : "█";
	return to - from > 4 ? "█" : from >= 4 ? "▐" : left[to - from];
}

static const char *
block_ascii(unsigned from, unsigned to)
{
	if (to <= from)
		return " ";
	return to - from >= 4 ? "#" : "|";
}

static uint64_t
eighths(uint64_t ns, uint64_t scale_ns, size_t columns)
{
	double all = (double)columns * 8;

	if (scale_ns == 0 || ns >= scale_ns)
		return (uint64_t)all;
	return (uint64_t)(all * ((double)ns / (double)scale_ns));
}

/* How much of the column `cell` lies before `eighth`: 0 to 8. */
static unsigned
within(uint64_t eighth, size_t cell)
{
	if (eighth <= cell * 8)
		return 0;
	return eighth >= cell * 8 + 8 ? 8 : (unsigned)(eighth - cell * 8);
}

void
bar_draw(char *out, uint64_t start_ns, uint64_t end_ns, uint64_t scale_ns,
	 size_t columns)
{
	uint64_t from = eighths(start_ns, scale_ns, columns);
	uint64_t to = eighths(end_ns, scale_ns, columns);

	if (from >= columns * 8)
		from = columns * 8 - 1;
	if (to <= from)
		to = from + 1;
	*out = '\0';
	for (size_t i = 0; i * 8 < to; i++) {
		unsigned a = within(from, i), b = within(to, i);

		out = stpcpy(out, text_is_utf8() ? block(a, b) : block_ascii(a, b));
	}
}
