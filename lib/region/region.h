/* SPDX-License-Identifier: MIT
 *
 * region.h: the file. Names and paths, making it, checking it, mapping it.
 *
 *      name ──resolve──► path ──open──► fd ──validate──► header ──map──► struct fnt_view
 *
 * The only module that knows paths. A region gets its name once it is complete, so nobody
 * ever meets half of one. A view is checked once, against the file's size; its offsets are
 * copied and not read again.
 */
#ifndef FNT_REGION_REGION_H
#define FNT_REGION_REGION_H

#include "region/segment.h"
#include "format/layout_metrics.h"

#include <fntrace/fntrace.h>

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* A mapped region's parts. Pointers go into the mapping; counts are our own. */
struct fnt_view {
	unsigned char *base;
	uint64_t size_bytes;
	uint64_t region_id;
	uint64_t boot_id;
	uint64_t created_at_ns;
	uint64_t capacity;
	uint32_t max_record_bytes;
	uint32_t flags;
	struct fnt_control_words *control;
	struct fnt_setting_entry *settings; /* 2 * settings_count; NULL: none */
	fnt_word *rates;		    /* NULL: none */
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
	struct fnt_segment_map *segment_map;
	uint32_t producer_count; /* at most 65535 of each: owners are 16 bits */
	uint32_t lane_count;
	uint32_t name_count;
	uint32_t frame_count;
	uint32_t settings_count; /* entries of a copy, the first for all functions */
	uint32_t rate_count;	 /* the last for names without an id */
	uint32_t fn_row_count;
	uint32_t op_row_count;
	uint32_t block_count;  /* and so many keys, at least */
	bool frozen;	       /* FNT_COMPAT_FROZEN */
	uint32_t kept_percent; /* 0: there is no kept ring */
	uint64_t fixed_bytes;  /* header and sections: areas lie behind them */
};

/* Where the cells are, as far as this process knows. */
static inline const struct fnt_segment_table *
fnt_view_segment_table(const struct fnt_view *view)
{
	/* [Y6] acquire: the table is whole. Pairs with [Y5] in segment_map.c. */
	return atomic_load_explicit(&view->segment_map->table, memory_order_acquire);
}

static inline const struct fnt_segments *
fnt_view_segments(const struct fnt_view *view, uint32_t ring)
{
	return &fnt_view_segment_table(view)->rings[ring];
}

struct fnt_region {
	int fd;
	/* A page each, mapped through descriptors whose locks are to outlive them: see
	 * fnt_region_pin_locks. NULL: none. */
	void *keepers[2];
	dev_t dev;
	ino_t ino;
	struct fnt_view view;
	char path[PATH_MAX]; /* "" without a name */
};

/* Open for writing, made if need be (see fnt_log_open). 0 or -errno. */
int fnt_region_open(struct fnt_region *region, const char *name,
		    const struct fnt_options *options);

/* Open for reading; never writes. `name` as in fnt_reader_open. */
int fnt_region_open_read(struct fnt_region *region, const char *name,
			 struct fnt_error *error);

/* Open for reading what process `pid` has mapped. */
int fnt_region_open_pid(struct fnt_region *region, pid_t pid, struct fnt_error *error);

/* If the rings have moved on since, see where they are now. Waits for whoever holds
 * fnt_segment_map_lock(); what is given up stays until fnt_segment_map_reclaim_all(). */
void fnt_segment_map_follow(const struct fnt_region *region);

/* Unmap and close. */
void fnt_region_close(struct fnt_region *region);

/* Does `fd` still mean the region's file? A host may have closed our descriptor, and the
 * number may be someone else's by now. */
bool fnt_region_owns_fd(const struct fnt_region *region, int fd);

/* Close the region's descriptor, if it still is ours. */
void fnt_region_close_fd(struct fnt_region *region);

/* A second descriptor of the same file with an open file description of its own, whatever
 * has become of the path: through `fd` if that is still ours, else through /proc/self.
 * -errno. */
int fnt_region_reopen(const struct fnt_region *region);

/* A host may close our descriptor, as daemons do, but not what is mapped: as long as this
 * process has a page mapped through it, the locks taken through `region->fd` stay. No child
 * inherits that page, so they go with this process. False: it could not be mapped. */
bool fnt_region_pin_locks(struct fnt_region *region);

/* In a forked child: the parent's pages are not here. */
void fnt_region_forget_pins(struct fnt_region *region);

/* If a host has closed our descriptor: another, to look for the dead with. Its locks are kept
 * as well. False: none to be had, or it has happened before. */
bool fnt_region_restore_fd(struct fnt_region *region);

/* The directory of named regions: `dir`, $FNTRACE_DIR or the default. -ENAMETOOLONG. */
int fnt_region_dir(char path[PATH_MAX], const char *dir, struct fnt_error *error);

#endif
