/* SPDX-License-Identifier: MIT */
#include "region/region.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "region/fd.h"
#include "region/file_space.h"
#include "region/header.h"
#include "region/map.h"
#include "region/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".fnt"
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

/* A region's file: its directory and the name in it. */
struct place {
	char dir[PATH_MAX];
	char file[NAME_MAX + 1];
	bool ours; /* fntrace's own directory: created if need be, must be private */
};

static int
resolve_path(struct place *place, const char *path, struct fnt_error *error)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;
	size_t dir_len = slash ? (size_t)(slash - path) : 0;

	if (!*file || strlen(file) > NAME_MAX || dir_len >= PATH_MAX)
		return fnt_fail(error, -EINVAL, "%.200s: not the path of a file", path);
	if (!slash)
		strcpy(place->dir, ".");
	else if (!dir_len)
		strcpy(place->dir, "/");
	else
		snprintf(place->dir, sizeof(place->dir), "%.*s", (int)dir_len, path);
	strcpy(place->file, file);
	place->ours = false;
	return 0;
}

static __attribute__((nonnull(3))) int
resolve(struct place *place, char path[PATH_MAX], const char *name, const char *dir,
	struct fnt_error *error)
{
	int rc, len;

	if (is_path(name)) {
		len = snprintf(path, PATH_MAX, "%s", name);
		rc = resolve_path(place, name, error);
	} else {
		rc = check_name(name, error);
		if (!rc)
			rc = fnt_region_dir(place->dir, dir, error);
		if (rc)
			return rc;
		len = snprintf(path, PATH_MAX, "%s/%s" SUFFIX, place->dir, name);
		snprintf(place->file, sizeof(place->file), "%s" SUFFIX, name);
		place->ours = true;
	}
	if (!rc && (len < 0 || len >= PATH_MAX))
		return fnt_fail(error, -ENAMETOOLONG, "%.200s…: path too long", name);
	return rc;
}

/* Other users who can write to the directory could put regions in it, or replace
 * ours. */
static int
check_dir(int fd, const struct place *place, const struct fnt_options *options,
	  struct fnt_error *error)
{
	mode_t others = S_IWGRP | S_IWOTH;
	struct stat st;

	if (fstat(fd, &st))
		return fnt_fail(error, -errno, "%s: %s", place->dir, strerror(errno));
	if (!place->ours)
		return 0;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fnt_fail(
			error, -EPERM,
			"%s: belongs to user %u, not to you; set FNTRACE_DIR to a "
			"directory of your own",
			place->dir, (unsigned)st.st_uid);
	if (options && options->flags & FNT_GROUP && st.st_gid == options->gid)
		others = S_IWOTH;
	if (st.st_mode & others && !(st.st_mode & S_ISVTX))
		return fnt_fail(error, -EPERM,
				"%s: other users can write to this directory; run "
				"chmod 700 on it, or set FNTRACE_DIR to another one",
				place->dir);
	return 0;
}

/* Open the place's directory. Returns a descriptor or -errno. `options` NULL: the
 * region is only read, and the directory is not created. */
static int
open_dir(const struct place *place, const struct fnt_options *options,
	 struct fnt_error *error)
{
	bool make = options && !(options->flags & FNT_ATTACH_ONLY);
	int nofollow = place->ours ? O_NOFOLLOW : 0;
	int fd, rc;

	if (make && place->ours && mkdir(place->dir, 0700) && errno != EEXIST)
		return fnt_fail(error, -errno,
				"%s: cannot create the directory: %s; set FNTRACE_DIR "
				"to another one",
				place->dir, strerror(errno));
	/* O_PATH: search permission is enough. */
	fd = fnt_open(place->dir, O_PATH | O_DIRECTORY | nofollow);
	if (fd < 0)
		return fnt_fail(error, -errno, "%s: %s", place->dir,
				errno == ENOTDIR
					? "not a directory, or a symbolic link; "
					  "name the directory itself"
					: strerror(errno));
	rc = check_dir(fd, place, options, error);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

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

/* Check and map the file `fd`, which becomes the region's; on failure it is closed. */
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
		if (rc)
			fnt_view_unmap(&region->view);
	}
	if (rc) {
		close(fd);
		return rc;
	}
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
	struct place place;
	int dir_fd, fd, rc = resolve(&place, region->path, name, NULL, error);

	if (rc)
		return rc;
	/* Reading from a directory that the user has named needs no ownership check. */
	if (secure_getenv("FNTRACE_DIR"))
		place.ours = false;
	dir_fd = open_dir(&place, NULL, error);
	if (dir_fd == -ENOENT)
		return open_failed(region->path, -ENOENT, error);
	if (dir_fd < 0)
		return dir_fd;
	fd = open_file(dir_fd, place.file, NULL, region->path, error);
	close(dir_fd);
	return fd < 0 ? fd : adopt(region, fd, false, error);
}

/* ---- creating -------------------------------------------------------------------- */

/* Everything but the header and the ring heads is zero until `init` is called. */
static bool
write_start(int fd, const struct fnt_header *header)
{
	struct fnt_ring_head heads[FNT_RINGS];
	uint64_t off = 0;

	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == FNT_SECTION_RINGS)
			off = header->sections[i].off;
	fnt_header_init_rings(header, heads);
	return pwrite(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header) &&
	       pwrite(fd, heads, sizeof(heads), (off_t)off) == (ssize_t)sizeof(heads);
}

/* A new region: its header, its options, and the function that writes what it begins
 * with. */
struct contents {
	struct fnt_header header;
	const struct fnt_options *options;
	fnt_region_init_fn *init;
};

/* Allocate all of the file now: later, a full file system would be a SIGBUS. */
static int
fill(int fd, struct contents *contents, const char *path)
{
	const struct fnt_options *options = contents->options;
	struct fnt_header *header = &contents->header;
	bool group = options->flags & FNT_GROUP;
	struct fnt_error *error = options->error;
	int rc = fnt_file_space_allocate(fd, 0, header->size_bytes, path, error);

	if (rc)
		return rc;
	if (group && fchown(fd, (uid_t)-1, options->gid))
		return fnt_fail(error, -errno, "%s: cannot give it to group %u: %s",
				path, options->gid, strerror(errno));
	fnt_header_note_file(header, fd);
	if (fchmod(fd, group ? 0660 : 0600) || !write_start(fd, header))
		return fnt_fail(error, -errno, "%s: cannot write the new region: %s",
				path, strerror(errno));
	return contents->init(fd, header, options);
}

/* Create the complete region, then give it its name. Returns its descriptor, which is
 * not used for mapping (see open_or_create()), or -errno; -EEXIST: another process has
 * created a file of that name. */
static int
create_file(int dir_fd, const struct place *place, const char *path,
	    struct contents *contents)
{
	struct fnt_error *error = contents->options->error;
	char temp[FNT_TEMP_NAME_SIZE];
	int fd, rc = fnt_header_make(&contents->header, contents->options);

	if (rc)
		return rc;
	fd = fnt_region_create_unnamed(dir_fd, temp, path, error);
	if (fd < 0)
		return fd;
	rc = fill(fd, contents, path);
	if (!rc) {
		rc = fnt_region_link(dir_fd, fd, temp, place->file);
		if (rc && rc != -EEXIST)
			fnt_fail(error, rc,
				 "%s: cannot give the new region this name: %s", path,
				 strerror(-rc));
	}
	if (*temp)
		unlinkat(dir_fd, temp, 0);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

static int
open_nameless(struct fnt_region *region, struct contents *contents)
{
	struct fnt_error *error = contents->options->error;
	int fd, rc = fnt_header_make(&contents->header, contents->options);

	region->path[0] = '\0';
	if (rc)
		return rc;
	fd = fnt_open_memory("fntrace");
	if (fd < 0)
		return fnt_fail(error, -errno,
				"region without a name: memfd_create: %s",
				strerror(errno));
	rc = fill(fd, contents, fnt_region_label(region));
	if (rc) {
		close(fd);
		return rc;
	}
	return adopt(region, fd, true, error);
}

/* Open the file, or create it and then open it: a mapping made before the file has its
 * name would show no name in /proc/PID/maps. Other processes may create and remove it
 * meanwhile, so this is tried a few times. */
static int
open_or_create(int dir_fd, const struct place *place, const char *path,
	       struct contents *contents)
{
	const struct fnt_options *options = contents->options;

	for (int attempt = 0; attempt < 8; attempt++) {
		struct fnt_error error;
		int fd = open_file(dir_fd, place->file, options, path, &error);

		if (fd != -ENOENT || options->flags & FNT_ATTACH_ONLY) {
			if (fd < 0 && options->error)
				*options->error = error;
			return fd;
		}
		fd = create_file(dir_fd, place, path, contents);
		if (fd < 0 && fd != -EEXIST)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return fnt_fail(options->error, -EBUSY,
			"%s: other processes keep creating and removing it; try again",
			path);
}

int
fnt_region_open(struct fnt_region *region, const char *name,
		const struct fnt_options *options, fnt_region_init_fn *init)
{
	struct contents contents = {.options = options, .init = init};
	struct place place;
	int dir_fd, fd, rc;

	if (!name)
		return open_nameless(region, &contents);
	rc = resolve(&place, region->path, name, options->dir, options->error);
	if (rc)
		return rc;
	dir_fd = open_dir(&place, options, options->error);
	if (dir_fd < 0)
		return dir_fd;
	fd = open_or_create(dir_fd, &place, region->path, &contents);
	close(dir_fd);
	return fd < 0 ? fd : adopt(region, fd, true, options->error);
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
