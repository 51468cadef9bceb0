/* SPDX-License-Identifier: MIT */
#include "region/unshare.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXTENTS 64	  /* asked for at a time */
#define BATCHES 64	  /* asked at most */
#define CHUNK (16u << 20) /* bytes made dirty before they are written to the disk */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

struct shared_extent {
	uint64_t off, bytes; /* 0 bytes: there is none */
};

/* Find the first extent from `off` on whose blocks another file has, too. */
static struct shared_extent
find_shared(int fd, uint64_t off)
{
	struct {
		struct fiemap head;
		struct fiemap_extent at[EXTENTS];
	} map;

	for (int i = 0; i < BATCHES; i++) {
		memset(&map.head, 0, sizeof(map.head));
		map.head.fm_start = off;
		map.head.fm_length = FIEMAP_MAX_OFFSET - off;
		map.head.fm_extent_count = EXTENTS;
		if (ioctl(fd, FS_IOC_FIEMAP, &map) || !map.head.fm_mapped_extents)
			break;
		for (uint32_t k = 0; k < map.head.fm_mapped_extents && k < EXTENTS;
		     k++) {
			const struct fiemap_extent *extent = &map.at[k];

			off = extent->fe_logical + extent->fe_length;
			if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
				return (struct shared_extent){extent->fe_logical,
							      extent->fe_length};
			if (extent->fe_flags & FIEMAP_EXTENT_LAST)
				return (struct shared_extent){0, 0};
		}
	}
	return (struct shared_extent){0, 0};
}

/* Make the extent's pages dirty, without changing them, and write them to the disk. The
 * kernel returns an error where a write would be a SIGBUS. 0 or -errno. */
static int
rewrite(int fd, const struct fnt_view *view, struct shared_extent extent)
{
	uint64_t end = extent.off + extent.bytes;

	if (end > view->size_bytes)
		end = view->size_bytes;
	for (uint64_t at = extent.off / FNT_PAGE * FNT_PAGE; at < end; at += CHUNK) {
		uint64_t bytes = end - at < CHUNK ? end - at : CHUNK;

		if (madvise(view->base + at, bytes, MADV_POPULATE_WRITE))
			return errno == EFAULT ? -ENOSPC : -errno;
		if (fdatasync(fd))
			return -errno;
	}
	return 0;
}

/* The file systems' own way, or else ours, extent by extent. 0 or -errno; -EMLINK: an
 * extent is still shared. */
static int
unshare_all(int fd, const struct fnt_view *view, struct shared_extent shared)
{
	uint64_t next = 0;

	if (!fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, (off_t)view->size_bytes))
		return find_shared(fd, 0).bytes ? -EMLINK : 0;
	if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
		return -errno;
	while (shared.bytes && shared.off < view->size_bytes) {
		int rc = shared.off < next ? -EMLINK : rewrite(fd, view, shared);

		if (rc)
			return rc == -EINVAL ? -EMLINK : rc;
		next = shared.off + shared.bytes;
		shared = find_shared(fd, next);
	}
	return find_shared(fd, 0).bytes ? -EMLINK : 0;
}

int
fnt_region_unshare(int fd, const struct fnt_view *view, const char *what,
		   struct fnt_error *error)
{
	struct shared_extent shared = find_shared(fd, 0);
	int rc = shared.bytes ? unshare_all(fd, view, shared) : 0;
	char size[32];

	if (!rc)
		return 0;
	if (rc == -EMLINK)
		return fnt_fail(error, rc,
				"%s: shares its blocks with a copy or a snapshot, so a "
				"full disk would kill its processes; replace it by a "
				"copy that cp --reflink=never makes",
				what);
	return fnt_fail(error, rc,
			"%s: shares its blocks with a copy or a snapshot, and %s for "
			"blocks of its own can't be allocated: %s; make room",
			what, fnt_bytes_text(size, view->size_bytes), strerror(-rc));
}
