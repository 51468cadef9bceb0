/* SPDX-License-Identifier: MIT
 *
 * A region's rings changed from outside: resize, rotate, reap; and its end.
 */
#include "control/controller.h"

#include "base/error.h"
#include "control/rotate.h"
#include "region/liveness.h"
#include "region/map.h"
#include "region/segment.h"
#include "region/slots.h"
#include "ring/recover.h"
#include "region/header.h"
#include "control/resize.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEAL_MS 2000
#define STEP_NS 2000000l
#define FOLLOWERS_NS 100000000l

/* ---- what became of it ---------------------------------------------------------- */

static void
tell(const struct fnt_control *control, const struct fnt_resize_holders *holders,
     struct fnt_rings *rings)
{
	const struct fnt_view *view = &control->region.view;
	uint64_t cells[FNT_RINGS] = {0};
	struct stat st;

	if (!rings)
		return;
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);

		for (uint32_t i = 0; i < segments->count; i++) {
			cells[ring] = segments->at[i].cell_count;
			if (i + 1 < segments->count)
				rings->waiting_bytes += fnt_segment_bytes(cells[ring]);
		}
	}
	rings->size_bytes = fnt_view_bytes(view);
	if (holders->threads && !fstat(control->region.fd, &st) &&
	    (uint64_t)st.st_blocks * 512 > rings->size_bytes)
		rings->waiting_bytes = (uint64_t)st.st_blocks * 512 - rings->size_bytes;
	rings->cells = cells[FNT_RING_MAIN];
	rings->kept_cells = cells[FNT_RING_KEPT];
	rings->given_back += holders->given_back;
	rings->threads = holders->threads;
	rings->readers = holders->readers;
	rings->shown = holders->shown;
}

static void
settle(struct fnt_control *control, struct fnt_rings *rings)
{
	struct fnt_resize_holders holders;

	fnt_resize_settle(&control->region, &holders);
	tell(control, &holders, rings);
}

static int
begin(struct fnt_control *control, struct fnt_rings *rings, struct fnt_error *error)
{
	if (rings)
		memset(rings, 0, sizeof(*rings));
	return fnt_control_lock(control, error);
}

/* ---- the dead ------------------------------------------------------------------- */

static uint32_t
count_processes(const struct fnt_control *control, bool alive)
{
	const struct fnt_view *view = &control->region.view;
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->producer_count; i++)
		if (atomic_load_explicit(&view->producers[i].status,
					 memory_order_acquire) == FNT_PRODUCER_LIVE &&
		    fnt_slot_alive(&control->region, i) == alive)
			count++;
	return count;
}

/* Their number; -EUSERS. */
static int
reap(const struct fnt_control *control, uint32_t *count, struct fnt_error *error)
{
	const struct fnt_region *region = &control->region;
	uint32_t slot;
	bool left;

	*count = count_processes(control, false);
	if (!*count)
		return 0;
	slot = fnt_slot_claim(region, &left);
	if (slot == FNT_SLOT_NONE)
		return fnt_fail(error, -EUSERS,
				"%s: all process slots are taken by live processes",
				fnt_control_path(control));
	if (left)
		fnt_recover_slot(region, slot, slot);
	fnt_recover_dead(region, slot);
	fnt_slot_release(region, slot);
	return 0;
}

int
fnt_control_reap(struct fnt_control *control, uint32_t *count, struct fnt_rings *rings,
		 struct fnt_error *error)
{
	int rc = begin(control, rings, error);

	if (rc)
		return rc;
	rc = reap(control, count, error);
	settle(control, rings);
	fnt_control_unlock(control);
	return rc;
}

/* ---- resize --------------------------------------------------------------------- */

/* What the region may be at least: its longest record takes an eighth of the main ring.
 */
static uint64_t
smallest(const struct fnt_view *view)
{
	uint64_t main = 8ull * view->max_record_bytes + FNT_PAGE;
	uint64_t size = view->fixed_bytes + main * 100 / (100 - view->kept_percent) +
			FNT_CELLS_MIN * FNT_CELL_BYTES + FNT_PAGE;

	size = (size + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
	return size < FNT_REGION_SIZE_MIN ? FNT_REGION_SIZE_MIN : size;
}

static int
check_size(const struct fnt_control *control, uint64_t size, struct fnt_error *error)
{
	const struct fnt_view *view = &control->region.view;
	char least[32], most[32], given[32];

	if (size >= smallest(view) && size <= FNT_REGION_SIZE_MAX)
		return 0;
	return fnt_fail(
		error, -EINVAL,
		"%s: a size of %s: give %s (its tables and the longest record need "
		"that) to %s",
		fnt_control_path(control), fnt_bytes_text(given, size),
		fnt_bytes_text(least, smallest(view)),
		fnt_bytes_text(most, FNT_REGION_SIZE_MAX));
}

int
fnt_control_resize(struct fnt_control *control, uint64_t size_bytes,
		   struct fnt_rings *rings, struct fnt_error *error)
{
	const struct fnt_view *view = &control->region.view;
	uint64_t cells[FNT_RINGS], size = size_bytes / FNT_PAGE * FNT_PAGE;
	int rc = check_size(control, size_bytes, error);

	if (!rc)
		rc = begin(control, rings, error);
	if (rc)
		return rc;
	fnt_resize_settle(&control->region, NULL);
	fnt_segment_partition(size - view->fixed_bytes, view->kept_percent, cells);
	rc = fnt_resize_begin(&control->region, cells, error);
	settle(control, rings);
	fnt_control_unlock(control);
	return rc;
}

/* ---- rotate --------------------------------------------------------------------- */

/* NAME.YYYYmmdd-HHMMSS.fnt beside NAME.fnt. */
static int
default_path(const struct fnt_control *control, char path[PATH_MAX],
	     struct fnt_error *error)
{
	const char *region = control->region.path;
	size_t len = strlen(region);
	char stamp[32];
	struct tm tm;
	time_t now = time(NULL);

	if (!len)
		return fnt_fail(error, -EINVAL,
				"the region has no name: say which file to write");
	if (len > 4 && !strcmp(region + len - 4, ".fnt"))
		len -= 4;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	if (snprintf(path, PATH_MAX, "%.*s.%s.fnt", (int)len, region, stamp) >=
	    PATH_MAX)
		return fnt_fail(error, -ENAMETOOLONG, "%.200s…: path too long", region);
	return 0;
}

/* The same rings again, empty. Where so many have been left by tools that were killed
 * that there is room for no more, those that are over are to be frozen first. */
static int
begin_empty(struct fnt_control *control, struct fnt_error *error)
{
	const struct fnt_view *view = &control->region.view;
	uint64_t cells[FNT_RINGS] = {0};
	int rc;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);

		if (segments->count)
			cells[ring] = segments->at[segments->count - 1].cell_count;
	}
	rc = fnt_resize_begin(&control->region, cells, error);
	return rc == -EBUSY && fnt_rotate_needed(view) ? 0 : rc;
}

/* Whoever took tickets of the old rings is through with them, or will not use them. */
static int
seal(struct fnt_control *control, struct fnt_error *error)
{
	const struct fnt_view *view = &control->region.view;
	struct timespec step = {0, STEP_NS};
	uint32_t lane = fnt_resize_seal(view), owner;

	for (long ms = 0; lane != FNT_LANE_NONE && ms < SEAL_MS;
	     ms += STEP_NS / 1000000) {
		nanosleep(&step, NULL);
		lane = fnt_resize_seal(view);
	}
	if (lane == FNT_LANE_NONE)
		return 0;
	owner = lane < view->lane_count
			? fnt_state_owner(atomic_load_explicit(&view->lanes[lane].state,
							       memory_order_acquire))
			: UINT32_MAX;
	return fnt_fail(
		error, -EBUSY,
		"%s: process %lld holds a record that it has not written to its end, "
		"stopped or dead: continue it, or reap, and rotate again; what was "
		"recorded so far is still there",
		fnt_control_path(control),
		owner < view->producer_count
			? (long long)atomic_load_explicit(&view->producers[owner].pid,
							  memory_order_relaxed)
			: -1ll);
}

static int
rotate(struct fnt_control *control, const char *path, struct fnt_rings *rings,
       struct fnt_error *error)
{
	struct fnt_rotation freeze = {.region = &control->region, .path = path};
	int rc = fnt_rotate_open(&freeze, error);
	uint32_t dead;

	if (rc)
		return rc;
	rc = reap(control, &dead, error);
	fnt_resize_settle(&control->region, NULL);
	if (!rc)
		rc = begin_empty(control, error);
	if (!rc)
		rc = seal(control, error);
	if (!rc)
		rc = fnt_rotate_write(&freeze, error);
	fnt_rotate_close(&freeze);
	if (!rc) {
		fnt_resize_hide(&control->region.view);
		if (rings) {
			rings->frozen = freeze.records;
			snprintf(rings->path, sizeof(rings->path), "%.1023s", path);
		}
	}
	return rc;
}

int
fnt_control_rotate(struct fnt_control *control, const char *path,
		   struct fnt_rings *rings, struct fnt_error *error)
{
	char room[PATH_MAX];
	int rc = 0;

	/* A copy: it may be that of an earlier `rings`. */
	if (!path)
		rc = default_path(control, room, error);
	else if (snprintf(room, sizeof(room), "%s", path) >= (int)sizeof(room))
		rc = fnt_fail(error, -ENAMETOOLONG, "%.200s…: path too long", path);
	path = room;
	if (!rc)
		rc = begin(control, rings, error);
	if (rc)
		return rc;
	rc = rotate(control, path, rings, error);
	if (!rc) {
		/* Whoever follows reads on meanwhile; what comes too late for him he is told. */
		fnt_control_unlock(control);
		nanosleep(&(struct timespec){0, FOLLOWERS_NS}, NULL);
		rc = fnt_control_lock(control, NULL);
		if (rc)
			return 0; /* done all the same: the next settles it */
	}
	settle(control, rings);
	fnt_control_unlock(control);
	return rc;
}

/* ---- remove --------------------------------------------------------------------- */

int
fnt_control_remove(struct fnt_control *control, bool force, uint32_t *alive,
		   struct fnt_error *error)
{
	const char *path = control->region.path;
	struct stat st;

	*alive = count_processes(control, true);
	if (*alive && !force)
		return fnt_fail(
			error, -EBUSY,
			"%s: %u live process%s; --force removes it all the same",
			fnt_control_path(control), *alive,
			*alive == 1 ? " writes to it" : "es write to it");
	if (!*path || lstat(path, &st) || st.st_dev != control->region.dev ||
	    st.st_ino != control->region.ino)
		return fnt_fail(error, -ENOENT, "%s: no file of that name any more",
				fnt_control_path(control));
	if (unlink(path))
		return fnt_fail(error, -errno, "%s: cannot remove it: %s", path,
				strerror(errno));
	return 0;
}
