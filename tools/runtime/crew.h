/* SPDX-License-Identifier: MIT
 *
 * crew.h: the pool's workers, as the parent has to do with them: forked, heard, buried
 * when they die, replaced, dismissed. What they are to do is pool.c's.
 */
#ifndef RUNTIME_CREW_H
#define RUNTIME_CREW_H

#include "pool.h"

#include <time.h>

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u

static inline uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline int64_t
unix_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) / NS_PER_MS);
}

/* Those that are missing, if their time has come. 0, -errno. */
int crew_fork(struct pool *pool, uint64_t now_ns);

/* All that the worker has sent. False: it is gone. */
bool crew_hear(struct pool *pool, struct worker *worker);

/* Bury the dead. 0; -ECHILD: they die before they can work. */
int crew_reap(struct pool *pool);

/* All of them end, at once if they are busy. */
void crew_dismiss(struct pool *pool);

#endif
