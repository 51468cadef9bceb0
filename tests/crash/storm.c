/* SPDX-License-Identifier: MIT
 *
 * storm.c: everything at once. Processes make calls, most of which succeed, and are
 * killed. Meanwhile settings change and rings are resized and rotated, by tools that
 * are killed, too. In the end, each failed call that its process knows to be recorded
 * must be there, once, and all calls must be counted.
 */
#include "support/fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include <fntrace/control.h>

#define PRODUCERS 3
#define THREADS 2
#define SLOTS (PRODUCERS * THREADS)
#define ERRORS_MAX 40000u /* of a slot */
#define AHEAD 20u	  /* errors of a slot between two rotations */
#define NAME "storm"

/* Shared by all processes. A slot is a thread of a producer. */
struct board {
	/* how many errors each slot may make so far */
	_Atomic uint32_t allowed;
	_Atomic uint32_t next[SLOTS];		  /* the number of its next error */
	atomic_bool confirmed[SLOTS][ERRORS_MAX]; /* the library says: recorded */
	atomic_bool over;
};

static struct board *board;
static struct fnt_log *log_;

/* ---- producers ------------------------------------------------------------------- */

static void
fail_once(uint32_t slot)
{
	uint32_t number = atomic_load(&board->next[slot]);
	struct fnt_call *call;
	char id[32];

	if (number >= atomic_load(&board->allowed) || number >= ERRORS_MAX)
		return;
	/* If the process is killed after this, the error may be recorded or not. */
	atomic_store(&board->next[slot], number + 1);
	snprintf(id, sizeof(id), "%u.%u", slot, number);
	call = begin_call(log_, "fails", id);
	fnt_call_op(call, FNT_OP_GET, "t", "id", 1, 1, false);
	nap_us(200);
	if (call && fnt_call_finish_error(call, "E", id) == FNT_DONE)
		atomic_store(&board->confirmed[slot][number], true);
}

static void *
traces(void *arg)
{
	uint32_t slot = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 0; !atomic_load(&board->over); i++) {
		if (i % 50 == 0) {
			fail_once(slot);
			continue;
		}
		record_call(log_, i % 3 ? "healthy" : "other", "1");
	}
	return NULL;
}

static pid_t
start_producer(uint32_t number)
{
	pthread_t threads[THREADS];
	pid_t pid = fork();

	if (pid)
		return pid;
	log_ = open_log(NAME, NULL);
	for (uint32_t i = 0; i < THREADS; i++)
		CHILD_MUST(!pthread_create(&threads[i], NULL, traces,
					   (void *)(uintptr_t)(number * THREADS + i)));
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	fnt_log_close(log_);
	_exit(0);
}

/* ---- changes --------------------------------------------------------------------- */

static const char *const settings[] = {
	"keep=0",
	"keep=0.5",
	"keep=default",
	"rate=50",
	"rate=default",
	"slow=1ms",
	"slow=default",
	"capture.ids=hash",
	"capture.ids=default",
	"capture.users=off",
	"keep_errors=on",
	"enabled=on",
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static uint32_t files;

/* Change something. Returns the library's code: a change may be refused. */
static int
change(struct rnd *r, uint32_t what)
{
	static const char *const whose[] = {NULL, "healthy", "fails", "f*"};
	struct fnt_error error = {0};
	struct fnt_control *control;
	const char *setting;
	char file[32];
	int rc;

	if (fnt_control_open(&control, NAME, &error))
		return -1;
	if (what < 6) {
		setting = settings[rnd(r, SETTINGS)];
		rc = fnt_control_set(control, whose[rnd(r, 4)], &setting, 1, &error);
	} else if (what < 8) {
		rc = fnt_control_resize(
			control, MIB(1) + (uint64_t)rnd(r, 8) * KIB(512), NULL, &error);
	} else if (what == 8) {
		rc = fnt_control_reap(control, &(uint32_t){0}, NULL, &error);
	} else {
		snprintf(file, sizeof(file), "cut%u", files);
		rc = fnt_control_rotate(control, region_path(file, ".fnt"), NULL,
					&error);
	}
	fnt_control_close(control);
	return rc;
}

/* In a process of its own, which is killed. */
static void
change_and_die(struct rnd *r, uint32_t what)
{
	pid_t pid = fork();

	if (!pid) {
		change(r, what);
		_exit(0);
	}
	nap_us(rnd(r, 3000));
	kill_child(pid);
}

/* ---- the check at the end -------------------------------------------------------- */

static unsigned char seen[SLOTS][ERRORS_MAX];
static unsigned long found, aborted;

static int
look_at(void *arg, const struct fnt_trace *trace)
{
	unsigned slot, number;

	(void)arg;
	if (strcmp(trace->fn_name, "fails") != 0)
		return 0;
	MUST(sscanf(trace->call_id, "%u.%u", &slot, &number) == 2);
	MUST(slot < SLOTS && number < ERRORS_MAX);
	MUST(trace->outcome == FNT_ERROR || trace->outcome == FNT_ABORTED);
	aborted += trace->outcome == FNT_ABORTED;
	if (trace->outcome == FNT_ERROR)
		MUST(!strcmp(trace->message, trace->call_id));
	seen[slot][number]++;
	found++;
	return 0;
}

static void
look_into(const char *name)
{
	struct fnt_reader *reader = open_reader(name);

	MUST(!fnt_reader_each(
		reader, &(struct fnt_query){.limit = SIZE_MAX, .errors_only = true},
		look_at, NULL));
	fnt_reader_close(reader);
	must_be_sound(name);
}

static void
check_all(uint32_t rotations_killed)
{
	unsigned long confirmed = 0, twice = 0;
	char name[32];

	look_into(NAME);
	for (uint32_t i = 0; i <= files; i++) {
		snprintf(name, sizeof(name), "cut%u", i);
		if (!access(region_path(name, ".fnt"), F_OK))
			look_into(name);
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		for (uint32_t i = 0; i < ERRORS_MAX; i++) {
			confirmed += atomic_load(&board->confirmed[slot][i]);
			twice += seen[slot][i] > 1;
			if (atomic_load(&board->confirmed[slot][i]) && !seen[slot][i])
				ck_abort_msg("error %u.%u is lost", slot, i);
		}
	printf("# %lu errors confirmed, %lu found (%lu aborted, %lu twice), %u "
	       "rotations\n",
	       confirmed, found, aborted, twice, files);
	MUST(confirmed > 0 && files > 0);
	/* Records are in two files where a tool died after it had named the new file
	 * and before it took the records out of the region. */
	MUST(rotations_killed || !twice);
}

/* Rotate, and allow each slot as many errors as both rings have room for until the next
 * rotation. */
static void
rotate(struct rnd *r)
{
	for (int tries = 0;; tries++) {
		int rc = change(r, 9);

		files++;
		if (!rc)
			break;
		MUST(tries < 2000);
		nap_us(1000);
	}
	atomic_fetch_add(&board->allowed, AHEAD);
}

START_TEST(loses_nothing)
{
	struct rnd r = {11};
	uint32_t rotations_killed = 0;
	pid_t pids[PRODUCERS];
	struct fnt_stat stat;

	board = share_memory(sizeof(*board));
	atomic_store(&board->allowed, AHEAD);
	fnt_log_close(open_sized(NAME, MIB(2)));
	for (uint32_t i = 0; i < PRODUCERS; i++)
		pids[i] = start_producer(i);
	for (int round = 0; round < ROUNDS(600, 60); round++) {
		uint32_t what = rnd(&r, 10), victim = rnd(&r, PRODUCERS);

		if (!rnd(&r, 8)) {
			kill_child(pids[victim]);
			pids[victim] = start_producer(victim);
		}
		if (!rnd(&r, 6)) {
			change_and_die(&r, what);
			rotations_killed += what == 9;
			files += what == 9;
		} else if (what == 9) {
			rotate(&r);
		} else {
			change(&r, what);
		}
	}
	atomic_store(&board->over, true);
	for (uint32_t i = 0; i < PRODUCERS; i++)
		must_end_well(pids[i]);
	/* To open is to recover what the dead processes have left. */
	fnt_log_close(open_log(NAME, NULL));
	check_all(rotations_killed);
	stat = region_stat(NAME);
	ck_assert_uint_eq(stat.in_flight, 0);
	ck_assert_uint_eq(stat.total, stat.recorded + stat.dropped + stat.not_kept);
	ck_assert_uint_eq(stat.not_kept, stat.sampled + stat.limited);
}
END_TEST

FIXTURE_MAIN("storm", loses_nothing)
