/* SPDX-License-Identifier: MIT
 *
 * view.h: a mapped region: where its sections are, and the file that it comes from.
 *
 *   struct fnt_region
 *     ├ fd, dev, ino, path, lock_pins        the file (fd.h)
 *     └ view ─┬ control, lanes, frames, …    pointers into the mapping, counts
 *             └ segment_map ─► table         where the rings' cells are (segment_map.h)
 *
 * A view's offsets and counts are checked once against the file's size, then copied;
 * they are never read from the shared header again. Once opened, a view does not
 * change, apart from the segment table, which is replaced as a whole. What the pointers
 * lead to is shared memory: layout.h says who may write it.
 *
 * Progress: wait-free, no system call. Any thread.
 */
#ifndef FNT_REGION_VIEW_H
#define FNT_REGION_VIEW_H

#include "format/layout_metrics.h"
#include "region/segment.h"

#include <fntrace/fntrace.h>

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* This process's copy of both rings' segment tables. Immutable once it is published. */
struct fnt_segment_table {
	struct fnt_segment_table *next; /* in a list of replaced tables */
	int problem;			/* 0, or -errno: why a segment has no cells */
	struct fnt_segments rings[FNT_RINGS];
};

/* Where this process has mapped segments. Private to it; changed under the rules of
 * segment_map.h. */
struct fnt_segment_map {
	_Atomic(struct fnt_segment_table *) table; /* the current copy, never NULL */
	bool write;				   /* mapped for writing */
	/* After a failure, for producers: monotonic ns before which they do not try
	 * again. 0: at once. Written under the lock, read without it. */
	fnt_word retry_at_ns;
	struct fnt_segment_table *spare;    /* for when memory is short; NULL: none */
	struct fnt_segment_table *replaced; /* a list; threads may still use them */
	struct fnt_segment_table *retired;  /* a list; the next reclaim frees them */
	struct fnt_segment_mapping *mappings;
};

/* Pointers lead into the mapping and are NULL only where noted; counts are private. */
struct fnt_view {
	unsigned char *base;
	uint64_t size_bytes; /* of the mapping: the file's size when it was opened */
	struct fnt_sigbus_range *sigbus; /* of the mapping */
	uint64_t region_id;
	uint64_t boot_id;
	uint64_t created_at_ns; /* Unix time */
	uint64_t capacity;	/* traces shown at most; 0: as many as fit */
	uint32_t max_record_bytes;
	uint32_t flags; /* FNT_KEEP_NONE, FNT_ORDERED */
	struct fnt_control_words *control;
	struct fnt_setting_entry *settings; /* two copies of settings_count; or NULL */
	fnt_word *rates;		    /* or NULL */
	struct fnt_producer_slot *producers;
	struct fnt_lane *lanes;
	struct fnt_name *names;
	struct fnt_frame *frames;
	struct fnt_metrics_head *metrics;
	struct fnt_fn_row *fn_rows;
	struct fnt_op_row *op_rows;
	fnt_word *block_keys;
	struct fnt_octave *blocks;
	struct fnt_ring_head *rings;
	struct fnt_segment_map *segment_map; /* private, allocated */
	uint32_t producer_count; /* these two: at most 65535, as owners have 16 bits */
	uint32_t lane_count;
	uint32_t name_count;
	uint32_t frame_count;
	uint32_t settings_count; /* entries of one copy; the first: all functions */
	uint32_t rate_count; /* one for each name; the last for names without an id */
	uint32_t fn_row_count;
	uint32_t op_row_count;
	uint32_t block_count;  /* there are at least as many keys */
	bool frozen;	       /* FNT_COMPAT_FROZEN: the copy that a rotation wrote */
	uint32_t kept_percent; /* 0: there is no kept ring */
	bool covered;	       /* holes are covered by zeroes of our own: holes.h */
	uint64_t fixed_bytes;  /* header and sections; cells lie behind them */
};

/* The current copy of the segment table. It stays valid for a reader until its next
 * update, for a producer until it leaves the RCU read-side critical section. */
static inline const struct fnt_segment_table *
fnt_view_segment_table(const struct fnt_view *view)
{
	/* [Y6] acquire: the table is complete. Pairs with [Y5] in segment_map.c. */
	return atomic_load_explicit(&view->segment_map->table, memory_order_acquire);
}

/* The segments of one ring, in the current copy of the table. */
static inline const struct fnt_segments *
fnt_view_segments(const struct fnt_view *view, uint32_t ring)
{
	return &fnt_view_segment_table(view)->rings[ring];
}

#define FNT_LOCK_PINS 2

struct fnt_region {
	int fd; /* a host may have closed it: fnt_region_owns_fd() */
	/* Pages mapped through descriptors whose locks must survive their close(): see
	 * fnt_region_pin_locks(). NULL: none. */
	void *lock_pins[FNT_LOCK_PINS];
	dev_t dev;
	ino_t ino;
	struct fnt_view view;
	char path[PATH_MAX]; /* "" for a region without a name */
	/* Of a producer: what was set aside to open it; of a reader: the header's
	 * notice. "": nothing was set aside. See set_aside.h. */
	char notice[FNT_NOTICE_SIZE];
};

#endif
