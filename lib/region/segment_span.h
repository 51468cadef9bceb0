/* SPDX-License-Identifier: MIT
 *
 * segment_span.h: the tickets of a ring whose records can still be read, segment by
 * segment.
 *
 *            segment 2              segment 3 (current)
 *   ────┬──────────────────┬ ─ ─ ─ ┬──────────────┬ ─ ─ ─► tickets
 *       first            end       first        cursor
 *       └──── a span ──────┘       └─── a span ───┘
 *
 * For readers, and for the holder of the control lock. Nothing here writes to the
 * region. Progress: wait-free, no system call, no allocation. The segment table that a
 * span points into must stay valid (view.h).
 */
#ifndef FNT_REGION_SEGMENT_SPAN_H
#define FNT_REGION_SEGMENT_SPAN_H

#include "region/view.h"

/* Tickets from `first` to before `end`, all of one segment. */
struct fnt_segment_span {
	uint64_t first, end;
	const struct fnt_segment *segment;
};

/* List the spans of a ring up to `cursor`, newest first, without those of segments that
 * are not mapped. Returns their number. `all`
 * false: those that readers show, without tickets that have been overwritten. `all`
 * true: also segments that are hidden (rotated away, or older than the ring's capacity)
 * and still held. */
uint32_t fnt_segment_spans(const struct fnt_view *view, uint32_t ring, uint64_t cursor,
			   bool all, struct fnt_segment_span spans[FNT_SEGMENTS]);

/* Bound a ring's cursor by what this process has mapped: returns `cursor` itself if its
 * segment is in the current table, else the end of the newest segment in it. Reading up
 * to there shows the ring as it was before the next segment began. */
uint64_t fnt_segment_known_cursor(const struct fnt_view *view, uint32_t ring,
				  uint64_t cursor);

#endif
