/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_NS (10ull * NS_PER_S) /* the time that running calls get to finish */

/* ---- requests ------------------------------------------------------------------- */

static void
enqueue(struct pool *pool, const struct request *request)
{
	size_t at = (pool->queue_first + pool->queue_count++) % POOL_QUEUE;

	pool->queue[at] = *request;
}

static bool
is_report(const struct request *request)
{
	return strstr(request->fn_name, "Report") != NULL;
}

/* Only one long report runs at a time, otherwise reports would soon occupy all
 * workers. */
static bool
report_running(const struct pool *pool)
{
	for (size_t i = 0; i < pool->options->workers; i++) {
		if (pool->workers[i].busy && is_report(&pool->workers[i].request))
			return true;
	}
	for (size_t i = 0; i < pool->queue_count; i++) {
		if (is_report(&pool->queue[(pool->queue_first + i) % POOL_QUEUE]))
			return true;
	}
	return false;
}

static bool
all_made(const struct pool *pool, uint64_t now_ns)
{
	const struct pool_options *options = pool->options;

	if (pool->drain_ns)
		return true;
	if (options->requests && pool->counts.made >= options->requests)
		return true;
	return options->seconds &&
	       now_ns - pool->started_ns >= options->seconds * NS_PER_S;
}

static void
admit_due(struct pool *pool)
{
	struct request request;
	int64_t now_ms = unix_ms();

	while (pool->queue_count < POOL_QUEUE && due_next_ms(&pool->due) <= now_ms) {
		due_take(&pool->due, &request);
		enqueue(pool, &request);
		pool->counts.scheduled_run++;
	}
}

static void
admit_load(struct pool *pool, uint64_t now_ns)
{
	uint64_t rate = pool->options->rate;
	size_t most = rate ? POOL_QUEUE : pool->options->workers;
	struct request request;

	while (pool->queue_count < most && !all_made(pool, now_ns) &&
	       (!rate || pool->next_ns <= now_ns)) {
		load_next(pool->load, !report_running(pool), &request);
		enqueue(pool, &request);
		pool->counts.made++;
		if (rate)
			pool->next_ns += NS_PER_S / rate;
	}
	/* If the workers are more than a second behind, the rate is not caught up. */
	if (pool->next_ns + NS_PER_S < now_ns)
		pool->next_ns = now_ns;
}

/* Send the first request of the queue to `worker`, if it is idle. */
static void
send_next(struct pool *pool, struct worker *worker)
{
	const struct request *next = &pool->queue[pool->queue_first];

	if (!worker->ready || worker->busy)
		return;
	wire_begin(&pool->wire, WIRE_CALL);
	request_pack(next, &pool->wire);
	/* If the socket is full or closed, the request stays in the queue. SIGCHLD
	 * follows if the worker died. */
	if (wire_send(&pool->wire, worker->fd))
		return;
	worker->request = *next;
	worker->busy = true;
	pool->queue_first = (pool->queue_first + 1) % POOL_QUEUE;
	pool->queue_count--;
}

/* Round robin, otherwise the first worker would run nearly all of a light load. */
static void
dispatch(struct pool *pool)
{
	for (size_t i = 0; i < pool->options->workers && pool->queue_count; i++) {
		send_next(pool, &pool->workers[pool->turn]);
		pool->turn = (pool->turn + 1) % pool->options->workers;
	}
}

static bool
idle(const struct pool *pool)
{
	if (pool->queue_count)
		return false;
	for (size_t i = 0; i < pool->options->workers; i++) {
		if (pool->workers[i].busy)
			return false;
	}
	return true;
}

static bool
finished(const struct pool *pool, uint64_t now_ns)
{
	if (pool->drain_ns && now_ns - pool->drain_ns > DRAIN_NS)
		return true;
	if (pool->options->hold && !pool->drain_ns)
		return false;
	return all_made(pool, now_ns) && idle(pool);
}

/* ---- the loop ------------------------------------------------------------------- */

static int
take_signals(struct pool *pool)
{
	struct signalfd_siginfo info;
	int rc = 0;

	while (!rc && read(pool->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			rc = crew_reap(pool);
		} else {
			/* The second signal stops at once. */
			pool->drain_ns = pool->drain_ns ? 1 : clock_ns(CLOCK_MONOTONIC);
			pool->queue_count = 0;
		}
	}
	return rc;
}

/* The time until the next fork, at most a second. */
static uint64_t
wait_fork_ns(const struct pool *pool, uint64_t now_ns)
{
	uint64_t until_ns = now_ns + NS_PER_S;

	for (size_t i = 0; i < pool->options->workers && !pool->drain_ns; i++) {
		const struct worker *worker = &pool->workers[i];

		if (!worker->pid && worker->fork_at_ns < until_ns)
			until_ns = worker->fork_at_ns;
	}
	return until_ns > now_ns ? until_ns - now_ns : 0;
}

static uint64_t
wait_ns(const struct pool *pool, uint64_t now_ns)
{
	uint64_t wait = wait_fork_ns(pool, now_ns);
	int64_t due_ms = due_next_ms(&pool->due), now_ms = unix_ms();

	if (pool->drain_ns || pool->queue_count == POOL_QUEUE)
		return wait;
	if (due_ms <= now_ms)
		return 0;
	if ((uint64_t)(due_ms - now_ms) * NS_PER_MS < wait)
		wait = (uint64_t)(due_ms - now_ms) * NS_PER_MS;
	if (pool->options->rate && !all_made(pool, now_ns)) {
		if (pool->next_ns <= now_ns)
			return 0;
		if (pool->next_ns - now_ns < wait)
			wait = pool->next_ns - now_ns;
	}
	return wait;
}

static int
wait_and_take(struct pool *pool, uint64_t now_ns)
{
	struct pollfd fds[POOL_WORKERS_MAX + 1];
	size_t workers = pool->options->workers;
	uint64_t wait = wait_ns(pool, now_ns);
	struct timespec timeout = {.tv_sec = (time_t)(wait / NS_PER_S),
				   .tv_nsec = (long)(wait % NS_PER_S)};

	for (size_t i = 0; i < workers; i++)
		fds[i] = (struct pollfd){.fd = pool->workers[i].fd, .events = POLLIN};
	fds[workers] = (struct pollfd){.fd = pool->signal_fd, .events = POLLIN};
	if (ppoll(fds, workers + 1, &timeout, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	for (size_t i = 0; i < workers; i++) {
		if (fds[i].revents && pool->workers[i].pid)
			crew_receive(pool, &pool->workers[i]);
	}
	return fds[workers].revents ? take_signals(pool) : 0;
}

static int
start(struct pool *pool)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pool->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (pool->signal_fd < 0)
		return -errno;
	pool->started_ns = pool->next_ns = clock_ns(CLOCK_MONOTONIC);
	return 0;
}

int
pool_run(struct pool *pool)
{
	uint64_t now_ns;
	int rc = start(pool);

	while (!rc) {
		now_ns = clock_ns(CLOCK_MONOTONIC);
		rc = crew_fork(pool, now_ns);
		if (rc)
			break;
		if (!pool->drain_ns)
			admit_due(pool);
		admit_load(pool, now_ns);
		dispatch(pool);
		if (finished(pool, now_ns))
			break;
		rc = wait_and_take(pool, now_ns);
	}
	if (rc == -ECHILD)
		fprintf(stderr, "fntrace-runtime: workers die as soon as they start\n");
	else if (rc)
		fprintf(stderr, "fntrace-runtime: %s\n", strerror(-rc));
	crew_stop(pool);
	if (pool->signal_fd >= 0)
		close(pool->signal_fd);
	due_fini(&pool->due);
	return rc;
}
