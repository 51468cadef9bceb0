/* SPDX-License-Identifier: MIT
 *
 * test_crash.c: processes are killed at random moments. What they confirmed is there,
 * each call in flight becomes one aborted record, and all that they held is free again.
 */
#include "support/fixture.h"

#include <fcntl.h>

/* ---- a producer that reports each step ------------------------------------------- */

/* One message before and after each step, through a pipe. Messages are whole: each is
 * written by one write of less than PIPE_BUF bytes. */
enum step {
	BEGINS = 1,
	BEGUN,
	OP,
	FINISHES,
	FINISHED
};

struct message {
	uint32_t step;
	uint32_t number; /* of the call */
	int32_t rc;
	uint32_t ops; /* done so far */
};

static void
report_step(int fd, uint32_t step, uint32_t number, int rc, uint32_t ops)
{
	struct message message = {step, number, rc, ops};

	CHILD_MUST(write(fd, &message, sizeof(message)) == sizeof(message));
}

#define OPEN_AT_ONCE 3

/* Calls of up to 40 ops, three of them open at any time. */
static void
produce(struct fnt_log *log, int fd, uint64_t seed)
{
	struct fnt_call *calls[OPEN_AT_ONCE] = {NULL};
	uint32_t numbers[OPEN_AT_ONCE], ops[OPEN_AT_ONCE], next = 0;
	struct rnd r = {seed};

	for (;;) {
		uint32_t i = rnd(&r, OPEN_AT_ONCE);
		char id[64];

		if (!calls[i]) {
			numbers[i] = next++;
			ops[i] = 0;
			snprintf(id, sizeof(id), "%u", numbers[i]);
			report_step(fd, BEGINS, numbers[i], 0, 0);
			calls[i] = begin_call(log, "crash", id);
			report_step(fd, BEGUN, numbers[i], 0, 0);
		} else if (rnd(&r, 12)) {
			snprintf(id, sizeof(id), "%u.%u %*s", numbers[i], ops[i],
				 (int)rnd(&r, 50), "");
			CHILD_MUST(fnt_call_op(calls[i], FNT_OP_INSERT, "t", id, 1, 1,
					       true) == FNT_DONE);
			report_step(fd, OP, numbers[i], 0, ++ops[i]);
		} else {
			int rc;

			report_step(fd, FINISHES, numbers[i], 0, ops[i]);
			rc = fnt_call_finish_ok(calls[i], NULL);
			report_step(fd, FINISHED, numbers[i], rc, ops[i]);
			calls[i] = NULL;
		}
	}
}

/* ---- the checks ------------------------------------------------------------------ */

#define CALLS_MAX 20000

struct report {
	struct message last[CALLS_MAX]; /* of each call, by its number */
	/* the call was confirmed as the nth, from 1; 0: it was not */
	uint32_t nth[CALLS_MAX];
	uint32_t count;
	uint32_t confirmed; /* calls that finished and were recorded */
};

static struct report *
read_report(int fd)
{
	struct report *report = calloc(1, sizeof(*report));
	struct message message;
	ssize_t got;

	while ((got = read(fd, &message, sizeof(message))) == sizeof(message)) {
		MUST(message.number < CALLS_MAX);
		MUST(message.step != FINISHED || message.rc == FNT_DONE);
		report->last[message.number] = message;
		if (message.step == FINISHED)
			report->nth[message.number] = ++report->confirmed;
		if (message.number >= report->count)
			report->count = message.number + 1;
	}
	MUST(got == 0);
	return report;
}

/* The record has all ops that were reported, in order, and at most one more. */
static void
check_ops(const struct fnt_trace *trace, const struct message *last)
{
	uint32_t number, op;

	MUST(trace->op_count >= last->ops && trace->op_count <= last->ops + 1);
	for (uint32_t i = 0; i < trace->op_count; i++) {
		MUST(sscanf(trace->ops[i].id, "%u.%u", &number, &op) == 2);
		MUST(number == last->number && op == i);
	}
	MUST(!(trace->flags & FNT_TRACE_DAMAGED));
}

static void
check_trace(const struct fnt_trace *trace, const struct report *report,
	    unsigned char *seen)
{
	uint32_t number = (uint32_t)strtoul(trace->call_id, NULL, 10);
	const struct message *last = &report->last[number];

	MUST(number < report->count);
	if (seen[number]++)
		ck_abort_msg("call %u is there twice", number);
	check_ops(trace, last);
	if (last->step == FINISHED)
		MUST(trace->outcome == FNT_OK);
	else if (trace->outcome == FNT_OK)
		MUST(last->step == FINISHES);
	else
		MUST(trace->outcome == FNT_ABORTED);
}

/* Newest first: the calls that were open, then the confirmed ones, the last one first
 * and none left out until the ring ends. */
static void
check_report(struct fnt_log *log, const struct report *report, pid_t pid,
	     uint64_t cells)
{
	struct fnt_traces *traces = newest(log, report->count);
	unsigned char *seen = calloc(CALLS_MAX, 1);
	uint32_t expect = report->confirmed, found = 0;

	for (; found < traces->count && traces->items[found].pid == pid; found++) {
		uint32_t number =
			(uint32_t)strtoul(traces->items[found].call_id, NULL, 10);

		check_trace(&traces->items[found], report, seen);
		if (report->nth[number] && report->nth[number] != expect--)
			ck_abort_msg("confirmed as number %u, found instead of %u",
				     report->nth[number], expect + 1);
	}
	/* A call that was about to begin may never have begun. */
	for (uint32_t i = 0; i < report->count; i++)
		if (!seen[i] && !report->nth[i] && report->last[i].step != BEGINS)
			ck_abort_msg("call %u, open, is lost", i);
	/* A record has a dozen cells at most. */
	if (expect && found + 10 < cells / 12)
		ck_abort_msg("%u confirmed calls lost, %u there", expect, found);
	fnt_traces_free(traces);
	free(seen);
}

static void
kill_one(const char *name, uint64_t size, struct rnd *r, uint64_t *total)
{
	struct fnt_log *log;
	struct report *report;
	int fds[2];
	pid_t pid;

	MUST(!pipe(fds));
	pid = fork();
	if (!pid) {
		close(fds[0]);
		produce(open_sized(name, size), fds[1], r->state);
	}
	close(fds[1]);
	fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
	nap_us(rnd(r, 3) ? 500 + rnd(r, 3000) : 500 + rnd(r, 12000));
	MUST(!kill(pid, SIGKILL));
	report = read_report(fds[0]);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		log = open_sized(name, size);
		check_report(log, report, pid, region_stat(name).cells);
		if (i)
			MUST(fnt_log_total_count(log) == *total);
		*total = fnt_log_total_count(log);
		fnt_log_close(log);
	}
	must_be_sound(name);
	free(report);
}

START_TEST(killed_at_any_moment)
{
	static const uint64_t sizes[] = {SMALLEST, MIB(1), MIB(8)};
	static const char *const names[] = {"any-0", "any-1", "any-2"};
	struct rnd r = {(uint64_t)_i + 5};
	struct fnt_stat stat;
	uint64_t total = 0;

	for (int round = 0; round < ROUNDS(120, 25); round++)
		kill_one(names[_i], sizes[_i], &r, &total);
	stat = region_stat(names[_i]);
	ck_assert_uint_eq(stat.lanes + stat.frames + stat.producers, 0);
	ck_assert_uint_eq(stat.in_flight + stat.orphaned, 0);
}
END_TEST

/* ---- slots, lanes and frames are freed ------------------------------------------- */

/* More deaths than there are slots, lanes and frames, with several processes at a time.
 */
START_TEST(slots_lanes_and_frames_come_back)
{
	enum {
		AT_ONCE = 6
	};
	const int rounds = ROUNDS(40, 10);
	struct fnt_stat stat;
	uint64_t aborted = 0;

	for (int round = 0; round < rounds; round++) {
		struct latch ready = make_latch();
		pid_t pids[AT_ONCE];

		for (int i = 0; i < AT_ONCE; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				struct fnt_log *log = open_sized("taken", SMALLEST);

				for (int c = 0; c < 4; c++)
					CHILD_MUST(begin_call(log, "fn", "id"));
				latch_open(&ready);
				for (;;)
					record_call(log, "fn", "id");
			}
		}
		for (int i = 0; i < AT_ONCE; i++)
			latch_wait(&ready);
		ck_assert_uint_eq(region_stat("taken").producers, AT_ONCE);
		aborted = region_stat("taken").unframed;
		for (int i = 0; i < AT_ONCE; i++)
			kill_child(pids[i]);
		close(ready.fds[0]);
		close(ready.fds[1]);
		fnt_log_close(open_sized("taken", SMALLEST));
		stat = region_stat("taken");
		ck_assert_uint_eq(stat.producers + stat.lanes + stat.frames, 0);
	}
	/* There were at most 24 open calls and 6 cached frames: frames never ran out.
	 */
	ck_assert_uint_eq(aborted, 0);
	must_be_sound("taken");
}
END_TEST

/* Dead processes hold all slots. The next process still gets one. */
START_TEST(all_slots_dead)
{
	struct fnt_log *log;

	for (unsigned i = 0; i < SMALL_PRODUCERS; i++) {
		struct latch ready = make_latch();
		pid_t pid = fork();

		if (!pid) {
			/* Begin recovers nobody; only the open does. */
			log = open_sized("slots", SMALLEST);
			CHILD_MUST(begin_call(log, "fn", "id"));
			latch_open(&ready);
			for (;;)
				pause();
		}
		latch_wait(&ready);
		kill_child(pid);
	}
	log = open_sized("slots", SMALLEST);
	ck_assert_uint_eq(fnt_log_total_count(log), SMALL_PRODUCERS);
	ck_assert_uint_eq(region_stat("slots").producers, 1);
	fnt_log_close(log);
	must_be_sound("slots");
}
END_TEST

/* A call that outgrew the frames, or never had a whole one, leaves a sound record, too.
 */
START_TEST(killed_with_frames_exhausted)
{
	struct latch ready = make_latch();
	static char text[100001];
	struct fnt_traces *traces;
	struct fnt_log *log;
	pid_t pid;

	memset(text, 'x', sizeof(text) - 1);
	pid = fork();
	if (!pid) {
		log = open_sized("exhausted", SMALLEST);
		for (int c = 0; c < 60; c++) {
			struct fnt_call *call = fnt_call_begin(
				log, &(struct fnt_call_info){.call_id = text,
							     .user_id = text,
							     .tenant_id = text,
							     .fn_name = text});
			CHILD_MUST(call);
			for (int i = 0; i < c; i++)
				fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true);
		}
		latch_open(&ready);
		for (;;)
			pause();
	}
	latch_wait(&ready);
	must_be_sound("exhausted");
	kill_child(pid);
	must_be_sound("exhausted");
	log = open_sized("exhausted", SMALLEST);
	traces = newest(log, 100);
	ck_assert_uint_gt(traces->count, 0);
	for (size_t i = 0; i < traces->count; i++) {
		ck_assert_int_eq(traces->items[i].outcome, FNT_ABORTED);
		ck_assert_uint_eq(traces->items[i].flags & FNT_TRACE_DAMAGED, 0);
	}
	fnt_traces_free(traces);
	fnt_log_close(log);
	must_be_sound("exhausted");
}
END_TEST

/* The process that recovers may die, too. The next goes on, and no call is recorded
 * twice. */
START_TEST(killed_while_reaping)
{
	enum {
		CALLS = 25
	};
	struct rnd r = {3};

	for (int round = 0; round < ROUNDS(150, 20); round++) {
		struct latch ready = make_latch();
		struct fnt_traces *traces;
		struct fnt_log *log;
		unsigned seen[CALLS] = {0};
		pid_t pid = fork();

		if (!pid) {
			log = open_sized("reap", SMALLEST);
			for (int c = 0; c < CALLS; c++) {
				char id[8];

				snprintf(id, sizeof(id), "%d", c);
				CHILD_MUST(begin_call(log, "fn", id));
			}
			latch_open(&ready);
			for (;;)
				pause();
		}
		latch_wait(&ready);
		kill_child(pid);
		for (int i = 0; i < 3; i++) {
			pid_t reaper = fork();

			if (!reaper) {
				open_sized("reap", SMALLEST);
				_exit(0);
			}
			nap_us(rnd(&r, 1200));
			kill_child(reaper);
		}
		log = open_sized("reap", SMALLEST);
		traces = newest(log, CALLS);
		ck_assert_uint_eq(traces->count, CALLS);
		for (int i = 0; i < CALLS; i++) {
			ck_assert_int_eq(traces->items[i].pid, pid);
			seen[strtoul(traces->items[i].call_id, NULL, 10) % CALLS]++;
		}
		for (int i = 0; i < CALLS; i++)
			ck_assert_uint_eq(seen[i], 1);
		ck_assert_uint_eq(fnt_log_total_count(log),
				  (uint64_t)CALLS * (unsigned)(round + 1));
		fnt_traces_free(traces);
		fnt_log_close(log);
		close(ready.fds[0]);
		close(ready.fds[1]);
	}
	must_be_sound("reap");
}
END_TEST

/* ---- the stopped ----------------------------------------------------------------- */

/* A process is stopped at a random point while others lap the ring. They never wait for
 * it, and what it writes when it goes on is whole, or dropped and counted. */
START_TEST(stopped_while_others_lap_the_ring)
{
	struct rnd r = {17};
	struct fnt_log *log = open_sized("stop", SMALLEST);
	uint64_t cells = region_stat("stop").cells, mine = 0, total;
	struct report *report;
	int fds[2];
	pid_t pid;

	MUST(!pipe(fds));
	pid = fork();
	if (!pid) {
		close(fds[0]);
		fnt_log_close(log);
		produce(open_sized("stop", SMALLEST), fds[1], 1);
	}
	close(fds[1]);
	fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
	for (int round = 0; round < ROUNDS(80, 20); round++) {
		nap_us(rnd(&r, 300));
		MUST(!kill(pid, SIGSTOP));
		for (uint64_t i = 0; i < cells + rnd(&r, 3000); i++, mine++)
			MUST(record_call(log, "mine", "id") == FNT_DONE);
		must_be_sound("stop");
		MUST(!kill(pid, SIGCONT));
	}
	kill(pid, SIGKILL);
	report = read_report(fds[0]);
	waitpid(pid, NULL, 0);
	fnt_log_close(open_sized("stop", SMALLEST));
	total = fnt_log_total_count(log);
	/* Calls that it was beginning or finishing when it died may be counted or not.
	 */
	ck_assert_uint_ge(total, mine + report->count - OPEN_AT_ONCE);
	ck_assert_uint_le(total, mine + report->count);
	ck_assert_uint_ge(report->confirmed + OPEN_AT_ONCE, report->count);
	free(report);
	fnt_log_close(log);
	must_be_sound("stop");
}
END_TEST

FIXTURE_MAIN_LOOPS("crash", {killed_at_any_moment, 3},
		   {slots_lanes_and_frames_come_back, 1}, {all_slots_dead, 1},
		   {killed_with_frames_exhausted, 1}, {killed_while_reaping, 1},
		   {stopped_while_others_lap_the_ring, 1})
