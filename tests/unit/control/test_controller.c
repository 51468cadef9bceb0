/* SPDX-License-Identifier: MIT
 *
 * test_controller.c: a region's settings, given when it is made and changed from
 * outside.
 */
#include "support/controls.h"

#include <sys/stat.h>

#include "control/controller.h"

static const char *
all_set(struct fnt_control *control)
{
	return text_of_all(settings_of(control));
}

START_TEST(set_and_reset)
{
	struct fnt_log *log = open_log("set", NULL);
	struct fnt_control *control = open_control("set");
	const char *const two[] = {"keep=0.5", "slow=5ms"};
	struct fnt_error error = {0};

	ck_assert_str_eq(all_set(control), "");
	ck_assert_int_eq(fnt_control_set(control, NULL, two, 2, &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=5ms");
	ck_assert_int_eq(set_one(control, "todo:*", "rate=3", &error), 0);
	ck_assert_int_eq(set_one(control, "todo:*", "keep=1", &error), 0);
	ck_assert_int_eq(set_one(control, "a", "enabled=off", &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=5ms; a enabled=off; todo:* "
					   "keep=1 rate=3");
	/* An override that sets nothing is removed. */
	ck_assert_int_eq(set_one(control, "a", "enabled=default", &error), 0);
	ck_assert_int_eq(fnt_control_reset(control, "a", &error), -ENOENT);
	ck_assert_int_eq(fnt_control_reset(control, "todo:list", &error), -ENOENT);
	ck_assert_int_eq(fnt_control_reset(control, "todo:*", &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=5ms");
	ck_assert_int_eq(fnt_control_reset(control, NULL, &error), 0);
	ck_assert_str_eq(all_set(control), "");
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

START_TEST(set_is_all_or_nothing)
{
	struct fnt_log *log = open_log("atomic", NULL);
	struct fnt_control *control = open_control("atomic");
	static const char *const bad[][3] = {
		{"keep=0.1", "rate=5", "slow=never"},
		{"keep=2", "rate=5", "slow=1s"},
		{"keep=0.1", "rate=5", "speed=1"},
	};
	struct fnt_error error = {0};
	char long_name[400];

	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fnt_control_set(control, NULL, bad[i], 3, &error),
				 -EINVAL);
		ck_assert_int_eq(fnt_control_set(control, "f", bad[i], 3, &error),
				 -EINVAL);
	}
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	ck_assert_int_eq(set_one(control, long_name, "keep=1", &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.message, "1 to 255 bytes"));
	ck_assert_int_eq(set_one(control, "", "keep=1", &error), -EINVAL);
	ck_assert_str_eq(all_set(control), "keep=0.5");
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

START_TEST(full_table_of_overrides)
{
	struct fnt_log *log = open_sized("full", SMALLEST);
	struct fnt_control *control = open_control("full");
	struct fnt_settings_list *list = settings_of(control);
	size_t max = list->overrides_max;
	struct fnt_error error = {0};
	char name[32];

	ck_assert_uint_ge(max, 16);
	for (size_t i = 0; i < max; i++) {
		snprintf(name, sizeof(name), "fn%zu", i);
		ck_assert_int_eq(set_one(control, name, "rate=1", &error), 0);
	}
	ck_assert_int_eq(set_one(control, "more", "rate=1", &error), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(error.message, "has room for"));
	/* In a full table the existing overrides can be changed, and a removed one
	 * makes room. */
	ck_assert_int_eq(set_one(control, "fn3", "rate=2", &error), 0);
	ck_assert_int_eq(fnt_control_reset(control, "fn4", &error), 0);
	ck_assert_int_eq(set_one(control, "more", "rate=1", &error), 0);
	fnt_settings_free(list);
	list = settings_of(control);
	ck_assert_uint_eq(list->count, max);
	fnt_settings_free(list);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

START_TEST(no_write_access)
{
	struct fnt_log *log = open_log("locked", NULL);
	struct fnt_control *control = open_control("locked");
	struct fnt_error error = {0};
	pid_t pid;

	MUST(!set_one(control, NULL, "keep=0.5", &error));
	fnt_control_close(control);
	if (geteuid() != 0)
		return; /* not root: cannot become another user */
	MUST(!chmod(fixture_dir, 0755) && !chmod(fnt_log_path(log), 0644));
	pid = fork();
	if (!pid) {
		struct fnt_reader *reader;
		struct fnt_settings_list *list;

		CHILD_MUST(!setresuid(65534, 65534, 65534));
		CHILD_MUST(fnt_control_open(&control, "locked", &error) == -EACCES);
		CHILD_MUST(strstr(error.message, "no permission to change it"));
		/* Reading is allowed. */
		CHILD_MUST(!fnt_reader_open(&reader, "locked", &error));
		CHILD_MUST(!fnt_reader_settings(reader, &list));
		CHILD_MUST(list->all.keep == 0.5);
		_exit(0);
	}
	must_end_well(pid);
	fnt_log_close(log);
}
END_TEST

START_TEST(missing_regions)
{
	struct fnt_log *log = open_log("short", NULL);
	struct fnt_control *control;
	struct fnt_error error = {0};

	ck_assert_int_eq(fnt_control_open(&control, "nowhere", &error), -ENOENT);
	ck_assert_int_eq(fnt_control_open_pid(&control, getpid(), &error), 0);
	fnt_log_close(log);
	MUST(!truncate(fnt_control_path(control), 4096));
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), -EIO);
	ck_assert_ptr_nonnull(strstr(error.message, "truncated"));
	fnt_control_close(control);
}
END_TEST

/* A lock that a killed tool held does not stop the next one. */
START_TEST(killed_tool_leaves_no_lock)
{
	struct fnt_log *log = open_log("dead", NULL);
	struct fnt_control *control = open_control("dead");
	struct latch ready = make_latch();
	struct fnt_error error = {0};
	pid_t pid = fork();

	if (!pid) {
		CHILD_MUST(!fnt_control_open(&control, "dead", &error));
		CHILD_MUST(!fnt_control_lock(control, &error));
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	kill_child(pid);
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

/* ---- settings at creation -------------------------------------------------------- */

static int
open_with(const char *name, const char *settings, struct fnt_error *error)
{
	struct fnt_log *log;
	int rc = fnt_log_open(&log, name,
			      &(struct fnt_options){.size_bytes = SMALLEST,
						    .settings = settings,
						    .error = error});

	if (!rc)
		fnt_log_close(log);
	return rc;
}

START_TEST(settings_at_creation)
{
	struct fnt_error error = {0};
	struct fnt_control *control;

	ck_assert_int_eq(open_with("made", "keep=0.5 slow=1s f:rate=5", &error), 0);
	control = open_control("made");
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=1s; f rate=5");
	/* Attaching does not change it. */
	ck_assert_int_eq(open_with("made", "keep=0.25", &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=1s; f rate=5");
	fnt_control_close(control);

	setenv("FNTRACE_SETTINGS", "keep=0.75 g:enabled=off", 1);
	ck_assert_int_eq(open_with("operator", "keep=0.5 slow=1s", &error), 0);
	control = open_control("operator");
	ck_assert_str_eq(all_set(control), "keep=0.75 slow=1s; g enabled=off");
	fnt_control_close(control);
	ck_assert_int_eq(open_with(NULL, NULL, &error), 0);

	setenv("FNTRACE_SETTINGS", "keep=most", 1);
	ck_assert_int_eq(open_with("bad", NULL, &error), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(error.message, "FNTRACE_SETTINGS: keep=most: give"));
	ck_assert_int_eq(open_with(NULL, NULL, &error), -EINVAL);
	unsetenv("FNTRACE_SETTINGS");
	ck_assert_int_eq(open_with("bad", "f:rte=5", &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.message, "settings: no setting \"rte\""));
	/* And no region has been made. */
	ck_assert_int_eq(fnt_control_open(&control, "bad", &error), -ENOENT);
}
END_TEST

/* No producer follows the settings of a frozen file, unless it is opened for writing.
 */
START_TEST(frozen_files_cannot_be_changed)
{
	struct fnt_log *log = open_log("app", NULL), *again;
	struct fnt_control *control = open_control("app");
	struct fnt_error error = {0};
	char path[256];

	snprintf(path, sizeof(path), "%s", region_path("frozen", ".fnt"));
	ck_assert_int_eq(fnt_control_rotate(control, path, NULL, &error), 0);
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	fnt_control_close(control);
	control = open_control("frozen");
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), -EROFS);
	ck_assert_ptr_nonnull(strstr(error.message, "frozen.fnt: a copy made by"));
	ck_assert_int_eq(fnt_control_reset(control, NULL, &error), -EROFS);
	ck_assert_str_eq(all_set(control), "");
	again = open_log("frozen", NULL);
	ck_assert_int_eq(set_one(control, "g", "keep=0.5", &error), 0);
	ck_assert_int_eq(fnt_control_reset(control, "g", &error), 0);
	fnt_log_close(again);
	ck_assert_int_eq(set_one(control, "g", "keep=0.5", &error), -EROFS);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("controller", set_and_reset, set_is_all_or_nothing,
	     full_table_of_overrides, no_write_access, missing_regions,
	     killed_tool_leaves_no_lock, settings_at_creation,
	     frozen_files_cannot_be_changed)
