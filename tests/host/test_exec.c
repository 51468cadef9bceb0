/* SPDX-License-Identifier: MIT
 *
 * test_exec.c: hosts that execute programs. An exec leaves pid and start time as they
 * are, but what the old program had in flight is over: a slot of our own pid that is
 * none of ours is dead.
 *
 * The programs are this one, with arguments: see programs.
 */
#include "support/fixture.h"
#include "support/refuse.h"

#include <pthread.h>
#include <spawn.h>

static const char self[] = "/proc/self/exe";

/* ---- programs -------------------------------------------------------------------- */

static struct fnt_log *
open_small(const char *name)
{
	const struct fnt_options options = {.size_bytes = SMALLEST};
	struct fnt_log *log;

	CHILD_MUST(!fnt_log_open(&log, name, &options));
	return log;
}

static _Noreturn void
become(const char *program, const char *name, const char *argument)
{
	execl(self, self, program, name, argument, NULL);
	perror(program);
	_exit(99);
}

/* Live `count` lives. Each leaves a call in flight, the last one ends in peace. */
static void
live_again(const char *name, const char *count)
{
	struct fnt_log *log = open_small(name);
	int left = atoi(count);
	char next[16];

	if (!left) {
		CHILD_MUST(record_call(log, "fn", "last") == FNT_DONE);
		fnt_log_close(log);
		return;
	}
	CHILD_MUST(begin_call(log, "fn", count));
	snprintf(next, sizeof(next), "%d", left - 1);
	become("live", name, next);
}

/* Say so by closing standard output, and stay until standard input is closed. */
static void
stay(void)
{
	char byte;

	close(STDOUT_FILENO);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

/* Do not touch the region. */
static void
idle(const char *name, const char *unused)
{
	(void)name;
	(void)unused;
	stay();
}

/* Read the region. */
static void
look(const char *name, const char *unused)
{
	struct fnt_reader *reader;

	(void)unused;
	CHILD_MUST(!fnt_reader_open(&reader, name, NULL));
	stay();
	fnt_reader_close(reader);
}

/* Use the region, with another call in flight. */
static void
use(const char *name, const char *unused)
{
	struct fnt_log *log = open_small(name);

	(void)unused;
	CHILD_MUST(begin_call(log, "fn", "new"));
	stay();
	fnt_log_close(log);
}

static const struct {
	const char *name;
	void (*run)(const char *name, const char *argument);
} programs[] = {{"live", live_again}, {"idle", idle}, {"look", look}, {"use", use}};

/* ---- a server that executes itself ----------------------------------------------- */

#define LIVES "40" /* more than the region has slots */

static void
must_have_lived(const char *name)
{
	struct fnt_stat stat = region_stat(name);

	ck_assert_uint_eq(stat.recorded, 41);
	ck_assert_uint_eq(stat.producers, 0);
	ck_assert_uint_eq(stat.frames, 0);
	must_be_sound(name);
}

START_TEST(server_executes_itself)
{
	pid_t pid = fork();

	if (!pid)
		become("live", "again", LIVES);
	must_end_well(pid);
	must_have_lived("again");
}
END_TEST

/* The same where the system has no file locks. */
START_TEST(server_executes_itself_without_locks)
{
	pid_t pid = fork();

	if (!pid) {
		refuse_if(SYS_fcntl, 1, F_OFD_SETLK, EINVAL);
		refuse_if(SYS_fcntl, 1, F_OFD_GETLK, EINVAL);
		become("live", "lockless", LIVES);
	}
	must_end_well(pid);
	must_have_lived("lockless");
}
END_TEST

static void *
become_from_thread(void *unused)
{
	(void)unused;
	become("live", "thread", "5");
}

/* The thread that executes takes over the pid of the process. */
START_TEST(thread_executes)
{
	pid_t pid = fork();
	pthread_t thread;

	if (!pid) {
		struct fnt_log *log = open_small("thread");

		CHILD_MUST(begin_call(log, "fn", "before"));
		pthread_create(&thread, NULL, become_from_thread, NULL);
		for (;;)
			pause();
	}
	must_end_well(pid);
	ck_assert_uint_eq(region_stat("thread").recorded, 7);
}
END_TEST

/* ---- as others see it ------------------------------------------------------------ */

struct host {
	pid_t pid;
	struct latch ready, go;
};

/* In a child: take the place of standard input and output. */
static void
connect_latches(const struct host *host)
{
	CHILD_MUST(dup2(host->go.fds[0], STDIN_FILENO) == STDIN_FILENO);
	CHILD_MUST(dup2(host->ready.fds[1], STDOUT_FILENO) == STDOUT_FILENO);
	for (int i = 0; i < 2; i++) {
		close(host->ready.fds[i]);
		close(host->go.fds[i]);
	}
}

static void
wait_until_ready(const struct host *host)
{
	close(host->ready.fds[1]);
	latch_wait(&host->ready);
}

static void
let_end(const struct host *host)
{
	close(host->go.fds[1]);
	must_end_well(host->pid);
}

/* A host with a call in flight becomes `program`. */
static struct host
start_host(const char *program, const char *name)
{
	struct host host = {.ready = make_latch(), .go = make_latch()};

	host.pid = fork();
	if (!host.pid) {
		struct fnt_log *log = open_small(name);

		connect_latches(&host);
		CHILD_MUST(begin_call(log, "fn", "old"));
		become(program, name, NULL);
	}
	wait_until_ready(&host);
	return host;
}

static size_t
count_in_flight(const char *name, enum fnt_outcome outcome)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_traces *traces = in_flight(reader);
	size_t count = 0;

	for (size_t i = 0; i < traces->count; i++)
		count += traces->items[i].outcome == outcome;
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	return count;
}

static const char *const others[] = {"idle", "look"};

/* The new program does not write to the region: its pid lives, the old call is over. */
START_TEST(becomes_another_program)
{
	const char *name = others[_i];
	struct host host = start_host(others[_i], name);
	struct fnt_log *log;

	ck_assert_uint_eq(count_in_flight(name, FNT_IN_FLIGHT), 0);
	ck_assert_uint_eq(count_in_flight(name, FNT_ABORTED), 1);
	log = open_small(name); /* recovers the dead */
	ck_assert_uint_eq(region_stat(name).producers, 1);
	ck_assert_uint_eq(region_stat(name).recorded, 1);
	let_end(&host);
	fnt_log_close(log);
	must_be_sound(name);
}
END_TEST

/* The new program opens the region: that recovers what the old one had. */
START_TEST(becomes_a_user_of_the_region)
{
	struct host host = start_host("use", "use");

	ck_assert_uint_eq(count_in_flight("use", FNT_IN_FLIGHT), 1);
	ck_assert_uint_eq(region_stat("use").producers, 1);
	ck_assert_uint_eq(region_stat("use").recorded, 1);
	let_end(&host);
	ck_assert_uint_eq(region_stat("use").recorded, 2);
	must_be_sound("use");
}
END_TEST

/* ---- children that execute, while their parent goes on ------------------------- */

static pid_t
spawn(const struct host *host, const char *program, const char *name)
{
	char *argv[] = {(char *)self, (char *)program, (char *)name, NULL, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, host->go.fds[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, host->ready.fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, host->go.fds[1]);
	posix_spawn_file_actions_addclose(&actions, host->ready.fds[1]);
	MUST(!posix_spawn(&pid, self, &actions, NULL, argv, environ));
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static pid_t
vfork_and_exec(const struct host *host, const char *program, const char *name)
{
	pid_t pid = vfork();

	if (!pid) {
		dup2(host->go.fds[0], STDIN_FILENO);
		dup2(host->ready.fds[1], STDOUT_FILENO);
		close(host->go.fds[1]);
		close(host->ready.fds[1]);
		execl(self, self, program, name, NULL);
		_exit(99);
	}
	return pid;
}

static const struct {
	pid_t (*start)(const struct host *host, const char *program, const char *name);
	const char *program;
} children[] = {{spawn, "idle"},
		{spawn, "use"},
		{vfork_and_exec, "idle"},
		{vfork_and_exec, "use"}};

START_TEST(child_executes)
{
	struct host child = {.ready = make_latch(), .go = make_latch()};
	bool uses = !strcmp(children[_i].program, "use");
	struct fnt_log *log;
	struct fnt_call *call;
	char name[16];

	snprintf(name, sizeof(name), "child-%d", _i);
	log = open_small(name);
	call = begin_call(log, "fn", "parent");
	child.pid = children[_i].start(&child, children[_i].program, name);
	wait_until_ready(&child);
	/* The parent lives, and so does its call. */
	ck_assert_uint_eq(count_in_flight(name, FNT_IN_FLIGHT), uses ? 2 : 1);
	ck_assert_uint_eq(count_in_flight(name, FNT_ABORTED), 0);
	ck_assert_uint_eq(region_stat(name).producers, uses ? 2 : 1);
	let_end(&child);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	fnt_log_close(log);
	ck_assert_uint_eq(region_stat(name).recorded, uses ? 2 : 1);
	must_be_sound(name);
}
END_TEST

/* A log of the same process, opened a second time, recovers nothing of the first. */
START_TEST(opened_twice)
{
	struct fnt_log *first = open_small("twice"), *second;
	struct fnt_call *call = begin_call(first, "fn", "1");

	second = open_small("twice");
	ck_assert_uint_eq(region_stat("twice").producers, 2);
	ck_assert_uint_eq(count_in_flight("twice", FNT_IN_FLIGHT), 1);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	fnt_log_close(second);
	fnt_log_close(first);
	ck_assert_uint_eq(region_stat("twice").recorded, 1);
}
END_TEST

int
main(int argc, char **argv)
{
	int status;

	for (size_t i = 0; argc >= 3 && i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(argv[1], programs[i].name)) {
			programs[i].run(argv[2], argc > 3 ? argv[3] : NULL);
			return EXIT_SUCCESS;
		}
	fixture_begin();
	status = SUITE_RUN_LOOPS("exec", {server_executes_itself, 1},
				 {server_executes_itself_without_locks, 1},
				 {thread_executes, 1}, {becomes_another_program, 2},
				 {becomes_a_user_of_the_region, 1}, {child_executes, 4},
				 {opened_twice, 1});
	fixture_end();
	return status;
}
