/* SPDX-License-Identifier: MIT
 *
 * by_pid.c: open the region of a process by its pid.
 *
 * /proc/PID/maps lists the process's mappings. That of a region is shared, and is of a
 * file NAME.fnt or of fntrace's memfd. The file is opened through /proc/PID, which
 * works across mount namespaces and for deleted files.
 */
#include "base/descriptor.h"
#include "base/error.h"
#include "region/fd.h"
#include "region/map.h"
#include "region/region.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOUND_MAX 8

/* A mapping that looks like a region. */
struct found {
	dev_t dev;
	ino_t ino;
	uint64_t from, to; /* addresses in that process */
	char path[PATH_MAX];
};

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Cuts " (deleted)" off the path. */
static bool
looks_like_region(char *path)
{
	static const char deleted[] = " (deleted)";

	if (ends_with(path, deleted))
		path[strlen(path) - strlen(deleted)] = '\0';
	return !strcmp(path, "/memfd:fntrace") || ends_with(path, ".fnt");
}

static bool
parse_maps_line(struct found *found, char *line)
{
	unsigned major_no, minor_no;
	uint64_t ino;
	char perms[5];
	int path_at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n",
		   &found->from, &found->to, perms, &major_no, &minor_no, &ino,
		   &path_at) < 6 ||
	    !path_at || perms[3] != 's')
		return false;
	found->dev = makedev(major_no, minor_no);
	found->ino = (ino_t)ino;
	snprintf(found->path, sizeof(found->path), "%s", line + path_at);
	return true;
}

/* List the distinct regions that the process has mapped. Returns their number, or
 * -errno. */
static int
find_mapped(struct found found[FOUND_MAX], pid_t pid)
{
	char name[64], *line = NULL;
	size_t size = 0;
	int count = 0;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
	maps = fnt_open_stream(name);
	if (!maps)
		return -errno;
	while (count < FOUND_MAX && getline(&line, &size, maps) > 0) {
		struct found *at = &found[count];
		bool known = false;

		if (!parse_maps_line(at, line) || !looks_like_region(at->path))
			continue;
		for (int i = 0; i < count; i++)
			known |= found[i].dev == at->dev && found[i].ino == at->ino;
		count += !known;
	}
	free(line);
	fclose(maps);
	return count;
}

/* ---- opening its file ------------------------------------------------------------ */

/* Find the line of our own maps for the mapping at `base`. */
static bool
find_own_mapping(struct found *own, const void *base)
{
	FILE *maps = fnt_open_stream("/proc/self/maps");
	bool is_found = false;
	char *line = NULL;
	size_t size = 0;

	while (maps && !is_found && getline(&line, &size, maps) > 0)
		is_found = parse_maps_line(own, line) && own->from == (uintptr_t)base;
	free(line);
	if (maps)
		fclose(maps);
	return is_found;
}

/* Is `fd` the file that was found? Some file systems (btrfs, overlayfs) show another
 * device in /proc/PID/maps than in stat(2). So it is mapped here, and our own maps are
 * compared with those of the process. */
static bool
is_same_file(int fd, const struct found *found)
{
	struct found *own = malloc(sizeof(*own));
	void *page = MAP_FAILED;
	bool same = false;

	if (own)
		page = mmap(NULL, FNT_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED) {
		same = find_own_mapping(own, page) && own->dev == found->dev &&
		       own->ino == found->ino;
		munmap(page, FNT_PAGE);
	}
	free(own);
	return same;
}

/* Open for reading what the descriptor `place` (O_PATH) refers to, if it is the file
 * that was found, and close `place`. What is not a regular file is not opened: that
 * could have effects. Returns a descriptor or -errno. */
static int
open_same(int place, const struct found *found)
{
	char path[64];
	struct stat st;
	int fd = -ENOENT;

	if (place < 0)
		return errno ? -errno : -ENOENT;
	if (!fstat(place, &st) && S_ISREG(st.st_mode) && st.st_ino == found->ino) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
		fd = fnt_open(path, O_RDONLY | O_NONBLOCK);
		if (fd < 0)
			fd = -errno;
	}
	close(place);
	if (fd >= 0 && !is_same_file(fd, found)) {
		close(fd);
		fd = -ENOENT;
	}
	return fd;
}

/* Walk along the path, in the root directory of the process. The kernel shows paths
 * without symbolic links. If there is one by now, it could lead out of that directory:
 * it is not followed. Returns an O_PATH descriptor, or -1 with errno. */
static int
walk_in_root(pid_t pid, const char *path)
{
	char part[NAME_MAX + 1];
	int at, next;

	snprintf(part, sizeof(part), "/proc/%d/root", (int)pid);
	at = fnt_open(part, O_PATH | O_DIRECTORY);
	while (at >= 0 && *(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");

		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		path += len;
		next = strcmp(part, "..")
			       ? fnt_open_at(at, part, O_PATH | O_NOFOLLOW, 0)
			       : -1;
		close(at);
		at = next;
	}
	return at;
}

/* Open the file through one of the process's descriptors. This works for every file,
 * also a deleted one, and needs only permission to inspect the process. */
static int
open_by_descriptor(pid_t pid, const struct found *found)
{
	char path[64 + NAME_MAX];
	struct dirent *entry;
	struct stat st;
	int fd = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = fnt_open_listing(AT_FDCWD, path);
	if (!dir)
		return -errno;
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		if (!stat(path, &st) && S_ISREG(st.st_mode) && st.st_ino == found->ino)
			fd = open_same(fnt_open(path, O_PATH), found);
	}
	closedir(dir);
	return fd;
}

static int
open_found(pid_t pid, const struct found *found)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
		 (int)pid, found->from, found->to);
	fd = open_same(fnt_open(path, O_PATH), found);
	if (fd >= 0)
		return fd;
	fd = open_same(walk_in_root(pid, found->path), found);
	return fd >= 0 ? fd : open_by_descriptor(pid, found);
}

static int
pid_failed(pid_t pid, int code, struct fnt_error *error)
{
	if (code == -ENOENT || code == -ESRCH)
		return fnt_fail(error, -ESRCH,
				"pid %d: no such process; see fntrace list", (int)pid);
	if (code == -EACCES || code == -EPERM)
		return fnt_fail(error, -EACCES,
				geteuid()
					? "pid %d: permission denied; run as its user "
					  "or as root"
					: "pid %d: permission denied even for root; "
					  "needs CAP_SYS_PTRACE",
				(int)pid);
	return fnt_fail(error, code, "pid %d: %s", (int)pid, strerror(-code));
}

static int
too_many(pid_t pid, const struct found *found, int count, struct fnt_error *error)
{
	char names[400] = "";
	size_t len = 0;

	for (int i = 0; i < count && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					i ? ", " : "", found[i].path);
	return fnt_fail(error, -ENOTUNIQ,
			"pid %d: has several regions mapped; choose one by -r: %s",
			(int)pid, names);
}

static int
attach_found(struct fnt_region *region, pid_t pid, const struct found *found, int count,
	     struct fnt_error *error)
{
	int fd, rc;

	if (count < 0)
		return pid_failed(pid, count, error);
	if (!count)
		return fnt_fail(
			error, -ENODATA,
			"pid %d: has no fntrace region mapped; see fntrace list",
			(int)pid);
	if (count > 1)
		return too_many(pid, found, count, error);
	fd = open_found(pid, found);
	if (fd < 0)
		return pid_failed(pid, fd == -ENOENT ? -EACCES : fd, error);
	region->notice[0] = '\0';
	snprintf(region->path, sizeof(region->path), "%s", found->path);
	region->fd = fd;
	fnt_region_forget_pins(region);
	region->dev = found->dev;
	region->ino = found->ino;
	rc = fnt_view_map(&region->view, fd, false, region->path, error);
	if (rc)
		close(fd);
	return rc;
}

int
fnt_region_open_pid(struct fnt_region *region, pid_t pid, struct fnt_error *error)
{
	struct found *found = calloc(FOUND_MAX, sizeof(*found));
	struct stat st;
	int rc;

	if (!found)
		return fnt_fail(error, -ENOMEM, "out of memory");
	rc = attach_found(region, pid, found, find_mapped(found, pid), error);
	free(found);
	/* fnt_region_owns_fd() compares with the device of fstat(2): see
	 * is_same_file(). */
	if (!rc && !fstat(region->fd, &st))
		region->dev = st.st_dev;
	return rc;
}
