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

/* A copy of a record, or of an open call. All zero at first; then used for one after the
 * other, as its buffer grows. */
struct fnt_record_copy {
	struct fnt_record head;
	char *payload; /* head.payload_bytes: in `buffer` or at `direct` */
	char *buffer;  /* of `buffer_bytes`, for fnt_record_copy_free() */
	uint32_t buffer_bytes;
	/* NULL, or FNT_HEAD_BYTES of the reader's own, which the payload of a one-cell
	 * record is copied to directly. */
	char *direct;
	/* Flush the record's cache lines once they have been copied: set if the reader
	 * won't come back to them (cache_flush.h). */
	bool flush;

	/* Of an open call */
	uint64_t started_mono; /* ns */
	uint64_t last_ns;      /* from the start to the last sign of life */
	uint32_t owner;	       /* process slot */
	bool reaped;	       /* the owner is known to be dead */
};

void fnt_record_copy_free(struct fnt_record_copy *raw);

enum fnt_read_result {
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
enum fnt_read_result fnt_record_read(const struct fnt_view *view, uint32_t ring,
				     uint64_t ticket, struct fnt_record_copy *raw);

/* A ticket's spot, for who walks through a segment without a division at each step. */
struct fnt_ring_position {
	const struct fnt_segment *segment;
	uint64_t index; /* of the cell */
	uint64_t lap;
};

static inline struct fnt_ring_position
fnt_ring_position_of(const struct fnt_segment *segment, uint64_t ticket)
{
	uint64_t since = ticket - segment->first;

	return (struct fnt_ring_position){segment, since % segment->cell_count,
					  (segment->lap + since / segment->cell_count) &
						  FNT_LAP_MASK};
}

/* The spot `cells` further on, at most a lap. */
static inline struct fnt_ring_position
fnt_ring_position_after(const struct fnt_ring_position *from, uint64_t cells)
{
	struct fnt_ring_position spot = *from;

	spot.index += cells;
	if (spot.index >= spot.segment->cell_count) {
		spot.index -= spot.segment->cell_count;
		spot.lap = (spot.lap + 1) & FNT_LAP_MASK;
	}
	return spot;
}

/* So many cells back, at most a lap. */
static inline void
fnt_ring_position_back(struct fnt_ring_position *spot, uint64_t cells)
{
	if (spot->index < cells) {
		spot->index += spot->segment->cell_count;
		spot->lap = (spot->lap - 1) & FNT_LAP_MASK;
	}
	spot->index -= cells;
}

static inline const struct fnt_cell *
fnt_ring_position_cell(const struct fnt_ring_position *spot)
{
	return &spot->segment->cells[spot->index];
}

/* What is there? Copied if it is a record. */
enum fnt_read_result fnt_record_read_at(const struct fnt_view *view,
					const struct fnt_ring_position *spot,
					struct fnt_record_copy *raw);

/* The same, and nothing is copied: no more of it is looked at than what says whether
 * the record is whole. */
enum fnt_read_result fnt_record_probe_at(const struct fnt_view *view,
					 const struct fnt_ring_position *spot);

/* When it was committed, by its payload. */
uint64_t fnt_record_time_slow(const struct fnt_record_copy *raw);

/* When it was committed, Unix ns: when the call ended, but for those that say
 * otherwise. By this the records of both rings are put in order. */
static inline uint64_t
fnt_record_time(const struct fnt_record_copy *raw)
{
	if (raw->head.flags & FNT_RECORD_LATE)
		return fnt_record_time_slow(raw);
	return raw->head.started_at_ns + raw->head.duration_ns;
}

/* The next ticket of a ring. */
static inline uint64_t
fnt_ring_cursor(const struct fnt_view *view, uint32_t ring)
{
	/* [T2] acquire: see [T1] in ring.c: who took a ticket below this has said so.
	 * And [Y7] in resize.c: the segments are in the table. */
	return fnt_segment_known_cursor(
		view, ring,
		atomic_load_explicit(&view->rings[ring].cursor, memory_order_acquire));
}

/* The oldest ticket that can still be there. */
static inline uint64_t
fnt_ring_oldest(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, ring, cursor, false, spans);

	return count ? spans[count - 1].first : cursor;
}

/* The open call in frame `index`: FNT_READ_RECORD, FNT_READ_PAD (none there, or the
 * record of it is committed already), FNT_READ_GONE (it changed all the time), … */
enum fnt_read_result fnt_frame_read(const struct fnt_view *view, uint32_t index,
				    struct fnt_record_copy *raw);

#endif
