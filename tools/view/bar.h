/* SPDX-License-Identifier: MIT
 *
 * bar.h: a span of time as a bar in one line of text, to an eighth of a column.
 */
#ifndef FNT_VIEW_BAR_H
#define FNT_VIEW_BAR_H

#include <stddef.h>
#include <stdint.h>

#define BAR_COLUMNS 60 /* wider tells no more */

/* Room for a bar in so many columns. */
#define BAR_BYTES(columns) ((columns)*3 + 1)

/* Draw what lies between `start_ns` and `end_ns` of a whole that is `scale_ns` long and
 * takes `columns` (at least 1): spaces up to it, and nothing behind it. However short
 * it is, it leaves a mark. */
void bar_draw(char *out, uint64_t start_ns, uint64_t end_ns, uint64_t scale_ns,
	      size_t columns);

#endif
