/* SPDX-License-Identifier: MIT
 *
 * record_read.h: records and open calls, copied out of a region that goes on changing.
 *
 * Reading never writes to the region and never waits. What is copied is whole: states
 * are looked at before and after. Every number found is bounded before it is used.
 */
#ifndef FNT_RING_RECORD_READ_H
#define FNT_RING_RECORD_READ_H

#include "region/region.h"

/* A copy. Reused from one to the next; all zero to begin with. */
struct fnt_raw {
	struct fnt_record head;
	char *payload; /* at `own` or `place` */
	char *own;     /* of `room` bytes, for fnt_raw_free() */
	uint32_t room;
	/* NULL, or FNT_HEAD_BYTES of its reader's, where a payload that fits into one
	 * cell is to stay: so it is copied once. */
	char *place;
	/* Its reader goes on through the ring and won't come back: lines are given up
	 * once they have been copied (cache_flush.h). */
	bool passing;

	/* Of an open call */
	uint64_t started_mono;
	uint64_t last_ns;
	uint32_t owner; /* producer slot */
	bool reaped;	/* the owner is dead for certain */
};

void fnt_raw_free(struct fnt_raw *raw);

enum fnt_read {
	FNT_READ_RECORD,  /* whole */
	FNT_READ_OLDER,	  /* the cell still is of an older lap */
	FNT_READ_BUSY,	  /* being written */
	FNT_READ_PAD,	  /* given up */
	FNT_READ_MORE,	  /* the middle of a record */
	FNT_READ_GONE,	  /* overwritten by a newer lap */
	FNT_READ_DAMAGED, /* no producer writes such a thing */
	FNT_READ_NO_MEMORY,
};

/* What is at `ticket` of a ring? */
enum fnt_read fnt_record_read(const struct fnt_view *view, uint32_t ring,
			      uint64_t ticket, struct fnt_raw *raw);

/* A ticket's spot, for who walks through a segment without a division at each step. */
struct fnt_spot {
	const struct fnt_segment *segment;
	uint64_t index; /* of the cell */
	uint64_t lap;
};

static inline struct fnt_spot
fnt_spot_of(const struct fnt_segment *segment, uint64_t ticket)
{
	uint64_t since = ticket - segment->first;

	return (struct fnt_spot){segment, since % segment->cell_count,
				 (segment->lap + since / segment->cell_count) &
					 FNT_LAP_MASK};
}

/* The spot `cells` further on, at most a lap. */
static inline struct fnt_spot
fnt_spot_on(const struct fnt_spot *from, uint64_t cells)
{
	struct fnt_spot spot = *from;

	spot.index += cells;
	if (spot.index >= spot.segment->cell_count) {
		spot.index -= spot.segment->cell_count;
		spot.lap = (spot.lap + 1) & FNT_LAP_MASK;
	}
	return spot;
}

/* So many cells back, at most a lap. */
static inline void
fnt_spot_back(struct fnt_spot *spot, uint64_t cells)
{
	if (spot->index < cells) {
		spot->index += spot->segment->cell_count;
		spot->lap = (spot->lap - 1) & FNT_LAP_MASK;
	}
	spot->index -= cells;
}

static inline const struct fnt_cell *
fnt_spot_cell(const struct fnt_spot *spot)
{
	return &spot->segment->cells[spot->index];
}

/* What is there? Copied if it is a record. */
enum fnt_read fnt_spot_read(const struct fnt_view *view, const struct fnt_spot *spot,
			    struct fnt_raw *raw);

/* The same, and nothing is copied: no more of it is looked at than what says whether
 * the record is whole. */
enum fnt_read fnt_spot_look(const struct fnt_view *view, const struct fnt_spot *spot);

/* When it was committed, by its payload. */
uint64_t fnt_record_time_late(const struct fnt_raw *raw);

/* When it was committed, Unix ns: when the call ended, but for those that say
 * otherwise. By this the records of both rings are put in order. */
static inline uint64_t
fnt_record_time(const struct fnt_raw *raw)
{
	if (raw->head.flags & FNT_RECORD_LATE)
		return fnt_record_time_late(raw);
	return raw->head.started_at_ns + raw->head.duration_ns;
}

/* The next ticket of a ring. */
static inline uint64_t
fnt_cursor_now(const struct fnt_view *view, uint32_t ring)
{
	/* [T2] acquire: see [T1] in ring.c: who took a ticket below this has said so.
	 * And [Y7] in resize.c: the segments are in the table. */
	return fnt_cursor_known(
		view, ring,
		atomic_load_explicit(&view->rings[ring].cursor, memory_order_acquire));
}

/* The oldest ticket that can still be there. */
static inline uint64_t
fnt_oldest(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	struct fnt_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_spans(view, ring, cursor, false, spans);

	return count ? spans[count - 1].first : cursor;
}

/* The open call in frame `index`: FNT_READ_RECORD, FNT_READ_PAD (none there, or the
 * record of it is committed already), FNT_READ_GONE (it changed all the time), … */
enum fnt_read fnt_frame_read(const struct fnt_view *view, uint32_t index,
			     struct fnt_raw *raw);

#endif
