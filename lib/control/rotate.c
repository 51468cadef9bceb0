/* SPDX-License-Identifier: MIT */
#include "control/rotate.h"

#include "base/random.h"
#include "base/error.h"
#include "ring/record_read.h"
#include "region/map.h"
#include "region/segment_span.h"
#include "region/unnamed.h"
#include "base/shm_words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what ----------------------------------------------------------------------- */

/* The shown segments of a ring that are over, newest first: all but the current one. */
static uint32_t
over(const struct fnt_view *view, uint32_t ring,
     struct fnt_segment_span spans[FNT_SEGMENTS])
{
	uint64_t shown = fnt_word_acquire(&view->rings[ring].shown);
	uint32_t count, kept = 0;

	if (!fnt_view_segments(view, ring)->count)
		return 0;
	count = fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring), true, spans);
	for (uint32_t i = 1; i < count; i++)
		if (spans[i].segment->number >= shown)
			spans[kept++] = spans[i];
	return kept;
}

bool
fnt_rotate_needed(const struct fnt_view *view)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		if (over(view, ring, spans))
			return true;
	return false;
}

/* ---- the file ------------------------------------------------------------------- */

int
fnt_rotate_open(struct fnt_rotation *freeze, struct fnt_error *error)
{
	const char *slash = strrchr(freeze->path, '/');
	const char *file = slash ? slash + 1 : freeze->path;
	char dir[PATH_MAX] = ".";
	struct stat st;

	freeze->fd = freeze->dir_fd = -1;
	if (!*file || strlen(file) > NAME_MAX || strlen(freeze->path) >= PATH_MAX)
		return fnt_fail(error, -EINVAL, "%.200s: not the path of a file",
				freeze->path);
	strcpy(freeze->file, file);
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s",
			 slash == freeze->path ? 1 : (int)(slash - freeze->path),
			 freeze->path);
	freeze->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (freeze->dir_fd < 0)
		return fnt_fail(error, -errno, "%s: %s", dir, strerror(errno));
	if (!fstatat(freeze->dir_fd, file, &st, AT_SYMLINK_NOFOLLOW)) {
		fnt_rotate_close(freeze);
		return fnt_fail(error, -EEXIST,
				"%s: is there already; name another file",
				freeze->path);
	}
	freeze->fd = fnt_region_create_unnamed(freeze->dir_fd, freeze->temp,
					       freeze->path, error);
	if (freeze->fd < 0) {
		int rc = freeze->fd;

		fnt_rotate_close(freeze);
		return rc;
	}
	return 0;
}

void
fnt_rotate_close(struct fnt_rotation *freeze)
{
	if (freeze->fd >= 0) {
		if (*freeze->temp)
			unlinkat(freeze->dir_fd, freeze->temp, 0);
		close(freeze->fd);
	}
	if (freeze->dir_fd >= 0)
		close(freeze->dir_fd);
	freeze->fd = freeze->dir_fd = -1;
}

static int
failed(const struct fnt_rotation *freeze, int code, struct fnt_error *error)
{
	return fnt_fail(error, -code, "%s: cannot write it: %s; nothing is lost",
			freeze->path, strerror(code));
}

static int
put(const struct fnt_rotation *freeze, const void *bytes, size_t size, uint64_t off)
{
	const char *at = bytes;

	while (size) {
		ssize_t put = pwrite(freeze->fd, at, size, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? errno : EIO;
		at += put;
		off += (uint64_t)put;
		size -= (size_t)put;
	}
	return 0;
}

/* ---- areas ---------------------------------------------------------------------- */

#define PAGE_CELLS (FNT_PAGE / FNT_CELL_BYTES)

/* Cells of a page that hold nothing may as well be a hole: PAD of lap 0. */
static bool
has_records(const struct fnt_cell *cells, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t state = fnt_word_acquire(&cells[i].state);

		if (fnt_cell_busy(state) || fnt_cell_kind(state) != FNT_CELL_PAD)
			return true;
	}
	return false;
}

static int
put_area(const struct fnt_rotation *freeze, const struct fnt_segment *segment)
{
	_Alignas(8) char page[FNT_PAGE];
	int code = 0;

	for (uint64_t at = 0; !code && at < segment->cell_count; at += PAGE_CELLS) {
		const struct fnt_cell *cells = &segment->cells[at];
		uint64_t some = segment->cell_count - at;

		if (some > PAGE_CELLS)
			some = PAGE_CELLS;
		if (!has_records(cells, some))
			continue;
		fnt_words_load(page, (const fnt_word *)(const void *)cells,
			       some * FNT_CELL_BYTES);
		code = put(freeze, page, some * FNT_CELL_BYTES,
			   segment->off + at * FNT_CELL_BYTES);
	}
	return code;
}

static int
put_areas(const struct fnt_rotation *freeze)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];
	int code = 0;

	for (uint32_t ring = 0; !code && ring < FNT_RINGS; ring++) {
		uint32_t count = over(&freeze->region->view, ring, spans);

		for (uint32_t i = 0; !code && i < count; i++)
			code = put_area(freeze, spans[i].segment);
	}
	return code;
}

/* ---- sections ------------------------------------------------------------------- */

/* What a lane had committed when the segments ended: the number of its last record there,
 * or one less than that of its first one since. */
struct reckoning {
	uint64_t last, since;
};

static int
reckon_span(struct fnt_rotation *freeze, uint32_t ring,
	    const struct fnt_segment_span *span, bool is_over, struct reckoning *lanes)
{
	const struct fnt_view *view = &freeze->region->view;
	struct fnt_record_copy raw = {.payload = NULL};
	int code = 0;

	for (uint64_t t = span->first; !code && t < span->end; t++) {
		enum fnt_read_result is = fnt_record_read(view, ring, t, &raw);
		struct reckoning *lane = &lanes[raw.head.lane % view->lane_count];

		if (is == FNT_READ_NO_MEMORY)
			code = ENOMEM;
		if (is != FNT_READ_RECORD)
			continue;
		freeze->records += is_over;
		if (is_over && raw.head.seq > lane->last)
			lane->last = raw.head.seq;
		if (!is_over && (!lane->since || raw.head.seq < lane->since))
			lane->since = raw.head.seq;
	}
	fnt_record_copy_free(&raw);
	return code;
}

/* Once with all that is over, then with what has come since. */
static int
reckon(struct fnt_rotation *freeze, uint32_t ring, struct reckoning *lanes)
{
	const struct fnt_view *view = &freeze->region->view;
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = over(view, ring, spans);
	int code = 0;

	memset(lanes, 0, view->lane_count * sizeof(*lanes));
	for (uint32_t i = 0; !code && i < count; i++)
		code = reckon_span(freeze, ring, &spans[i], true, lanes);
	if (!code && count &&
	    fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring), true, spans))
		code = reckon_span(freeze, ring, &spans[0], false, lanes);
	return code;
}

/* In the copy at `base`. */
static void *
section_in(char *base, const struct fnt_view *view, const void *section)
{
	return base + ((const unsigned char *)section - view->base);
}

static void
clear_uses(char *base, const struct fnt_view *view)
{
	struct fnt_control_words *control = section_in(base, view, view->control);
	struct fnt_lane *lanes = section_in(base, view, view->lanes);

	/* Who is given the copy need not be able to try what hashed texts may have
	 * been. */
	fnt_word_store(&control->hash_key[0], 0);
	fnt_word_store(&control->hash_key[1], 0);
	memset(section_in(base, view, view->producers), 0,
	       view->producer_count * sizeof(*view->producers));
	memset(section_in(base, view, view->frames), 0,
	       view->frame_count * sizeof(*view->frames));
	for (uint32_t i = 0; i < view->lane_count; i++) {
		fnt_word_store(&lanes[i].state, 0);
		for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
			fnt_word_store(&lanes[i].rings[ring].low, FNT_TICKET_NONE);
			fnt_word_store(&lanes[i].rings[ring].block_first, 0);
			fnt_word_store(&lanes[i].rings[ring].block_end, 0);
		}
	}
}

static void
put_counts(char *base, const struct fnt_view *view, uint32_t ring,
	   const struct reckoning *reckoned)
{
	struct fnt_lane *lanes = section_in(base, view, view->lanes);

	for (uint32_t i = 0; i < view->lane_count; i++) {
		if (reckoned[i].last)
			fnt_word_store(&lanes[i].rings[ring].recorded,
				       reckoned[i].last);
		else if (reckoned[i].since)
			fnt_word_store(&lanes[i].rings[ring].recorded,
				       reckoned[i].since - 1);
	}
}

/* The table ends with the last segment that is over, and the cursor with it. */
static void
close_ring(char *base, const struct fnt_view *view, uint32_t ring)
{
	struct fnt_ring_head *head =
		(struct fnt_ring_head *)section_in(base, view, view->rings) + ring;
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = over(view, ring, spans);

	if (!count)
		return;
	fnt_word_store(&head->cursor, spans[0].end);
	fnt_word_store(&head->segments, spans[0].segment->number + 1);
	fnt_word_store(&head->held, spans[count - 1].segment->number);
	fnt_word_store(&head->shown, spans[count - 1].segment->number);
	for (uint32_t i = 0; i < FNT_SEGMENTS; i++) {
		uint64_t number = fnt_word_acquire(&head->slots[i].number);

		if (number > spans[0].segment->number + 1 ||
		    number < spans[count - 1].segment->number + 1)
			fnt_word_store(&head->slots[i].number, 0);
	}
}

static int
put_sections(struct fnt_rotation *freeze)
{
	const struct fnt_view *view = &freeze->region->view;
	struct reckoning *lanes = calloc(view->lane_count, sizeof(*lanes));
	char *base = aligned_alloc(FNT_LINE, view->fixed_bytes);
	int code = lanes && base ? 0 : ENOMEM;
	struct fnt_header *header = (struct fnt_header *)(void *)base;

	if (!code) {
		fnt_words_load(base, (const fnt_word *)(const void *)view->base,
			       view->fixed_bytes);
		fnt_random(&header->region_id, sizeof(header->region_id));
		header->compat |= FNT_COMPAT_FROZEN;
		clear_uses(base, view);
	}
	for (uint32_t ring = 0; !code && ring < FNT_RINGS; ring++) {
		close_ring(base, view, ring);
		code = reckon(freeze, ring, lanes);
		if (!code)
			put_counts(base, view, ring, lanes);
	}
	if (!code)
		code = put(freeze, base, view->fixed_bytes, 0);
	free(base);
	free(lanes);
	return code;
}

int
fnt_rotate_write(struct fnt_rotation *freeze, struct fnt_error *error)
{
	struct stat st;
	int code = 0, rc;

	if (!fnt_rotate_needed(&freeze->region->view))
		return fnt_fail(error, -EAGAIN, "%s: the rings have not moved on",
				freeze->path);
	/* As long as the region's own, sparse. */
	if (fstat(freeze->region->fd, &st) || ftruncate(freeze->fd, st.st_size))
		code = errno;
	if (!code)
		code = put_areas(freeze);
	if (!code)
		code = put_sections(freeze);
	if (!code && (fchmod(freeze->fd, st.st_mode & 0777) || fsync(freeze->fd)))
		code = errno;
	if (code)
		return failed(freeze, code, error);
	rc = fnt_region_link(freeze->dir_fd, freeze->fd, freeze->temp, freeze->file);
	if (rc)
		return fnt_fail(error, rc, "%s: cannot name it: %s", freeze->path,
				strerror(-rc));
	return 0;
}
