/* SPDX-License-Identifier: MIT
 *
 * deaths.h: what the supervisor of deaths.c and its workers share.
 */
#ifndef FNT_TEST_DEATHS_H
#define FNT_TEST_DEATHS_H

#include "support/fixture.h"

#include <stdatomic.h>

#define THREADS_MAX 4

/* Of a region and those who use it. */
struct shape {
	const char *name;
	uint64_t size;
	uint32_t workers, threads, ops, flags;
	bool changing; /* it is resized all the time, and its settings are changed */
};

extern const struct shape *shape;

/* Says so, and that is the end. */
_Noreturn void give_up(const char *file, int line, const char *what);

#define REQUIRE(condition)                                                             \
	do {                                                                           \
		if (!(condition))                                                      \
			give_up(__FILE__, __LINE__, #condition);                       \
	} while (0)

/* ---- what is said ----------------------------------------------------------------- */

/* What is said of one process's calls. */
struct life {
	_Atomic uint64_t begun[THREADS_MAX];
	_Atomic uint64_t confirmed[THREADS_MAX]; /* the last call finished */
	_Atomic uint64_t dropped[THREADS_MAX];
	uint64_t seen[THREADS_MAX];    /* by the follower, the last */
	uint64_t aborted[THREADS_MAX]; /* what was cut off; 0: nothing */
};

/* One write, and so whole or not at all. */
struct message {
	uint32_t thread;
	int32_t rc;	 /* of finish; 1: begun */
	uint64_t number; /* of the thread's call, from 1 */
};
#define BEGUN 1

void note_message(struct life *life, const struct message *message);

/* Make calls, by so many threads, until it is over or we are killed. What is done is
 * said through `fd`, or if that is -1 noted in `life`, which the supervisor sees too.
 */
_Noreturn void be_worker(struct life *life, uint32_t life_no, uint32_t threads, int fd,
			 uint64_t seed);

/* A tool that resizes the region or changes its settings, one at a time; every other is
 * killed at its work. Counts them. */
void change(struct rnd *dice, uint64_t *changes, uint64_t *killed);

/* None is left, and the region has the size again that it began with. */
void change_back(void);

#endif
