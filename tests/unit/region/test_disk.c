/* SPDX-License-Identifier: MIT
 *
 * test_disk.c: full file systems. A region has all of its bytes from the beginning, or
 * it is not made. In memory and on a disk (a loop device); needs root, else skipped.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define DISK MIB(8)
#define THREADS 3

static char disk[300];	/* the mount point, and FNTRACE_DIR */
static char image[300]; /* file of the loop device */

static bool
mount_memory(void)
{
	return !mount("none", disk, "tmpfs", 0, "size=8m,mode=700");
}

static bool
mount_disk(void)
{
	char command[1400];
	int fd = open(image, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, DISK))
		return false;
	close(fd);
	/* No blocks reserved for root, so that a full disk is full for us, too. */
	snprintf(command, sizeof(command),
		 "exec 2>/dev/null; mkfs.ext4 -q -F -m 0 %s && mount -o loop %s %s",
		 image, image, disk);
	return !system(command);
}

static bool (*const kinds[])(void) = {mount_memory, mount_disk};

static void
begin_on(int kind)
{
	snprintf(disk, sizeof(disk), "%s", region_path("disk", ""));
	snprintf(image, sizeof(image), "%s", region_path("disk", ".img"));
	MUST(!mkdir(disk, 0700));
	MUST(kinds[kind]());
	MUST(!chmod(disk, 0700));
	setenv("FNTRACE_DIR", disk, 1);
}

static void
end(void)
{
	setenv("FNTRACE_DIR", fixture_dir, 1);
	MUST(!umount(disk));
	MUST(!rmdir(disk));
	unlink(image);
}

static bool
works(int kind)
{
	bool mounted;

	snprintf(disk, sizeof(disk), "%s", region_path("disk", ""));
	snprintf(image, sizeof(image), "%s", region_path("disk", ".img"));
	mkdir(disk, 0700);
	mounted = kinds[kind]();
	if (mounted)
		umount(disk);
	rmdir(disk);
	unlink(image);
	return mounted;
}

static void
path_on_disk(char path[400], const char *name)
{
	snprintf(path, 400, "%s/%s", disk, name);
}

/* Fill the disk to the last byte. */
static void
fill_up(void)
{
	static char bytes[4096];
	char path[400];
	size_t some = sizeof(bytes);
	int fd;

	path_on_disk(path, "filler");
	fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	MUST(fd >= 0);
	memset(bytes, 'x', sizeof(bytes));
	while (some) {
		while (write(fd, bytes, some) == (ssize_t)some && !fsync(fd))
			;
		some /= 2;
	}
	close(fd);
}

/* ---- producers ------------------------------------------------------------------- */

static void *
produce(void *log)
{
	static const char text[2000];
	struct fnt_value value = {FNT_VALUE_JSON, text, sizeof(text)};

	for (int i = 0; i < ROUNDS(3000, 600); i++) {
		struct fnt_call *call = begin_call(log, "full", "id");

		CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true) == 0);
		CHILD_MUST(fnt_call_finish_ok(call, i % 4 ? NULL : &value) == FNT_DONE);
	}
	return NULL;
}

static pid_t
start_producing(struct latch *go)
{
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log = open_sized("full", MIB(2));
		pthread_t threads[THREADS];

		latch_wait(go);
		for (int i = 0; i < THREADS; i++)
			CHILD_MUST(!pthread_create(&threads[i], NULL, produce, log));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		fnt_log_close(log);
		_exit(0);
	}
	return pid;
}

/* Neither processes that have the region open, nor those that open it on the full disk.
 */
START_TEST(producers_do_not_notice)
{
	const uint64_t calls = 3ull * THREADS * ROUNDS(3000, 600);
	struct latch go = make_latch();
	pid_t early, late[2];

	if (!works(_i))
		return;
	begin_on(_i);
	fnt_log_close(open_sized("full", MIB(2)));
	early = start_producing(&go);
	nap_us(20000);
	fill_up();
	for (int i = 0; i < 2; i++)
		late[i] = start_producing(&go);
	for (int i = 0; i < 3; i++)
		latch_open(&go);
	must_end_well(early);
	must_end_well(late[0]);
	must_end_well(late[1]);
	ck_assert_uint_eq(region_stat("full").total, calls);
	ck_assert_uint_eq(region_stat("full").dropped, 0);
	must_be_sound("full");
	if (kinds[_i] == mount_disk) {
		/* The records are on the disk. */
		char command[1400];
		uint64_t retained = region_stat("full").retained;

		snprintf(command, sizeof(command), "umount %s && mount -o loop %s %s",
			 disk, image, disk);
		MUST(!system(command));
		ck_assert_uint_eq(region_stat("full").retained, retained);
		must_be_sound("full");
	}
	end();
}
END_TEST

/* ---- creating and opening -------------------------------------------------------- */

static int
open_error(const char *name, uint64_t size, struct fnt_error *error)
{
	struct fnt_options options = {.size_bytes = size, .error = error};
	struct fnt_log *log;
	int rc = fnt_log_open(&log, name, &options);

	if (!rc) {
		record_call(log, "fn", "id");
		fnt_log_close(log);
	}
	return rc;
}

START_TEST(full_disk_is_an_error_at_open)
{
	struct fnt_error error = {0};
	struct dirent *entry;
	DIR *dir;

	if (!works(_i))
		return;
	begin_on(_i);
	fill_up();
	ck_assert_int_eq(open_error("late", MIB(1), &error), -ENOSPC);
	if (!strstr(error.message, "needs 1 MiB"))
		ck_abort_msg("the message does not say what is needed: %s",
			     error.message);
	dir = opendir(disk);
	while (dir && (entry = readdir(dir)))
		MUST(!strstr(entry->d_name, "fnt"));
	closedir(dir);
	end();
}
END_TEST

/* A sparse copy has holes. They are filled when it is opened for writing, or the open
 * fails. A producer that wrote into a hole on a full disk would die of SIGBUS. */
START_TEST(sparse_copy_is_filled)
{
	struct fnt_error error = {0};
	char command[1400], path[400];
	struct stat st;

	if (!works(_i))
		return;
	begin_on(_i);
	fnt_log_close(open_sized("whole", MIB(2)));
	snprintf(command, sizeof(command),
		 "cp --sparse=always %s/whole.fnt %s/holes.fnt", disk, disk);
	MUST(!system(command));
	path_on_disk(path, "holes.fnt");
	MUST(!stat(path, &st) && (uint64_t)st.st_blocks * 512 < MIB(1));
	fill_up();
	ck_assert_int_eq(open_error("holes", 0, &error), -ENOSPC);
	if (!strstr(error.message, "holes"))
		ck_abort_msg("the message does not say what is wrong: %s",
			     error.message);
	path_on_disk(path, "filler");
	MUST(!unlink(path));
	ck_assert_int_eq(open_error("holes", 0, NULL), 0);
	path_on_disk(path, "holes.fnt");
	MUST(!stat(path, &st) && (uint64_t)st.st_blocks * 512 >= MIB(2));
	ck_assert_uint_eq(region_stat("holes").total, 1);
	end();
}
END_TEST

int
main(void)
{
	const int count = sizeof(kinds) / sizeof(kinds[0]);
	int status = 77, usable = 0;

	fixture_begin();
	for (int kind = 0; kind < count; kind++)
		usable += works(kind);
	if (usable)
		status = SUITE_RUN_LOOPS("disk", {producers_do_not_notice, count},
					 {full_disk_is_an_error_at_open, count},
					 {sparse_copy_is_filled, count});
	fixture_end();
	return status;
}
