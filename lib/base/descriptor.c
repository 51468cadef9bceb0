/* SPDX-License-Identifier: MIT */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h> /* memfd_create */
#include <unistd.h>

#define FIRST_OURS 3 /* the lowest number that may be ours */

/* ---- the numbers of the host ----------------------------------------------------- */

/* Occupy those of 0 to 2 that are closed. Returns a bit for each. */
static unsigned
occupy(void)
{
	unsigned occupied = 0;

	for (int number = 0; number < FIRST_OURS; number++) {
		int fd;

		if (fcntl(number, F_GETFD) >= 0 || errno != EBADF)
			continue;
		fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= FIRST_OURS)
			close(fd);
		else if (fd >= 0)
			occupied |= 1u << fd;
	}
	return occupied;
}

/* Another thread of the host may have put its own file there meanwhile, by dup2(): it
 * is left alone. */
static void
give_back(unsigned occupied)
{
	for (int number = 0; number < FIRST_OURS; number++) {
		int flags = occupied & 1u << number ? fcntl(number, F_GETFL) : -1;

		if (flags >= 0 && flags & O_PATH)
			close(number);
	}
}

/* Move a descriptor above 2. Returns it, or -1. */
static int
move_up(int fd)
{
	int moved, code;

	if (fd < 0 || fd >= FIRST_OURS)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OURS);
	code = errno == EINVAL ? EMFILE : errno; /* RLIMIT_NOFILE is below 4 */
	close(fd);
	errno = code;
	return moved;
}

/* Ends what occupy() began. `saved`: the errno of success. */
static int
settle(int fd, unsigned occupied, int saved)
{
	int code;

	fd = move_up(fd);
	code = fd < 0 ? errno : saved;
	give_back(occupied);
	errno = code;
	return fd;
}

/* ---- opening --------------------------------------------------------------------- */

int
fnt_open_at(int dir_fd, const char *path, int flags, mode_t mode)
{
	int saved = errno;
	unsigned occupied = occupy();

	return settle(openat(dir_fd, path, flags | O_CLOEXEC, mode), occupied, saved);
}

int
fnt_open(const char *path, int flags)
{
	return fnt_open_at(AT_FDCWD, path, flags, 0);
}

int
fnt_open_memory(const char *name)
{
	int saved = errno;
	unsigned occupied = occupy();

	return settle(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), occupied,
		      saved);
}

FILE *
fnt_open_stream(const char *path)
{
	int fd = fnt_open(path, O_RDONLY), code;
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !stream) {
		code = errno;
		close(fd);
		errno = code;
	}
	return stream;
}

DIR *
fnt_open_listing(int dir_fd, const char *path)
{
	int fd = fnt_open_at(dir_fd, path, O_RDONLY | O_DIRECTORY, 0), code;
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !listing) {
		code = errno;
		close(fd);
		errno = code;
	}
	return listing;
}
