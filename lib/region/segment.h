/* SPDX-License-Identifier: MIT
 *
 * segment.h: one segment of a ring: a stretch of tickets and the cells they map to.
 *
 *   tickets  … segment 2 ………………│………… gap ………│ segment 3 …………… cursor
 *            └ its cells in the file         └ its cells, elsewhere in the file
 *
 * The region holds a table of segments for each ring (layout_rings.h), written only by
 * the holder of the control lock. A process works with a checked copy of that table
 * (segment_map.h). Nothing here writes to the region.
 *
 * Progress: wait-free, no system call, no allocation. Any thread.
 */
#ifndef FNT_REGION_SEGMENT_H
#define FNT_REGION_SEGMENT_H

#include "format/layout_rings.h"

#include <stdbool.h>

#define FNT_CELLS_MIN 64u	   /* of a segment */
#define FNT_CELLS_MAX (1ull << 30) /* of a segment: 256 GiB */
#define FNT_PAGE_CELLS (FNT_PAGE / FNT_CELL_BYTES)

/* An mmap() of one segment's cells, made by segment_map.c. */
struct fnt_segment_mapping;

/* This process's copy of one entry of the table. */
struct fnt_segment {
	uint64_t number; /* counts up from 0 for each ring */
	uint64_t first;	 /* its first ticket */
	uint64_t lap;	 /* lap of that ticket */
	uint64_t cell_count;
	uint64_t off;		/* of its cells, in bytes from the start of the file */
	struct fnt_cell *cells; /* where this process has mapped them; NULL: nowhere */
	struct fnt_segment_mapping *mapping; /* NULL: none of its own */
};

/* The segments of one ring, oldest first; tickets increase from one to the next. */
struct fnt_segments {
	uint64_t published; /* fnt_ring_head.segments and .held when this was copied */
	uint64_t held;
	uint32_t count;
	struct fnt_segment at[FNT_SEGMENTS];
};

/* The bytes that so many cells take in the file: whole pages. */
static inline uint64_t
fnt_segment_bytes(uint64_t cell_count)
{
	return (cell_count * FNT_CELL_BYTES + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
}

/* The segment that `ticket` belongs to. NULL: it is no longer in the table. */
static inline const struct fnt_segment *
fnt_segment_find(const struct fnt_segments *segments, uint64_t ticket)
{
	for (uint32_t i = segments->count; i-- > 0;)
		if (ticket >= segments->at[i].first)
			return &segments->at[i];
	return NULL;
}

/* The cell of `ticket`; for any value of `ticket` it is a cell of the segment. */
static inline struct fnt_cell *
fnt_segment_cell(const struct fnt_segment *segment, uint64_t ticket)
{
	return &segment->cells[(ticket - segment->first) % segment->cell_count];
}

/* The lap of `ticket`, modulo 2^40 as in a cell's state. */
static inline uint64_t
fnt_segment_lap(const struct fnt_segment *segment, uint64_t ticket)
{
	return (segment->lap + (ticket - segment->first) / segment->cell_count) &
	       FNT_LAP_MASK;
}

/* Copy entry `number` of a ring's table into `segment`, without cells and mapping, and
 * check its numbers: enough cells to divide by, few enough to multiply, and a place
 * behind the region's first `fixed_bytes`. This is the only way to load an entry;
 * whether its cells lie within the file is for the one who maps them (segment_map.c).
 * False: the table has no such segment, its slot was rewritten while it was copied, or
 * it is damaged. */
bool fnt_segment_load(const struct fnt_ring_head *head, uint64_t number,
		      uint64_t fixed_bytes, struct fnt_segment *segment);

/* Divide `bytes` of cells between the rings: `kept_percent` of them for the kept ring
 * (at least FNT_CELLS_MIN cells, at most half; 0: there is no kept ring), the rest for
 * the main ring, in whole pages. Stores the count of cells of each ring. */
void fnt_segment_partition(uint64_t bytes, uint32_t kept_percent,
			   uint64_t cells[FNT_RINGS]);

#endif
