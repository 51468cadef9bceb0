/* SPDX-License-Identifier: MIT */
#include "region/holes.h"

#include "region/file_space.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many bytes of holes may be read, and filled. */
#define SLACK_BYTES (1ull << 20)
/* Smaller holes stay: each one that is covered is a mapping. */
#define HOLE_MIN (64u << 10)
#define COVERS_MAX 16384
#define HUGE_BYTES (4u << 20)

static bool
is_sparse(const struct fnt_view *view, uint64_t blocks)
{
	return blocks * 512 + SLACK_BYTES < fnt_file_space_used(view);
}

/* Has a process locked any part of the file? Then it writes to the region. True also if
 * that can't be known. */
static bool
is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK;
}

/* Zeroes that are read take no memory; of huge pages they take few faults, too. */
static bool
cover(struct fnt_view *view, uint64_t first, uint64_t end)
{
	void *at = view->base + first;
	size_t bytes = (size_t)(end - first);

	if (mmap(at, bytes, PROT_READ,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		 0) == MAP_FAILED)
		return false;
	if (bytes >= HUGE_BYTES)
		madvise(at, bytes, MADV_HUGEPAGE);
	return true;
}

/* Cover the holes in [at, end). Returns how many more may be covered. */
static int
cover_extent(struct fnt_view *view, int fd, uint64_t at, uint64_t end, int left)
{
	while (left > 0 && at < end) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;
		uint64_t until =
			data < 0 || (uint64_t)data > end ? end : (uint64_t)data;

		at = (at + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
		until = until / FNT_PAGE * FNT_PAGE;
		if (until >= at + HOLE_MIN) {
			if (!cover(view, at, until))
				return 0;
			left--;
		}
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole <= (off_t)at)
			break;
		at = (uint64_t)hole;
	}
	return left;
}

void
fnt_holes_cover(struct fnt_view *view, int fd)
{
	struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX];
	int left = COVERS_MAX;
	struct stat st;
	uint32_t count;

	if (fstat(fd, &st) || !is_sparse(view, (uint64_t)st.st_blocks) || is_locked(fd))
		return;
	view->covered = true;
	count = fnt_file_space_list(view, used);
	for (uint32_t i = 0; i < count; i++)
		if (used[i].end <= view->size_bytes)
			left = cover_extent(view, fd, used[i].first, used[i].end, left);
}

bool
fnt_holes_renew(struct fnt_view *view, int fd, uint64_t blocks)
{
	if (!view->covered || is_sparse(view, blocks))
		return true;
	view->covered = false;
	return mmap(view->base, view->size_bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
		    0) != MAP_FAILED;
}
