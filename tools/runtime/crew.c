/* SPDX-License-Identifier: MIT */
#include "crew.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A worker that died is replaced after a pause, since the next may die of the same
 * cause. */
#define FORK_PAUSE_NS NS_PER_S
#define FALSE_STARTS_MAX 5u /* deaths in a row before a worker was ready */

static void
become_worker(struct pool *pool, int fd)
{
	sigset_t none;

	/* While this worker held the other workers' sockets, those would not notice
	 * that the parent has gone. */
	for (size_t i = 0; i < pool->options->workers; i++) {
		if (pool->workers[i].pid)
			close(pool->workers[i].fd);
	}
	close(pool->signal_fd);
	due_fini(&pool->due);
	/* The parent handles Ctrl-C: it lets running calls finish. */
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

/* Send the result of a nested call to the worker that made it. */
static void
send_result(struct pool *pool, struct worker *caller, const char *status,
	    const char *code, const char *message)
{
	struct wire *wire = &pool->wire;

	wire_begin(wire, WIRE_RESULT);
	wire_add_int(wire, 0);
	wire_add(wire, status);
	wire_add(wire, code);
	wire_add(wire, message);
	/* The socket is not full, since the worker waits for this. If the worker died,
	 * SIGCHLD follows. */
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

/* Let an idle worker run the call in pool->wire, which `caller` makes and waits for. It
 * is not queued: if no worker is idle, workers could all wait for each other. */
static void
run_nested(struct pool *pool, struct worker *caller)
{
	struct worker *worker = idle_worker(pool);
	struct request request;

	if (!worker || request_unpack(&request, &pool->wire, 0)) {
		send_result(pool, caller, "", "", "");
		return;
	}
	wire_begin(&pool->wire, WIRE_CALL);
	request_pack(&request, &pool->wire);
	if (wire_send(&pool->wire, worker->fd)) {
		send_result(pool, caller, "", "", "");
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
		if (!worker->caller_died)
			wire_send(&pool->wire, worker->caller->fd);
		worker->caller = NULL;
		worker->busy = worker->caller_died = false;
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

bool
crew_receive(struct pool *pool, struct worker *worker)
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
			run_nested(pool, worker);
			break;
		case WIRE_RETURN:
			take_return(pool, worker);
			break;
		default:
			return kind == -EAGAIN;
		}
	}
}

/* A worker died in a call: tell the worker that waits for it, and drop the result of
 * the worker that runs a nested call for it. */
static void
fail_call(struct pool *pool, const struct worker *dead)
{
	for (size_t i = 0; i < pool->options->workers; i++) {
		if (pool->workers[i].caller == dead)
			pool->workers[i].caller_died = true;
	}
	if (dead->caller && !dead->caller_died)
		send_result(pool, dead->caller, "error", "WORKER_DIED",
			    "the worker that ran it died");
	else if (!dead->caller)
		pool->counts.lost++;
}

static void
remove_worker(struct pool *pool, struct worker *worker, int status)
{
	/* Messages that it sent before it died still count. */
	crew_receive(pool, worker);
	close(worker->fd);
	pool->counts.died++;
	if (worker->busy)
		fail_call(pool, worker);
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

int
crew_reap(struct pool *pool)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < pool->options->workers; i++) {
			struct worker *worker = &pool->workers[i];

			if (worker->pid == pid)
				remove_worker(pool, worker, status);
		}
	}
	return pool->false_starts < FALSE_STARTS_MAX ? 0 : -ECHILD;
}

int
crew_fork(struct pool *pool, uint64_t now_ns)
{
	int rc = 0;

	for (size_t i = 0; i < pool->options->workers && !rc && !pool->drain_ns; i++) {
		struct worker *worker = &pool->workers[i];

		if (!worker->pid && worker->fork_at_ns <= now_ns)
			rc = fork_worker(pool, worker);
	}
	return rc;
}

void
crew_stop(struct pool *pool)
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
