/* SPDX-License-Identifier: MIT
 *
 * test_access.c: who may write and who may read, tried as a second user (which takes
 * root); and what happens to a process when the region's file is removed or replaced.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>

#define OTHER_UID 65533u
#define OTHER_GID 65532u
#define TEAM_GID 65531u

static char message[508];

/* Run it as another user, with one more group. Returns its exit status. */
static int
as_other(int (*what)(void), gid_t group)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(1, &group) || setgid(OTHER_GID) || setuid(OTHER_UID))
			_exit(99);
		_exit(what());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_ne(WEXITSTATUS(status), 99);
	return WEXITSTATUS(status);
}

static bool
can_be_other(void)
{
	return geteuid() == 0;
}

static int
open_with(const char *name, const struct fnt_options *options)
{
	struct fnt_options with = *options;
	struct fnt_error error = {0};
	struct fnt_log *log;
	int rc;

	with.error = &error;
	with.size_bytes = SMALLEST;
	rc = fnt_log_open(&log, name, &with);
	snprintf(message, sizeof(message), "%s", error.message);
	if (!rc) {
		rc = record_call(log, "fn", "other");
		fnt_log_close(log);
	}
	return rc;
}

static int
write_plain(void)
{
	return -open_with(region_path("mine", ".fnt"), &(struct fnt_options){0});
}

static int
read_plain(void)
{
	struct fnt_reader *reader;
	int rc = fnt_reader_open(&reader, region_path("mine", ".fnt"), NULL);

	if (!rc)
		fnt_reader_close(reader);
	return -rc;
}

START_TEST(only_the_owner_has_access)
{
	struct stat st;

	if (!can_be_other())
		return;
	fnt_log_close(open_log("mine", NULL));
	ck_assert_int_eq(stat(region_path("mine", ".fnt"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(chmod(fixture_dir, 0755), 0);
	ck_assert_int_eq(as_other(write_plain, OTHER_GID), EACCES);
	ck_assert_int_eq(as_other(read_plain, OTHER_GID), EACCES);
	/* The file's mode alone does not allow others to write, even if it was opened
	 * by hand. */
	ck_assert_int_eq(chmod(region_path("mine", ".fnt"), 0666), 0);
	ck_assert_int_eq(as_other(write_plain, OTHER_GID), EPERM);
	ck_assert_int_eq(as_other(read_plain, OTHER_GID), 0);
	ck_assert_int_eq(chmod(fixture_dir, 0700), 0);
}
END_TEST

static int
write_as_team(void)
{
	return -open_with(region_path("team", ".fnt"),
			  &(struct fnt_options){.flags = FNT_GROUP, .gid = TEAM_GID});
}

static int
write_as_no_team(void)
{
	return -open_with(region_path("team", ".fnt"), &(struct fnt_options){0});
}

START_TEST(group_shares_on_purpose)
{
	struct fnt_log *log;
	struct stat st;

	if (!can_be_other())
		return;
	ck_assert_int_eq(chmod(fixture_dir, 0711), 0);
	log = open_log("team",
		       &(struct fnt_options){.flags = FNT_GROUP, .gid = TEAM_GID});
	ck_assert_int_eq(stat(region_path("team", ".fnt"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_uint_eq(st.st_gid, TEAM_GID);
	ck_assert_int_eq(as_other(write_as_team, TEAM_GID), 0);
	ck_assert_int_eq(as_other(write_as_team, OTHER_GID), EACCES);
	ck_assert_int_eq(as_other(write_as_no_team, TEAM_GID), EPERM);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	fnt_log_close(log);
	ck_assert_int_eq(chmod(fixture_dir, 0700), 0);
}
END_TEST

/* A writer refuses a directory in which others could have planted regions. Nobody
 * follows a symbolic link, whoever made it. */
START_TEST(planted_files_are_not_followed)
{
	const char *link = region_path("link", ".fnt");
	struct fnt_options options = {0};
	char target[256];

	snprintf(target, sizeof(target), "%s", region_path("aim", ".fnt"));
	fnt_log_close(open_log("aim", NULL));
	ck_assert_int_eq(symlink(target, region_path("link", ".fnt")), 0);
	ck_assert_int_eq(open_with("link", &options), -EINVAL);
	ck_assert_ptr_nonnull(strstr(message, "symbolic link"));
	ck_assert_int_eq(fnt_reader_open(&(struct fnt_reader *){NULL}, link, NULL),
			 -EINVAL);
	ck_assert_int_eq(chmod(fixture_dir, 0777), 0);
	ck_assert_int_eq(open_with("aim", &options), -EPERM);
	ck_assert_ptr_nonnull(strstr(message, "other users can write"));
	ck_assert_int_eq(chmod(fixture_dir, 0700), 0);
	if (!can_be_other())
		return;
	ck_assert_int_eq(chown(fixture_dir, OTHER_UID, OTHER_GID), 0);
	ck_assert_int_eq(open_with("aim", &options), -EPERM);
	ck_assert_ptr_nonnull(strstr(message, "belongs to user"));
	ck_assert_int_eq(chown(fixture_dir, 0, 0), 0);
}
END_TEST

/* A process that has the removed file mapped goes on in it until it opens the log
 * again. */
START_TEST(removed_region_stays_usable)
{
	struct fnt_log *log = open_log("gone", NULL), *again;
	struct fnt_reader *reader = open_reader("gone");
	struct fnt_traces *traces;

	ck_assert_int_eq(unlink(region_path("gone", ".fnt")), 0);
	ck_assert_int_eq(record_call(log, "fn", "old"), FNT_DONE);
	again = open_log("gone", NULL);
	ck_assert_int_eq(record_call(again, "fn", "new"), FNT_DONE);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	ck_assert_uint_eq(fnt_log_total_count(again), 1);
	ck_assert_uint_eq(stat_of(reader).total, 1);
	traces = newest(again, 10);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_str_eq(traces->items[0].call_id, "new");
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	fnt_log_close(again);
	fnt_log_close(log);
}
END_TEST

/* exec closes all files and releases the lock: the new program is not a producer. */
START_TEST(exec_leaves_nothing_open)
{
	struct fnt_reader *reader;
	struct fnt_log *log;
	int pipe_fds[2];
	char byte;
	pid_t pid;

	fnt_log_close(open_log("exec", NULL));
	ck_assert_int_eq(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		log = open_log("exec", NULL);
		begin_call(log, "fn", "lost to exec");
		dup2(pipe_fds[1], STDOUT_FILENO);
		execlp("sh", "sh", "-c",
		       "ls -l /proc/self/fd | grep -c exec.fnt; exec sleep 100", NULL);
		_exit(1);
	}
	ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 1);
	ck_assert_int_eq(byte, '0');
	reader = open_reader("exec");
	ck_assert_uint_eq(stat_of(reader).orphaned, 1);
	log = open_log("exec", NULL);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	fnt_log_close(log);
	fnt_reader_close(reader);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

/* Thousands of processes that live briefly fill no table and leave nothing. */
START_TEST(thousands_of_short_processes)
{
	unsigned processes = ROUNDS(3000, 200);
	struct fnt_reader *reader;
	struct fnt_stat stat;

	fnt_log_close(open_sized("processes", SMALLEST));
	reader = open_reader("processes");
	for (unsigned i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct fnt_log *log = open_sized("processes", SMALLEST);

			record_call(log, "fn", "life");
			if (i % 3)
				fnt_log_close(log);
			else if (i % 2)
				begin_call(log, "fn", "open");
			_exit(0);
		}
		MUST(waitpid(pid, NULL, 0) == pid);
	}
	fnt_log_close(open_sized("processes", SMALLEST));
	stat = stat_of(reader);
	ck_assert_uint_eq(stat.total, processes + (processes + 2) / 6);
	ck_assert_uint_eq(stat.dropped, 0);
	ck_assert_uint_eq(stat.producers, 0);
	ck_assert_uint_eq(stat.lanes, 0);
	ck_assert_uint_eq(stat.frames, 0);
	fnt_reader_close(reader);
}
END_TEST

FIXTURE_MAIN("access", only_the_owner_has_access, group_shares_on_purpose,
	     planted_files_are_not_followed, removed_region_stays_usable,
	     exec_leaves_nothing_open, thousands_of_short_processes)
