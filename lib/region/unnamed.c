/* SPDX-License-Identifier: MIT */
#include "region/unnamed.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
fnt_region_create_unnamed(int dir_fd, char temp[FNT_TEMP_NAME_SIZE], const char *path,
			  struct fnt_error *error)
{
	uint64_t random;
	int fd = fnt_open_at(dir_fd, ".", O_TMPFILE | O_RDWR, 0600);

	temp[0] = '\0';
	if (fd >= 0 && access("/proc/self/fd", X_OK) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	fnt_random(&random, sizeof(random));
	snprintf(temp, FNT_TEMP_NAME_SIZE, ".fntrace-%016llx",
		 (unsigned long long)random);
	fd = fnt_open_at(dir_fd, temp, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fnt_fail(error, -errno,
				"%s: cannot create a file in its directory: %s", path,
				strerror(errno));
	return fd;
}

int
fnt_region_link(int dir_fd, int fd, const char *temp, const char *file)
{
	char self[64];

	if (*temp)
		return linkat(dir_fd, temp, dir_fd, file, 0) ? -errno : 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, dir_fd, file, AT_SYMLINK_FOLLOW) ? -errno : 0;
}
