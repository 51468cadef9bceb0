/* SPDX-License-Identifier: MIT */
#include "region/fd.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool
fnt_region_owns_fd(const struct fnt_region *region, int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == region->dev &&
	       st.st_ino == region->ino;
}

void
fnt_region_close_fd(struct fnt_region *region)
{
	if (fnt_region_owns_fd(region, region->fd))
		close(region->fd);
	region->fd = -1;
}

int
fnt_region_reopen(const struct fnt_region *region)
{
	char path[96];
	int fd = -1;

	if (fnt_region_owns_fd(region, region->fd)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", region->fd);
		fd = fnt_open(path, O_RDWR);
	}
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
			 (unsigned long)region->view.base,
			 (unsigned long)(region->view.base + region->view.size_bytes));
		fd = fnt_open(path, O_RDWR);
	}
	if (fd < 0 && *region->path)
		fd = fnt_open(region->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!fnt_region_owns_fd(region, fd)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int
fnt_region_open_folder(const struct fnt_region *region, const char **file)
{
	const char *slash = strrchr(region->path, '/');
	char dir[PATH_MAX] = ".";
	struct stat st;
	int fd;

	*file = slash ? slash + 1 : region->path;
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s",
			 slash == region->path ? 1 : (int)(slash - region->path),
			 region->path);
	fd = **file ? fnt_open(dir, O_PATH | O_DIRECTORY) : -1;
	if (fd < 0)
		return **file ? -errno : -ENOENT;
	if (!fstatat(fd, *file, &st, AT_SYMLINK_NOFOLLOW) && st.st_dev == region->dev &&
	    st.st_ino == region->ino)
		return fd;
	close(fd);
	return -ENOENT;
}

void
fnt_region_seal(const struct fnt_region *region)
{
	fcntl(region->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL);
}

bool
fnt_region_pin_locks(struct fnt_region *region)
{
	void *page = mmap(NULL, FNT_PAGE, PROT_NONE, MAP_SHARED, region->fd, 0);
	int i = region->lock_pins[0] != NULL;

	if (page == MAP_FAILED)
		return false;
	if (region->lock_pins[i] || madvise(page, FNT_PAGE, MADV_DONTFORK)) {
		munmap(page, FNT_PAGE);
		return false;
	}
	region->lock_pins[i] = page;
	return true;
}

void
fnt_region_forget_pins(struct fnt_region *region)
{
	for (int i = 0; i < FNT_LOCK_PINS; i++)
		region->lock_pins[i] = NULL;
}

static void
unpin(struct fnt_region *region, int i)
{
	if (region->lock_pins[i])
		munmap(region->lock_pins[i], FNT_PAGE);
	region->lock_pins[i] = NULL;
}

void
fnt_region_unpin_locks(struct fnt_region *region)
{
	for (int i = 0; i < FNT_LOCK_PINS; i++)
		unpin(region, i);
}

bool
fnt_region_restore_fd(struct fnt_region *region)
{
	int fd, old = region->fd;

	if (fnt_region_owns_fd(region, old))
		return true;
	fd = fnt_region_reopen(region);
	if (fd < 0)
		return false;
	/* Nothing is locked through the descriptor that was restored last. */
	unpin(region, 1);
	region->fd = fd;
	if (fnt_region_pin_locks(region))
		return true;
	region->fd = old;
	close(fd);
	return false;
}
