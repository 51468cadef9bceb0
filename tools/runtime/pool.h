/* SPDX-License-Identifier: MIT
 *
 * pool.h: the parent process. It sends requests to the workers, one at a time each, and
 * handles what they return, stream and schedule. crew.h forks and replaces the workers.
 *
 *      load ──┐                       ┌─ worker 0
 *             ├─► queue ─► dispatch ──┼─ worker 1     (one socket pair each)
 *      due ───┘   ▲                   └─ …  │  ▲
 *                 └──── schedules ◄─────────┤  │
 *                             nested calls ◄┘──┘  to an idle worker
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
	uint64_t requests; /* number of requests; 0: no limit */
	uint64_t seconds;  /* time in which they are made; 0: no limit */
	uint64_t rate;	   /* requests per second; 0: as many as the workers can run */
	bool hold;	   /* when all are made, wait for a signal */
	bool quiet;
	const char *db_path;
};

struct worker {
	pid_t pid; /* 0: none */
	int fd;	   /* -1: none */
	bool ready, busy;
	struct worker *caller;	/* the worker that made its call; NULL: a client */
	bool caller_died;	/* its result is dropped */
	uint64_t fork_at_ns;	/* pid 0: when to fork it, CLOCK_MONOTONIC */
	struct request request; /* the call that it runs */
};

struct pool_counts {
	uint64_t made, done, ok, errors, rolled_back;
	uint64_t calls;	    /* of returned requests, nested calls included */
	uint64_t passed_on; /* of these, made by one worker and run by another */
	uint64_t lost;	    /* requests whose worker died */
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
	struct request queue[POOL_QUEUE]; /* circular */
	size_t queue_first, queue_count;
	size_t turn;		 /* the worker to try first for the next request */
	uint64_t schedule_count; /* numbers the call ids of scheduled calls */
	uint64_t started_ns;	 /* CLOCK_MONOTONIC, as the next two */
	uint64_t next_ns;	 /* when to make the next request */
	uint64_t drain_ns;	 /* when draining began; 0: not draining */
	unsigned false_starts;	 /* workers in a row that died before they were ready */
	int signal_fd;
	struct pool_counts counts;
	struct wire wire;
};

/* Serve until all requests are done, or until SIGINT or SIGTERM. The caller must have
 * blocked these and SIGCHLD. Returns 0, or -errno after a message. */
int pool_run(struct pool *pool);

#endif
