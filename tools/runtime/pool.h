/* SPDX-License-Identifier: MIT
 *
 * pool.h: the parent: forks the workers and replaces those that die, hands them
 * requests, one at a time each, and takes what they return, stream and schedule.
 *
 *      load ──┐                       ┌─ worker 0
 *             ├─► queue ─► dispatch ──┼─ worker 1     (one socket pair each)
 *      due ───┘   ▲                   └─ …  │  ▲
 *                 └──── schedules ◄─────────┤  │
 *                             nested calls ◄┘──┘  to whoever is idle
 */
#ifndef RUNTIME_POOL_H
#define RUNTIME_POOL_H

#include "due.h"
#include "load.h"

#include <fntrace/fntrace.h>
#include <sys/types.h>

#define POOL_WORKERS_MAX 64u
#define POOL_QUEUE 256u

struct pool_options {
	unsigned workers;
	uint64_t requests; /* to make; 0: no limit */
	uint64_t seconds;  /* to make them for; 0: no limit */
	uint64_t rate;	   /* requests a second; 0: as many as the workers take */
	bool hold;	   /* stay when all are made, until a signal */
	bool quiet;
	const char *db_path;
};

struct worker {
	pid_t pid; /* 0: none */
	int fd;	   /* -1: none */
	bool ready, busy;
	struct worker *caller;	/* busy for this one's call; NULL: for a client's */
	bool orphan;		/* and that one has died */
	uint64_t fork_at_ns;	/* where there is none: when to fork one */
	struct request request; /* what it is busy with */
};

struct pool_counts {
	uint64_t made, done, ok, errors, rolled_back;
	uint64_t calls;	    /* with those that calls made, of requests that returned */
	uint64_t passed_on; /* of them: made by one worker, run by another */
	uint64_t lost;	    /* their worker died */
	uint64_t scheduled, scheduled_run, refused;
	uint64_t chunks, bytes;
	uint64_t forked, died;
};

struct pool {
	const struct pool_options *options;
	struct fnt_log *log;
	struct load *load;
	struct due due;
	struct worker workers[POOL_WORKERS_MAX];
	struct request queue[POOL_QUEUE]; /* a circle */
	size_t queue_first, queue_count;
	size_t turn;		 /* the worker that is first to get the next request */
	uint64_t schedule_count; /* for call ids */
	uint64_t started_ns, next_ns,
		drain_ns;      /* monotonic; drain_ns 0: not draining */
	unsigned false_starts; /* workers in a row that died before they were ready */
	int signal_fd;
	struct pool_counts counts;
	struct wire wire;
};

/* Serve until the work is done or a signal says so. SIGCHLD, SIGINT and SIGTERM must be
 * blocked. 0, or -errno after a message. */
int pool_run(struct pool *pool);

#endif
