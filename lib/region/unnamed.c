/* SPDX-License-Identifier: MIT */
#include "region/unnamed.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_PREFIX ".fntrace-"
#define TEMP_DIGITS 16
#define TEMP_TRIES 8
#define LOOK_AT_MOST 4096 /* files of a directory */

/* ---- what dead processes left ---------------------------------------------------- */

static bool
is_temp_name(const char *name)
{
	size_t prefix = strlen(TEMP_PREFIX);

	return !strncmp(name, TEMP_PREFIX, prefix) &&
	       strlen(name) == prefix + TEMP_DIGITS &&
	       strspn(name + prefix, "0123456789abcdef") == TEMP_DIGITS;
}

/* Does the name still refer to the file `fd`, one of this user's? */
static bool
is_own_file(int dir_fd, const char *name, int fd)
{
	struct stat st, named;

	return !fstat(fd, &st) && !fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_dev == named.st_dev && st.st_ino == named.st_ino;
}

/* Its creator is dead if the file is not locked. A creator that has not locked its file
 * yet finds it locked, and makes another one. */
static void
clear_one(int dir_fd, const char *name)
{
	int fd = fnt_open_at(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (is_own_file(dir_fd, name, fd) && !flock(fd, LOCK_EX | LOCK_NB) &&
	    is_own_file(dir_fd, name, fd))
		unlinkat(dir_fd, name, 0);
	close(fd);
}

void
fnt_region_clear_leftovers(int dir_fd)
{
	DIR *dir = fnt_open_listing(dir_fd, ".");
	struct dirent *entry;

	if (!dir)
		return;
	for (int i = 0; i < LOOK_AT_MOST && (entry = readdir(dir)); i++)
		if (is_temp_name(entry->d_name))
			clear_one(dir_fd, entry->d_name);
	closedir(dir);
}

/* ---- creating -------------------------------------------------------------------- */

/* Create a file with a temporary name, locked. A descriptor, -EAGAIN (somebody took it
 * for a leftover) or another -errno. */
static int
create_named(int dir_fd, char temp[FNT_TEMP_NAME_SIZE])
{
	uint64_t random;
	int fd;

	fnt_random(&random, sizeof(random));
	snprintf(temp, FNT_TEMP_NAME_SIZE, TEMP_PREFIX "%0*llx", TEMP_DIGITS,
		 (unsigned long long)random);
	fd = fnt_open_at(dir_fd, temp, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	/* Somebody may have taken it for a leftover and removed it before it was
	 * locked, or be about to. Where there are no such locks, nobody does. */
	if ((!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK) &&
	    is_own_file(dir_fd, temp, fd))
		return fd;
	unlinkat(dir_fd, temp, 0);
	close(fd);
	return -EAGAIN;
}

/* Later, when the disk is full, a write to a copied block would be a SIGBUS. Has an
 * effect on empty files only. File systems that do not copy refuse it. */
static void
ask_for_no_copies(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		return;
	flags |= FS_NOCOW_FL;
	ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int
fnt_region_create_unnamed(int dir_fd, char temp[FNT_TEMP_NAME_SIZE], const char *path,
			  struct fnt_error *error)
{
	int fd = fnt_open_at(dir_fd, ".", O_TMPFILE | O_RDWR, 0600);

	fnt_region_clear_leftovers(dir_fd);
	temp[0] = '\0';
	if (fd < 0 || access("/proc/self/fd", X_OK)) {
		if (fd >= 0)
			close(fd);
		fd = -EAGAIN;
		for (int i = 0; i < TEMP_TRIES && fd == -EAGAIN; i++)
			fd = create_named(dir_fd, temp);
	}
	if (fd < 0)
		return fnt_fail(error, fd,
				"%s: cannot create a file in its directory: %s", path,
				strerror(-fd));
	ask_for_no_copies(fd);
	return fd;
}

/* ---- naming ---------------------------------------------------------------------- */

/* Write a file, or a directory, to the disk. 0 or -errno. Some file systems and
 * sandboxes refuse fsync(); then it is as durable as it can be. */
static int
sync_to_disk(int fd)
{
	int rc;

	do {
		rc = fsync(fd);
	} while (rc && errno == EINTR);
	return rc && (errno == EIO || errno == ENOSPC || errno == EDQUOT) ? -errno : 0;
}

/* The file has its name already, so a failure changes nothing. */
static void
sync_directory(int dir_fd)
{
	int fd = fnt_open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return;
	sync_to_disk(fd);
	close(fd);
}

int
fnt_region_link(int dir_fd, int fd, const char *temp, const char *file)
{
	char self[64];
	int rc = sync_to_disk(fd);

	if (rc)
		return rc;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (*temp)
		rc = linkat(dir_fd, temp, dir_fd, file, 0);
	else
		rc = linkat(AT_FDCWD, self, dir_fd, file, AT_SYMLINK_FOLLOW);
	if (rc)
		return -errno;
	sync_directory(dir_fd);
	return 0;
}
