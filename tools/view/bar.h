/* SPDX-License-Identifier: MIT
 *
 * bar.h: a span of time as a horizontal bar, with a resolution of an eighth of a
 * column.
 *
 * Threads: one at a time. No function blocks or allocates.
 */
#ifndef FNT_VIEW_BAR_H
#define FNT_VIEW_BAR_H

#include <stddef.h>
#include <stdint.h>

#define BAR_COLUMNS 60 /* the widest that is useful */

/* Size of the buffer for a bar of `columns` columns. */
#define BAR_BYTES(columns) ((columns)*3 + 1)

/* Write a bar from `start_ns` to `end_ns` into `out`, BAR_BYTES(columns) bytes, where
 * `columns` (at least 1) stand for `scale_ns`. Spaces precede the bar, nothing follows
 * it. The shortest span is drawn as one eighth of a column. */
void bar_draw(char *out, uint64_t start_ns, uint64_t end_ns, uint64_t scale_ns,
	      size_t columns);

#endif
