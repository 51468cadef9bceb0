/* SPDX-License-Identifier: MIT */
#include "region/region.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "region/create.h"
#include "region/fd.h"
#include "region/file_space.h"
#include "region/header.h"
#include "region/map.h"
#include "region/location.h"
#include "region/set_aside.h"
#include "region/unnamed.h"
#include "region/unshare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening a file -------------------------------------------------------------- */

static int
open_failed(const char *path, int code, struct fnt_error *error)
{
	const char *why = strerror(-code);

	if (code == -ELOOP) {
		code = -EINVAL;
		why = "a symbolic link; give the path of the file itself";
	} else if (code == -ENOENT) {
		why = "no such region; see fntrace list";
	} else if (code == -EACCES) {
		why = "permission denied; run as the user who owns it";
	}
	return fnt_fail(error, code, "%s: %s", path, why);
}

/* May the file be written to? Only if it is the user's own, or is shared with the group
 * that the options name. */
static bool
is_writable_file(const struct stat *st, const struct fnt_options *options)
{
	if (st->st_uid == geteuid())
		return true;
	return options->flags & FNT_GROUP && st->st_gid == options->gid &&
	       (st->st_mode & (S_IRWXG | S_IRWXO)) == (S_IRGRP | S_IWGRP);
}

/* Open `file`. Returns a descriptor or -errno. `options` NULL: for reading. O_NONBLOCK,
 * because opening a fifo would block; it has no effect on regular files. */
static int
open_file(int dir_fd, const char *file, const struct fnt_options *options,
	  const char *path, struct fnt_error *error)
{
	struct stat st;
	int fd;

	if (fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return fnt_fail(error, -EINVAL, "%s: %s, not a region; name a file",
				path,
				S_ISDIR(st.st_mode)    ? "a directory"
				: S_ISFIFO(st.st_mode) ? "a fifo"
						       : "not a regular file");
	fd = fnt_open_at(dir_fd, file,
			 (options ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return open_failed(path, -errno, error);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return fnt_fail(error, -EINVAL, "%s: not a regular file", path);
	}
	if (options && !is_writable_file(&st, options)) {
		close(fd);
		return fnt_fail(error, -EPERM,
				"%s: belongs to user %u; write to a region of your own",
				path, (unsigned)st.st_uid);
	}
	return fd;
}

/* Check and map the file `fd`, which becomes the region's; on failure it is still the
 * caller's. */
static int
adopt(struct fnt_region *region, int fd, bool write, struct fnt_error *error)
{
	const char *what = fnt_region_label(region);
	struct stat st;
	int rc = 0;

	if (fstat(fd, &st))
		rc = fnt_fail(error, -errno, "%s: %s", what, strerror(errno));
	if (!rc)
		rc = fnt_view_map(&region->view, fd, write, what, error);
	if (!rc && write) {
		rc = fnt_file_space_allocate_all(fd, &region->view, what, error);
		if (!rc)
			rc = fnt_region_unshare(fd, &region->view, what, error);
		if (rc)
			fnt_view_unmap(&region->view);
	}
	if (rc)
		return rc;
	region->fd = fd;
	fnt_region_forget_pins(region);
	region->dev = st.st_dev;
	region->ino = st.st_ino;
	return 0;
}

int
fnt_region_open_read(struct fnt_region *region, const char *name,
		     struct fnt_error *error)
{
	struct fnt_location location;
	int dir_fd, fd;
	int rc = fnt_location_resolve(&location, region->path, name, NULL, error);

	region->notice[0] = '\0';
	if (rc)
		return rc;
	/* Reading from a directory that the user has named needs no ownership check. */
	if (secure_getenv("FNTRACE_DIR"))
		location.ours = false;
	dir_fd = fnt_location_open(&location, NULL, error);
	if (dir_fd == -ENOENT)
		return open_failed(region->path, -ENOENT, error);
	if (dir_fd < 0)
		return dir_fd;
	fd = open_file(dir_fd, location.file, NULL, region->path, error);
	close(dir_fd);
	if (fd < 0)
		return fd;
	rc = adopt(region, fd, false, error);
	if (rc)
		close(fd);
	return rc;
}

/* ---- opening or creating --------------------------------------------------------- */

static int
open_nameless(struct fnt_region *region, struct fnt_contents *contents)
{
	int fd, rc;

	region->path[0] = '\0';
	fd = fnt_region_create_memory(fnt_region_label(region), contents);
	if (fd < 0)
		return fd;
	rc = adopt(region, fd, true, contents->options->error);
	if (rc)
		close(fd);
	return rc;
}

/* A creator that was killed right after it had named the file has left a temporary name
 * of it. */
static void
clear_second_name(int dir_fd, int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && st.st_nlink > 1)
		fnt_region_clear_leftovers(dir_fd);
}

/* Open the region in a file that exists. 0; -ENOENT: there is none, or the one that was
 * there has been set aside; or another -errno with a message in `error`. */
static int
open_named(struct fnt_region *region, int dir_fd, const char *file,
	   const struct fnt_options *options, struct fnt_error *error)
{
	int fd = open_file(dir_fd, file, options, region->path, error), rc;

	if (fd < 0)
		return fd;
	rc = adopt(region, fd, true, error);
	if (!rc) {
		clear_second_name(dir_fd, fd);
		return 0;
	}
	if (!(options->flags & FNT_ATTACH_ONLY) &&
	    fnt_region_set_aside(dir_fd, file, fd, rc, region->notice))
		rc = -ENOENT;
	close(fd);
	return rc;
}

/* Open the file, or create it and then open it: a mapping made before the file has its
 * name would show no name in /proc/PID/maps. Other processes may create and remove it
 * meanwhile, so this is tried a few times. */
static int
open_or_create(struct fnt_region *region, int dir_fd, const char *file,
	       struct fnt_contents *contents)
{
	const struct fnt_options *options = contents->options;

	for (int attempt = 0; attempt < 8; attempt++) {
		struct fnt_error error;
		int rc = open_named(region, dir_fd, file, options, &error);

		if (rc != -ENOENT || options->flags & FNT_ATTACH_ONLY) {
			if (rc && options->error)
				*options->error = error;
			return rc;
		}
		rc = fnt_region_create_file(dir_fd, file, region->path, contents);
		if (rc && rc != -EEXIST)
			return rc;
	}
	return fnt_fail(options->error, -EBUSY,
			"%s: other processes keep creating and removing it; try again",
			region->path);
}

int
fnt_region_open(struct fnt_region *region, const char *name,
		const struct fnt_options *options, fnt_region_init_fn *init)
{
	struct fnt_contents contents = {
		.options = options, .init = init, .notice = region->notice};
	struct fnt_location location;
	int dir_fd, rc;

	region->notice[0] = '\0';
	rc = fnt_header_check_options(options);
	if (rc)
		return rc;
	if (!name)
		return open_nameless(region, &contents);
	rc = fnt_location_resolve(&location, region->path, name, options->dir,
				  options->error);
	if (rc)
		return rc;
	dir_fd = fnt_location_open(&location, options, options->error);
	if (dir_fd < 0)
		return dir_fd;
	rc = open_or_create(region, dir_fd, location.file, &contents);
	close(dir_fd);
	return rc;
}

/* ---- an open region -------------------------------------------------------------- */

int
fnt_region_make_writable(struct fnt_region *region, struct fnt_error *error)
{
	const char *what = fnt_region_label(region);
	struct fnt_view view;
	int fd = fnt_region_reopen(region), rc;

	if (fd == -EACCES || fd == -EPERM || fd == -EROFS)
		return fnt_fail(
			error, -EACCES,
			"%s: no permission to change it; run as the user who owns it",
			what);
	if (fd < 0)
		return fnt_fail(error, fd, "%s: %s", what, strerror(-fd));
	rc = fnt_view_map(&view, fd, true, what, error);
	if (rc) {
		close(fd);
		return rc;
	}
	fnt_region_close(region);
	region->fd = fd;
	region->view = view;
	return 0;
}

void
fnt_region_close(struct fnt_region *region)
{
	fnt_region_close_fd(region);
	fnt_region_unpin_locks(region);
	fnt_view_unmap(&region->view);
}
