/* SPDX-License-Identifier: MIT
 *
 * test_set_aside.c: a file that no region can be opened from is kept under another
 * name, and tracing goes on in a new region; or it stays, where it is not ours to move.
 */
#include "support/fixture.h"

#include <sys/stat.h>

#include "format/layout.h"

#define NAME "app"
#define OTHER_UID 65533u

/* ---- files ----------------------------------------------------------------------- */

/* Make a sound region of one record, closed. */
static void
make_region(void)
{
	struct fnt_log *log = open_sized(NAME, SMALLEST);

	MUST(record_call(log, "fn", "old") == FNT_DONE);
	fnt_log_close(log);
}

static void
write_at(const char *path, const void *bytes, size_t size, off_t off)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	MUST(fd >= 0 && pwrite(fd, bytes, size, off) == (ssize_t)size);
	close(fd);
}

static void
damage(size_t off, uint64_t value, size_t size)
{
	make_region();
	write_at(region_path(NAME, ".fnt"), &value, size, (off_t)off);
}

static void
make_zeroes(const char *path, off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	MUST(fd >= 0 && !ftruncate(fd, size));
	close(fd);
}

/* The files of the directory whose name begins so. The name of the last one is stored
 * in `name`. */
static int
count_files(const char *prefix, char name[256])
{
	DIR *dir = opendir(fixture_dir);
	struct dirent *entry;
	int count = 0;

	MUST(dir);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix))) {
			snprintf(name, 256, "%s", entry->d_name);
			count++;
		}
	closedir(dir);
	return count;
}

static void
remove_all(void)
{
	char name[256];

	while (count_files(NAME, name))
		MUST(!unlink(region_path(name, "")));
}

/* ---- what is set aside ----------------------------------------------------------- */

static void
zeroes(void)
{
	make_zeroes(region_path(NAME, ".fnt"), 16 << 20);
}

static void
empty(void)
{
	make_zeroes(region_path(NAME, ".fnt"), 0);
}

static void
zero_head(void)
{
	static const char page[4096];

	make_region();
	write_at(region_path(NAME, ".fnt"), page, sizeof(page), 0);
}

static void
cut_short(void)
{
	make_region();
	MUST(!truncate(region_path(NAME, ".fnt"), 100000));
}

static void
cut_within_header(void)
{
	make_region();
	MUST(!truncate(region_path(NAME, ".fnt"), 50));
}

static void
bad_section(void)
{
	damage(offsetof(struct fnt_header, sections) + 8, 7, 8);
}

static void
older(void)
{
	damage(offsetof(struct fnt_header, version), FNT_VERSION_NO - 1, 4);
}

static void
version_zero(void)
{
	damage(offsetof(struct fnt_header, version), 0, 4);
}

static const struct {
	void (*make)(void);
	const char *tag, *text;
} cases[] = {
	{zeroes, "damaged-", "zeroes"},	     {empty, "damaged-", "empty"},
	{zero_head, "damaged-", "zeroes"},   {cut_short, "damaged-", "damaged"},
	{cut_within_header, "damaged-", ""}, {bad_section, "damaged-", "damaged"},
	{older, "v", "of version"},	     {version_zero, "v0-", "version 0"},
};
#define CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static void
must_have_notice(const struct fnt_log *log, const char *aside, int i)
{
	const char *notice = fnt_log_notice(log);
	struct fnt_reader *reader = open_reader(NAME);

	if (!strstr(notice, aside) || !strstr(notice, cases[i].text) ||
	    strchr(notice, '\n'))
		ck_abort_msg("case %d: notice \"%s\"", i, notice);
	ck_assert_str_eq(fnt_reader_notice(reader), notice);
	fnt_reader_close(reader);
}

START_TEST(tracing_goes_on_in_a_new_region)
{
	struct stat before, after;
	struct fnt_log *log, *second;
	char prefix[64], aside[256];

	cases[_i].make();
	MUST(!stat(region_path(NAME, ".fnt"), &before));
	log = open_sized(NAME, SMALLEST);
	MUST(record_call(log, "fn", "new") == FNT_DONE);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	snprintf(prefix, sizeof(prefix), NAME ".%s", cases[_i].tag);
	ck_assert_int_eq(count_files(prefix, aside), 1);
	MUST(!stat(region_path(aside, ""), &after));
	ck_assert(before.st_ino == after.st_ino && before.st_size == after.st_size &&
		  before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	must_have_notice(log, aside, _i);
	/* Who opens it next has set nothing aside. */
	second = open_log(NAME, NULL);
	ck_assert_str_eq(fnt_log_notice(second), "");
	ck_assert_uint_eq(fnt_log_total_count(second), 1);
	fnt_log_close(second);
	fnt_log_close(log);
	must_be_sound(NAME);
	remove_all();
}
END_TEST

/* Neither readers nor those who only attach set anything aside. */
START_TEST(others_leave_it)
{
	struct fnt_options attach = {.flags = FNT_ATTACH_ONLY};
	struct fnt_reader *reader;
	struct fnt_log *log;
	char name[256];

	cases[_i].make();
	ck_assert_int_lt(fnt_log_open(&log, NAME, &attach), 0);
	ck_assert_int_lt(fnt_reader_open(&reader, NAME, NULL), 0);
	ck_assert_int_eq(count_files(NAME, name), 1);
	ck_assert_str_eq(name, NAME ".fnt");
	remove_all();
}
END_TEST

START_TEST(several_in_one_second)
{
	char name[256];

	for (int round = 1; round <= 5; round++) {
		bad_section();
		fnt_log_close(open_sized(NAME, SMALLEST));
		ck_assert_int_eq(count_files(NAME ".damaged-", name), round);
		MUST(!unlink(region_path(NAME, ".fnt")));
	}
	remove_all();
}
END_TEST

/* The new name of a long one is cut. */
START_TEST(long_names)
{
	char path[512], stem[252] = "", name[256];
	struct fnt_log *log;

	memset(stem, 'l', sizeof(stem) - 1);
	snprintf(path, sizeof(path), "%s/%s.fnt", fixture_dir, stem);
	make_zeroes(path, 4096);
	log = open_sized(path, SMALLEST);
	ck_assert_int_eq(count_files("llll", name), 2);
	ck_assert_str_ne(fnt_log_notice(log), "");
	fnt_log_close(log);
	while (count_files("llll", name)) {
		snprintf(path, sizeof(path), "%s/%s", fixture_dir, name);
		MUST(!unlink(path));
	}
}
END_TEST

/* ---- what stays ------------------------------------------------------------------ */

static void
newer(void)
{
	damage(offsetof(struct fnt_header, version), FNT_VERSION_NO + 1, 4);
}

static void
unknown_feature(void)
{
	damage(offsetof(struct fnt_header, incompat), 1ull << 40, 8);
}

static void
other_byte_order(void)
{
	damage(offsetof(struct fnt_header, byte_order),
	       __builtin_bswap32(FNT_BYTE_ORDER), 4);
}

static void
text(void)
{
	write_at(region_path(NAME, ".fnt"), "#!/bin/sh\n", 10, 0);
}

static const struct {
	void (*make)(void);
	int rc;
} staying[] = {{newer, -ENOTSUP},
	       {unknown_feature, -ENOTSUP},
	       {other_byte_order, -ENOTSUP},
	       {text, -EPROTO}};
#define STAYING ((int)(sizeof(staying) / sizeof(staying[0])))

START_TEST(what_is_not_ours_to_move_stays)
{
	struct fnt_error error = {0};
	struct fnt_options options = {.error = &error};
	struct fnt_log *log;
	char name[256];

	staying[_i].make();
	ck_assert_int_eq(fnt_log_open(&log, NAME, &options), staying[_i].rc);
	ck_assert_int_eq(error.code, staying[_i].rc);
	ck_assert_int_eq(count_files(NAME, name), 1);
	remove_all();
}
END_TEST

/* A file without the suffix that begins with zeroes is anything. */
START_TEST(zeroes_of_another_name_stay)
{
	char path[256];
	struct fnt_log *log;

	snprintf(path, sizeof(path), "%s", region_path("disk-image", ""));
	make_zeroes(path, 1 << 20);
	ck_assert_int_eq(fnt_log_open(&log, path, NULL), -EPROTO);
	MUST(!access(path, F_OK));
	MUST(!unlink(path));
}
END_TEST

START_TEST(files_of_another_user_stay)
{
	struct fnt_log *log;
	char name[256];

	if (geteuid())
		return;
	bad_section();
	MUST(!chown(region_path(NAME, ".fnt"), OTHER_UID, 0));
	ck_assert_int_eq(fnt_log_open(&log, NAME, NULL), -EPERM);
	/* Shared with our group: we may write it, but it is not ours. */
	MUST(!chmod(region_path(NAME, ".fnt"), 0660));
	ck_assert_int_eq(
		fnt_log_open(&log, NAME,
			     &(struct fnt_options){.flags = FNT_GROUP, .gid = 0}),
		-EPROTO);
	ck_assert_int_eq(count_files(NAME, name), 1);
	remove_all();
}
END_TEST

/* ---- several processes ----------------------------------------------------------- */

/* Who has the old file mapped goes on in it. */
START_TEST(live_process_goes_on)
{
	struct fnt_log *old = open_sized(NAME, SMALLEST), *new;
	uint64_t bad = 7;

	MUST(record_call(old, "fn", "1") == FNT_DONE);
	write_at(region_path(NAME, ".fnt"), &bad, 8,
		 offsetof(struct fnt_header, sections) + 8);
	new = open_sized(NAME, SMALLEST);
	MUST(record_call(old, "fn", "2") == FNT_DONE);
	MUST(record_call(new, "fn", "3") == FNT_DONE);
	ck_assert_uint_eq(fnt_log_total_count(old), 2);
	ck_assert_uint_eq(fnt_log_total_count(new), 1);
	fnt_log_close(new);
	fnt_log_close(old);
	remove_all();
}
END_TEST

/* Of many that come at once, one sets aside, and all go on in one new region. */
START_TEST(many_at_once)
{
	enum {
		PROCESSES = 12
	};
	char name[256];

	for (int round = 0; round < ROUNDS(60, 10); round++) {
		struct latch go = make_latch();
		pid_t pids[PROCESSES];

		bad_section();
		for (int i = 0; i < PROCESSES; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				struct fnt_log *log;

				latch_wait(&go);
				CHILD_MUST(!fnt_log_open(&log, NAME, NULL));
				CHILD_MUST(record_call(log, "fn", "id") == FNT_DONE);
				_exit(0);
			}
		}
		for (int i = 0; i < PROCESSES; i++)
			latch_open(&go);
		for (int i = 0; i < PROCESSES; i++)
			must_end_well(pids[i]);
		close(go.fds[0]);
		close(go.fds[1]);
		ck_assert_int_eq(count_files(NAME ".damaged-", name), 1);
		ck_assert_uint_eq(region_stat(NAME).total, PROCESSES);
		remove_all();
	}
}
END_TEST

FIXTURE_MAIN_LOOPS("set_aside", {tracing_goes_on_in_a_new_region, CASES},
		   {others_leave_it, CASES}, {several_in_one_second, 1},
		   {long_names, 1}, {what_is_not_ours_to_move_stays, STAYING},
		   {zeroes_of_another_name_stay, 1}, {files_of_another_user_stay, 1},
		   {live_process_goes_on, 1}, {many_at_once, 1})
