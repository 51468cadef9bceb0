/* SPDX-License-Identifier: MIT */
#include "region/location.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "region/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX FNT_REGION_SUFFIX
#define REGION_NAME_MAX 200

/* ---- names and paths ------------------------------------------------------------- */

static bool
is_path(const char *name)
{
	size_t len = strlen(name);

	return strchr(name, '/') ||
	       (len > strlen(SUFFIX) && !strcmp(name + len - strlen(SUFFIX), SUFFIX));
}

static int
check_name(const char *name, struct fnt_error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	if (!len || len > REGION_NAME_MAX || name[0] == '.' ||
	    strspn(name, allowed) != len)
		return fnt_fail(
			error, -EINVAL,
			"region name \"%.64s\": use 1 to %d letters, digits, '.', "
			"'_' or '-', not '.' first; or a path with a '/'",
			name, REGION_NAME_MAX);
	return 0;
}

int
fnt_region_dir(char path[PATH_MAX], const char *dir, struct fnt_error *error)
{
	int len;

	if (!dir)
		dir = secure_getenv("FNTRACE_DIR");
	if (dir && *dir)
		len = snprintf(path, PATH_MAX, "%s", dir);
	else
		len = snprintf(path, PATH_MAX, "/dev/shm/fntrace-%u",
			       (unsigned)geteuid());
	if (len < 0 || len >= PATH_MAX)
		return fnt_fail(error, -ENAMETOOLONG,
				"%.200s…: directory name too long; set FNTRACE_DIR "
				"to a shorter one",
				dir ? dir : "/dev/shm");
	return 0;
}

static int
resolve_path(struct fnt_location *location, const char *path, struct fnt_error *error)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;
	size_t dir_len = slash ? (size_t)(slash - path) : 0;

	if (!*file || strlen(file) > NAME_MAX || dir_len >= PATH_MAX)
		return fnt_fail(error, -EINVAL, "%.200s: not the path of a file", path);
	if (!slash)
		strcpy(location->dir, ".");
	else if (!dir_len)
		strcpy(location->dir, "/");
	else
		snprintf(location->dir, sizeof(location->dir), "%.*s", (int)dir_len,
			 path);
	strcpy(location->file, file);
	location->ours = false;
	return 0;
}

int
fnt_location_resolve(struct fnt_location *location, char path[PATH_MAX],
		     const char *name, const char *dir, struct fnt_error *error)
{
	int rc, len;

	if (is_path(name)) {
		len = snprintf(path, PATH_MAX, "%s", name);
		rc = resolve_path(location, name, error);
	} else {
		rc = check_name(name, error);
		if (!rc)
			rc = fnt_region_dir(location->dir, dir, error);
		if (rc)
			return rc;
		len = snprintf(path, PATH_MAX, "%s/%s" SUFFIX, location->dir, name);
		snprintf(location->file, sizeof(location->file), "%s" SUFFIX, name);
		location->ours = true;
	}
	if (!rc && (len < 0 || len >= PATH_MAX))
		return fnt_fail(error, -ENAMETOOLONG, "%.200s…: path too long", name);
	return rc;
}

/* Other users who can write to the directory could put regions in it, or replace
 * ours. */
static int
check_dir(int fd, const struct fnt_location *location,
	  const struct fnt_options *options, struct fnt_error *error)
{
	mode_t others = S_IWGRP | S_IWOTH;
	struct stat st;

	if (fstat(fd, &st))
		return fnt_fail(error, -errno, "%s: %s", location->dir,
				strerror(errno));
	if (!location->ours)
		return 0;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fnt_fail(
			error, -EPERM,
			"%s: belongs to user %u, not to you; set FNTRACE_DIR to a "
			"directory of your own",
			location->dir, (unsigned)st.st_uid);
	if (options && options->flags & FNT_GROUP && st.st_gid == options->gid)
		others = S_IWOTH;
	if (st.st_mode & others && !(st.st_mode & S_ISVTX))
		return fnt_fail(error, -EPERM,
				"%s: other users can write to this directory; run "
				"chmod 700 on it, or set FNTRACE_DIR to another one",
				location->dir);
	return 0;
}

int
fnt_location_open(const struct fnt_location *location,
		  const struct fnt_options *options, struct fnt_error *error)
{
	bool make = options && !(options->flags & FNT_ATTACH_ONLY);
	int nofollow = location->ours ? O_NOFOLLOW : 0;
	int fd, rc;

	if (make && location->ours && mkdir(location->dir, 0700) && errno != EEXIST)
		return fnt_fail(error, -errno,
				"%s: cannot create the directory: %s; set FNTRACE_DIR "
				"to another one",
				location->dir, strerror(errno));
	/* O_PATH: search permission is enough. */
	fd = fnt_open(location->dir, O_PATH | O_DIRECTORY | nofollow);
	if (fd < 0)
		return fnt_fail(error, -errno, "%s: %s", location->dir,
				errno == ENOTDIR
					? "not a directory, or a symbolic link; "
					  "name the directory itself"
					: strerror(errno));
	rc = check_dir(fd, location, options, error);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}
