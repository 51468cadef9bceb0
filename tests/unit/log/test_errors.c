/* SPDX-License-Identifier: MIT
 *
 * test_errors.c: a public function that fails describes the failure in struct
 * fnt_error, and one that succeeds leaves it alone. Allocations are made to fail one
 * after the other: linked with --wrap for calloc, malloc, strdup and aligned_alloc.
 */
#include "support/fixture.h"

#include <fntrace/control.h>

#include <limits.h>

/* ---- allocations that fail ------------------------------------------------------- */

/* How many more allocations succeed before one fails. Negative: all do. */
static int succeed = -1;

static bool
fails(void)
{
	return succeed >= 0 && !succeed--;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- what may fail --------------------------------------------------------------- */

static int
create_log(struct fnt_error *error)
{
	const struct fnt_options options = {
		.size_bytes = SMALLEST, .settings = "keep=0.5", .error = error};
	struct fnt_log *log;
	int rc = fnt_log_open(&log, "made", &options);

	if (rc)
		return rc;
	fnt_log_close(log);
	MUST(!unlink(region_path("made", ".fnt")));
	return 0;
}

static int
attach_log(struct fnt_error *error)
{
	struct fnt_log *log;
	int rc = fnt_log_open(&log, "region", &(struct fnt_options){.error = error});

	if (!rc)
		fnt_log_close(log);
	return rc;
}

static int
open_by_name(struct fnt_error *error)
{
	struct fnt_reader *reader;
	int rc = fnt_reader_open(&reader, "region", error);

	if (!rc)
		fnt_reader_close(reader);
	return rc;
}

static int
open_by_pid(struct fnt_error *error)
{
	struct fnt_reader *reader;
	int rc = fnt_reader_open_pid(&reader, getpid(), error);

	if (!rc)
		fnt_reader_close(reader);
	return rc;
}

static int
open_for_changes(struct fnt_error *error)
{
	struct fnt_control *control;
	int rc = fnt_control_open(&control, "region", error);

	if (!rc)
		fnt_control_close(control);
	return rc;
}

/* Opened before allocations fail. */
static struct fnt_control *control;

static int
set_keep(struct fnt_error *error)
{
	return fnt_control_set(control, "fn", (const char *[]){"keep=0.5"}, 1, error);
}

static int
reset_all(struct fnt_error *error)
{
	return fnt_control_reset(control, NULL, error);
}

static int
resize(struct fnt_error *error)
{
	return fnt_control_resize(control, MIB(2), NULL, error);
}

static int
rotate(struct fnt_error *error)
{
	int rc = fnt_control_rotate(control, region_path("rotated", ".fnt"), NULL,
				    error);

	if (!rc)
		MUST(!unlink(region_path("rotated", ".fnt")));
	return rc;
}

static int
list_regions(struct fnt_error *error)
{
	struct fnt_region_info *regions;
	size_t count;
	int rc = fnt_regions_list(NULL, &regions, &count, error);

	for (size_t i = 0; !rc && i < count; i++)
		MUST(!regions[i].status == !*regions[i].message);
	if (!rc)
		free(regions);
	return rc;
}

/* Calls `function` with its first allocation failing, then its second, and so on, until
 * none is left to fail. Returns how often it failed: it may do without some of them. */
static int
fail_each_allocation(int (*function)(struct fnt_error *error))
{
	bool failed = true;
	int failures = 0;

	for (int count = 0; failed; count++) {
		struct fnt_error error = {.code = 1};
		int rc;

		succeed = count;
		rc = function(&error);
		failed = succeed < 0;
		succeed = -1;
		ck_assert_int_eq(error.code, rc ? rc : 1);
		ck_assert_int_eq(!*error.message, !rc);
		ck_assert(!rc || (failed && rc == -ENOMEM));
		failures += rc != 0;
	}
	return failures;
}

START_TEST(out_of_memory_is_described)
{
	struct fnt_log *log = open_log("region", NULL);

	ck_assert_int_ge(fail_each_allocation(create_log), 3);
	ck_assert_int_ge(fail_each_allocation(attach_log), 2);
	ck_assert_int_ge(fail_each_allocation(open_by_name), 3);
	ck_assert_int_ge(fail_each_allocation(open_by_pid), 3);
	ck_assert_int_ge(fail_each_allocation(open_for_changes), 2);
	ck_assert_int_ge(fail_each_allocation(list_regions), 1);
	ck_assert(!fnt_control_open(&control, "region", NULL));
	ck_assert_int_ge(fail_each_allocation(set_keep), 1);
	ck_assert_int_ge(fail_each_allocation(reset_all), 1);
	fail_each_allocation(resize);
	ck_assert_int_ge(fail_each_allocation(rotate), 2);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

/* ---- paths ----------------------------------------------------------------------- */

/* A directory whose path takes about 960 bytes: a region in it has a path that does not
 * fit into struct fnt_region_info. */
START_TEST(a_path_that_is_too_long_is_described)
{
	struct fnt_region_info *regions;
	char path[PATH_MAX], command[PATH_MAX + 16];
	int len = snprintf(path, sizeof(path), "%s", region_path("deep", ""));
	size_t count;

	for (int i = 0; i < 4; i++)
		len += snprintf(path + len, sizeof(path) - (size_t)len, "/%0230d", 0);
	snprintf(command, sizeof(command), "mkdir -p '%s'", path);
	MUST(!system(command));
	snprintf(path + len, sizeof(path) - (size_t)len, "/%0200d.fnt", 0);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	path[len] = '\0';
	ck_assert(!fnt_regions_list(path, &regions, &count, NULL));
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(regions[0].status, -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(regions[0].message, "path too long"));
	free(regions);
	snprintf(command, sizeof(command), "rm -r '%s'", region_path("deep", ""));
	MUST(!system(command));
}
END_TEST

FIXTURE_MAIN("errors", out_of_memory_is_described, a_path_that_is_too_long_is_described)
