/* SPDX-License-Identifier: MIT
 *
 * test_unshare.c: on file systems that copy on write, a full disk kills no host: not
 * after the region's file was cloned, as cp does by itself, and not in a new region.
 */
#include "support/disks.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define SIZE SMALLEST

/* Take all of the disk's room. */
static void
fill_up(const struct disk *disk)
{
	static char bytes[65536];
	int fd = open(disk_path(disk, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	off_t at = 0;

	MUST(fd >= 0);
	memset(bytes, 'x', sizeof(bytes));
	for (size_t some = MIB(16); some >= 4096; some /= 2)
		while (!posix_fallocate(fd, at, (off_t)some))
			at += (off_t)some;
	for (size_t some = sizeof(bytes); some >= 4096; some /= 4)
		while (pwrite(fd, bytes, some, at) == (ssize_t)some && !fsync(fd))
			at += (off_t)some;
	close(fd);
}

/* Make a file that shares its blocks with another one. btrfs clones only into a file
 * that is copied on write, or not, like the other. */
static void
clone(const struct disk *disk, const char *from, const char *to)
{
	int flags = 0;
	int in = open(disk_path(disk, from), O_RDONLY | O_CLOEXEC);
	int out = open(disk_path(disk, to), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	MUST(in >= 0 && out >= 0 && !ioctl(in, FS_IOC_GETFLAGS, &flags));
	if (flags & FS_NOCOW_FL)
		MUST(!ioctl(out, FS_IOC_SETFLAGS, &flags));
	MUST(!ioctl(out, FICLONE, in) && !fsync(out));
	close(in);
	close(out);
}

/* Record so many calls that every cell is written, or fewer. */
static void
write_cells(struct fnt_log *log, int count)
{
	for (int i = 0; i < count; i++) {
		struct fnt_call *call = begin_call(log, "fn", "id");

		if (i % 4)
			CHILD_MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		else
			CHILD_MUST(fnt_call_finish_error(call, "E", "m") == FNT_DONE);
	}
}

/* Make a region with records, and end. */
static void
make_region(const struct disk *disk)
{
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log;

		CHILD_MUST(!fnt_log_open(&log, disk_path(disk, "app.fnt"),
					 &(struct fnt_options){.size_bytes = SIZE}));
		for (int i = 0; i < 100; i++)
			CHILD_MUST(record_call(log, "fn", "old") == FNT_DONE);
		fnt_log_close(log);
		_exit(0);
	}
	must_end_well(pid);
}

/* A host opens the region, then the disk runs full, then the host records. */
static void
record_on_full_disk(const struct disk *disk)
{
	/* A first write to a page of a full btrfs takes very long. */
	int count = disk->kind == DISK_BTRFS ? 50 : 3000;
	struct latch opened = make_latch(), full = make_latch();
	pid_t pid = fork();

	if (!pid) {
		struct fnt_error error;
		struct fnt_options options = {.size_bytes = SIZE, .error = &error};
		struct fnt_log *log;

		if (fnt_log_open(&log, disk_path(disk, "app.fnt"), &options)) {
			fprintf(stderr, "# %s\n", error.message);
			_exit(98);
		}
		latch_open(&opened);
		latch_wait(&full);
		write_cells(log, count);
		fnt_log_close(log);
		_exit(0);
	}
	close(opened.fds[1]);
	latch_wait(&opened);
	fill_up(disk);
	latch_open(&full);
	must_end_well(pid);
}

static bool
begin_copying(struct disk *disk, int kind)
{
	return kind != DISK_EXT4 && disk_begin(disk, (enum disk_kind)kind);
}

START_TEST(new_region)
{
	struct disk disk;

	if (!begin_copying(&disk, _i))
		return;
	record_on_full_disk(&disk);
	must_be_sound(disk_path(&disk, "app.fnt"));
	disk_end(&disk);
}
END_TEST

static bool
shares_blocks(const char *path)
{
	struct {
		struct fiemap head;
		struct fiemap_extent at[64];
	} map = {.head = {.fm_length = FIEMAP_MAX_OFFSET,
			  .fm_flags = FIEMAP_FLAG_SYNC,
			  .fm_extent_count = 64}};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool shares = false;

	MUST(fd >= 0 && !ioctl(fd, FS_IOC_FIEMAP, &map));
	MUST(map.head.fm_mapped_extents && map.head.fm_mapped_extents < 64);
	for (unsigned i = 0; i < map.head.fm_mapped_extents; i++)
		shares |= (map.at[i].fe_flags & FIEMAP_EXTENT_SHARED) != 0;
	close(fd);
	return shares;
}

/* Opening it gives it blocks of its own. (A first write to a page of a full btrfs takes
 * very long: it is not tried again.) */
START_TEST(cloned_region)
{
	struct fnt_log *log;
	struct disk disk;

	if (!begin_copying(&disk, _i))
		return;
	make_region(&disk);
	clone(&disk, "app.fnt", "copy.fnt");
	ck_assert(shares_blocks(disk_path(&disk, "app.fnt")));
	log = open_log(disk_path(&disk, "app.fnt"), NULL);
	ck_assert(!shares_blocks(disk_path(&disk, "app.fnt")));
	ck_assert_uint_eq(fnt_log_total_count(log), 100);
	fnt_log_close(log);
	if (_i != DISK_BTRFS)
		record_on_full_disk(&disk);
	must_be_sound(disk_path(&disk, "app.fnt"));
	ck_assert_uint_eq(region_stat(disk_path(&disk, "copy.fnt")).retained, 100);
	disk_end(&disk);
}
END_TEST

/* No room for blocks of its own: an error, and no SIGBUS. */
START_TEST(cloned_on_a_full_disk)
{
	struct fnt_error error = {0};
	struct fnt_options options = {.error = &error};
	struct fnt_log *log;
	struct disk disk;

	if (!disk_begin(&disk, DISK_XFS))
		return;
	make_region(&disk);
	clone(&disk, "app.fnt", "copy.fnt");
	fill_up(&disk);
	ck_assert_int_eq(fnt_log_open(&log, disk_path(&disk, "app.fnt"), &options),
			 -ENOSPC);
	ck_assert_ptr_nonnull(strstr(error.message, "shares its blocks"));
	disk_end(&disk);
}
END_TEST

DISK_MAIN_LOOPS("unshare", {new_region, DISK_KINDS}, {cloned_region, DISK_KINDS},
		{cloned_on_a_full_disk, 1})
