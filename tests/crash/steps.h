/* SPDX-License-Identifier: MIT
 *
 * steps.h: what the step suites share: their main, their options, the choice of
 * instructions, and the death of a child at one of them.
 *
 *   SUITE_steps [--long] [--seed N] [NAME]...
 *
 * A short run tries every instruction that changes the region, and a sample of the
 * others. A long run goes on for hours. It runs each case STEPS_SLICES times, and each
 * time tries another slice, one in STEPS_SLICES of the instructions. So a case ends
 * before check's clock overflows (an int of microseconds: 35 minutes), and a run that
 * is cut off has tried a part of every case. The seed says which slice comes first.
 */
#ifndef FNT_TEST_STEPS_H
#define FNT_TEST_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "stepper.h"
#include "support/suite.h"

#define STEPS_SLICES 16u

/* Set by steps_main, and by steps_case in the process of a test. */
struct steps {
	bool is_long;  /* --long */
	uint64_t seed; /* --seed N: the sample, and with --long the first slice */
	char **names;  /* the cases that were asked for; none: all */
	int name_count;
	uint32_t slice, slices; /* the slice of this case, and how many there are */
	unsigned long kills;
	unsigned long misses; /* kills after a child came to its end by another path */
};

extern struct steps steps;

struct steps_test {
	const TTest *test;
	int cases;	 /* its loop index goes from 0 to this */
	int cases_short; /* the same in a short run */
};

/* Run the tests as the only ones of a suite with regions of its own. Returns what main
 * returns: 77 (skipped) under sanitizers, and where ptrace is not allowed. */
int steps_main(int argc, char **argv, const char *suite, const struct steps_test *tests,
	       size_t count);

#define STEPS_MAIN(suite, ...)                                                         \
	int main(int argc, char **argv)                                                \
	{                                                                              \
		const struct steps_test tests[] = {__VA_ARGS__};                       \
                                                                                       \
		return steps_main(argc, argv, suite, tests,                            \
				  sizeof(tests) / sizeof(tests[0]));                   \
	}

/* The case, of `cases`, that loop index `i` of a test stands for. Chooses its slice. */
int steps_case(int i, int cases);

/* True if this case was asked for by name, or all are to run. */
bool steps_wants(const char *name);

/* True if instruction `at` of an act of unknown length is in this slice. Slices are
 * made of runs of adjacent instructions. */
bool steps_in_slice(uint64_t at);

/* Goes through the instructions of an act:
 *
 *   while (steps_next(&choice, &trace))
 *           … choice.k …
 */
struct steps_choice {
	uint32_t k; /* before this instruction; trace->count: after the last */

	bool is_all; /* take every instruction, where the act is short */
	uint32_t next;
	uint32_t chosen; /* in all slices */
	uint64_t random;
};

struct steps_choice steps_choose(void);
bool steps_next(struct steps_choice *choice, const struct step_trace *trace);

/* For callers that choose by themselves: true if the next chosen one is in this slice.
 */
bool steps_is_mine(struct steps_choice *choice);

/* A child that has been prepared and is held before its act. The test fails if the
 * child ends before that. `name` is for the message. */
void steps_spawn(struct stepper *stepper, const char *name, void (*run)(void *arg),
		 void *arg);

/* Run the child to just before instruction `k`, kill it, and count that. */
void steps_kill_at(struct stepper *stepper, const struct step_trace *trace, uint32_t k);

/* Print a line of what was tried, and its slice. */
__attribute__((format(printf, 1, 2))) void steps_tell(const char *format, ...);

/* Print how long the act is, and the kills and misses since they were counted last. */
void steps_tell_kills(const char *name, const struct step_trace *trace);

#endif
