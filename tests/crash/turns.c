/* SPDX-License-Identifier: MIT
 *
 * turns.c: rings are resized and rotated, in turn, while processes write to them.
 *
 *   producers ──► region ◄── resize, rotate; some tools are killed meanwhile
 *                   ├──► followers: delivered + missed is what was recorded
 *                   └──► at the end, the files and the region: each record once
 *
 * With `room`, producers wait for the next rotation before the smallest ring could be
 * full, and no record may be missing. Without it, rings are overwritten, and followers
 * must know how many records they missed.
 */
#include "support/fixture.h"

#include <fntrace/control.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define PRODUCERS 3
#define THREADS 2
#define SLOTS (PRODUCERS * THREADS)
#define FOLLOWERS 2

/* Shared by all processes. */
struct board {
	_Atomic uint64_t made, allowed; /* calls, of all producers */
	_Atomic uint64_t confirmed[SLOTS];
	_Atomic uint32_t ended; /* producers that have ended */
	_Atomic uint32_t following;
	atomic_bool stop;
};

static struct board *board;
static unsigned long resizes, rotations, kills, refused;

struct shape {
	const char *name;
	uint64_t calls; /* of each thread */
	uint64_t room;	/* calls between two rotations; 0: any number */
	bool kill_tools;
};

/* ---- producing ------------------------------------------------------------------- */

static _Thread_local unsigned my_slot;

/* A call's number says how large its record is and how it ends. */
static uint32_t
filler(uint64_t n)
{
	return (uint32_t)(n * 2654435761u >> 7) % 5 ? 0 : (uint32_t)(n % 600);
}

static bool
fails(uint64_t n)
{
	return n % 7 == 3;
}

static const char *
text_of(char text[640], uint64_t n)
{
	memset(text, 'a' + (int)(n % 26), filler(n));
	text[filler(n)] = '\0';
	return text;
}

static void
make_call(struct fnt_log *log, uint64_t n)
{
	char id[40], text[640], json[660];
	struct fnt_call_info info = {.call_id = id,
				     .fn_name = fails(n) ? "bad" : "good"};
	struct fnt_value value = {FNT_VALUE_JSON, json, 0};
	struct fnt_call *call;
	int rc;

	snprintf(id, sizeof(id), "%u.%llu", my_slot, (unsigned long long)n);
	value.len = (size_t)snprintf(json, sizeof(json), "\"%s\"", text_of(text, n));
	call = fnt_call_begin(log, &info);
	rc = fails(n) ? fnt_call_finish_error(call, "E", text)
		      : fnt_call_finish_ok(call, &value);
	CHILD_MUST(rc == FNT_DONE);
	atomic_store(&board->confirmed[my_slot], n);
}

struct job {
	struct fnt_log *log;
	const struct shape *shape;
	unsigned slot;
};

static void *
produce(void *arg)
{
	const struct job *job = arg;
	unsigned i;

	my_slot = job->slot;
	for (uint64_t n = 1; n <= job->shape->calls; n++) {
		if (job->shape->room) {
			uint64_t mine = atomic_fetch_add(&board->made, 1);

			while (mine >= atomic_load(&board->allowed))
				nap_us(100);
		}
		make_call(job->log, n);
		/* Now and then, wait with reserved tickets. */
		if (n % 997 == 0)
			for (i = 0; i < 3; i++)
				nap_us(500);
	}
	return NULL;
}

static pid_t
start_producer(const struct shape *shape, unsigned number)
{
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log = open_log("turns", NULL);
		pthread_t threads[THREADS];
		struct job jobs[THREADS];

		for (unsigned i = 0; i < THREADS; i++) {
			jobs[i] = (struct job){log, shape, number * THREADS + i};
			CHILD_MUST(
				!pthread_create(&threads[i], NULL, produce, &jobs[i]));
		}
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		fnt_log_close(log);
		atomic_fetch_add(&board->ended, 1);
		_exit(0);
	}
	return pid;
}

/* ---- the records ----------------------------------------------------------------- */

/* Which records were found, one byte each. */
struct seen {
	uint64_t calls;
	unsigned char *bits[SLOTS];
	uint64_t count, twice;
};

static void
seen_init(struct seen *seen, uint64_t calls)
{
	*seen = (struct seen){.calls = calls};
	for (int i = 0; i < SLOTS; i++)
		seen->bits[i] = calloc(calls + 1, 1);
}

static void
seen_fini(struct seen *seen)
{
	for (int i = 0; i < SLOTS; i++)
		free(seen->bits[i]);
}

/* The record is whole and as its number says. */
static void
verify(const struct fnt_trace *trace, unsigned *slot, uint64_t *n)
{
	unsigned long long number;
	char text[640];

	if (sscanf(trace->call_id, "%u.%llu", slot, &number) != 2 || *slot >= SLOTS)
		ck_abort_msg("an unknown record: %s", trace->call_id);
	*n = number;
	text_of(text, number);
	if (fails(number))
		MUST(trace->outcome == FNT_ERROR && !strcmp(trace->message, text));
	else
		MUST(trace->outcome == FNT_OK && trace->value.len == strlen(text) + 2 &&
		     !memcmp((const char *)trace->value.data + 1, text, strlen(text)));
}

static int
see(void *arg, const struct fnt_trace *trace)
{
	struct seen *seen = arg;
	unsigned slot;
	uint64_t n;

	verify(trace, &slot, &n);
	MUST(n && n <= seen->calls);
	seen->twice += seen->bits[slot][n];
	seen->count += !seen->bits[slot][n];
	seen->bits[slot][n] = 1;
	return 0;
}

static void
see_region(struct seen *seen, const char *name)
{
	struct fnt_query all = {.limit = SIZE_MAX};
	struct fnt_reader *reader = open_reader(name);

	MUST(!fnt_reader_each(reader, &all, see, seen));
	fnt_reader_close(reader);
	must_be_sound(name);
}

static void
remove_frozen(struct seen *seen)
{
	DIR *dir = opendir(getenv("FNTRACE_DIR"));
	struct dirent *entry;
	char path[600];

	MUST(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "frozen-", 7) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", getenv("FNTRACE_DIR"),
			 entry->d_name);
		if (seen)
			see_region(seen, path);
		MUST(!unlink(path));
	}
	closedir(dir);
}

/* ---- following ------------------------------------------------------------------- */

/* In each ring, the calls of a thread come in order, and the follower knows how many it
 * has missed. */
static pid_t
start_follower(const struct shape *shape)
{
	uint64_t last[SLOTS][2] = {{0}}, delivered = 0, missed, n;
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor;
	struct fnt_reader *reader;
	int rc, idle = 0;
	unsigned slot;
	pid_t pid = fork();

	if (pid)
		return pid;
	reader = open_reader("turns");
	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	atomic_fetch_add(&board->following, 1);
	while (idle < 100) {
		bool over = atomic_load(&board->stop);

		rc = fnt_cursor_next(cursor, &trace);
		CHILD_MUST(rc >= 0);
		if (!rc) {
			idle += over;
			nap_us(200);
			continue;
		}
		idle = 0;
		verify(trace, &slot, &n);
		if (n <= last[slot][fails(n)])
			fprintf(stderr, "follower: %u.%llu after %llu\n", slot,
				(unsigned long long)n,
				(unsigned long long)last[slot][fails(n)]);
		CHILD_MUST(n > last[slot][fails(n)]);
		last[slot][fails(n)] = n;
		delivered++;
	}
	missed = fnt_cursor_missed(cursor);
	n = shape->calls * SLOTS;
	if (delivered + missed != n) {
		printf("# %llu delivered, %llu missed, %llu recorded\n",
		       (unsigned long long)delivered, (unsigned long long)missed,
		       (unsigned long long)n);
		fflush(stdout);
	}
	CHILD_MUST(delivered + missed == n);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	_exit(0);
}

/* ---- changes --------------------------------------------------------------------- */

static void
change_rings(struct rnd *r, unsigned number, bool may_resize)
{
	struct fnt_error error = {0};
	struct fnt_control *control;
	struct fnt_rings rings;
	char path[600];
	int rc;

	MUST(!fnt_control_open(&control, "turns", &error));
	if (may_resize && rnd(r, 2)) {
		rc = fnt_control_resize(control, MIB(2) + rnd(r, 3000) * 1024ull,
					&rings, &error);
		resizes += !rc;
		refused += rc == -EBUSY;
	} else {
		snprintf(path, sizeof(path), "%s/frozen-%u.fnt", getenv("FNTRACE_DIR"),
			 number);
		rc = fnt_control_rotate(control, path, &rings, &error);
		rotations += !rc;
		refused += rc == -EBUSY;
	}
	if (rc && getenv("TURNS_VERBOSE"))
		fprintf(stderr, "change %u: %d, %s\n", number, rc, error.message);
	if (rc && rc != -EBUSY && rc != -EAGAIN)
		ck_abort_msg("change %u: %d, %s", number, rc, error.message);
	fnt_control_close(control);
}

/* The same, in a process that is killed at a random moment. */
static void
change_and_die(struct rnd *r, unsigned number)
{
	long us = (long)rnd(r, 4000);
	pid_t pid = fork();

	if (!pid) {
		change_rings(r, number, true);
		_exit(0);
	}
	nap_us(us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kills++;
}

/* Called when all records that were made have been frozen, or the rings have room for
 * them. */
static void
allow_more(const struct shape *shape)
{
	if (shape->room)
		atomic_store(&board->allowed, atomic_load(&board->made) + shape->room);
}

static void
change_until_all_ended(const struct shape *shape)
{
	struct rnd r = {shape->calls};
	unsigned number = 0;

	/* At least one of each, even if all producers have ended before. */
	while (atomic_load(&board->ended) < PRODUCERS || !resizes || !rotations) {
		unsigned long before = rotations;

		nap_us((long)rnd(&r, shape->room ? 8000 : 1500));
		if (shape->kill_tools && rnd(&r, 2))
			change_and_die(&r, number++);
		else
			change_rings(&r, number++, !shape->room || rnd(&r, 2));
		if (rotations > before)
			allow_more(shape);
	}
}

/* ---- the whole run --------------------------------------------------------------- */

static const struct shape shapes[] = {
	{"nothing is lost", 4000, 400, false},
	{"nothing is lost, tools die", 2500, 400, true},
	{"overwritten", 80000, 0, false},
	{"overwritten, tools die", 80000, 0, true},
};

static void
check_all(const struct shape *shape)
{
	uint64_t calls = ROUNDS(shape->calls, shape->calls / 8);
	struct seen seen;

	seen_init(&seen, calls);
	remove_frozen(&seen);
	see_region(&seen, "turns");
	printf("# %s: %llu of %llu records, %llu in two files; %lu resizes, %lu "
	       "rotations, %lu tools killed, %lu refused\n",
	       shape->name, (unsigned long long)seen.count,
	       (unsigned long long)(calls * SLOTS), (unsigned long long)seen.twice,
	       resizes, rotations, kills, refused);
	fflush(stdout);
	if (shape->room)
		ck_assert_uint_eq(seen.count, calls * SLOTS);
	/* Records are in two files only where a tool died after it had named the new
	 * file and before it took the records out of the region. */
	if (!shape->kill_tools)
		ck_assert_uint_eq(seen.twice, 0);
	ck_assert_uint_gt(resizes, 0);
	ck_assert_uint_gt(rotations, 0);
	seen_fini(&seen);
}

START_TEST(rings_change_under_load)
{
	struct shape shape = shapes[_i];
	struct fnt_options options = {.size_bytes = MIB(3), .max_record_bytes = 2048};
	pid_t producers[PRODUCERS], followers[FOLLOWERS];
	char path[600];

	snprintf(path, sizeof(path), "%s", region_path("turns", ".fnt"));
	unlink(path);
	remove_frozen(NULL);
	resizes = rotations = kills = refused = 0;
	shape.calls = ROUNDS(shape.calls, shape.calls / 8);
	fnt_log_close(open_log("turns", &options));
	board = share_memory(sizeof(*board));
	allow_more(&shape);
	for (int i = 0; i < FOLLOWERS; i++)
		followers[i] = start_follower(&shape);
	while (atomic_load(&board->following) < FOLLOWERS)
		nap_us(1000);
	for (unsigned i = 0; i < PRODUCERS; i++)
		producers[i] = start_producer(&shape, i);
	change_until_all_ended(&shape);
	for (unsigned i = 0; i < PRODUCERS; i++)
		must_end_well(producers[i]);
	atomic_store(&board->stop, true);
	for (int i = 0; i < FOLLOWERS; i++)
		must_end_well(followers[i]);
	ck_assert_uint_eq(region_stat("turns").recorded, shape.calls * SLOTS);
	ck_assert_uint_eq(region_stat("turns").dropped, 0);
	check_all(&shapes[_i]);
}
END_TEST

FIXTURE_MAIN_LOOPS("turns",
		   {rings_change_under_load, sizeof(shapes) / sizeof(shapes[0])})
