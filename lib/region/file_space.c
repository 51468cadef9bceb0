/* SPDX-License-Identifier: MIT */
#include "region/file_space.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#define CLEAR_ADVICE 23 /* MADV_POPULATE_WRITE, Linux 5.14 */

#define CLEAR_STEP (4ull << 20)
#define CLEAR_MAX (1ull << 30)

/* ---- allocating ----------------------------------------------------------------- */

static int
no_space(const char *path, int fd, uint64_t size, int code, struct fnt_error *error)
{
	char need[32], room[32];
	struct statvfs fs;

	if (code != -ENOSPC || fstatvfs(fd, &fs))
		return fnt_fail(error, code, "%s: cannot allocate %s: %s", path,
				fnt_bytes_text(need, size), strerror(-code));
	return fnt_fail(
		error, code,
		"%s: needs %s, %s free; choose a smaller size or another directory",
		path, fnt_bytes_text(need, size),
		fnt_bytes_text(room, (uint64_t)fs.f_bavail * fs.f_frsize));
}

int
fnt_file_space_allocate(int fd, uint64_t off, uint64_t bytes, const char *what,
			struct fnt_error *error)
{
	struct rlimit limit;
	int code;

	/* Past this limit the kernel sends SIGXFSZ. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur < off + bytes)
		return no_space(what, fd, bytes, -EFBIG, error);
	do {
		code = posix_fallocate(fd, (off_t)off, (off_t)bytes);
	} while (code == EINTR);
	return code ? no_space(what, fd, bytes, -code, error) : 0;
}

void
fnt_file_space_clear(int fd, uint64_t bytes)
{
	struct statfs fs;
	int rc = fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC;

	if (bytes > CLEAR_MAX)
		bytes = CLEAR_MAX;
	for (uint64_t at = 0; !rc && at < bytes; at += CLEAR_STEP) {
		size_t len = bytes - at < CLEAR_STEP ? (size_t)(bytes - at)
						     : (size_t)CLEAR_STEP;
		void *step = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				  (off_t)at);

		if (step == MAP_FAILED)
			return;
		rc = madvise(step, len, CLEAR_ADVICE);
		munmap(step, len);
	}
}

/* Uses fallocate(), because posix_fallocate() falls back to writing, and producers may
 * be writing here. It is no error if the file system can't allocate ahead. */
static int
fill_hole(int fd, uint64_t off, uint64_t bytes, const char *what,
	  struct fnt_error *error)
{
	int rc;

	do {
		rc = fallocate(fd, 0, (off_t)off, (off_t)bytes);
	} while (rc && errno == EINTR);
	if (rc && errno != EOPNOTSUPP && errno != ENOSYS)
		return no_space(what, fd, bytes, -errno, error);
	return 0;
}

/* ---- what is in use ------------------------------------------------------------- */

static int
by_first(const void *a, const void *b)
{
	const struct fnt_file_extent *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static struct fnt_file_extent
extent_of(const struct fnt_segment *segment)
{
	return (struct fnt_file_extent){
		segment->off, segment->off + fnt_segment_bytes(segment->cell_count)};
}

/* List the extents in use, by offset; the fixed part is the first. Returns their
 * number. */
static uint32_t
list_used(const struct fnt_view *view, const struct fnt_segment *other,
	  struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX])
{
	uint32_t count = 0;

	used[count++] = (struct fnt_file_extent){0, view->fixed_bytes};
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);

		for (uint32_t i = 0; i < segments->count; i++)
			used[count++] = extent_of(&segments->at[i]);
	}
	if (other)
		used[count++] = extent_of(other);
	qsort(used, count, sizeof(used[0]), by_first);
	return count;
}

uint32_t
fnt_file_space_list(const struct fnt_view *view,
		    struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX])
{
	return list_used(view, NULL, used);
}

uint64_t
fnt_file_space_used(const struct fnt_view *view)
{
	struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX];
	uint32_t count = list_used(view, NULL, used);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += used[i].end - used[i].first;
	return bytes;
}

int
fnt_file_space_allocate_all(int fd, const struct fnt_view *view, const char *what,
			    struct fnt_error *error)
{
	struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX];
	uint32_t count = list_used(view, NULL, used);
	struct stat st;
	int rc = 0;

	if (fstat(fd, &st) || (uint64_t)st.st_blocks * 512 >= fnt_file_space_used(view))
		return 0;
	for (uint32_t i = 0; !rc && i < count; i++)
		rc = fill_hole(fd, used[i].first, used[i].end - used[i].first, what,
			       error);
	return rc;
}

uint64_t
fnt_file_space_find(const struct fnt_view *view, uint64_t bytes,
		    const struct fnt_segment *other)
{
	struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX];
	uint32_t count = list_used(view, other, used);
	uint64_t end = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (used[i].first > end && used[i].first - end >= bytes)
			break;
		if (used[i].end > end)
			end = used[i].end;
	}
	return end;
}

uint64_t
fnt_file_space_punch(const struct fnt_region *region)
{
	struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX];
	uint32_t count = list_used(&region->view, NULL, used);
	uint64_t end = 0, freed = 0;
	struct stat before, after;

	if (fstat(region->fd, &before))
		return 0;
	for (uint32_t i = 0; i <= count; i++) {
		uint64_t next = i < count ? used[i].first : (uint64_t)before.st_size;

		if (next > end)
			fallocate(region->fd,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)end, (off_t)(next - end));
		if (i < count && used[i].end > end)
			end = used[i].end;
	}
	if (!fstat(region->fd, &after) && before.st_blocks > after.st_blocks)
		freed = (uint64_t)(before.st_blocks - after.st_blocks) * 512;
	return freed;
}
