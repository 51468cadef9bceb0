/* SPDX-License-Identifier: MIT
 *
 * suite.h: the main of a suite that has one test case. Each test, or each loop of it
 * (_i: 0, 1, …), runs in a process of its own. Prints TAP where meson asks for it
 * (CK_TAP_LOG_FILE_NAME).
 */
#ifndef FNT_TEST_SUITE_H
#define FNT_TEST_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Like ck_assert, which writes to the parent each time: too slow for millions of
 * checks. */
#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			ck_abort_msg("%s", #condition);                                \
	} while (0)

#define SUITE_TIMEOUT 300 /* seconds: sanitizers on a loaded machine */

struct suite_test {
	const TTest *test;
	int loops; /* the index _i goes from 0 to this */
};

static inline TCase *
suite_begin(const char *name, double timeout_s, SRunner **runner)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, timeout_s);
	suite_add_tcase(suite, tcase);
	*runner = srunner_create(suite);
	return tcase;
}

/* Run the tests that were added, and free the runner. Returns what main returns. */
static inline int
suite_end(SRunner *runner)
{
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int
suite_run(const char *name, const TTest *const *tests, size_t count)
{
	SRunner *runner;
	TCase *tcase = suite_begin(name, SUITE_TIMEOUT, &runner);

	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	return suite_end(runner);
}

#define SUITE_RUN(name, ...)                                                           \
	suite_run(name, (const TTest *const[]){__VA_ARGS__},                           \
		  sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(TTest *))

static inline int
suite_run_loops(const char *name, const struct suite_test *tests, size_t count)
{
	SRunner *runner;
	TCase *tcase = suite_begin(name, SUITE_TIMEOUT, &runner);

	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].loops);
	return suite_end(runner);
}

/* With {test, loops} for each test. */
#define SUITE_RUN_LOOPS(name, ...)                                                     \
	suite_run_loops(name, (const struct suite_test[]){__VA_ARGS__},                \
			sizeof((const struct suite_test[]){__VA_ARGS__}) /             \
				sizeof(struct suite_test))

#endif
