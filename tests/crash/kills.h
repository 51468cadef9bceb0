/* SPDX-License-Identifier: MIT
 *
 * kills.h: what the step suites are told, where they kill or hold, and their main.
 *
 *   SUITE_steps [--long] [--seed N] [NAME]...
 *
 * A short run tries what changes the region and, of all else, some. A long one goes on
 * for hours, in slices: it takes a test's turns KILLS_SLICES times, and each time one
 * in KILLS_SLICES of the instructions. So a case ends while check can still tell how
 * long it took (in an int of microseconds: 35 minutes), and what is cut off has been
 * everywhere a little. The seed says which slice comes first.
 */
#ifndef FNT_TEST_KILLS_H
#define FNT_TEST_KILLS_H

#include <stdbool.h>
#include <stdint.h>

#include "stepper.h"
#include "support/suite.h"

#define KILLS_SLICES 16u

struct kills {
	bool is_long;  /* --long */
	uint64_t seed; /* --seed N: what is chosen, and with --long where to begin */
	char **names;  /* what is left of the arguments */
	int name_count;
	uint32_t slice, slices;	     /* of what is tried now */
	unsigned long count, misses; /* misses: came to the end by another way */
};

/* Take the arguments. Ends the program if it does not know one. */
void kills_init(struct kills *kills, int argc, char **argv);

/* All of it, or the one that is asked for by name. */
bool kills_wants(const struct kills *kills, const char *name);

/* Run the tests, each so many turns, as the only ones of a suite with regions of its
 * own: what main returns. */
int kills_run(const struct kills *kills, const char *name,
	      const struct suite_test *tests, size_t count);
#define KILLS_RUN(kills, name, ...)                                                    \
	kills_run(kills, name, (const struct suite_test[]){__VA_ARGS__},               \
		  sizeof((const struct suite_test[]){__VA_ARGS__}) /                   \
			  sizeof(struct suite_test))

/* Turn `i` of a test that has so many: which of them it is, and its slice. */
int kills_turn(struct kills *kills, int i, int turns);

/* In a long run, is that instruction of a way of unknown length this slice's? By
 * stretches. */
bool kills_in_stretch(const struct kills *kills, uint64_t at);

/* Instructions of a way, asked for in turn from 0 to way->count. */
struct kills_choice {
	bool is_all; /* every one, where the way is short */
	uint64_t random;
	uint32_t slice, slices, chosen;
};

struct kills_choice kills_choose(const struct kills *kills);

/* Is instruction `k` among those to be tried? */
bool kills_chosen(struct kills_choice *choice, const struct step_trace *way,
		  uint32_t k);

/* Of those to be tried, is the next this slice's? For who chooses them himself. */
bool kills_mine(struct kills_choice *choice);

/* A line of what was tried, with its slice. */
__attribute__((format(printf, 2, 3))) void kills_tell(const struct kills *kills,
						      const char *format, ...);

#endif
