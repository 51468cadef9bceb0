/* SPDX-License-Identifier: MIT
 *
 * test_leftovers.c: files with temporary names, made where files without a name can't
 * be made. What a dead process left is removed by the next one that creates a file
 * there; all else stays. Temporary names take root: they are used in a root directory
 * without /proc.
 */
#include "support/fixture.h"

#include <sys/file.h>

#include "region/unnamed.h"

#define OTHER_UID 65533u

static void
touch(const char *name)
{
	int fd = open(region_path(name, ""), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	MUST(fd >= 0);
	close(fd);
}

static bool
is_there(const char *name)
{
	struct stat st;

	return !lstat(region_path(name, ""), &st);
}

static int
count_temporary(void)
{
	DIR *dir = opendir(fixture_dir);
	struct dirent *entry;
	int count = 0;

	MUST(dir);
	while ((entry = readdir(dir)))
		count += !strncmp(entry->d_name, ".fntrace-", 9);
	closedir(dir);
	return count;
}

START_TEST(only_own_dead_files_are_removed)
{
	static const char *const others[] = {
		".fntrace-0123456789abcde",   ".fntrace-0123456789abcdef0",
		".fntrace-0123456789ABCDEF",  "fntrace-0123456789abcdef",
		".fntrace-0123456789abcdeg",  ".fntrace-0123456789abcdef.fnt",
		"x.fntrace-0123456789abcdef",
	};
	const char *link = ".fntrace-1111111111111111";
	const char *folder = ".fntrace-2222222222222222";
	const char *held = ".fntrace-3333333333333333";
	const char *foreign = ".fntrace-4444444444444444";
	int fd;

	touch(".fntrace-0123456789abcdef");
	touch(".fntrace-fedcba9876543210");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		touch(others[i]);
	touch("target");
	MUST(!symlink("target", region_path(link, "")));
	MUST(!mkdir(region_path(folder, ""), 0700));
	touch(held);
	fd = open(region_path(held, ""), O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0 && !flock(fd, LOCK_EX));
	touch(foreign);
	MUST(geteuid() || !chown(region_path(foreign, ""), OTHER_UID, 0));
	fnt_log_close(open_sized("app", SMALLEST));
	ck_assert(!is_there(".fntrace-0123456789abcdef"));
	ck_assert(!is_there(".fntrace-fedcba9876543210"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert(is_there(others[i]));
	ck_assert(is_there(link) && is_there("target") && is_there(folder));
	ck_assert(is_there(held));
	ck_assert(geteuid() || is_there(foreign));
	close(fd);
	fnt_log_close(open_sized("next", SMALLEST));
	ck_assert(!is_there(held));
}
END_TEST

/* Its creator was killed between naming it and removing the temporary name. */
START_TEST(second_name_of_a_region)
{
	const char *second = ".fntrace-5555555555555555";
	char region[256];

	fnt_log_close(open_sized("twice", SMALLEST));
	snprintf(region, sizeof(region), "%s", region_path("twice", ".fnt"));
	MUST(!link(region, region_path(second, "")));
	fnt_log_close(open_sized("twice", SMALLEST));
	ck_assert(!is_there(second));
	must_be_sound("twice");
}
END_TEST

/* Create a file with a temporary name in the directory of regions. */
static int
create_temporary(char temp[FNT_TEMP_NAME_SIZE], int *dir_fd)
{
	int fd;

	*dir_fd = open(fixture_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHILD_MUST(*dir_fd >= 0 && !chroot(fixture_dir) && !chdir("/"));
	fd = fnt_region_create_unnamed(*dir_fd, temp, "test", NULL);
	CHILD_MUST(fd >= 0 && *temp);
	return fd;
}

/* Killed before the file has its name, or after. */
START_TEST(killed_creator)
{
	char temp[FNT_TEMP_NAME_SIZE];
	int before = count_temporary(), dir_fd, fd;
	pid_t pid;

	if (geteuid())
		return;
	pid = fork();
	if (!pid) {
		fd = create_temporary(temp, &dir_fd);
		if (_i)
			CHILD_MUST(!fnt_region_link(dir_fd, fd, temp, "named.fnt"));
		kill(getpid(), SIGKILL);
	}
	MUST(waitpid(pid, NULL, 0) == pid);
	ck_assert_int_eq(count_temporary(), before + 1);
	fnt_log_close(open_sized(_i ? "second" : "first", SMALLEST));
	ck_assert_int_eq(count_temporary(), before);
	ck_assert(is_there("named.fnt") == (_i != 0));
}
END_TEST

/* While it lives, nobody takes its file away. */
START_TEST(living_creator)
{
	struct latch made = make_latch(), go = make_latch();
	char temp[FNT_TEMP_NAME_SIZE];
	int before = count_temporary(), dir_fd, fd;
	pid_t pid;

	if (geteuid())
		return;
	pid = fork();
	if (!pid) {
		fd = create_temporary(temp, &dir_fd);
		latch_open(&made);
		latch_wait(&go);
		CHILD_MUST(!fnt_region_link(dir_fd, fd, temp, "living.fnt"));
		CHILD_MUST(!unlinkat(dir_fd, temp, 0));
		_exit(0);
	}
	latch_wait(&made);
	fnt_log_close(open_sized("third", SMALLEST));
	ck_assert_int_eq(count_temporary(), before + 1);
	latch_open(&go);
	must_end_well(pid);
	ck_assert(is_there("living.fnt"));
	ck_assert_int_eq(count_temporary(), before);
}
END_TEST

/* Each of many creates its regions with temporary names, and so clears while others
 * create. */
START_TEST(many_creators)
{
	enum {
		PROCESSES = 6
	};
	pid_t pids[PROCESSES];

	if (geteuid())
		return;
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		CHILD_MUST(!chroot(fixture_dir) && !chdir("/"));
		setenv("FNTRACE_DIR", "/", 1);
		for (int round = 0; round < ROUNDS(200, 50); round++) {
			struct fnt_error error;
			struct fnt_options options = {.size_bytes = SMALLEST,
						      .error = &error};
			struct fnt_log *log;
			char name[32];

			snprintf(name, sizeof(name), "many-%d-%d", i, round);
			if (fnt_log_open(&log, name, &options)) {
				fprintf(stderr, "# %s\n", error.message);
				_exit(98);
			}
			CHILD_MUST(!unlink(fnt_log_path(log)));
			fnt_log_close(log);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++)
		must_end_well(pids[i]);
}
END_TEST

FIXTURE_MAIN_LOOPS("leftovers", {only_own_dead_files_are_removed, 1},
		   {second_name_of_a_region, 1}, {killed_creator, 2},
		   {living_creator, 1}, {many_creators, 1})
