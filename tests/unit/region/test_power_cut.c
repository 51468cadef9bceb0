/* SPDX-License-Identifier: MIT
 *
 * test_power_cut.c: the power fails at once after a region was made, or a rotated file
 * was written: the file is complete. On real file systems on loop devices.
 */
#include "support/controls.h"
#include "support/disks.h"

/* What a busy machine does all the time: another program syncs something in the
 * directory. The names are on the disk then, and the contents of other files need not
 * be. */
static void
sync_something(const struct disk *disk)
{
	int fd = open(disk_path(disk, "other"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int dir = open(disk->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, "x", 1) == 1 && !fsync(fd) && !fsync(dir));
	close(fd);
	close(dir);
}

/* Mapping the same file again after the cut would show the old one's cached pages. */
static void
make_in_child(const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log;

		CHILD_MUST(!fnt_log_open(&log, path,
					 &(struct fnt_options){.size_bytes = MIB(1)}));
		CHILD_MUST(record_call(log, "fn", "1") == FNT_DONE);
		fnt_log_close(log);
		_exit(0);
	}
	must_end_well(pid);
}

START_TEST(new_region_is_complete)
{
	struct fnt_log *log;
	struct disk disk;

	for (int synced = 0; synced < 2; synced++) {
		if (!disk_begin(&disk, (enum disk_kind)_i))
			return;
		make_in_child(disk_path(&disk, "app.fnt"));
		if (synced)
			sync_something(&disk);
		disk_cut_power(&disk);
		log = open_log(disk_path(&disk, "app.fnt"),
			       &(struct fnt_options){.flags = FNT_ATTACH_ONLY});
		ck_assert_str_eq(fnt_log_notice(log), "");
		MUST(record_call(log, "fn", "2") == FNT_DONE);
		fnt_log_close(log);
		must_be_sound(disk_path(&disk, "app.fnt"));
		disk_end(&disk);
	}
}
END_TEST

static void
rotate_in_child(const char *path, const char *to)
{
	pid_t pid = fork();

	if (!pid) {
		struct fnt_control *control;

		CHILD_MUST(!fnt_control_open(&control, path, NULL));
		CHILD_MUST(!fnt_control_rotate(control, to, NULL, NULL));
		fnt_control_close(control);
		_exit(0);
	}
	must_end_well(pid);
}

START_TEST(rotated_file_is_complete)
{
	struct disk disk;
	char region[300];

	if (!disk_begin(&disk, (enum disk_kind)_i))
		return;
	snprintf(region, sizeof(region), "%s", region_path("app", ".fnt"));
	make_in_child(region);
	rotate_in_child(region, disk_path(&disk, "old.fnt"));
	disk_cut_power(&disk);
	ck_assert_uint_eq(region_stat(disk_path(&disk, "old.fnt")).retained, 1);
	disk_end(&disk);
	MUST(!unlink(region));
}
END_TEST

DISK_MAIN_LOOPS("power_cut", {new_region_is_complete, DISK_KINDS},
		{rotated_file_is_complete, DISK_KINDS})
