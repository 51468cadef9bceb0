/* SPDX-License-Identifier: MIT
 *
 * ring_steps.c: killed on the way from one segment of the rings to the next: the tool
 * that resizes or rotates, and a producer that finds new rings in the middle of a call.
 *
 *   ring_steps [--long] [--seed N] [ACT]...
 *
 * Meanwhile another process has the region open, with reserved tickets. Each record is
 * there, once, in the region or in the frozen file. The process that was killed has its
 * calls as its report says. The next process resizes the rings as if nothing had
 * happened.
 */
#include "support/fixture.h"

#include <stdatomic.h>

#include <fntrace/control.h>

#include "scene.h"
#include "steps.h"

#define NAME "resized"
#define START SMALLEST
#define BEFORE 60u /* records that are there before the act */
#define LATER 40u  /* records that the other process makes after it */
#define OWN 2	   /* calls of the process that is killed */

/* ---- the process that is killed -------------------------------------------------- */

static struct own_report {
	struct tally begin[OWN], finish[OWN];
} * report;

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
	atomic_store(&report->begin[i].tried, 1);
	call = begin_call(log_, "own", i ? "k1" : "k0");
	atomic_store(&report->begin[i].done, 1);
}

static void
finish_one(unsigned i)
{
	CHILD_MUST(fnt_call_op(call, FNT_OP_GET, "t", "1", 1, 1, true) == FNT_DONE);
	atomic_store(&report->finish[i].tried, 1);
	/* One for the main ring; and an error, for the kept ring. */
	CHILD_MUST((i ? fnt_call_finish_error(call, "E", "message")
		      : fnt_call_finish_ok(call, &(struct fnt_value){FNT_VALUE_JSON,
								     report, 0})) ==
		   FNT_DONE);
	atomic_store(&report->finish[i].done, 1);
}

/* The rings change while this process has reserved tickets and an open call. */
static void
open_and_change(void)
{
	log_ = open_sized(NAME, START);
	for (int i = 0; i < 3; i++)
		CHILD_MUST(record_call(log_, "own", "warm") == FNT_DONE);
	begin_one(0);
	open_rings();
	grow();
}

static void
go_on_in_new_rings(void)
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
	{"new rings", open_and_change, go_on_in_new_rings, 3},
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

/* ---- the region ------------------------------------------------------------------ */

static unsigned char *region;
static size_t region_bytes;
static struct fnt_log *other;

static void
record_many(const char *prefix, unsigned count)
{
	char id[16];

	for (unsigned i = 0; i < count; i++) {
		struct fnt_call *one;

		snprintf(id, sizeof(id), "%s%u", prefix, i);
		one = begin_call(other, "other", id);
		MUST((i % 5 ? fnt_call_finish_ok(one, NULL)
			    : fnt_call_finish_error(one, "E", "m")) == FNT_DONE);
	}
}

static void
make_region(void)
{
	memset(report, 0, sizeof(*report));
	unlink(region_path(NAME, ".fnt"));
	unlink(region_path("frozen", ".fnt"));
	other = open_sized(NAME, START);
	record_many("b", BEFORE);
	fnt_log_close(other);
	region = map_region_file(NAME, &region_bytes);
}

/* ---- the checks ------------------------------------------------------------------ */

static char where[128];

#define THERE(condition)                                                               \
	do {                                                                           \
		if (!(condition))                                                      \
			ck_abort_msg("%s: %s", where, #condition);                     \
	} while (0)

struct seen {
	unsigned before[BEFORE], later[LATER], own[OWN];
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
	else if (trace->call_id[0] == 'k' && number < OWN)
		seen->own[number]++;
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
	struct fnt_traces *open_calls = in_flight(reader);
	struct fnt_check check;

	THERE(!fnt_reader_each(reader, &any, see_record, seen));
	for (size_t i = 0; i < open_calls->count; i++)
		see(seen, &open_calls->items[i]);
	fnt_traces_free(open_calls);
	THERE(!fnt_reader_check(reader, &check, show, NULL));
	fnt_reader_close(reader);
}

/* Rotated records are in the frozen file. They are in the region, too, if the tool died
 * after it had named the file and before it took them out of the region. */
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
	for (unsigned i = 0; i < OWN; i++) {
		THERE(seen.own[i] <= report->begin[i].tried);
		THERE(seen.own[i] >= report->begin[i].done);
	}
}

/* The other process goes on with the log that it has, and a tool resizes the rings. */
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
		THERE(record_call(other, "other", id) == FNT_DONE);
	}
	look(LATER, rotated);
	low = high = BEFORE + 1 + LATER + act->warm;
	for (unsigned i = 0; i < OWN; i++) {
		low += report->begin[i].done;
		high += report->begin[i].tried;
	}
	THERE(region_stat(NAME).total >= low && region_stat(NAME).total <= high);
	fnt_log_close(other);
	THERE(region_stat(NAME).producers + region_stat(NAME).lanes == 0);
	THERE(region_stat(NAME).frames + region_stat(NAME).in_flight == 0);
}

/* ---- the test -------------------------------------------------------------------- */

static void
kill_at(const struct act *act, const struct step_trace *trace, uint32_t k)
{
	struct stepper stepper;

	snprintf(where, sizeof(where), "%s, killed before %u of %u", act->name, k,
		 trace->count);
	make_region();
	steps_spawn(&stepper, act->name, run, (void *)(uintptr_t)act);
	/* Opened after the fork: the child must not inherit it. */
	other = open_sized(NAME, START);
	THERE(record_call(other, "other", "warm") == FNT_DONE);
	steps_kill_at(&stepper, trace, k);
	look(0, act->act == rotate);
	go_on(act);
	munmap(region, region_bytes);
}

START_TEST(killed_between_segments)
{
	const struct act *act = &acts[steps_case(_i, ACTS)];
	struct steps_choice choice = steps_choose();
	struct stepper stepper;
	struct step_trace trace;

	if (!steps_wants(act->name))
		return;
	report = share_memory(sizeof(*report));
	make_region();
	steps_spawn(&stepper, act->name, run, (void *)(uintptr_t)act);
	stepper_trace(&stepper, &trace, region, region_bytes);
	stepper_kill(&stepper);
	munmap(region, region_bytes);
	while (steps_next(&choice, &trace))
		kill_at(act, &trace, choice.k);
	steps_tell_kills(act->name, &trace);
	step_trace_free(&trace);
}
END_TEST

STEPS_MAIN("ring_steps", {killed_between_segments, ACTS, ACTS})
