/* SPDX-License-Identifier: MIT
 *
 * deaths.h: what the supervisor of deaths.c and its workers share.
 */
#ifndef FNT_TEST_DEATHS_H
#define FNT_TEST_DEATHS_H

#include "support/fixture.h"

#include <stdatomic.h>

#define THREADS_MAX 4

/* A region and its workers. */
struct shape {
	const char *name;
	uint64_t size;
	uint32_t workers, threads, ops, flags;
	bool changing; /* it is resized, and its settings change, all the time */
};

extern const struct shape *shape;

/* Print what failed, and exit. */
_Noreturn void give_up(const char *file, int line, const char *what);

#define REQUIRE(condition)                                                             \
	do {                                                                           \
		if (!(condition))                                                      \
			give_up(__FILE__, __LINE__, #condition);                       \
	} while (0)

/* ---- reports --------------------------------------------------------------------- */

/* What is known of one process's calls, by thread. */
struct life {
	_Atomic uint64_t begun[THREADS_MAX];
	_Atomic uint64_t confirmed[THREADS_MAX]; /* number of the last call finished */
	_Atomic uint64_t dropped[THREADS_MAX];
	/* number of the last call that the follower was given */
	uint64_t seen[THREADS_MAX];
	uint64_t aborted[THREADS_MAX]; /* number of the aborted call; 0: none */
};

/* Written by one write of less than PIPE_BUF bytes, and so whole or not at all. */
struct message {
	uint32_t thread;
	int32_t rc;	 /* of finish, or BEGUN */
	uint64_t number; /* the thread counts its calls from 1 */
};
#define BEGUN 1

void note_message(struct life *life, const struct message *message);

/* Make calls, in so many threads, until the worker ends or is killed. Reports through
 * `fd`, or if that is -1, in `life`, which the supervisor shares. */
_Noreturn void be_worker(struct life *life, uint32_t life_no, uint32_t threads, int fd,
			 uint64_t seed);

/* Start a tool that resizes the region or changes its settings, if none is running.
 * Half of them are killed. Counts both. */
void change(struct rnd *dice, uint64_t *changes, uint64_t *killed);

/* Wait for the last tool, and give the region the size that it began with. */
void change_back(void);

#endif
