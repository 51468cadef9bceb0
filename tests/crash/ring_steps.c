/* SPDX-License-Identifier: MIT
 *
 * ring_steps.c: killed on the way from one segment of the rings to the next: the tool that
 * resizes or rotates, and the producer who meets the new rings with calls in hand.
 *
 *   ring_steps [--long] [--seed N] [ACT]...
 *
 * Meanwhile another process has the region open, with tickets in hand. Whatever was
 * recorded is there, once, in the region or the frozen file; the one that was killed
 * has its calls as its story says; who comes next resizes the rings as if nothing had
 * been.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include <fntrace/control.h>

#include "kills.h"
#include "scene.h"

#define NAME "eras"
#define START SMALLEST
#define BEFORE 60u /* records there before, */
#define LATER 40u  /* and made by the other afterwards */
#define WAY_MAX 2000000u
#define NEAR 2 /* calls of the one that is killed */

static struct kills kills;

/* ---- the one that is killed ----------------------------------------------------- */

static struct story_of {
	struct tally begin[NEAR], finish[NEAR];
} * told;

static struct fnt_control *control;
static struct fnt_log *log_;
static struct fnt_call *call;

static void
open_rings(void)
{
	CHILD_MUST(!fnt_control_open(&control, NAME, NULL));
}

static void
grow(void)
{
	CHILD_MUST(!fnt_control_resize(control, KIB(512), NULL, NULL));
}

static void
open_and_grow(void)
{
	open_rings();
	grow();
}

static void
shrink(void)
{
	CHILD_MUST(!fnt_control_resize(control, KIB(300), NULL, NULL));
}

static void
rotate(void)
{
	CHILD_MUST(!fnt_control_rotate(control, region_path("frozen", ".fnt"), NULL,
				       NULL));
}

static void
begin_one(unsigned i)
{
	atomic_store(&told->begin[i].tried, 1);
	call = begin_call(log_, "near", i ? "k1" : "k0");
	atomic_store(&told->begin[i].done, 1);
}

static void
finish_one(unsigned i)
{
	CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true) == FNT_DONE);
	atomic_store(&told->finish[i].tried, 1);
	/* Of several cells; and, an error, into the kept ring. */
	CHILD_MUST((i ? fnt_call_finish_error(call, "E", "message")
		      : fnt_call_finish_ok(
				call, &(struct fnt_value){FNT_VALUE_JSON, told, 0})) ==
		   FNT_DONE);
	atomic_store(&told->finish[i].done, 1);
}

/* With tickets in hand and a call open, the rings change under it. */
static void
open_and_change(void)
{
	log_ = open_sized(NAME, START);
	for (int i = 0; i < 3; i++)
		CHILD_MUST(record_call(log_, "near", "warm") == FNT_DONE);
	begin_one(0);
	open_rings();
	grow();
}

static void
meet(void)
{
	finish_one(0);
	begin_one(1);
	finish_one(1);
}

static const struct act {
	const char *name;
	void (*prepare)(void), (*act)(void);
	unsigned warm; /* records that prepare makes */
} acts[] = {
	{"grow", open_rings, grow, 0},
	{"shrink", open_and_grow, shrink, 0},
	{"rotate", open_rings, rotate, 0},
	{"meet the new rings", open_and_change, meet, 3},
};
#define ACTS ((int)(sizeof(acts) / sizeof(acts[0])))

static void
run(void *arg)
{
	const struct act *act = arg;

	act->prepare();
	nap_us(1100);
	stepper_begin();
	act->act();
	stepper_end();
}

/* ---- the world ------------------------------------------------------------------ */

static unsigned char *region;
static struct fnt_log *other;

static void
record_many(const char *prefix, unsigned count)
{
	char id[16];

	for (unsigned i = 0; i < count; i++) {
		struct fnt_call *one;

		snprintf(id, sizeof(id), "%s%u", prefix, i);
		one = begin_call(other, "far", id);
		MUST((i % 5 ? fnt_call_finish_ok(one, NULL)
			    : fnt_call_finish_error(one, "E", "m")) == FNT_DONE);
	}
}

static void
begin_world(void)
{
	int fd;

	memset(told, 0, sizeof(*told));
	unlink(region_path(NAME, ".fnt"));
	unlink(region_path("frozen", ".fnt"));
	other = open_sized(NAME, START);
	record_many("b", BEFORE);
	fnt_log_close(other);
	fd = open(region_path(NAME, ".fnt"), O_RDWR);
	MUST(fd >= 0);
	region = mmap(NULL, START, PROT_READ, MAP_SHARED, fd, 0);
	MUST(region != MAP_FAILED);
	close(fd);
}

static void
end_world(void)
{
	munmap(region, START);
}

static void
spawn(struct stepper *stepper, const struct act *act)
{
	if (!stepper_spawn(stepper, run, (void *)(uintptr_t)act))
		ck_abort_msg("%s: the child ended: 0x%x", act->name, stepper->status);
}

/* ---- what is there then --------------------------------------------------------- */

static char where[128];

#define THERE(condition)                                                               \
	do {                                                                           \
		if (!(condition))                                                      \
			ck_abort_msg("%s: %s", where, #condition);                     \
	} while (0)

struct seen {
	unsigned before[BEFORE], later[LATER], near[NEAR];
};

static void
see(struct seen *seen, const struct fnt_trace *trace)
{
	unsigned number = (unsigned)strtoul(trace->call_id + 1, NULL, 10);

	THERE(!(trace->flags & FNT_TRACE_DAMAGED));
	if (trace->call_id[0] == 'b' && number < BEFORE)
		seen->before[number]++;
	else if (trace->call_id[0] == 'm' && number < LATER)
		seen->later[number]++;
	else if (trace->call_id[0] == 'k' && number < NEAR)
		seen->near[number]++;
	else
		THERE(!strcmp(trace->call_id, "warm"));
}

static int
see_record(void *arg, const struct fnt_trace *trace)
{
	see(arg, trace);
	return 0;
}

static void
show(void *arg, uint64_t offset, const char *problem)
{
	(void)arg;
	ck_abort_msg("%s: byte %llu: %s", where, (unsigned long long)offset, problem);
}

static void
see_region(struct seen *seen, const char *name)
{
	static const struct fnt_query any = {.limit = SIZE_MAX};
	struct fnt_reader *reader = open_reader(name);
	struct fnt_traces *flying = in_flight(reader);
	struct fnt_check check;

	THERE(!fnt_reader_each(reader, &any, see_record, seen));
	for (size_t i = 0; i < flying->count; i++)
		see(seen, &flying->items[i]);
	fnt_traces_free(flying);
	THERE(!fnt_reader_check(reader, &check, show, NULL));
	fnt_reader_close(reader);
}

/* Rotated records are in the frozen file or, if it died between naming that and taking
 * them out of the region, in both. */
static void
look(unsigned later, bool rotated)
{
	struct seen seen, frozen;

	memset(&seen, 0, sizeof(seen));
	memset(&frozen, 0, sizeof(frozen));

	see_region(&seen, NAME);
	if (rotated && !access(region_path("frozen", ".fnt"), F_OK))
		see_region(&frozen, "frozen");
	for (unsigned i = 0; i < BEFORE; i++)
		THERE(seen.before[i] <= 1 && frozen.before[i] <= 1 &&
		      seen.before[i] + frozen.before[i] >= 1);
	for (unsigned i = 0; i < later; i++)
		THERE(seen.later[i] == 1);
	for (unsigned i = 0; i < NEAR; i++) {
		THERE(seen.near[i] <= told->begin[i].tried);
		THERE(seen.near[i] >= told->begin[i].done);
	}
}

/* The other goes on with the log that it has, and somebody comes and resizes. */
static void
go_on(const struct act *act)
{
	bool rotated = act->act == rotate;
	struct fnt_control *next;
	struct fnt_rings rings;
	uint64_t low, high;
	uint32_t count;

	record_many("m", LATER / 2);
	look(0, rotated);
	THERE(!fnt_control_open(&next, NAME, NULL));
	THERE(!fnt_control_resize(next, KIB(640), &rings, NULL));
	THERE(rings.size_bytes >= KIB(600) && rings.size_bytes <= KIB(640));
	fnt_log_close(other);
	other = open_sized(NAME, START);
	THERE(!fnt_control_reap(next, &count, &rings, NULL));
	fnt_control_close(next);
	for (unsigned i = LATER / 2; i < LATER; i++) {
		char id[16];

		snprintf(id, sizeof(id), "m%u", i);
		THERE(record_call(other, "far", id) == FNT_DONE);
	}
	look(LATER, rotated);
	low = high = BEFORE + 1 + LATER + act->warm;
	for (unsigned i = 0; i < NEAR; i++) {
		low += told->begin[i].done;
		high += told->begin[i].tried;
	}
	THERE(region_stat(NAME).total >= low && region_stat(NAME).total <= high);
	fnt_log_close(other);
	THERE(region_stat(NAME).producers + region_stat(NAME).lanes == 0);
	THERE(region_stat(NAME).frames + region_stat(NAME).in_flight == 0);
}

/* ---- the test ------------------------------------------------------------------- */

static void
kill_at(const struct act *act, const struct step_trace *way, uint32_t k)
{
	struct stepper stepper;

	snprintf(where, sizeof(where), "%s, killed before %u of %u", act->name, k,
		 way->count);
	begin_world();
	spawn(&stepper, act);
	/* Not inherited by the one that is killed. */
	other = open_sized(NAME, START);
	THERE(record_call(other, "far", "warm") == FNT_DONE);
	kills.misses += !stepper_goto(&stepper, way, k);
	stepper_kill(&stepper);
	kills.count++;
	look(0, act->act == rotate);
	go_on(act);
	end_world();
}

START_TEST(killed_between_eras)
{
	const struct act *act = &acts[kills_turn(&kills, _i, ACTS)];
	struct kills_choice choice = kills_choose(&kills);
	struct stepper stepper;
	struct step_trace way;

	if (!kills_wants(&kills, act->name))
		return;
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(told != MAP_FAILED);
	begin_world();
	spawn(&stepper, act);
	stepper_trace(&stepper, &way, region, START, WAY_MAX);
	stepper_kill(&stepper);
	end_world();
	for (uint32_t k = 0; k <= way.count; k++)
		if (kills_chosen(&choice, &way, k))
			kill_at(act, &way, k);
	kills_tell(&kills,
		   "%-20s %6u instructions, %3u writes, %2u system calls: %lu kills, "
		   "%lu past the end",
		   act->name, way.count, way.writes, way.systems, kills.count,
		   kills.misses);
	step_trace_free(&way);
}
END_TEST

int
main(int argc, char **argv)
{
	kills_init(&kills, argc, argv);
	return KILLS_RUN(&kills, "ring_steps", {killed_between_eras, ACTS});
}
