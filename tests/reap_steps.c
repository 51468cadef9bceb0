/* SPDX-License-Identifier: MIT
 *
 * reap_steps.c: a reaper killed while it takes up what another has left, and the next
 * too. Whoever comes last finds each call once.
 *
 *   reap_steps [--long]
 */
#include "fixture.h"

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

/* In which state of the finish it dies: after so many of its writes. */
static uint32_t
instruction_of(const struct step_trace *way, uint32_t writes)
{
	uint32_t k = 0;

	while (k < way->count && writes)
		writes -= way->points[k++].wrote;
	return k;
}

static void
leave_remains(struct scene *scene, uint32_t part, uint32_t parts)
{
	struct step_trace way;
	struct stepper stepper;

	kill_path_trace(&way, scene, &dying[part % 2]);
	scene_reset(scene);
	kill_path_spawn(&stepper, scene, &dying[part % 2]);
	stepper_goto(&stepper, &way, instruction_of(&way, way.writes * part / parts));
	stepper_kill(&stepper);
	strcpy(scene->where, "after the first death");
	scene_look(scene, true);
	scene_keep(scene);
	scene->remains = true;
	step_trace_free(&way);
}

/* ---- and the next ---------------------------------------------------------------- */

#define PARTS	     7
#define SHORT_STRIDE 3 /* of the parts, in a short run */

START_TEST(killed_while_reaping)
{
	enum scene_edge edge = _i % 2 ? SCENE_LAPS_40 : SCENE_LAP;
	struct step_trace way;
	struct scene scene;

	scene_init(&scene, edge, 0);
	leave_remains(&scene, (uint32_t)_i * (kills.is_long ? 1 : SHORT_STRIDE),
		      PARTS - 1);
	kill_path_trace(&way, &scene, &reaping[0]);
	for (int i = 0; i < 4; i++)
		if (kills.is_long || i % 2 == _i % 2)
			kill_all_along(&kills, &scene, &reaping[i / 2], &way,
				       i % 2 == i / 2);
	step_trace_free(&way);
	scene_fini(&scene);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("reap_steps");
	TCase *tcase = tcase_create("reap_steps");
	SRunner *runner;
	int failed;

	kills.is_long = argc > 1 && !strcmp(argv[1], "--long");
	if (SANITIZED || !stepper_works())
		return 77;
	fixture_begin();
	tcase_set_timeout(tcase, kills.is_long ? 36000 : 300);
	tcase_add_loop_test(tcase, killed_while_reaping, 0,
			    kills.is_long ? PARTS : PARTS / SHORT_STRIDE + 1);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	fixture_end();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
