/* SPDX-License-Identifier: MIT
 *
 * suite.h: the main of a suite that has one test case: each test in a process of its
 * own, or each of its turns (_i: 0, 1, …), TAP where meson asks for it
 * (CK_TAP_LOG_FILE_NAME).
 */
#ifndef FNT_TEST_SUITE_H
#define FNT_TEST_SUITE_H

#include <check.h>
#include <stdlib.h>

/* As ck_assert, which tells the parent each time: too slow for millions. */
#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			ck_abort_msg("%s", #condition);                                \
	} while (0)

#define SUITE_TIMEOUT 300 /* seconds: sanitizers on a loaded machine */

struct suite_test {
	const TTest *test;
	int turns;
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

/* Run what was added, and let go of it: what main returns. */
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
suite_run_turns(const char *name, const struct suite_test *tests, size_t count)
{
	SRunner *runner;
	TCase *tcase = suite_begin(name, SUITE_TIMEOUT, &runner);

	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].turns);
	return suite_end(runner);
}

/* With {test, turns} for each. */
#define SUITE_RUN_TURNS(name, ...)                                                     \
	suite_run_turns(name, (const struct suite_test[]){__VA_ARGS__},                \
			sizeof((const struct suite_test[]){__VA_ARGS__}) /             \
				sizeof(struct suite_test))

#endif
