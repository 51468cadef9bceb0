/* SPDX-License-Identifier: MIT
 *
 * reap_steps.c: a process is killed while it recovers what a dead process has left, and
 * so is the next that recovers. Whoever comes last finds each call once.
 *
 *   reap_steps [--long] [--seed N]
 */
#include "support/fixture.h"

#include "acts.h"
#include "kill_path.h"
#include "ring/frame.h"

/* ---- the first death ------------------------------------------------------------- */

/* Three calls are open: call 0 has several frames, call 1 is about to become a record
 * of many cells, call 2 has just begun. */
static void
prepare_in_first_slot(struct actor *actor)
{
	prepare_several(actor);
	actor_op_begin(actor, 2);
}

/* The slot of a recovering process will then come before that of the dead one. */
static void
prepare_in_second_slot(struct actor *actor)
{
	struct actor first;

	actor_open(&first);
	prepare_in_first_slot(actor);
	fnt_log_close(first.log);
}

static void
act_finish_600_bytes_1(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 600);
}

static const struct kill_path dying[] = {
	{.name = "dying",
	 .prepare = prepare_in_first_slot,
	 .act = act_finish_600_bytes_1},
	{.name = "dying",
	 .prepare = prepare_in_second_slot,
	 .act = act_finish_600_bytes_1},
};

/* To attach is to recover what the dead have left. */
static const struct kill_path recovering[] = {
	{.name = "reap", .prepare = prepare_nothing, .act = actor_open},
	{.name = "reap, twice",
	 .prepare = prepare_nothing,
	 .act = actor_open,
	 .kill_twice = true},
};

/* How far the finish of the dead process had come. */
enum death {
	UNCLAIMED,
	CLAIMED,
	MARKED,
	COMMITTED
};

static enum death
death_now(const struct scene *scene)
{
	const struct fnt_view *view = &scene->region.view;

	for (uint32_t i = 0; i < view->frame_count; i++) {
		const struct fnt_frame *frame = &view->frames[i];

		if (fnt_state_status(atomic_load(&frame->state)) == FNT_FRAME_OPEN &&
		    atomic_load(&frame->commit))
			return fnt_frame_committed(view, frame) ? COMMITTED : MARKED;
	}
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segment *segment = scene_segment(scene, ring);

		for (uint64_t i = 0; i < segment->cell_count; i++)
			if (fnt_cell_busy(atomic_load(&segment->cells[i].state)))
				return CLAIMED;
	}
	return UNCLAIMED;
}

static void
die(struct scene *scene, const struct kill_path *path, enum death death)
{
	struct stepper stepper;

	scene_reset(scene);
	kill_path_spawn(&stepper, scene, path);
	while (death_now(scene) < death)
		MUST(stepper_step(&stepper));
	stepper_kill(&stepper);
	strcpy(scene->where, "after the first death");
	MUST(death_now(scene) == death);
	scene_inspect(scene, true);
	scene_save(scene);
	scene->has_dead = true;
}

/* ---- the next deaths ------------------------------------------------------------- */

/* Most can go wrong in the first ones. A short run has these alone, and each with half
 * of what may come after it: either one more death after which others lap the ring, and
 * two more deaths without that; or the other way round. */
static const struct {
	enum death death;
	bool in_second_slot;
	enum scene_edge edge;
} deaths[] = {
	{MARKED, false, SCENE_LAP},	 {MARKED, true, SCENE_LAPS_40},
	{COMMITTED, false, SCENE_LAP},	 {COMMITTED, true, SCENE_LAP},
	{CLAIMED, false, SCENE_LAPS_40}, {UNCLAIMED, true, SCENE_PLAIN},
};

#define DEATHS ((int)(sizeof(deaths) / sizeof(deaths[0])))
#define DEATHS_SHORT 3

START_TEST(killed_while_reaping)
{
	int i = steps_case(_i, DEATHS);
	struct step_trace trace;
	struct scene scene;

	scene_init(&scene, deaths[i].edge, 0);
	die(&scene, &dying[deaths[i].in_second_slot], deaths[i].death);
	kill_path_trace(&trace, &scene, &recovering[0]);
	for (int twice = 0; twice < 2; twice++)
		for (int lapped = 0; lapped < 2; lapped++)
			if (steps.is_long || (twice != lapped) == (i % 2 == 0))
				kill_path_at_all(&scene, &recovering[twice], &trace,
						 lapped);
	step_trace_free(&trace);
	scene_fini(&scene);
}
END_TEST

STEPS_MAIN("reap_steps", {killed_while_reaping, DEATHS, DEATHS_SHORT})
