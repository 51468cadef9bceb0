/* SPDX-License-Identifier: MIT
 *
 * disks.h: file systems of several kinds on loop devices, and power cuts. Needs root
 * and the programs that make file systems; a kind that can't be made is skipped.
 */
#ifndef FNT_TEST_DISKS_H
#define FNT_TEST_DISKS_H

#include "fixture.h"

#include <sys/mount.h>

enum disk_kind {
	DISK_EXT4,
	DISK_XFS,
	DISK_BTRFS,
	DISK_KINDS,
};

static const struct {
	const char *name, *make;
	uint64_t bytes; /* the smallest that its program makes, or little more */
} disk_kinds[DISK_KINDS] = {
	{"ext4", "mkfs.ext4 -q -F -m 0", MIB(64)},
	{"xfs", "mkfs.xfs -q -f -m reflink=1", MIB(304)},
	{"btrfs", "mkfs.btrfs -q -f", MIB(128)},
};

struct disk {
	enum disk_kind kind;
	char dir[300]; /* where it is mounted */
	char image[300];
};

/* Run a command of the shell, quietly. */
static inline bool
disk_command(const char *format, const char *a, const char *b, const char *c)
{
	char command[1400];

	snprintf(command, sizeof(command), format, a, b, c);
	return !system(command);
}

static inline bool
disk_mount(const struct disk *disk)
{
	return disk_command("exec 2>/dev/null; mount -o loop%s %s %s", "", disk->image,
			    disk->dir);
}

/* What a test that failed has left. */
static inline void
disk_clean_up(void)
{
	umount2(region_path("disk", ""), MNT_DETACH);
	rmdir(region_path("disk", ""));
}

/* Make a file system and mount it. False: can't be done here, which is printed. */
static inline bool
disk_begin(struct disk *disk, enum disk_kind kind)
{
	int fd;

	disk_clean_up();
	disk->kind = kind;
	snprintf(disk->dir, sizeof(disk->dir), "%s", region_path("disk", ""));
	snprintf(disk->image, sizeof(disk->image), "%s", region_path("disk", ".img"));
	fd = open(disk->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd >= 0 && !ftruncate(fd, (off_t)disk_kinds[kind].bytes));
	close(fd);
	MUST(!mkdir(disk->dir, 0700));
	if (!geteuid() &&
	    disk_command("exec >/dev/null 2>&1; %s %s%s", disk_kinds[kind].make,
			 disk->image, "") &&
	    disk_mount(disk)) {
		MUST(!chmod(disk->dir, 0700));
		return true;
	}
	fprintf(stderr, "# no %s here: skipped\n", disk_kinds[kind].name);
	rmdir(disk->dir);
	unlink(disk->image);
	return false;
}

/* Cut the power: what the file system has not written to its device is lost. The disk
 * is mounted again as it then is. */
static inline void
disk_cut_power(struct disk *disk)
{
	char after[320];

	snprintf(after, sizeof(after), "%s.cut", disk->image);
	MUST(disk_command("cp --sparse=always %s %s%s", disk->image, after, ""));
	MUST(!umount(disk->dir));
	MUST(!rename(after, disk->image));
	MUST(disk_mount(disk));
}

static inline void
disk_end(struct disk *disk)
{
	MUST(!umount(disk->dir));
	MUST(!rmdir(disk->dir));
	unlink(disk->image);
}

/* The path of a file on the disk. Valid until the next call. */
static inline const char *
disk_path(const struct disk *disk, const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", disk->dir, file);
	return path;
}

/* The main of a suite, with {test, loops} for each test. */
#define DISK_MAIN_LOOPS(name, ...)                                                     \
	int main(void)                                                                 \
	{                                                                              \
		int status;                                                            \
                                                                                       \
		fixture_begin();                                                       \
		status = SUITE_RUN_LOOPS(name, __VA_ARGS__);                           \
		disk_clean_up();                                                       \
		fixture_end();                                                         \
		return status;                                                         \
	}

#endif
