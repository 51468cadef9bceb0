/* SPDX-License-Identifier: MIT
 *
 * suite.h: the main of a suite that has one test case: each test in a process of its
 * own, TAP where meson asks for it (CK_TAP_LOG_FILE_NAME).
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

static inline int
suite_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 300); /* sanitizers on a loaded machine */
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE_RUN(name, ...)                                                           \
	suite_run(name, (const TTest *const[]){__VA_ARGS__},                           \
		  sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(TTest *))

#endif
