/* SPDX-License-Identifier: MIT
 *
 * record_read.h: copies records and open calls out of a region while producers write to
 * it. The reader's side of the cell protocol (ring.h, record_write.h).
 *
 *   load the state ──► copy the words ──► load the state again
 *     acquire: a        relaxed            after an acquire fence: unchanged?
 *     complete cell                        then the copy is one whole record
 *     of this lap?
 *
 * Readers never write to the region. Wait-free: a record that a producer changes
 * meanwhile is reported as such, not waited for. No system call except by realloc(), as
 * a copy's buffer grows. Any number of threads; a copy belongs to one.
 *
 * The region's bytes are not trusted: every number is bounded before it is used.
 */
#ifndef FNT_RING_RECORD_READ_H
#define FNT_RING_RECORD_READ_H

#include "region/segment_span.h"
#include "region/view.h"

/* A copy of a record or of an open call. All zero at first, then used again for one
 * after the other while its buffer grows. */
struct fnt_record_copy {
	struct fnt_record head;
	char *payload; /* head.payload_bytes: in `buffer` or at `direct` */
	char *buffer;  /* of `buffer_bytes`, for fnt_record_copy_free() */
	uint32_t buffer_bytes;
	/* NULL, or FNT_HEAD_BYTES of the reader's own, to which the payload of a
	 * one-cell record is copied directly. */
	char *direct;
	/* Flush the record's cache lines once they have been copied: set if the reader
	 * will not visit them again (cache_flush.h). */
	bool flush;

	/* Of an open call */
	uint64_t last_ns; /* from its start to its last event */
	uint32_t owner;	  /* process slot */
	bool reaped;	  /* the owner is known to be dead */
};

/* Frees the buffer. The copy can be used again. */
void fnt_record_copy_free(struct fnt_record_copy *copy);

enum fnt_read_result {
	FNT_READ_RECORD,    /* a whole record, or call */
	FNT_READ_OLDER,	    /* the cell still has an older lap: not written yet */
	FNT_READ_BUSY,	    /* a producer is writing it */
	FNT_READ_PAD,	    /* abandoned by its producer: no record */
	FNT_READ_MORE,	    /* a continuation cell of a record */
	FNT_READ_GONE,	    /* overwritten by a newer lap */
	FNT_READ_DAMAGED,   /* nothing that a producer writes */
	FNT_READ_NO_MEMORY, /* for the payload */
};

/* ---- from the ring ---------------------------------------------------------- */

/* Copies the record whose first cell has `ticket`; `copy` is valid after
 * FNT_READ_RECORD only. */
enum fnt_read_result fnt_record_read(const struct fnt_view *view, uint32_t ring,
				     uint64_t ticket, struct fnt_record_copy *copy);

/* A cell of a segment, and the lap in which it is looked at. Stepping from one position
 * to the next takes no division, unlike finding a ticket's. */
struct fnt_ring_position {
	const struct fnt_segment *segment;
	uint64_t index; /* of the cell */
	uint64_t lap;
};

/* The position of `ticket`, which is not before the segment's first. */
static inline struct fnt_ring_position
fnt_ring_position_of(const struct fnt_segment *segment, uint64_t ticket)
{
	uint64_t since = ticket - segment->first;

	return (struct fnt_ring_position){segment, since % segment->cell_count,
					  (segment->lap + since / segment->cell_count) &
						  FNT_LAP_MASK};
}

/* The position `cells` further on; `cells` is at most a lap. */
static inline struct fnt_ring_position
fnt_ring_position_after(const struct fnt_ring_position *from, uint64_t cells)
{
	struct fnt_ring_position position = *from;

	position.index += cells;
	if (position.index >= position.segment->cell_count) {
		position.index -= position.segment->cell_count;
		position.lap = (position.lap + 1) & FNT_LAP_MASK;
	}
	return position;
}

/* Steps back by `cells`, at most a lap. */
static inline void
fnt_ring_position_back(struct fnt_ring_position *position, uint64_t cells)
{
	if (position->index < cells) {
		position->index += position->segment->cell_count;
		position->lap = (position->lap - 1) & FNT_LAP_MASK;
	}
	position->index -= cells;
}

static inline const struct fnt_cell *
fnt_ring_position_cell(const struct fnt_ring_position *position)
{
	return &position->segment->cells[position->index];
}

/* Like fnt_record_read(), at a position. */
enum fnt_read_result fnt_record_read_at(const struct fnt_view *view,
					const struct fnt_ring_position *position,
					struct fnt_record_copy *copy);

/* Like fnt_record_read_at() without copying: loads only the states, and the payload's
 * length, that tell whether the record is whole. */
enum fnt_read_result fnt_record_probe_at(const struct fnt_view *view,
					 const struct fnt_ring_position *position);

/* fnt_record_time() of a record whose payload says when it was committed. */
uint64_t fnt_record_time_slow(const struct fnt_record_copy *copy);

/* When the record was committed, in region time: usually when its call ended. Both
 * rings are merged in this order, which setting the wall clock does not change. */
static inline uint64_t
fnt_record_time(const struct fnt_record_copy *copy)
{
	if (copy->head.flags & FNT_RECORD_LATE)
		return fnt_record_time_slow(copy);
	return copy->head.started_mono + copy->head.duration_ns;
}

/* The ring's next ticket. If its segment is not mapped yet: the end of the last segment
 * that is. */
static inline uint64_t
fnt_ring_cursor(const struct fnt_view *view, uint32_t ring)
{
	/* [T2] acquire: see [T1] in ring.c: each ticket below this one has been
	 * announced by the lane that took it. And [Y7] in resize.c: the table has the
	 * segments. */
	return fnt_segment_known_cursor(
		view, ring,
		atomic_load_explicit(&view->rings[ring].cursor, memory_order_acquire));
}

/* The oldest ticket below `cursor` that the ring may still hold; `cursor`: none. */
static inline uint64_t
fnt_ring_oldest(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, ring, cursor, false, spans);

	return count ? spans[count - 1].first : cursor;
}

/* ---- from a frame ----------------------------------------------------------- */

/* Copies the open call in frame `index`. FNT_READ_RECORD; FNT_READ_PAD: the frame holds
 * no call, or one whose record has been committed; FNT_READ_GONE: the frame changed
 * during every try; FNT_READ_NO_MEMORY. */
enum fnt_read_result fnt_frame_read(const struct fnt_view *view, uint32_t index,
				    struct fnt_record_copy *copy);

#endif
