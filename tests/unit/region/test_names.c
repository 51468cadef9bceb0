/* SPDX-License-Identifier: MIT
 *
 * test_names.c: the tables are as large as the options and the environment say.
 */
#include "support/controls.h"

#include "support/metrics_account.h"

#include <stdlib.h>

static const char *
fn_name(uint32_t i)
{
	static char name[32];

	snprintf(name, sizeof(name), "function_%u", i);
	return name;
}

/* Record calls of `fns` functions, each with an op on an entity of its own. */
static void
record(const char *region, const struct fnt_options *options, uint32_t fns)
{
	struct fnt_log *log;

	MUST(!fnt_log_open(&log, region, options));
	for (uint32_t i = 0; i < fns; i++) {
		char entity[32];
		struct fnt_call *call = begin_call(log, fn_name(i), "c");

		snprintf(entity, sizeof(entity), "Entity%u", i);
		MUST(!fnt_call_op(call, FNT_OP_GET, entity, NULL, 1, 1, true));
		MUST(!fnt_call_finish_ok(call, NULL));
	}
	fnt_log_close(log);
	must_be_sound(region);
}

/* Is every function and entity counted by name? */
static bool
all_named(const char *region, uint32_t fns)
{
	struct fnt_metrics *metrics = metrics_of(region);
	bool all = !metrics->other.calls && !metrics->other_ops.count;

	ck_assert_uint_eq(metrics->total.calls, fns);
	if (all) {
		ck_assert_uint_eq(metrics->fn_count, fns);
		ck_assert_uint_eq(metrics->op_count, fns);
	}
	fnt_metrics_free(metrics);
	return all;
}

START_TEST(names_as_asked_for)
{
	static const uint32_t names[] = {64, 1000, 1025, 5000, 20000};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fnt_options options = {.names = names[i]};
		struct fnt_stat stat;
		uint32_t fns = names[i] < 4000 ? names[i] / 2 - 2 : 1500;
		char region[32];

		snprintf(region, sizeof(region), "names%u", names[i]);
		record(region, &options, fns);
		stat = region_stat(region);
		/* Half of the slots are to stay free. */
		ck_assert_uint_eq(stat.names_max, 2 * names[i]);
		ck_assert(all_named(region, fns));
		/* The tables are not at the ring's expense. */
		ck_assert_uint_ge(stat.cells * 256, MIB(9));
		ck_assert_uint_ge(stat.size_bytes, MIB(16));
	}
}
END_TEST

START_TEST(names_from_the_environment)
{
	struct fnt_options small = {.size_bytes = MIB(1)};

	setenv("FNTRACE_NAMES", "3000", 1);
	record("wish", NULL, 500);
	ck_assert_uint_eq(region_stat("wish").names_max, 6000);
	ck_assert(all_named("wish", 500));
	/* As far as there is room. */
	setenv("FNTRACE_NAMES", "1000000", 1);
	record("granted", &small, 10);
	ck_assert_uint_eq(region_stat("granted").size_bytes, MIB(1));
	ck_assert_uint_gt(region_stat("granted").names_max, 64);
	ck_assert_uint_ge(region_stat("granted").cells * 256, MIB(1) / 4);
	/* Options take precedence; what is not a number is ignored. */
	small.names = 70;
	record("option", &small, 10);
	ck_assert_uint_eq(region_stat("option").names_max, 140);
	setenv("FNTRACE_NAMES", "many", 1);
	small.names = 0;
	record("usual", &small, 10);
	ck_assert_uint_eq(region_stat("usual").names_max, 64);
	unsetenv("FNTRACE_NAMES");
}
END_TEST

START_TEST(names_that_are_refused)
{
	struct fnt_error error = {.code = 0};
	struct fnt_log *log;
	struct fnt_options options = {.names = 63, .error = &error};

	MUST(fnt_log_open(&log, "refused", &options) == -EINVAL);
	ck_assert_str_eq(error.message, "names 63: give 64 to 1048576");
	options.names = (1u << 20) + 1;
	MUST(fnt_log_open(&log, "refused", &options) == -EINVAL);
	options.names = 10000;
	options.size_bytes = MIB(4);
	MUST(fnt_log_open(&log, "refused", &options) == -EINVAL);
	ck_assert(strstr(error.message, "10000 names take too much of a region of 4"));
	/* The message says what is enough. */
	options.size_bytes = MIB(128);
	record("enough", &options, 100);
	ck_assert_uint_eq(region_stat("enough").names_max, 20000);
}
END_TEST

FIXTURE_MAIN("names", names_as_asked_for, names_from_the_environment,
	     names_that_are_refused)
