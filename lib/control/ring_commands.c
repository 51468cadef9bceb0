/* SPDX-License-Identifier: MIT
 *
 * ring_commands.c: change a region's rings from outside: recover dead processes,
 * resize, rotate; and remove the region.
 *
 * Each command takes the control lock, does its part, then settles what earlier
 * commands have left (resize.h) and reports.
 */
#include "base/error.h"
#include "control/controller.h"
#include "control/resize.h"
#include "control/rotate.h"
#include "control/seal.h"
#include "region/fd.h"
#include "region/header.h"
#include "region/liveness.h"
#include "region/map.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "ring/recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEAL_WAIT_MS 2000
#define SEAL_STEP_MS 2
#define FOLLOWER_WAIT_NS 100000000l

/* ---- reporting ----------------------------------------------------------------- */

/* Fill in `rings`, unless NULL, from the region and what settling has found. */
static void
report_rings(const struct fnt_control *control,
	     const struct fnt_resize_holders *holders, struct fnt_rings *rings)
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
	rings->given_back += holders->freed_bytes;
	rings->threads = holders->threads;
	rings->readers = holders->readers;
	rings->shown = holders->shown;
}

static void
settle_and_report(struct fnt_control *control, struct fnt_rings *rings)
{
	struct fnt_resize_holders holders;

	fnt_resize_settle(&control->region, &holders);
	report_rings(control, &holders, rings);
}

static int
begin_command(struct fnt_control *control, struct fnt_rings *rings,
	      struct fnt_error *error)
{
	if (rings)
		memset(rings, 0, sizeof(*rings));
	return fnt_control_lock(control, error);
}

/* ---- recovery ------------------------------------------------------------------- */

/* The number of producer slots whose process is alive, or, if `alive` is false,
 * dead. */
static uint32_t
count_producers(const struct fnt_control *control, bool alive)
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

/* Recover what dead processes have left, and store their number in *count. 0; or with a
 * message -EUSERS: no slot is free for this process, which needs one to recover others;
 * -ENOMEM, or why not all of the ring can be mapped: some are left for a later try. */
static int
recover_all(const struct fnt_control *control, uint32_t *count, struct fnt_error *error)
{
	const struct fnt_region *region = &control->region;
	uint32_t slot, left;
	bool needs_recovery;
	int rc;

	*count = count_producers(control, false);
	if (!*count)
		return 0;
	rc = fnt_segment_map_follow(region);
	if (rc)
		return fnt_resize_unmapped(region, rc, error);
	slot = fnt_slot_claim(region, &needs_recovery);
	if (slot == FNT_SLOT_NONE)
		return fnt_fail(error, -EUSERS,
				"%s: all process slots are taken by live processes; "
				"end one of them and try again",
				fnt_control_path(control));
	if (needs_recovery && !fnt_recover_slot(region, slot, slot)) {
		fnt_slot_abandon(region, slot);
	} else {
		fnt_recover_dead(region, slot);
		fnt_slot_release(region, slot);
	}
	left = count_producers(control, false);
	*count -= left < *count ? left : *count;
	if (!left)
		return 0;
	return fnt_fail(error, -ENOMEM,
			"%s: %u dead process%s not recovered: out of memory; try again",
			fnt_control_path(control), left, left == 1 ? "" : "es");
}

int
fnt_control_reap(struct fnt_control *control, uint32_t *count, struct fnt_rings *rings,
		 struct fnt_error *error)
{
	int rc = begin_command(control, rings, error);

	if (rc)
		return rc;
	rc = recover_all(control, count, error);
	settle_and_report(control, rings);
	return fnt_control_end(control, rc, error);
}

/* ---- resize --------------------------------------------------------------------- */

/* The smallest size that the region may have: the longest record takes at most an
 * eighth of the main ring. */
static uint64_t
smallest_size(const struct fnt_view *view)
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

	if (size >= smallest_size(view) && size <= FNT_REGION_SIZE_MAX)
		return 0;
	return fnt_fail(
		error, -EINVAL,
		"%s: a size of %s: give %s (its tables and the longest record need "
		"that) to %s",
		fnt_control_path(control), fnt_bytes_text(given, size),
		fnt_bytes_text(least, smallest_size(view)),
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
		rc = begin_command(control, rings, error);
	if (rc)
		return rc;
	fnt_resize_settle(&control->region, NULL);
	fnt_segment_partition(size - view->fixed_bytes, view->kept_percent, cells);
	rc = fnt_resize_begin(&control->region, cells, error);
	settle_and_report(control, rings);
	return fnt_control_end(control, rc, error);
}

/* ---- rotate --------------------------------------------------------------------- */

/* NAME.YYYYmmdd-HHMMSS.fnt (UTC) in the directory of NAME.fnt. */
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
				"the region has no name; give the path of the file to "
				"write");
	if (len > 4 && !strcmp(region + len - 4, ".fnt"))
		len -= 4;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	if (snprintf(path, PATH_MAX, "%.*s.%s.fnt", (int)len, region, stamp) >=
	    PATH_MAX)
		return fnt_fail(error, -ENAMETOOLONG, "%.200s…: path too long", region);
	return 0;
}

/* Switch to new, empty rings of the same size. If earlier rotations were killed so
 * often that the table has no room for another segment, those that are over are written
 * first. */
static int
begin_empty(struct fnt_control *control, struct fnt_error *error)
{
	const struct fnt_view *view = &control->region.view;
	uint64_t cells[FNT_RINGS] = {0};
	struct fnt_error begin_error;
	int rc;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);

		if (segments->count)
			cells[ring] = segments->at[segments->count - 1].cell_count;
	}
	rc = fnt_resize_begin(&control->region, cells, &begin_error);
	if (rc == -EBUSY && fnt_rotate_needed(view))
		return 0;
	if (rc && error)
		*error = begin_error;
	return rc;
}

/* Wait until every ticket of the old rings is either written or sealed. -EBUSY with a
 * message: a record is still being written. */
static int
seal_all(struct fnt_control *control, struct fnt_error *error)
{
	const struct fnt_view *view = &control->region.view;
	struct timespec step = {0, SEAL_STEP_MS * 1000000l};
	uint32_t lane = fnt_seal_segments(view), owner;

	for (int ms = 0; lane != FNT_LANE_NONE && ms < SEAL_WAIT_MS;
	     ms += SEAL_STEP_MS) {
		nanosleep(&step, NULL);
		lane = fnt_seal_segments(view);
	}
	if (lane == FNT_LANE_NONE)
		return 0;
	owner = lane < view->lane_count
			? fnt_state_owner(atomic_load_explicit(&view->lanes[lane].state,
							       memory_order_acquire))
			: UINT32_MAX;
	return fnt_fail(
		error, -EBUSY,
		"%s: process %lld has stopped or died while writing a record; "
		"continue it, or run ctl reap, then rotate again; no record is lost",
		fnt_control_path(control),
		owner < view->producer_count
			? (long long)atomic_load_explicit(&view->producers[owner].pid,
							  memory_order_relaxed)
			: -1ll);
}

/* Under the lock. */
static int
rotate_locked(struct fnt_control *control, struct fnt_rotation *rotation,
	      struct fnt_rings *rings, struct fnt_error *error)
{
	int rc = fnt_rotate_open(rotation, error);
	uint32_t dead;

	if (rc)
		return rc;
	rc = recover_all(control, &dead, error);
	fnt_resize_settle(&control->region, NULL);
	if (!rc)
		rc = begin_empty(control, error);
	if (!rc)
		rc = seal_all(control, error);
	if (!rc)
		rc = fnt_rotate_write(rotation, error);
	if (!rc)
		rc = fnt_control_check_file(control, error);
	if (!rc)
		rc = fnt_rotate_name(rotation, error);
	fnt_rotate_close(rotation);
	if (!rc) {
		fnt_resize_hide(&control->region.view);
		if (rings) {
			rings->frozen = rotation->records;
			snprintf(rings->path, sizeof(rings->path), "%.1023s",
				 rotation->path);
		}
	}
	return rc;
}

int
fnt_control_rotate(struct fnt_control *control, const char *path,
		   struct fnt_rings *rings, struct fnt_error *error)
{
	char path_copy[PATH_MAX];
	struct fnt_rotation rotation = {
		.region = &control->region, .path = path_copy, .beside = !path};
	int rc = 0;

	/* A copy, as `path` may point into `rings`, which is overwritten. */
	if (!path)
		rc = default_path(control, path_copy, error);
	else if (snprintf(path_copy, sizeof(path_copy), "%s", path) >=
		 (int)sizeof(path_copy))
		rc = fnt_fail(error, -ENAMETOOLONG, "%.200s…: path too long", path);
	if (!rc)
		rc = begin_command(control, rings, error);
	if (rc)
		return rc;
	rc = rotate_locked(control, &rotation, rings, error);
	if (!rc) {
		/* Let followers read the rest of the old rings before they are freed.
		 * Followers that are slower report the records as missed. */
		fnt_control_unlock(control);
		nanosleep(&(struct timespec){0, FOLLOWER_WAIT_NS}, NULL);
		rc = fnt_control_lock(control, NULL);
		if (rc)
			return 0; /* rotated all the same; the next command settles */
	}
	/* The file has its name: that stays, even if the region is cut short now. */
	settle_and_report(control, rings);
	fnt_control_unlock(control);
	return rc;
}

/* ---- remove --------------------------------------------------------------------- */

int
fnt_control_remove(struct fnt_control *control, bool force, uint32_t *alive,
		   struct fnt_error *error)
{
	const char *file;
	int rc, dir_fd;

	*alive = count_producers(control, true);
	/* Nobody knows who writes to a file that has lost its process slots. */
	rc = force ? 0 : fnt_control_check_file(control, error);
	if (rc)
		return rc;
	if (*alive && !force)
		return fnt_fail(
			error, -EBUSY,
			"%s: %u live process%s; --force removes it all the same",
			fnt_control_path(control), *alive,
			*alive == 1 ? " writes to it" : "es write to it");
	dir_fd = fnt_region_open_folder(&control->region, &file);
	if (dir_fd < 0)
		return fnt_fail(error, -ENOENT,
				"%s: the file has been removed or replaced already",
				fnt_control_path(control));
	if (unlinkat(dir_fd, file, 0))
		rc = fnt_fail(error, -errno, "%s: cannot remove the file: %s",
			      fnt_control_path(control), strerror(errno));
	close(dir_fd);
	return rc;
}
