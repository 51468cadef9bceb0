/* SPDX-License-Identifier: MIT
 *
 * test_pidns.c: whether a slot's process is alive is known by its lock: across pid
 * namespaces, and however often a pid is used again.
 */
#include "support/fixture.h"

#include <sched.h>
#include <sys/prctl.h>

#include "region/process.h"
#include "region/region.h"
#include "settings/first_settings.h"

/* ---- producers in namespaces of their own ---------------------------------------- */

/* Fork a child that is process 1 of a new pid namespace. 0 in the child; -1: not
 * allowed. */
static pid_t
fork_apart(void)
{
	struct latch told = make_latch();
	pid_t helper, pid = -1;

	/* So that orphans become our children, and we can wait for them. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	helper = fork();
	if (!helper) {
		if (unshare(CLONE_NEWPID))
			_exit(77);
		pid = fork();
		if (!pid)
			return 0;
		if (write(told.fds[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		_exit(0);
	}
	MUST(waitpid(helper, NULL, 0) == helper);
	close(told.fds[1]);
	if (read(told.fds[0], &pid, sizeof(pid)) != sizeof(pid))
		pid = -1;
	close(told.fds[0]);
	return pid;
}

static bool
may_unshare(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(CLONE_NEWPID) ? 77 : 0);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

static pid_t
produce_apart(const char *name, const char *id)
{
	struct latch ready = make_latch();
	pid_t pid = fork_apart();

	if (!pid) {
		struct fnt_log *log = open_sized(name, SMALLEST);

		CHILD_MUST(getpid() == 1);
		CHILD_MUST(begin_call(log, "fn", id));
		latch_open(&ready);
		for (;;)
			pause();
	}
	MUST(pid > 0);
	latch_wait(&ready);
	close(ready.fds[0]);
	close(ready.fds[1]);
	return pid;
}

/* How many producers have that pid and are alive, or are dead. */
static uint32_t
count_producers(const char *name, int32_t pid, bool alive)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_producer *producers;
	uint32_t found = 0;
	size_t count;

	MUST(!fnt_reader_producers(reader, &producers, &count));
	for (size_t i = 0; i < count; i++)
		found += producers[i].pid == pid && producers[i].alive == alive;
	free(producers);
	fnt_reader_close(reader);
	return found;
}

static uint32_t
count_in_flight(const char *name, enum fnt_outcome outcome)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_traces *traces = in_flight(reader);
	uint32_t found = 0;

	for (size_t i = 0; i < traces->count; i++)
		found += traces->items[i].outcome == outcome;
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	return found;
}

/* The last process of a namespace takes a moment to end. */
static void
kill_apart(pid_t pid)
{
	MUST(!kill(pid, SIGKILL));
	waitpid(pid, NULL, 0);
	while (!kill(pid, 0))
		nap_us(1000);
}

/* Two processes have pid 1. One dies; the call of the other goes on. */
START_TEST(two_processes_with_pid_1)
{
	pid_t first = produce_apart("apart", "first");
	pid_t second = produce_apart("apart", "second");
	struct fnt_traces *traces;
	struct fnt_log *log;

	ck_assert_uint_eq(count_producers("apart", 1, true), 2);
	ck_assert_uint_eq(count_in_flight("apart", FNT_IN_FLIGHT), 2);
	fnt_log_close(open_sized("apart", SMALLEST));
	ck_assert_uint_eq(count_in_flight("apart", FNT_IN_FLIGHT), 2);
	kill_apart(first);
	ck_assert_uint_eq(count_producers("apart", 1, false), 1);
	ck_assert_uint_eq(count_in_flight("apart", FNT_ABORTED), 1);
	log = open_sized("apart", SMALLEST);
	traces = newest(log, 5);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_str_eq(traces->items[0].call_id, "first");
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	fnt_traces_free(traces);
	ck_assert_uint_eq(count_producers("apart", 1, true), 1);
	ck_assert_uint_eq(count_in_flight("apart", FNT_IN_FLIGHT), 1);
	fnt_log_close(log);
	kill_apart(second);
	log = open_sized("apart", SMALLEST);
	ck_assert_uint_eq(fnt_log_total_count(log), 2);
	fnt_log_close(log);
	ck_assert_uint_eq(region_stat("apart").producers + region_stat("apart").frames,
			  0);
	must_be_sound("apart");
}
END_TEST

/* A process within a namespace sees those outside as alive, and recovers what the dead
 * have left. */
START_TEST(seen_from_within_a_namespace)
{
	struct latch go = make_latch();
	pid_t outside, inside;

	outside = produce_apart("within", "left");
	inside = fork_apart();
	if (!inside) {
		struct fnt_log *log = open_sized("within", SMALLEST);

		CHILD_MUST(fnt_log_total_count(log) == 0);
		CHILD_MUST(count_producers("within", 1, true) == 2);
		latch_open(&go);
		nap_us(1000);
		while (fnt_log_total_count(log) == 0) {
			fnt_log_close(log);
			log = open_sized("within", SMALLEST);
			nap_us(1000);
		}
		record_call(log, "fn", "recovered");
		for (;;)
			pause();
	}
	latch_wait(&go);
	kill_apart(outside);
	while (!region_stat("within").total || region_stat("within").total < 2)
		nap_us(1000);
	kill_apart(inside);
	fnt_log_close(open_sized("within", SMALLEST));
	ck_assert_uint_eq(region_stat("within").total, 2);
	must_be_sound("within");
}
END_TEST

/* A host in a namespace of its own closes all descriptors, ours among them. It still
 * counts as alive for everyone, and its calls are recorded. When it is killed it counts
 * as dead. */
START_TEST(descriptors_closed_within_a_namespace)
{
	struct latch ready = make_latch(), go = make_latch();
	struct fnt_log *log;
	pid_t pid = fork_apart();

	if (!pid) {
		struct fnt_call *call;

		log = open_sized("closed", SMALLEST);
		call = begin_call(log, "fn", "open");
		CHILD_MUST(dup2(ready.fds[1], 200) == 200 &&
			   dup2(go.fds[0], 201) == 201);
		closefrom(202);
		close_range(3, 199, 0);
		ready.fds[1] = 200;
		go.fds[0] = 201;
		latch_open(&ready);
		latch_wait(&go);
		CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", NULL, 1, 1, true) == 0);
		CHILD_MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		CHILD_MUST(begin_call(log, "fn", "left"));
		latch_open(&ready);
		for (;;)
			pause();
	}
	MUST(pid > 0);
	latch_wait(&ready);
	ck_assert_uint_eq(count_producers("closed", 1, true), 1);
	ck_assert_uint_eq(count_in_flight("closed", FNT_IN_FLIGHT), 1);
	log = open_sized("closed", SMALLEST);
	ck_assert_uint_eq(fnt_log_total_count(log), 0);
	latch_open(&go);
	latch_wait(&ready);
	ck_assert_uint_eq(fnt_log_total_count(log), 1);
	ck_assert_uint_eq(count_in_flight("closed", FNT_IN_FLIGHT), 1);
	kill_apart(pid);
	ck_assert_uint_eq(count_in_flight("closed", FNT_ABORTED), 1);
	fnt_log_close(log);
	fnt_log_close(open_sized("closed", SMALLEST));
	ck_assert_uint_eq(region_stat("closed").total, 2);
	ck_assert_uint_eq(region_stat("closed").producers, 0);
	must_be_sound("closed");
}
END_TEST

/* ---- pids used again ------------------------------------------------------------- */

/* Write a slot whose lock is free, as if of a process with this pid and start time. */
static void
leave_slot(const char *name, uint64_t pid, uint64_t start_time, uint64_t pid_ns)
{
	struct fnt_region region;
	struct fnt_options options = {.size_bytes = SMALLEST};
	struct fnt_producer_slot *slot;

	MUST(!fnt_region_open(&region, name, &options, fnt_first_settings_write));
	slot = &region.view.producers[0];
	atomic_store(&slot->pid, pid);
	atomic_store(&slot->start_time, start_time);
	atomic_store(&slot->pid_ns, pid_ns);
	atomic_store(&slot->status, FNT_PRODUCER_LIVE);
	fnt_region_close(&region);
}

static uint64_t
reaped(const char *name)
{
	struct fnt_log *log = open_sized(name, SMALLEST);
	struct fnt_region region;
	uint64_t count;

	MUST(!fnt_region_open_read(&region, fnt_log_path(log), NULL));
	count = atomic_load(&region.view.control->reaped);
	fnt_region_close(&region);
	fnt_log_close(log);
	return count;
}

START_TEST(pid_used_again)
{
	struct fnt_process_id self;
	struct fnt_log *log;

	fnt_process_id_self(&self);
	/* The same pid with another start time, though the process has the region
	 * mapped. */
	leave_slot("again", self.pid, self.start_time - 1, self.pid_ns);
	ck_assert_uint_eq(reaped("again"), 1);
	/* The very process, but it does not have the region mapped. */
	leave_slot("not-mapped", (uint64_t)getppid(), 0, self.pid_ns);
	ck_assert_uint_eq(reaped("not-mapped"), 1);
	/* In another namespace, pid and start time mean nothing. */
	leave_slot("elsewhere", self.pid, self.start_time, self.pid_ns + 1);
	ck_assert_uint_eq(reaped("elsewhere"), 1);
	/* It is this process, which has the region mapped: alive, with or without a
	 * lock. */
	log = open_sized("ours", SMALLEST);
	fnt_log_close(log);
	leave_slot("ours", self.pid, self.start_time, self.pid_ns);
	ck_assert_uint_eq(reaped("ours"), 0);
}
END_TEST

/* Our own start time to the tick, but the file is not mapped: dead. */
START_TEST(same_pid_and_time_without_the_region)
{
	struct latch go = make_latch(), ready = make_latch();
	struct fnt_process_id child;
	pid_t pid = fork();

	if (!pid) {
		fnt_process_id_self(&child);
		CHILD_MUST(write(ready.fds[1], &child, sizeof(child)) == sizeof(child));
		latch_wait(&go);
		_exit(0);
	}
	MUST(read(ready.fds[0], &child, sizeof(child)) == sizeof(child));
	leave_slot("unmapped", child.pid, child.start_time, child.pid_ns);
	ck_assert_uint_eq(reaped("unmapped"), 1);
	latch_open(&go);
	must_end_well(pid);
}
END_TEST

int
main(void)
{
	int status;

	if (!may_unshare())
		return 77;
	fixture_begin();
	status = SUITE_RUN("pidns", two_processes_with_pid_1,
			   seen_from_within_a_namespace,
			   descriptors_closed_within_a_namespace, pid_used_again,
			   same_pid_and_time_without_the_region);
	fixture_end();
	return status;
}
