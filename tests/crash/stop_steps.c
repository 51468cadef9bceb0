/* SPDX-License-Identifier: MIT
 *
 * stop_steps.c: a producer is held, alive, at each instruction of an act, while others
 * lap the ring and use up the frames: other processes, and other threads of its own.
 * The others never wait for it and never take what is its. When it goes on, its record
 * is whole, or dropped and counted.
 *
 *   stop_steps [--long] [--seed N] [PATH]...
 */
#include "support/fixture.h"

#include "acts.h"
#include "kill_path.h"

#define ALL_UP_TO 1500 /* an act of fewer instructions is held at every one */

static const struct kill_path paths[] = {
	{"finish", prepare_begun_with_op, act_finish_0, actor_close,
	 .edges = EDGE(SCENE_LAP)},
	{"finish, 2^40 laps", prepare_begun_with_op, act_finish_0, actor_close,
	 .edges = EDGE(SCENE_LAPS_40)},
	{"finish, many cells", prepare_begun_with_op, act_finish_many_cells_0,
	 actor_close, .edges = EDGE(SCENE_PLAIN)},
	{"finish, linked", prepare_begun_linked, act_finish_0, actor_close,
	 .edges = EDGE(SCENE_LAPS_40)},
	{"finish, ordered", prepare_begun_with_op, act_finish_error_0, actor_close,
	 .edges = EDGE(SCENE_LAP), .flags = FNT_ORDERED},
	{"begin", prepare_begun_with_op, act_begin_op_1, actor_close,
	 .edges = EDGE(SCENE_LAP)},
	{"finish, one thread", prepare_begun_with_op, act_finish_many_cells_0,
	 actor_close, .beside = true, .edges = EDGE(SCENE_LAP)},
	{"begin, one thread", prepare_begun_with_op, act_begin_op_1, actor_close,
	 .beside = true, .edges = EDGE(SCENE_LAPS_40)},
	{"finish, cached", prepare_cached, act_finish_1, actor_close,
	 .edges = EDGE(SCENE_LAP), .by = BY_COMMON, .call = 1, .cells = 1},
	{"finish, cached, 4 cells", prepare_cached_four, act_finish_four_cells_1,
	 actor_close, .edges = EDGE(SCENE_PLAIN), .by = BY_COMMON, .call = 1,
	 .cells = 4},
};

#define PATHS ((int)(sizeof(paths) / sizeof(paths[0])))
#define PATH_LINKED (&paths[3])

/* ---- the other processes --------------------------------------------------------- */

/* Use all frames that are free, at once. */
static void
use_up_frames(struct scene *scene)
{
	uint32_t count = scene->region.view.frame_count;
	struct fnt_call *calls[64];

	MUST(count <= 64);
	for (uint32_t i = 0; i < count; i++)
		calls[i] = begin_call(scene->other, "other", "other");
	for (uint32_t i = 0; i < count; i++) {
		fnt_call_op(calls[i], FNT_OP_GET, "other", "x", 1, 1, true);
		SCENE_MUST(scene, fnt_call_finish_ok(calls[i], NULL) == FNT_DONE);
	}
}

static void
others_go_on(struct scene *scene, bool beside)
{
	struct fnt_log *log;
	uint64_t before;

	scene_inspect(scene, false);
	scene_check_records(scene);
	if (beside)
		scene_lap_by_same_process(scene);
	scene_lap_by_other(scene);
	/* A process that attaches now finds nobody dead. */
	before = atomic_load(&scene->region.view.control->reaped);
	SCENE_MUST(scene, !fnt_log_open(&log, SCENE_NAME, NULL));
	fnt_log_close(log);
	SCENE_MUST(scene, atomic_load(&scene->region.view.control->reaped) == before);
	scene_inspect(scene, false);
	scene_note_records(scene);
}

/* Release the child. It goes on to its end, and what it was told is so. `early`: its
 * record was committed before the others lapped the ring. */
static void
go_on(struct scene *scene, struct stepper *stepper, unsigned call, bool early)
{
	const struct call_report *report = &scene->report->calls[call];

	stepper_finish(stepper);
	scene_inspect(scene, false);
	scene_check_records(scene);
	if (atomic_load(&report->finish.done)) {
		int rc = atomic_load(&report->rc);

		SCENE_MUST(scene, rc == FNT_DONE || rc == FNT_DROPPED);
		if (!early && scene_has_head_of(scene, call) != (rc == FNT_DONE))
			scene_fail(scene, "finish returned %d", rc);
	}
	SCENE_MUST(scene, stepper_release(stepper));
	scene->others += atomic_load(&scene->report->beside);
	scene_verify(scene);
}

/* ---- a child for each instruction ------------------------------------------------ */

static void
hold_at(struct scene *scene, const struct kill_path *path,
	const struct step_trace *trace, uint32_t k)
{
	struct stepper stepper;
	bool early;

	snprintf(scene->where, sizeof(scene->where), "%s, held before %u of %u",
		 path->name, k, trace->count);
	scene_reset(scene);
	scene_note_records(scene);
	kill_path_spawn(&stepper, scene, path);
	scene_other_open(scene);
	stepper_goto(&stepper, trace, k);
	early = scene_has_head_of(scene, path->call);
	others_go_on(scene, path->beside);
	go_on(scene, &stepper, path->call, early);
}

START_TEST(held_once)
{
	const struct kill_path *path = &paths[steps_case(_i, PATHS)];
	struct steps_choice choice = steps_choose();
	unsigned stops = 0;
	struct step_trace trace;
	struct scene scene;

	if (!steps_wants(path->name))
		return;
	scene_init(&scene, (enum scene_edge)__builtin_ctz(path->edges), path->flags);
	kill_path_trace(&trace, &scene, path);
	choice.is_all = steps.is_long || trace.count < ALL_UP_TO;
	for (; steps_next(&choice, &trace); stops++)
		hold_at(&scene, path, &trace, choice.k);
	steps_tell("%-24s %5u instructions, held at %u of them, once each", path->name,
		   trace.count, stops);
	step_trace_free(&trace);
	scene_fini(&scene);
}
END_TEST

/* ---- one child at all instructions ----------------------------------------------- */

START_TEST(held_again_and_again)
{
	const struct kill_path *path = &paths[steps_case(_i, PATHS)];
	struct stepper stepper;
	struct scene scene;
	unsigned stops = 0;
	bool early = false;
	uint64_t mark = 0;

	if (!steps_wants(path->name))
		return;
	scene_init(&scene, (enum scene_edge)__builtin_ctz(path->edges), path->flags);
	scene_reset(&scene);
	kill_path_spawn(&stepper, &scene, path);
	scene_other_open(&scene);
	while (stepper_step(&stepper)) {
		snprintf(scene.where, sizeof(scene.where),
			 "%s, held again and again, at %llu", path->name,
			 (unsigned long long)stepper.at);
		if (stepper.at < mark || !steps_in_slice(stepper.at))
			continue;
		mark = stepper.at + (steps.is_long ? 1 : path->beside ? 101 : 13);
		early = early || scene_has_head_of(&scene, path->call);
		others_go_on(&scene, path->beside);
		stops++;
	}
	go_on(&scene, &stepper, path->call, early);
	steps_tell("%-24s %5llu instructions, held at %u of them in a row", path->name,
		   (unsigned long long)stepper.at, stops);
	scene_fini(&scene);
}
END_TEST

/* ---- what followers see of the lane ---------------------------------------------- */

#define SHOWN_MAX 20000u

/* What a follower sees of the lane after an instruction. */
struct shown {
	uint64_t cursor, low, end, recorded;
};

static const struct fnt_lane_ring *
lane_of_child(const struct scene *scene)
{
	const struct fnt_view *view = &scene->region.view;

	for (uint32_t i = 0; i < view->lane_count; i++)
		if (fnt_state_status(atomic_load(&view->lanes[i].state)) ==
		    FNT_LANE_OWNED)
			return &view->lanes[i].rings[FNT_RING_MAIN];
	ck_abort_msg("no lane");
}

static struct shown
shown_now(const struct scene *scene, const struct fnt_lane_ring *lane)
{
	return (struct shown){
		atomic_load(&scene->region.view.rings[FNT_RING_MAIN].cursor),
		atomic_load(&lane->low), atomic_load(&lane->block_end),
		atomic_load(&lane->recorded)};
}

/* True if the lane tells a follower that this ticket may yet be written. */
static bool
is_announced(const struct shown *shown, uint64_t ticket)
{
	return shown->low <= ticket &&
	       (shown->end <= shown->low || ticket < shown->end);
}

/* From the moment that a ticket of a record is taken until the record is committed, the
 * lane announces it. The record needs more tickets than the lane has reserved. */
START_TEST(tickets_are_announced)
{
	static const struct kill_path path = {.name = "tickets",
					      .prepare = prepare_cached,
					      .act = act_finish_many_cells_1,
					      .after = actor_close};
	static struct shown shown[SHOWN_MAX];
	const struct fnt_lane_ring *lane;
	uint64_t first, last, reserved;
	struct stepper stepper;
	struct scene scene;
	unsigned count = 0;

	if (!steps_wants(path.name))
		return;
	scene_init(&scene, SCENE_PLAIN, 0);
	scene_reset(&scene);
	kill_path_spawn(&stepper, &scene, &path);
	lane = lane_of_child(&scene);
	first = atomic_load(&lane->low);
	reserved = atomic_load(&lane->block_end) - first;
	while (stepper_step(&stepper) && count < SHOWN_MAX)
		shown[count++] = shown_now(&scene, lane);
	/* The record has used all reserved tickets, and more. */
	last = atomic_load(&lane->low);
	last = (last == FNT_TICKET_NONE ? atomic_load(&lane->block_end) : last) - 1;
	ck_assert_uint_lt(reserved, last - first + 1);
	ck_assert_uint_gt(reserved, 0);
	ck_assert(scene_has_head_of(&scene, 1));
	for (unsigned k = 0; k < count; k++)
		for (uint64_t t = first; t <= last && t < shown[k].cursor; t++)
			if (shown[k].recorded == shown[0].recorded &&
			    !is_announced(&shown[k], t))
				ck_abort_msg("before %u of %u: ticket %llu is not "
					     "announced",
					     k, count, (unsigned long long)t);
	go_on(&scene, &stepper, 1, true);
	scene_fini(&scene);
}
END_TEST

/* ---- frames ---------------------------------------------------------------------- */

START_TEST(frames_are_not_taken)
{
	struct steps_choice choice = steps_choose();
	struct stepper stepper;
	struct step_trace trace;
	struct scene scene;

	steps_case(_i, 1);
	if (!steps_wants("frames"))
		return;
	scene_init(&scene, SCENE_PLAIN, 0);
	kill_path_trace(&trace, &scene, PATH_LINKED);
	while (steps_next(&choice, &trace)) {
		snprintf(scene.where, sizeof(scene.where), "frames, held before %u",
			 choice.k);
		scene_reset(&scene);
		kill_path_spawn(&stepper, &scene, PATH_LINKED);
		scene_other_open(&scene);
		stepper_goto(&stepper, &trace, choice.k);
		for (int i = 0; i < 3; i++)
			use_up_frames(&scene);
		stepper_finish(&stepper);
		SCENE_MUST(&scene, atomic_load(&scene.report->calls[0].rc) == FNT_DONE);
		SCENE_MUST(&scene, scene_has_head_of(&scene, 0));
		SCENE_MUST(&scene, stepper_release(&stepper));
		fnt_log_close(scene.other);
		scene.other = NULL;
		must_be_sound(SCENE_NAME);
	}
	step_trace_free(&trace);
	scene_fini(&scene);
}
END_TEST

STEPS_MAIN("stop_steps", {held_once, PATHS, PATHS},
	   {held_again_and_again, PATHS, PATHS}, {frames_are_not_taken, 1, 1},
	   {tickets_are_announced, 1, 1})
