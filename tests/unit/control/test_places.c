/* SPDX-License-Identifier: MIT
 *
 * test_places.c: where files are made, and whose they are, when the region is another
 * user's, or its path was chosen by another process. Takes root, else skipped.
 */
#include "support/controls.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define OWNER_UID 65533u
#define OWNER_GID 65532u
#define TEAM_GID 65531u
#define MEMBER_UID 65530u

static int
rotate(const char *name, const char *path, struct fnt_rings *rings)
{
	struct fnt_control *control;
	struct fnt_error error;
	int rc = fnt_control_open(&control, name, &error);

	if (rc)
		return rc;
	rc = fnt_control_rotate(control, path, rings, &error);
	fnt_control_close(control);
	return rc;
}

static void
become(uid_t uid, gid_t gid, gid_t also)
{
	CHILD_MUST(!setgroups(1, &also) && !setgid(gid) && !setuid(uid));
}

/* Make a region of one record, shared with the team, that belongs to `uid`. */
static void
make_team_region(const char *name, uid_t uid)
{
	struct fnt_options options = {
		.size_bytes = SMALLEST, .flags = FNT_GROUP, .gid = TEAM_GID};
	struct fnt_log *log;

	MUST(!fnt_log_open(&log, name, &options));
	MUST(record_call(log, "fn", "id") == FNT_DONE);
	fnt_log_close(log);
	MUST(!chown(region_path(name, ".fnt"), uid, (gid_t)-1));
}

static void
must_belong_to(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	MUST(!stat(path, &st));
	ck_assert_uint_eq(st.st_uid, uid);
	ck_assert_uint_eq(st.st_gid, gid);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
}

/* ---- whose the rotated file is --------------------------------------------------- */

START_TEST(rotated_by_root)
{
	struct fnt_rings rings;

	if (geteuid())
		return;
	make_team_region("root", OWNER_UID);
	MUST(!rotate("root", NULL, &rings));
	must_belong_to(rings.path, OWNER_UID, TEAM_GID, 0660);
	fnt_log_close(open_sized("plain", SMALLEST));
	MUST(!chown(region_path("plain", ".fnt"), OWNER_UID, OWNER_GID));
	MUST(!rotate("plain", NULL, &rings));
	must_belong_to(rings.path, OWNER_UID, OWNER_GID, 0600);
}
END_TEST

/* A member of the group, whose own group is another one. */
START_TEST(rotated_by_a_member)
{
	struct fnt_rings *rings = share_memory(sizeof(*rings));
	pid_t pid;

	if (geteuid())
		return;
	make_team_region("member", OWNER_UID);
	MUST(!chmod(fixture_dir, 0777));
	pid = fork();
	if (!pid) {
		become(MEMBER_UID, OWNER_GID, TEAM_GID);
		CHILD_MUST(!rotate(region_path("member", ".fnt"), NULL, rings));
		_exit(0);
	}
	must_end_well(pid);
	must_belong_to(rings->path, MEMBER_UID, TEAM_GID, 0660);
	ck_assert_uint_eq(rings->frozen, 1);
	MUST(!chmod(fixture_dir, 0700));
}
END_TEST

/* The owner, who is no member, can't make a file that members can read: no file is
 * written, and no record leaves the region. */
START_TEST(rotated_by_no_member)
{
	struct stat st;
	char path[256];
	pid_t pid;

	if (geteuid())
		return;
	make_team_region("owner", OWNER_UID);
	MUST(!chmod(fixture_dir, 0777));
	snprintf(path, sizeof(path), "%s", region_path("owner-old", ".fnt"));
	pid = fork();
	if (!pid) {
		become(OWNER_UID, OWNER_GID, OWNER_GID);
		CHILD_MUST(rotate(region_path("owner", ".fnt"), path, NULL) == -EPERM);
		_exit(0);
	}
	must_end_well(pid);
	ck_assert(stat(path, &st) && errno == ENOENT);
	ck_assert_uint_eq(region_stat("owner").retained, 1);
	MUST(!chmod(fixture_dir, 0700));
}
END_TEST

/* ---- where it is ----------------------------------------------------------------- */

/* The process's region is in a file system that only it sees. Its path means another
 * directory here, which has a file of that name, too. */
START_TEST(path_of_another_mount_namespace)
{
	struct latch ready = make_latch(), go = make_latch();
	struct fnt_control *control;
	struct fnt_error error;
	struct fnt_rings rings;
	uint32_t alive;
	pid_t pid;
	char path[256];

	if (geteuid())
		return;
	MUST(!mkdir(region_path("ns", ""), 0700));
	pid = fork();
	if (!pid) {
		struct fnt_log *log;

		CHILD_MUST(!unshare(CLONE_NEWNS));
		CHILD_MUST(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
		CHILD_MUST(
			!mount("none", region_path("ns", ""), "tmpfs", 0, "mode=700"));
		CHILD_MUST(!fnt_log_open(&log, region_path("ns/app", ".fnt"), NULL));
		CHILD_MUST(record_call(log, "fn", "id") == FNT_DONE);
		latch_open(&ready);
		latch_wait(&go);
		_exit(0);
	}
	latch_wait(&ready);
	fnt_log_close(open_sized(region_path("ns/app", ".fnt"), SMALLEST));
	MUST(!fnt_control_open_pid(&control, pid, &error));
	ck_assert_int_eq(fnt_control_rotate(control, NULL, &rings, &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.message, "give the path"));
	ck_assert_int_eq(fnt_control_remove(control, true, &alive, &error), -ENOENT);
	MUST(!access(region_path("ns/app", ".fnt"), F_OK));
	snprintf(path, sizeof(path), "%s", region_path("ns/out", ".fnt"));
	MUST(!fnt_control_rotate(control, path, &rings, &error));
	ck_assert_uint_eq(region_stat(path).retained, 1);
	fnt_control_close(control);
	latch_open(&go);
	must_end_well(pid);
	MUST(!unlink(path) && !unlink(region_path("ns/app", ".fnt")));
	MUST(!rmdir(region_path("ns", "")));
}
END_TEST

/* The directory was replaced by a symbolic link to another one. */
START_TEST(directory_replaced_by_a_link)
{
	struct fnt_control *control;
	struct fnt_error error;
	char real[256], link[256], victim[256];
	uint32_t alive;

	snprintf(real, sizeof(real), "%s", region_path("real", ""));
	snprintf(link, sizeof(link), "%s", region_path("link", ""));
	snprintf(victim, sizeof(victim), "%s", region_path("victim", ""));
	MUST(!mkdir(link, 0700) && !mkdir(victim, 0700));
	fnt_log_close(open_sized(region_path("link/app", ".fnt"), SMALLEST));
	fnt_log_close(open_sized(region_path("victim/app", ".fnt"), SMALLEST));
	MUST(!fnt_control_open(&control, region_path("link/app", ".fnt"), &error));
	MUST(!rename(link, real) && !symlink(victim, link));
	ck_assert_int_eq(fnt_control_rotate(control, NULL, NULL, &error), -ENOENT);
	ck_assert_int_eq(fnt_control_remove(control, true, &alive, &error), -ENOENT);
	MUST(!unlink(region_path("victim/app", ".fnt")));
	MUST(!rmdir(victim)); /* there was nothing else in it */
	fnt_control_close(control);
	MUST(!unlink(link) && !unlink(region_path("real/app", ".fnt")));
	MUST(!rmdir(real));
}
END_TEST

/* ---- by pid ---------------------------------------------------------------------- */

/* Give up what allows to open the files of map_files. */
static void
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	CHILD_MUST(!syscall(SYS_capget, &head, data));
	for (int i = 0; i < 2; i++) {
		if (!i)
			data[i].effective &= ~(1u << CAP_SYS_ADMIN);
		else
			data[i].effective &= ~(1u << (CAP_CHECKPOINT_RESTORE - 32));
		data[i].permitted = data[i].effective;
		data[i].inheritable = 0;
	}
	CHILD_MUST(!syscall(SYS_capset, &head, data));
}

/* A new file system whose first file is a region: inode numbers of all of these are
 * the same. */
static void
mount_with_region(const char *dir, struct stat *st)
{
	char path[300];
	struct fnt_log *log;

	MUST(!mkdir(dir, 0700) && !mount("none", dir, "tmpfs", 0, "mode=700"));
	snprintf(path, sizeof(path), "%s/app.fnt", dir);
	log = open_sized(path, SMALLEST);
	fnt_log_close(log);
	MUST(!stat(path, st));
}

/* A process has a region mapped, closes its descriptor and puts a link to another
 * region in the place of its file. That region has the same inode number. */
START_TEST(link_to_a_file_of_the_same_number)
{
	char a[256], b[256], path[300], target[300];
	struct stat st_a, st_b;
	void *mapped;
	pid_t pid;
	int fd;

	if (geteuid())
		return;
	snprintf(a, sizeof(a), "%s", region_path("a", ""));
	snprintf(b, sizeof(b), "%s", region_path("b", ""));
	mount_with_region(a, &st_a);
	mount_with_region(b, &st_b);
	ck_assert_uint_eq(st_a.st_ino, st_b.st_ino);
	snprintf(path, sizeof(path), "%s/app.fnt", a);
	snprintf(target, sizeof(target), "%s/app.fnt", b);
	fd = open(path, O_RDWR | O_CLOEXEC);
	mapped = mmap(NULL, SMALLEST, PROT_READ, MAP_SHARED, fd, 0);
	MUST(fd >= 0 && mapped != MAP_FAILED);
	close(fd);
	MUST(!unlink(path) && !symlink(target, path));
	pid = fork();
	if (!pid) {
		struct fnt_reader *reader;

		drop_capabilities();
		CHILD_MUST(fnt_reader_open_pid(&reader, getppid(), NULL) < 0);
		_exit(0);
	}
	must_end_well(pid);
	munmap(mapped, SMALLEST);
	MUST(!umount(a) && !umount(b) && !rmdir(a) && !rmdir(b));
}
END_TEST

FIXTURE_MAIN("places", rotated_by_root, rotated_by_a_member, rotated_by_no_member,
	     path_of_another_mount_namespace, directory_replaced_by_a_link,
	     link_to_a_file_of_the_same_number)
