/* SPDX-License-Identifier: MIT
 *
 * crew.h: the parent's side of the worker processes: fork them, read their messages,
 * replace those that die, stop them. pool.c decides what they run.
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

/* Fork the missing workers whose pause after a death is over. Returns 0 or -errno. */
int crew_fork(struct pool *pool, uint64_t now_ns);

/* Handle all messages that the worker has sent. Returns false if it has gone. */
bool crew_receive(struct pool *pool, struct worker *worker);

/* Clean up after workers that died. Returns 0; -ECHILD if workers repeatedly die before
 * they are ready. */
int crew_reap(struct pool *pool);

/* Stop all workers and wait for them. Busy ones are killed. */
void crew_stop(struct pool *pool);

#endif
