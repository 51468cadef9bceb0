/* SPDX-License-Identifier: MIT
 *
 * deaths.c: processes of several threads are killed at random moments under load,
 * hundreds of times, while others are stopped and go on.
 *
 *   deaths [SECONDS [SEED]]
 *
 *   supervisor ──SIGKILL, SIGSTOP, SIGCONT──► workers ═════► region
 *        ▲  └────── follows, verifies ◄───────────┼────────────┘
 *        └─────── pipe: begun, finished ──────────┘
 *
 * Each thread reports through its process's pipe when a call has begun and when it is
 * finished. In every other process it reports in memory shared with the supervisor:
 * there, most deaths happen inside fntrace and not in a system call. In the end, the
 * region's counts are what the workers have confirmed, give or take the one call that
 * each thread was making when it was killed. The follower has been given every record
 * once, whole and in order, but for those that it was told it missed. And no cell stays
 * busy.
 */
#include "deaths.h"

#include <fcntl.h>
#include <sys/mman.h>

#define WORKERS_MAX 8
#define LIVES_MAX 60000 /* worker processes of a round */
#define OPS_MAX 120

static const struct shape shapes[] = {
	{"tiny", SMALLEST, 3, 3, 10, 0, false},
	{"tiny-ordered", SMALLEST, 4, 2, 40, FNT_ORDERED, false},
	{"small", MIB(1), 6, 4, 60, 0, false},
	{"changing", MIB(1), 4, 3, 40, 0, true},
	{"middling", MIB(4), 6, 3, OPS_MAX, 0, false},
	{"large", MIB(32), 8, 4, 30, 0, false},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

const struct shape *shape;
static struct rnd dice;

void
give_up(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d, %s: %s\n", file, line, shape ? shape->name : "", what);
	_exit(1);
}

/* ---- the supervisor's counts ----------------------------------------------------- */

struct worker {
	pid_t pid; /* 0: none */
	int fd;
	uint32_t life, threads;
	bool stopped;
};

static struct worker workers[WORKERS_MAX];
static struct life *lives;
static uint32_t life_count;

struct counts {
	uint64_t deaths, deaths_stopped, ends, stops, changes, changes_killed;
	uint64_t finished, dropped; /* as the workers confirmed them */
	uint64_t open, in_doubt;    /* of the killed: begun, and perhaps begun */
	uint64_t delivered, missed, aborted, unframed;
};
static struct counts round_, all;

/* Read all messages in the worker's pipe. */
static void
read_messages(struct worker *worker)
{
	struct message messages[256];
	ssize_t got;

	do {
		got = read(worker->fd, messages, sizeof(messages));
		REQUIRE(got <= 0 || got % (ssize_t)sizeof(messages[0]) == 0);
		for (ssize_t i = 0; i < got / (ssize_t)sizeof(messages[0]); i++)
			note_message(&lives[worker->life], &messages[i]);
	} while (got == sizeof(messages));
}

static void
read_all_messages(void)
{
	for (uint32_t i = 0; i < shape->workers; i++)
		if (workers[i].pid)
			read_messages(&workers[i]);
}

static void
start_worker(struct worker *worker)
{
	int fds[2];

	REQUIRE(life_count < LIVES_MAX);
	REQUIRE(!pipe2(fds, O_CLOEXEC));
	fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*worker = (struct worker){.fd = fds[0],
				  .life = life_count++,
				  .threads = 1 + rnd(&dice, shape->threads)};
	worker->pid = fork();
	REQUIRE(worker->pid >= 0);
	if (!worker->pid)
		be_worker(&lives[worker->life], worker->life, worker->threads,
			  worker->life % 2 ? -1 : fds[1], dice.state);
	close(fds[1]);
}

/* The worker has ended. A thread that was killed may have begun a call without
 * reporting it; a call that was reported as begun must be found again. */
static void
worker_ended(struct worker *worker, bool killed)
{
	struct life *life = &lives[worker->life];

	read_messages(worker);
	close(worker->fd);
	for (uint32_t i = 0; i < worker->threads; i++) {
		round_.finished += life->confirmed[i];
		round_.dropped += life->dropped[i];
		if (!killed)
			REQUIRE(life->begun[i] == life->confirmed[i]);
		else if (life->begun[i] > life->confirmed[i])
			round_.open++;
		else
			round_.in_doubt++;
	}
	worker->pid = 0;
}

static void
kill_worker(struct worker *worker)
{
	int status;

	REQUIRE(!kill(worker->pid, SIGKILL));
	REQUIRE(waitpid(worker->pid, &status, 0) == worker->pid);
	REQUIRE(WIFSIGNALED(status) || !WEXITSTATUS(status));
	if (WIFSIGNALED(status)) {
		REQUIRE(WTERMSIG(status) == SIGKILL);
		round_.deaths++;
		round_.deaths_stopped += worker->stopped;
	} else {
		round_.ends++;
	}
	worker_ended(worker, WIFSIGNALED(status));
}

/* Workers that have come to their own end. */
static void
collect_ended(void)
{
	int status;

	for (uint32_t i = 0; i < shape->workers; i++) {
		if (!workers[i].pid || waitpid(workers[i].pid, &status, WNOHANG) == 0)
			continue;
		REQUIRE(WIFEXITED(status) && !WEXITSTATUS(status));
		round_.ends++;
		worker_ended(&workers[i], false);
	}
}

/* ---- the follower ---------------------------------------------------------------- */

static void
verify_ops(const struct fnt_trace *trace)
{
	char count[24];

	REQUIRE(!(trace->flags & FNT_TRACE_DAMAGED));
	for (size_t i = 0; i < trace->op_count; i++)
		REQUIRE(strtoul(trace->ops[i].id, NULL, 10) == i &&
			trace->ops[i].row_count == (int64_t)i);
	if (trace->outcome != FNT_OK)
		return;
	snprintf(count, sizeof(count), "%zu", trace->op_count);
	REQUIRE(trace->value.len == strlen(count) &&
		!memcmp(trace->value.data, count, strlen(count)));
}

/* Each call comes once, those of a thread in order, and the aborted one last. But
 * aborted calls are in the kept ring, and may be delivered first (reader.h): if a
 * thread finished a call, began another, was killed and recovered, all within a
 * millisecond or so. */
static void
verify_order(struct life *life, unsigned thread, uint64_t number, bool aborted)
{
	uint64_t cut_off = life->aborted[thread];
	bool as_it_should = number > life->seen[thread] &&
			    (!cut_off || (!aborted && number < cut_off));

	if (!as_it_should)
		fprintf(stderr, "thread %u: %s %llu after %llu, aborted %llu\n", thread,
			aborted ? "aborted" : "ok", (unsigned long long)number,
			(unsigned long long)life->seen[thread],
			(unsigned long long)cut_off);
	REQUIRE(as_it_should);
	if (aborted)
		life->aborted[thread] = number;
	else
		life->seen[thread] = number;
}

static void
verify(const struct fnt_trace *trace)
{
	unsigned life_no, thread;
	unsigned long long number;
	struct life *life;

	REQUIRE(sscanf(trace->call_id, "%u.%u.%llu", &life_no, &thread, &number) == 3);
	REQUIRE(life_no < life_count && thread < THREADS_MAX);
	life = &lives[life_no];
	REQUIRE(trace->outcome == FNT_OK || trace->outcome == FNT_ABORTED);
	verify_order(life, thread, number, trace->outcome == FNT_ABORTED);
	if (trace->outcome == FNT_ABORTED) {
		/* A call that was confirmed as finished cannot be aborted. */
		REQUIRE(number > life->confirmed[thread]);
		round_.aborted++;
	}
	verify_ops(trace);
	round_.delivered++;
}

static void
follow(struct fnt_cursor *cursor, uint32_t most)
{
	const struct fnt_trace *trace;
	int rc;

	while (most-- && (rc = fnt_cursor_next(cursor, &trace)) > 0)
		verify(trace);
	REQUIRE(most == UINT32_MAX || rc >= 0);
}

/* ---- stops and deaths ------------------------------------------------------------ */

static uint64_t
calls_confirmed(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < life_count; i++)
		for (int thread = 0; thread < THREADS_MAX; thread++)
			sum += lives[i].confirmed[thread];
	return sum;
}

static bool
all_stopped(void)
{
	for (uint32_t i = 0; i < shape->workers; i++)
		if (!workers[i].stopped)
			return false;
	return true;
}

/* Stop one worker. All others that run go on, however long it stays stopped. */
static void
stop_one(struct worker *worker)
{
	uint64_t until;

	REQUIRE(!kill(worker->pid, SIGSTOP));
	worker->stopped = true;
	round_.stops++;
	until = calls_confirmed() + rnd(&dice, 1500);
	/* If the others waited for it, this loop would never end. */
	while (calls_confirmed() < until && !all_stopped()) {
		nap_us(50);
		read_all_messages();
		collect_ended();
		for (uint32_t i = 0; i < shape->workers; i++)
			if (!workers[i].pid)
				start_worker(&workers[i]);
	}
}

static void
stop_continue_or_kill(struct worker *worker)
{
	switch (rnd(&dice, 6)) {
	case 0:
		if (!worker->stopped)
			stop_one(worker);
		break;
	case 1:
		REQUIRE(!kill(worker->pid, SIGCONT));
		worker->stopped = false;
		break;
	case 2:
	case 3:
		kill_worker(worker);
		break;
	default:
		nap_us(rnd(&dice, 4) ? rnd(&dice, 300) : rnd(&dice, 6000));
		break;
	}
}

static void
run_workers(struct fnt_cursor *cursor, double seconds)
{
	struct timespec now;
	double end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds;
	while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < end &&
	       life_count < LIVES_MAX - 2 * WORKERS_MAX) {
		collect_ended();
		for (uint32_t i = 0; i < shape->workers; i++)
			if (!workers[i].pid)
				start_worker(&workers[i]);
		/* With all workers stopped, stop_one would wait for ever. */
		if (all_stopped())
			kill_worker(&workers[rnd(&dice, shape->workers)]);
		else
			stop_continue_or_kill(&workers[rnd(&dice, shape->workers)]);
		if (shape->changing)
			change(&dice, &round_.changes, &round_.changes_killed);
		read_all_messages();
		follow(cursor, 3000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	for (uint32_t i = 0; i < shape->workers; i++)
		if (workers[i].pid)
			kill_worker(&workers[i]);
}

/* ---- the counts add up ----------------------------------------------------------- */

/* Write around both rings once more: no cell is busy any more, and none is skipped. */
static void
capacity_is_whole(void)
{
	struct fnt_log *log = open_sized(shape->name, shape->size);
	struct fnt_stat before = region_stat(shape->name), after;
	struct fnt_reader *reader;
	struct fnt_check check;

	for (uint64_t i = 0; i < 2 * before.cells; i++)
		REQUIRE((i % 4 ? record_call(log, "fn", "room")
			       : fnt_call_finish_error(begin_call(log, "fn", "room"),
						       "E", "m")) == FNT_DONE);
	fnt_log_close(log);
	after = region_stat(shape->name);
	REQUIRE(after.cells_skipped == before.cells_skipped);
	REQUIRE(after.dropped == before.dropped);
	reader = open_reader(shape->name);
	REQUIRE(!fnt_reader_check(reader, &check, show_problem, NULL));
	REQUIRE(!check.problems && !check.busy_cells && !check.orphans);
	fnt_reader_close(reader);
}

static void
reconcile(const struct fnt_stat *stat)
{
	uint64_t low = round_.finished + round_.open, high = low + round_.in_doubt;

	/* A call that had no frame dies with its process. */
	low -= stat->unframed < round_.open ? stat->unframed : round_.open;
	if (stat->total < low || stat->total > high)
		fprintf(stderr, "deaths: %llu calls counted, not %llu to %llu\n",
			(unsigned long long)stat->total, (unsigned long long)low,
			(unsigned long long)high);
	REQUIRE(stat->total >= low && stat->total <= high);
	REQUIRE(stat->dropped >= round_.dropped);
	REQUIRE(stat->dropped <= round_.dropped + round_.open + round_.in_doubt);
	REQUIRE(round_.delivered + round_.missed == stat->recorded);
	REQUIRE(round_.aborted <= round_.open + round_.in_doubt);
	REQUIRE(!stat->producers && !stat->lanes && !stat->frames);
	REQUIRE(!stat->in_flight && !stat->orphaned);
}

static void
add_up(struct fnt_cursor *cursor)
{
	struct fnt_stat stat;

	/* To open is to recover what the dead processes have left. */
	fnt_log_close(open_sized(shape->name, shape->size));
	for (int i = 0; i < 20; i++) {
		follow(cursor, UINT32_MAX);
		nap_us(1000);
	}
	round_.missed = fnt_cursor_missed(cursor);
	stat = region_stat(shape->name);
	round_.unframed = stat.unframed;
	reconcile(&stat);
	must_be_sound(shape->name);
	if (shape->changing)
		change_back();
	capacity_is_whole();
}

static void
add_to_all(void)
{
	uint64_t *to = (uint64_t *)&all, *from = (uint64_t *)&round_;

	for (size_t i = 0; i < sizeof(all) / sizeof(*to); i++)
		to[i] += from[i];
}

static void
print_counts(const char *what, const struct counts *counts)
{
	printf("# %-13s %llu deaths (%llu while stopped), %llu stops, %llu ends, "
	       "%llu changes (%llu killed); %llu "
	       "calls "
	       "confirmed, %llu in flight, %llu in doubt; %llu dropped, %llu without a "
	       "frame; "
	       "%llu records read, %llu missed, %llu aborted\n",
	       what, (unsigned long long)counts->deaths,
	       (unsigned long long)counts->deaths_stopped,
	       (unsigned long long)counts->stops, (unsigned long long)counts->ends,
	       (unsigned long long)counts->changes,
	       (unsigned long long)counts->changes_killed,
	       (unsigned long long)counts->finished, (unsigned long long)counts->open,
	       (unsigned long long)counts->in_doubt,
	       (unsigned long long)counts->dropped,
	       (unsigned long long)counts->unframed,
	       (unsigned long long)counts->delivered,
	       (unsigned long long)counts->missed, (unsigned long long)counts->aborted);
	fflush(stdout);
}

static void
run_round(double seconds)
{
	struct fnt_options options = {.size_bytes = shape->size, .flags = shape->flags};
	struct fnt_reader *reader;
	struct fnt_cursor *cursor;

	memset(lives, 0, LIVES_MAX * sizeof(*lives));
	memset(&round_, 0, sizeof(round_));
	life_count = 0;
	fnt_log_close(open_log(shape->name, &options));
	reader = open_reader(shape->name);
	REQUIRE(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	run_workers(cursor, seconds);
	add_up(cursor);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	REQUIRE(!unlink(region_path(shape->name, ".fnt")));
	print_counts(shape->name, &round_);
	add_to_all();
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 10;
	double once = seconds / SHAPES < 20 ? seconds / SHAPES : 20;
	time_t end = time(NULL) + (time_t)seconds;

	dice.state = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	printf("# seed %llu\n", (unsigned long long)dice.state);
	fixture_begin();
	lives = share_memory(LIVES_MAX * sizeof(*lives));
	for (size_t i = 0; i < SHAPES || time(NULL) < end; i++) {
		shape = &shapes[i % SHAPES];
		run_round(once);
	}
	print_counts("deaths:", &all);
	munmap(lives, LIVES_MAX * sizeof(*lives));
	fixture_end();
	return EXIT_SUCCESS;
}
