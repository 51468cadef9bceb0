/* SPDX-License-Identifier: MIT
 *
 * segment.h: where a ring's cells are.
 *
 *   tickets  … segment 2 ………………│………… gap ………│ segment 3 …………… cursor
 *            └ area A of cells           └ area B
 *
 * The table of segments is in the region (layout_rings.h). A process works with a copy of it,
 * checked against the file's size: struct fnt_segment_table, never changed once it is published,
 * replaced when the table has moved on. Areas within the mapping that the region was
 * opened with need no mapping of their own; those that the file has got since have one
 * each.
 *
 * Who may do what: fnt_segment_map_update() makes system calls and allocates; one thread at a
 * time (readers: the caller's; producers: whoever holds fnt_segment_map_lock()). All else is
 * wait-free, over maps that must stay: readers' until their next renewal, producers'
 * until they leave the read-side critical section.
 */
#ifndef FNT_REGION_SEGMENT_H
#define FNT_REGION_SEGMENT_H

#include "format/layout_rings.h"

#include <stdbool.h>

#define FNT_CELLS_MIN 64u

struct fnt_view;

/* A mapping of its own. */
struct fnt_segment_mapping;

struct fnt_segment {
	uint64_t number;
	uint64_t first; /* ticket */
	uint64_t lap;	/* of it */
	uint64_t cell_count;
	uint64_t off;
	struct fnt_cell *cells;
	struct fnt_segment_mapping *mapping; /* NULL: within the region's mapping */
};

/* Whole pages for so many cells. */
static inline uint64_t
fnt_segment_bytes(uint64_t cell_count)
{
	return (cell_count * FNT_CELL_BYTES + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
}

/* Of one ring, oldest first; each begins with a later ticket than those before. */
struct fnt_segments {
	uint64_t published; /* as the table said */
	uint64_t held;
	uint32_t count;
	struct fnt_segment at[FNT_SEGMENTS];
};

struct fnt_segment_table {
	struct fnt_segment_table *next; /* of those given up */
	struct fnt_segments rings[FNT_RINGS];
};

/* What a process has mapped of a region. */
struct fnt_segment_map {
	_Atomic(struct fnt_segment_table *) table;
	bool write;
	struct fnt_segment_table *replaced; /* perhaps still in use */
	struct fnt_segment_table
		*retired; /* of those, the ones noted before the grace period */
	struct fnt_segment_mapping *mappings;
};

/* The segment of `ticket`; NULL: one that is over and gone. */
static inline const struct fnt_segment *
fnt_segment_find(const struct fnt_segments *segments, uint64_t ticket)
{
	for (uint32_t i = segments->count; i-- > 0;)
		if (ticket >= segments->at[i].first)
			return &segments->at[i];
	return NULL;
}

/* Whatever the ticket, a cell of the segment. */
static inline struct fnt_cell *
fnt_segment_cell(const struct fnt_segment *segment, uint64_t ticket)
{
	return &segment->cells[(ticket - segment->first) % segment->cell_count];
}

static inline uint64_t
fnt_segment_lap(const struct fnt_segment *segment, uint64_t ticket)
{
	return (segment->lap + (ticket - segment->first) / segment->cell_count) &
	       FNT_LAP_MASK;
}

/* Fill in `maps` from the table of `view`, whose file has `file_bytes`. What does not
 * lie within the view's own mapping has no cells. */
void fnt_segment_table_read(struct fnt_segment_table *table,
			    const struct fnt_view *view, uint64_t file_bytes);

/* Segment `number` of a ring as the table has it, without its cells; false: it has none. */
bool fnt_segment_load(const struct fnt_ring_head *head, uint64_t number,
		      struct fnt_segment *segment);

struct fnt_region;

/* What the region takes: its sections, and the areas that are written to. */
uint64_t fnt_view_bytes(const struct fnt_view *view);

/* Has the table of segments not changed since it was read? */
bool fnt_segment_map_is_current(const struct fnt_view *view);

/* For a view that is mapped but for this: -ENOMEM, -EPROTO (no main ring to be found).
 */
int fnt_segment_map_init(struct fnt_view *view, uint64_t file_bytes, bool write);
void fnt_segment_map_fini(struct fnt_view *view);

/* Look at the table anew, and map what is new. What is given up stays on a list:
 * threads may still be at it. -errno: all is as it was. */
int fnt_segment_map_update(const struct fnt_region *region);

/* Free what was given up, as a reader may at any time. */
void fnt_segment_map_reclaim_all(const struct fnt_view *view);

/* The same for a producer, in two steps: what was given up by now is noted (false:
 * nothing was), with the lock; and freed after a grace period, again with the lock, but
 * for areas that `used` says are in some thread's hand. */
bool fnt_segment_map_retire(const struct fnt_view *view);
void fnt_segment_map_reclaim(const struct fnt_view *view,
			     bool (*used)(void *arg,
					  const struct fnt_segment_mapping *mapping),
			     void *arg);

/* Has an area's file been cut under its reader? */
bool fnt_segment_map_truncated(const struct fnt_view *view);

/* One lock a process, below all others: whoever holds it waits for nobody. */
void fnt_segment_map_lock(void);
void fnt_segment_map_unlock(void);

/* A stretch of tickets that can still be there. */
struct fnt_segment_span {
	uint64_t first, end;
	const struct fnt_segment *segment;
};

/* Those of a ring up to `cursor`, newest first: what is shown, or with `all`, what is
 * held as well (rotated away, or more than fits by now, and not yet given to others).
 */
uint32_t fnt_segment_spans(const struct fnt_view *view, uint32_t ring, uint64_t cursor,
			   bool all, struct fnt_segment_span spans[FNT_SEGMENTS]);

/* The ring's next ticket, if its segment is known; else where the last one that is known
 * ends: who looks at the ring now looks at it as it was before it moved on. */
uint64_t fnt_segment_known_cursor(const struct fnt_view *view, uint32_t ring,
				  uint64_t cursor);

#endif
