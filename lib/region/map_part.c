/* SPDX-License-Identifier: MIT */
#include "region/map_part.h"

#include "region/fd.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Is there a file behind the 8 bytes at `at`? The kernel reads the new mask before it
 * finds that ~0 is no way to change a mask, and does not send SIGBUS. */
static bool
is_backed(const unsigned char *at)
{
	return !syscall(SYS_rt_sigprocmask, ~0, at, NULL, sizeof(uint64_t)) ||
	       errno != EFAULT;
}

/* mremap() with an old size of 0 maps the same file again, and may go beyond the old
 * mapping's end. It begins with the view's last page, or at `off` if that is lower;
 * what lies before `off` is unmapped again. */
static void *
duplicate(const struct fnt_view *view, uint64_t off, uint64_t bytes)
{
	uint64_t last = (view->size_bytes - 1) / FNT_PAGE * FNT_PAGE;
	uint64_t from = off < last ? off : last;
	char *base = mremap(view->base + from, 0, off - from + bytes, MREMAP_MAYMOVE);

	if (base == MAP_FAILED)
		return MAP_FAILED;
	if (off > from)
		munmap(base, off - from);
	return base + (off - from);
}

static void *
map_fd(int fd, bool write, uint64_t off, uint64_t bytes)
{
	int prot = PROT_READ | (write ? PROT_WRITE : 0);

	return mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)off);
}

static void *
map_reopened(const struct fnt_region *region, uint64_t off, uint64_t bytes)
{
	int fd = fnt_region_reopen(region), saved;
	void *base;

	if (fd < 0) {
		errno = -fd;
		return MAP_FAILED;
	}
	base = map_fd(fd, true, off, bytes);
	saved = errno;
	close(fd);
	errno = saved;
	return base;
}

/* Through region->fd, if that is still ours. */
static void *
map_held(const struct fnt_region *region, bool write, uint64_t off, uint64_t bytes)
{
	if (!fnt_region_owns_fd(region, region->fd)) {
		errno = EBADF;
		return MAP_FAILED;
	}
	return map_fd(region->fd, write, off, bytes);
}

static void *
map_held_unforked(const struct fnt_region *region, uint64_t off, uint64_t bytes)
{
	void *base = map_held(region, true, off, bytes);

	if (base != MAP_FAILED && madvise(base, bytes, MADV_DONTFORK)) {
		munmap(base, bytes);
		return MAP_FAILED;
	}
	return base;
}

static void *
map_for_writing(const struct fnt_region *region, uint64_t off, uint64_t bytes,
		bool *not_forked)
{
	void *base = duplicate(&region->view, off, bytes);

	*not_forked = false;
	if (base == MAP_FAILED)
		base = map_reopened(region, off, bytes);
	if (base == MAP_FAILED) {
		base = map_held_unforked(region, off, bytes);
		*not_forked = true;
	}
	return base;
}

static void *
map_for_reading(const struct fnt_region *region, uint64_t off, uint64_t bytes)
{
	void *base = map_held(region, false, off, bytes);

	return base == MAP_FAILED ? duplicate(&region->view, off, bytes) : base;
}

int
fnt_map_part(const struct fnt_region *region, bool write, uint64_t off, uint64_t bytes,
	     struct fnt_map_part *part)
{
	unsigned char *base;

	part->not_forked = false;
	base = write ? map_for_writing(region, off, bytes, &part->not_forked)
		     : map_for_reading(region, off, bytes);
	if (base == MAP_FAILED)
		return -errno;
	if (!is_backed(base + bytes - sizeof(uint64_t))) {
		munmap(base, bytes);
		return -EFAULT;
	}
	part->base = base;
	return 0;
}
