/* SPDX-License-Identifier: MIT
 *
 * reap_steps.c: a reaper killed while it takes up what another has left, and the next
 * too. Whoever comes last finds each call once.
 *
 *   reap_steps [--long] [--seed N]
 */
#include "support/fixture.h"

#include "ring/frame.h"
#include "kill_path.h"

static struct kills kills;

/* ---- the first death ------------------------------------------------------------- */

static void
nothing(struct actor *actor)
{
}

/* In the first slot, or in the second, so that a reaper's own comes before it. */
static void
open_in(struct actor *actor, bool second)
{
	struct actor first;

	if (second)
		actor_open(&first);
	actor_open(actor);
	if (second)
		fnt_log_close(first.log);
}

/* Three calls: one over several frames, one that is about to be a record of many cells,
 * one just begun. And one that is over. */
static void
begin_several(struct actor *actor)
{
	actor_begin(actor, 3);
	actor_finish(actor, 3, FNT_OK, 0);
	actor_begin(actor, 0);
	for (unsigned i = 0; i < 100; i++)
		actor_op(actor, 0);
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_begin(actor, 2);
	actor_op_begin(actor, 2);
}

static void
begin_in_first(struct actor *actor)
{
	open_in(actor, false);
	begin_several(actor);
}

static void
begin_in_second(struct actor *actor)
{
	open_in(actor, true);
	begin_several(actor);
}

static void
finish_one(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 600);
}

static const struct kill_path dying[] = {
	{.name = "dying", .prepare = begin_in_first, .act = finish_one},
	{.name = "dying", .prepare = begin_in_second, .act = finish_one},
};
static const struct kill_path reaping[] = {
	{.name = "reap", .prepare = nothing, .act = actor_open},
	{.name = "reap, twice", .prepare = nothing, .act = actor_open, .again = true},
};

/* How far its finish had come. */
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
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		for (uint64_t i = 0; i < scene_era(scene, ring)->cell_count; i++)
			if (fnt_cell_busy(atomic_load(
				    &scene_era(scene, ring)->cells[i].state)))
				return CLAIMED;
	return UNCLAIMED;
}

static void
leave_remains(struct scene *scene, const struct kill_path *path, enum death death)
{
	struct stepper stepper;

	scene_reset(scene);
	kill_path_spawn(&stepper, scene, path);
	while (death_now(scene) < death)
		MUST(stepper_step(&stepper));
	stepper_kill(&stepper);
	strcpy(scene->where, "after the first death");
	MUST(death_now(scene) == death);
	scene_look(scene, true);
	scene_keep(scene);
	scene->remains = true;
}

/* ---- and the next ---------------------------------------------------------------- */

/* The first are those where most can go wrong. A short run has these alone, and each
 * with half of what may come after it: one reaper's death and others who then lap the
 * ring, two deaths and none; or the other way round. */
static const struct {
	enum death death;
	bool in_second;
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
	int i = kills_turn(&kills, _i, DEATHS);
	struct step_trace way;
	struct scene scene;

	scene_init(&scene, deaths[i].edge, 0);
	leave_remains(&scene, &dying[deaths[i].in_second], deaths[i].death);
	kill_path_trace(&way, &scene, &reaping[0]);
	for (int again = 0; again < 2; again++)
		for (int lapped = 0; lapped < 2; lapped++)
			if (kills.is_long || (again != lapped) == (i % 2 == 0))
				kill_all_along(&kills, &scene, &reaping[again], &way,
					       lapped);
	step_trace_free(&way);
	scene_fini(&scene);
}
END_TEST

int
main(int argc, char **argv)
{
	kills_init(&kills, argc, argv);
	return KILLS_RUN(&kills, "reap_steps",
			 {killed_while_reaping, kills.is_long ? DEATHS : DEATHS_SHORT});
}
