/* SPDX-License-Identifier: MIT
 *
 * record.h: records and open calls, copied out of a region that goes on changing.
 *
 * Reading never writes to the region and never waits. What is copied is whole: states are
 * looked at before and after. Every number found is bounded before it is used.
 */
#ifndef FNT_RECORD_H
#define FNT_RECORD_H

#include "region.h"

/* A copy. Reused from one to the next; all zero to begin with. */
struct fnt_raw {
	struct fnt_record head;
	char *payload;
	uint32_t room;

	/* Of an open call */
	uint64_t started_mono;
	uint64_t last_ns;
	uint32_t owner; /* producer slot */
	bool reaped;	/* the owner is dead for certain */
};

void fnt_raw_free(struct fnt_raw *raw);

enum fnt_read {
	FNT_READ_RECORD, /* whole */
	FNT_READ_OLDER,	 /* the cell still is of an older lap */
	FNT_READ_BUSY,	 /* being written */
	FNT_READ_PAD,	 /* given up */
	FNT_READ_MORE,	 /* the middle of a record */
	FNT_READ_GONE,	 /* overwritten by a newer lap */
	FNT_READ_DAMAGED, /* no producer writes such a thing */
	FNT_READ_NO_MEMORY,
};

/* What is at `ticket` of a ring? */
enum fnt_read fnt_record_read(const struct fnt_view *view, uint32_t ring, uint64_t ticket,
			      struct fnt_raw *raw);

/* When it was committed, Unix ns: when the call ended, but for those that say otherwise. By
 * this the records of both rings are put in order. */
uint64_t fnt_record_time(const struct fnt_raw *raw);

/* The next ticket of a ring. */
static inline uint64_t
fnt_cursor_now(const struct fnt_view *view, uint32_t ring)
{
	/* [T2] acquire: see [T1] in ring.c: who took a ticket below this has said so. */
	return fnt_cursor_known(view, ring,
				atomic_load_explicit(&view->rings[ring].cursor,
						     memory_order_acquire));
}

/* The oldest ticket that can still be there. */
static inline uint64_t
fnt_oldest(const struct fnt_view *view, uint32_t ring, uint64_t cursor)
{
	struct fnt_span spans[FNT_ERAS];
	uint32_t count = fnt_spans(view, ring, cursor, false, spans);

	return count ? spans[count - 1].first : cursor;
}

/* The open call in frame `index`: FNT_READ_RECORD, FNT_READ_PAD (none there, or the record
 * of it is committed already), FNT_READ_GONE (it changed all the time), … */
enum fnt_read fnt_frame_read(const struct fnt_view *view, uint32_t index,
			     struct fnt_raw *raw);

#endif
