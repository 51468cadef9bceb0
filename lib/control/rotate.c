/* SPDX-License-Identifier: MIT */
#include "control/rotate.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "base/random.h"
#include "base/shm_words.h"
#include "region/fd.h"
#include "region/header.h"
#include "region/map.h"
#include "region/region.h"
#include "region/segment_span.h"
#include "region/unnamed.h"
#include "ring/record_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- segments to copy ------------------------------------------------------------ */

/* The spans of a ring's segments that are over and still shown, newest first. */
static uint32_t
spans_over(const struct fnt_view *view, uint32_t ring,
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
		if (spans_over(view, ring, spans))
			return true;
	return false;
}

/* ---- the file ------------------------------------------------------------------- */

/* Open the directory that the file gets its name in. A descriptor or -errno with a
 * message. */
static int
open_directory(const struct fnt_rotation *rotation, struct fnt_error *error)
{
	const char *slash = strrchr(rotation->path, '/'), *file;
	char dir[PATH_MAX] = ".";
	int fd;

	if (rotation->beside) {
		fd = fnt_region_open_folder(rotation->region, &file);
		if (fd < 0)
			fnt_fail(error, fd,
				 "%s: the region is not there, or no longer; give the "
				 "path of the file to write",
				 fnt_region_label(rotation->region));
		return fd;
	}
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s",
			 slash == rotation->path ? 1 : (int)(slash - rotation->path),
			 rotation->path);
	fd = fnt_open(dir, O_PATH | O_DIRECTORY);
	return fd < 0 ? fnt_fail(error, -errno, "%s: %s", dir, strerror(errno)) : fd;
}

/* Who can read the region can read the new file, and nobody else. */
static int
set_owner_and_mode(const struct fnt_rotation *rotation, struct fnt_error *error)
{
	bool is_root = geteuid() == 0;
	struct stat st;

	if (fstat(rotation->region->fd, &st))
		return fnt_fail(error, -errno, "%s: %s",
				fnt_region_label(rotation->region), strerror(errno));
	/* A group that has no access does not matter. */
	if (fchown(rotation->fd, is_root ? st.st_uid : (uid_t)-1, st.st_gid) &&
	    (is_root || st.st_mode & S_IRWXG))
		return fnt_fail(error, -errno,
				"%s: cannot give the file to the region's group, %u: "
				"%s; no record is lost; run as one of the group or as "
				"root",
				rotation->path, (unsigned)st.st_gid, strerror(errno));
	if (fchmod(rotation->fd, st.st_mode & 0777))
		return fnt_fail(error, -errno, "%s: cannot set the file's mode: %s",
				rotation->path, strerror(errno));
	return 0;
}

static int
create_rotated(struct fnt_rotation *rotation, struct fnt_error *error)
{
	struct stat st;

	if (!fstatat(rotation->dir_fd, rotation->file, &st, AT_SYMLINK_NOFOLLOW))
		return fnt_fail(error, -EEXIST,
				"%s: the file exists already; name another one",
				rotation->path);
	rotation->fd = fnt_region_create_unnamed(rotation->dir_fd, rotation->temp,
						 rotation->path, error);
	return rotation->fd < 0 ? rotation->fd : set_owner_and_mode(rotation, error);
}

int
fnt_rotate_open(struct fnt_rotation *rotation, struct fnt_error *error)
{
	const char *slash = strrchr(rotation->path, '/');
	const char *file = slash ? slash + 1 : rotation->path;
	int rc;

	rotation->fd = rotation->dir_fd = -1;
	if (!*file || strlen(file) > NAME_MAX || strlen(rotation->path) >= PATH_MAX)
		return fnt_fail(error, -EINVAL, "%.200s: not the path of a file",
				rotation->path);
	strcpy(rotation->file, file);
	rotation->dir_fd = open_directory(rotation, error);
	if (rotation->dir_fd < 0)
		return rotation->dir_fd;
	rc = create_rotated(rotation, error);
	if (rc)
		fnt_rotate_close(rotation);
	return rc;
}

void
fnt_rotate_close(struct fnt_rotation *rotation)
{
	if (rotation->fd >= 0) {
		if (*rotation->temp)
			unlinkat(rotation->dir_fd, rotation->temp, 0);
		close(rotation->fd);
	}
	if (rotation->dir_fd >= 0)
		close(rotation->dir_fd);
	rotation->fd = rotation->dir_fd = -1;
}

static int
failed(const struct fnt_rotation *rotation, int code, struct fnt_error *error)
{
	return fnt_fail(error, -code,
			"%s: cannot write the file: %s; no record is lost",
			rotation->path, strerror(code));
}

/* 0 or a positive errno. */
static int
write_at(const struct fnt_rotation *rotation, const void *bytes, size_t size,
	 uint64_t off)
{
	const char *at = bytes;

	while (size) {
		ssize_t written = pwrite(rotation->fd, at, size, (off_t)off);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? errno : EIO;
		at += written;
		off += (uint64_t)written;
		size -= (size_t)written;
	}
	return 0;
}

/* ---- cells ---------------------------------------------------------------------- */

/* False: the page may be a hole, which reads as PAD of lap 0. */
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
write_segment(const struct fnt_rotation *rotation, const struct fnt_segment *segment)
{
	_Alignas(8) char page[FNT_PAGE];
	int code = 0;

	for (uint64_t at = 0; !code && at < segment->cell_count; at += FNT_PAGE_CELLS) {
		const struct fnt_cell *cells = &segment->cells[at];
		uint64_t count = segment->cell_count - at;

		if (count > FNT_PAGE_CELLS)
			count = FNT_PAGE_CELLS;
		if (!has_records(cells, count))
			continue;
		fnt_words_load(page, (const fnt_word *)(const void *)cells,
			       count * FNT_CELL_BYTES);
		code = write_at(rotation, page, count * FNT_CELL_BYTES,
				segment->off + at * FNT_CELL_BYTES);
	}
	return code;
}

static int
write_segments(const struct fnt_rotation *rotation)
{
	struct fnt_segment_span spans[FNT_SEGMENTS];
	int code = 0;

	for (uint32_t ring = 0; !code && ring < FNT_RINGS; ring++) {
		uint32_t count = spans_over(&rotation->region->view, ring, spans);

		for (uint32_t i = 0; !code && i < count; i++)
			code = write_segment(rotation, spans[i].segment);
	}
	return code;
}

/* ---- sections ------------------------------------------------------------------- */

/* Sequence numbers of one lane's records: of the last one in segments that are over,
 * and of the first one since. They tell how many records it had committed when the
 * segments ended: `last`, or else one less than `first_since`. 0: there is no such
 * record. */
struct lane_seqs {
	uint64_t last, first_since;
};

static int
collect_seqs_of(struct fnt_rotation *rotation, uint32_t ring,
		const struct fnt_segment_span *span, bool is_over,
		struct lane_seqs *lanes)
{
	const struct fnt_view *view = &rotation->region->view;
	struct fnt_record_copy record = {.payload = NULL};
	int code = 0;

	for (uint64_t t = span->first; !code && t < span->end; t++) {
		enum fnt_read_result is = fnt_record_read(view, ring, t, &record);
		struct lane_seqs *lane = &lanes[record.head.lane % view->lane_count];

		if (is == FNT_READ_NO_MEMORY)
			code = ENOMEM;
		if (is != FNT_READ_RECORD)
			continue;
		rotation->records += is_over;
		if (is_over && record.head.seq > lane->last)
			lane->last = record.head.seq;
		if (!is_over &&
		    (!lane->first_since || record.head.seq < lane->first_since))
			lane->first_since = record.head.seq;
	}
	fnt_record_copy_free(&record);
	return code;
}

/* Reads the records that are over, then those of the current segment. */
static int
collect_seqs(struct fnt_rotation *rotation, uint32_t ring, struct lane_seqs *lanes)
{
	const struct fnt_view *view = &rotation->region->view;
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = spans_over(view, ring, spans);
	int code = 0;

	memset(lanes, 0, view->lane_count * sizeof(*lanes));
	for (uint32_t i = 0; !code && i < count; i++)
		code = collect_seqs_of(rotation, ring, &spans[i], true, lanes);
	if (!code && count &&
	    fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring), true, spans))
		code = collect_seqs_of(rotation, ring, &spans[0], false, lanes);
	return code;
}

/* The section's place in the private copy at `base`. */
static void *
section_in(char *base, const struct fnt_view *view, const void *section)
{
	return base + ((const unsigned char *)section - view->base);
}

/* Remove what belongs to running processes, and the key of hashes: a person who gets
 * the copy must not be able to guess hashed texts. */
static void
clear_processes(char *base, const struct fnt_view *view)
{
	struct fnt_control_words *control = section_in(base, view, view->control);
	struct fnt_lane *lanes = section_in(base, view, view->lanes);

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

/* Set each lane's count of committed records to what it was when the segments ended. */
static void
set_recorded(char *base, const struct fnt_view *view, uint32_t ring,
	     const struct lane_seqs *seqs)
{
	struct fnt_lane *lanes = section_in(base, view, view->lanes);

	for (uint32_t i = 0; i < view->lane_count; i++) {
		if (seqs[i].last)
			fnt_word_store(&lanes[i].rings[ring].recorded, seqs[i].last);
		else if (seqs[i].first_since)
			fnt_word_store(&lanes[i].rings[ring].recorded,
				       seqs[i].first_since - 1);
	}
}

/* Let the copy's segment table and cursor end with the last segment that is over. */
static void
end_ring(char *base, const struct fnt_view *view, uint32_t ring)
{
	struct fnt_ring_head *head =
		(struct fnt_ring_head *)section_in(base, view, view->rings) + ring;
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = spans_over(view, ring, spans);

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
write_sections(struct fnt_rotation *rotation)
{
	const struct fnt_view *view = &rotation->region->view;
	struct lane_seqs *lanes = calloc(view->lane_count, sizeof(*lanes));
	char *base = aligned_alloc(FNT_LINE, view->fixed_bytes);
	int code = lanes && base ? 0 : ENOMEM;
	struct fnt_header *header = (struct fnt_header *)(void *)base;

	if (!code) {
		fnt_words_load(base, (const fnt_word *)(const void *)view->base,
			       view->fixed_bytes);
		fnt_random(&header->region_id, sizeof(header->region_id));
		header->compat |= FNT_COMPAT_FROZEN;
		fnt_header_note_file(header, rotation->fd);
		clear_processes(base, view);
	}
	for (uint32_t ring = 0; !code && ring < FNT_RINGS; ring++) {
		end_ring(base, view, ring);
		code = collect_seqs(rotation, ring, lanes);
		if (!code)
			set_recorded(base, view, ring, lanes);
	}
	if (!code)
		code = write_at(rotation, base, view->fixed_bytes, 0);
	free(base);
	free(lanes);
	return code;
}

int
fnt_rotate_write(struct fnt_rotation *rotation, struct fnt_error *error)
{
	struct stat st;
	int code = 0;

	if (!fnt_rotate_needed(&rotation->region->view))
		return fnt_fail(error, -EAGAIN,
				"%s: not written, as the region has no segment to "
				"rotate; try again",
				rotation->path);
	/* As long as the region's file; sparse. */
	if (fstat(rotation->region->fd, &st) || ftruncate(rotation->fd, st.st_size))
		code = errno;
	if (!code)
		code = write_segments(rotation);
	if (!code)
		code = write_sections(rotation);
	return code ? failed(rotation, code, error) : 0;
}

int
fnt_rotate_name(const struct fnt_rotation *rotation, struct fnt_error *error)
{
	int rc = fnt_region_link(rotation->dir_fd, rotation->fd, rotation->temp,
				 rotation->file);
	if (rc)
		return fnt_fail(
			error, rc,
			"%s: cannot give the file its name: %s; no record is lost",
			rotation->path, strerror(-rc));
	return 0;
}
