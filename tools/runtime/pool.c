/* SPDX-License-Identifier: MIT */
#include "pool.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u
/* A worker that died is replaced after a pause: what killed it may kill the next as
 * well. */
#define FORK_PAUSE_NS NS_PER_S
#define FALSE_STARTS_MAX 5u
#define DRAIN_NS (10ull * NS_PER_S)

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int64_t
unix_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) / NS_PER_MS);
}

/* ---- workers -------------------------------------------------------------------- */

static void
become_worker(struct pool *pool, int fd)
{
	sigset_t none;

	/* A worker that held its brothers' sockets would keep them from noticing that
	 * the parent is gone. */
	for (size_t i = 0; i < pool->options->workers; i++) {
		if (pool->workers[i].pid)
			close(pool->workers[i].fd);
	}
	close(pool->signal_fd);
	due_fini(&pool->due);
	/* Ctrl-C is for the parent, which lets the calls come to their end. */
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	exit(worker_main(fd, pool->options->db_path, pool->log));
}

static int
fork_worker(struct pool *pool, struct worker *worker)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int rc = -errno;

		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	if (pid == 0) {
		close(pair[0]);
		become_worker(pool, pair[1]);
	}
	close(pair[1]);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	memset(worker, 0, sizeof(*worker));
	worker->pid = pid;
	worker->fd = pair[0];
	pool->counts.forked++;
	return 0;
}

static void
answer(struct pool *pool, struct worker *caller, const char *status, const char *code,
       const char *message)
{
	struct wire *wire = &pool->wire;

	wire_begin(wire, WIRE_RESULT);
	wire_add_int(wire, 0);
	wire_add(wire, status);
	wire_add(wire, code);
	wire_add(wire, message);
	/* Broken: SIGCHLD will tell. Full it can't be, it waits. */
	wire_send(wire, caller->fd);
}

static struct worker *
idle_worker(struct pool *pool)
{
	for (size_t i = 0; i < pool->options->workers; i++) {
		struct worker *worker = &pool->workers[i];

		if (worker->pid && worker->ready && !worker->busy)
			return worker;
	}
	return NULL;
}

/* A call that `caller` makes, and waits for. Only to who is idle: were it to wait in
 * the queue, workers could all wait for each other. */
static void
pass_on(struct pool *pool, struct worker *caller)
{
	struct worker *worker = idle_worker(pool);
	struct request request;

	if (!worker || request_unpack(&request, &pool->wire, 0)) {
		answer(pool, caller, "", "", "");
		return;
	}
	wire_begin(&pool->wire, WIRE_CALL);
	request_pack(&request, &pool->wire);
	if (wire_send(&pool->wire, worker->fd)) {
		answer(pool, caller, "", "", "");
		return;
	}
	worker->request = request;
	worker->busy = true;
	worker->caller = caller;
	pool->counts.passed_on++;
}

static void
take_return(struct pool *pool, struct worker *worker)
{
	const char *status = wire_text(&pool->wire, 1);

	pool->counts.calls += wire_int(&pool->wire, 0);
	if (worker->caller) {
		pool->wire.bytes[0] = WIRE_RESULT;
		if (!worker->orphan)
			wire_send(&pool->wire, worker->caller->fd);
		worker->caller = NULL;
		worker->busy = worker->orphan = false;
		return;
	}
	pool->counts.done++;
	if (!strcmp(status, "ok"))
		pool->counts.ok++;
	else if (!strcmp(status, "rolled_back"))
		pool->counts.rolled_back++;
	else
		pool->counts.errors++;
	worker->busy = false;
}

static void
take_schedule(struct pool *pool)
{
	const char *delay = wire_text(&pool->wire, 0), *at = wire_text(&pool->wire, 1);
	int64_t at_ms = *at ? strtoll(at, NULL, 10) : unix_ms();
	struct request request;

	if (*delay)
		at_ms += strtoll(delay, NULL, 10);
	if (request_unpack(&request, &pool->wire, 2)) {
		pool->counts.refused++;
		return;
	}
	snprintf(request.call_id, sizeof(request.call_id), "s_%llu",
		 (unsigned long long)pool->schedule_count++);
	if (due_add(&pool->due, at_ms, &request))
		pool->counts.scheduled++;
	else
		pool->counts.refused++;
}

/* All that the worker has sent. False: it is gone. */
static bool
take_messages(struct pool *pool, struct worker *worker)
{
	for (;;) {
		int kind = wire_receive(&pool->wire, worker->fd);

		switch (kind) {
		case WIRE_READY:
			worker->ready = true;
			pool->false_starts = 0;
			break;
		case WIRE_CHUNK:
			pool->counts.chunks++;
			pool->counts.bytes += strlen(wire_text(&pool->wire, 0));
			break;
		case WIRE_SCHEDULE:
			take_schedule(pool);
			break;
		case WIRE_RUN:
			pass_on(pool, worker);
			break;
		case WIRE_RETURN:
			take_return(pool, worker);
			break;
		default:
			return kind == -EAGAIN;
		}
	}
}

/* Whoever waits for it is told; whoever works for it works for nobody. */
static void
bury_call(struct pool *pool, const struct worker *dead)
{
	for (size_t i = 0; i < pool->options->workers; i++) {
		if (pool->workers[i].caller == dead)
			pool->workers[i].orphan = true;
	}
	if (dead->caller && !dead->orphan)
		answer(pool, dead->caller, "error", "WORKER_DIED",
		       "who ran it has died");
	else if (!dead->caller)
		pool->counts.lost++;
}

static void
bury(struct pool *pool, struct worker *worker, int status)
{
	/* What it said before it died still counts. */
	take_messages(pool, worker);
	close(worker->fd);
	pool->counts.died++;
	if (worker->busy)
		bury_call(pool, worker);
	if (!worker->ready)
		pool->false_starts++;
	if (!pool->options->quiet)
		printf("worker %d died (%s %d)%s%s\n", (int)worker->pid,
		       WIFSIGNALED(status) ? "signal" : "exit",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		       worker->busy ? " in the middle of " : "",
		       worker->busy ? worker->request.fn_name : "");
	*worker = (struct worker){
		.fd = -1, .fork_at_ns = clock_ns(CLOCK_MONOTONIC) + FORK_PAUSE_NS};
}

static int
reap(struct pool *pool)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < pool->options->workers; i++) {
			struct worker *worker = &pool->workers[i];

			if (worker->pid == pid)
				bury(pool, worker, status);
		}
	}
	return pool->false_starts < FALSE_STARTS_MAX ? 0 : -ECHILD;
}

static int
fork_missing(struct pool *pool, uint64_t now_ns)
{
	int rc = 0;

	for (size_t i = 0; i < pool->options->workers && !rc && !pool->drain_ns; i++) {
		struct worker *worker = &pool->workers[i];

		if (!worker->pid && worker->fork_at_ns <= now_ns)
			rc = fork_worker(pool, worker);
	}
	return rc;
}

/* ---- work ----------------------------------------------------------------------- */

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

/* One long report at a time, or a fast load would soon be nothing else. */
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
	/* What could not be taken in time is not made up for later. */
	if (pool->next_ns + NS_PER_S < now_ns)
		pool->next_ns = now_ns;
}

/* Hand the first request of the queue to `worker`, if it will have it. */
static void
hand_over(struct pool *pool, struct worker *worker)
{
	const struct request *next = &pool->queue[pool->queue_first];

	if (!worker->ready || worker->busy)
		return;
	wire_begin(&pool->wire, WIRE_CALL);
	request_pack(next, &pool->wire);
	/* Full or broken: it stays in the queue, and SIGCHLD tells of the latter. */
	if (wire_send(&pool->wire, worker->fd))
		return;
	worker->request = *next;
	worker->busy = true;
	pool->queue_first = (pool->queue_first + 1) % POOL_QUEUE;
	pool->queue_count--;
}

/* By turns, or the first worker would do nearly all of a light load. */
static void
dispatch(struct pool *pool)
{
	for (size_t i = 0; i < pool->options->workers && pool->queue_count; i++) {
		hand_over(pool, &pool->workers[pool->turn]);
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
			rc = reap(pool);
		} else {
			/* The second time means now. */
			pool->drain_ns = pool->drain_ns ? 1 : clock_ns(CLOCK_MONOTONIC);
			pool->queue_count = 0;
		}
	}
	return rc;
}

/* Until the next fork that is due, at most a second. */
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
			take_messages(pool, &pool->workers[i]);
	}
	return fds[workers].revents ? take_signals(pool) : 0;
}

static void
dismiss(struct pool *pool)
{
	for (size_t i = 0; i < pool->options->workers; i++) {
		struct worker *worker = &pool->workers[i];

		if (!worker->pid)
			continue;
		if (worker->busy)
			kill(worker->pid, SIGKILL);
		close(worker->fd);
	}
	for (size_t i = 0; i < pool->options->workers; i++) {
		struct worker *worker = &pool->workers[i];

		if (worker->pid)
			while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
				;
		pool->counts.lost += worker->busy && !worker->caller;
		worker->pid = 0;
	}
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
		rc = fork_missing(pool, now_ns);
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
		fprintf(stderr, "fntrace-runtime: workers die before they can work\n");
	else if (rc)
		fprintf(stderr, "fntrace-runtime: %s\n", strerror(-rc));
	dismiss(pool);
	if (pool->signal_fd >= 0)
		close(pool->signal_fd);
	due_fini(&pool->due);
	return rc;
}
