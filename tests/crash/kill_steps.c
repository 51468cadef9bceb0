/* SPDX-License-Identifier: MIT
 *
 * kill_steps.c: a producer is killed after each instruction, in turn, of everything
 * that it does.
 *
 *   kill_steps [--long] [--seed N] [PATH]...
 *
 * For each path, a child is prepared at full speed and stepped through its act once, to
 * record the instructions. Then, for each instruction, another such child is stopped
 * just before it and killed. scene_check.c says what the region must hold then. Acts
 * too long for that (open, close) are killed before and after each instruction that
 * changes the region and each system call, and at a sample of the others; --long takes
 * a larger sample.
 */
#include "acts.h"
#include "kill_path.h"

#define PLAIN EDGE(SCENE_PLAIN)
#define LAP EDGE(SCENE_LAP)
#define LAP_END EDGE(SCENE_LAP_END)
#define LAPS_40 EDGE(SCENE_LAPS_40)

static const struct kill_path paths[] = {
	{"open", prepare_nothing, actor_open, .edges = PLAIN},
	{"first use", actor_open, act_begin_0, .edges = PLAIN},
	{"begin", prepare_names, act_begin_1, .edges = PLAIN},
	{"begin, new name", prepare_warm, act_begin_0, .edges = PLAIN},
	{"begin, new frame", prepare_begun, act_begin_1, .edges = PLAIN},
	{"op", prepare_begun_with_ops, act_op, .edges = PLAIN},
	{"op, new name", prepare_begun, act_op, .edges = PLAIN},
	{"op, new frame", prepare_begun_full, act_three_ops, .edges = PLAIN},
	{"op, frame end, cached", prepare_begun_full_cached, act_three_ops,
	 .edges = PLAIN},
	{"op, linked", prepare_begun_linked, act_op, .edges = PLAIN},
	{"op_begin", prepare_begun, act_op_begin, .edges = PLAIN},
	{"op_end", prepare_begun_with_ops, act_op_end, .edges = PLAIN},
	{"stream", prepare_begun, act_chunk, .edges = PLAIN},
	{"schedule", prepare_begun, act_schedule, .edges = PLAIN},
	{"user_id", prepare_begun, act_user, .edges = PLAIN},
	{"finish", prepare_begun, act_finish_0, .lapped = true, .edges = ALL_EDGES},
	{"finish, known row", prepare_begun_again, act_finish_1, .lapped = true,
	 .edges = LAP},
	{"finish, cached", prepare_cached, act_finish_1, .lapped = true,
	 .edges = PLAIN | LAP, .by = BY_COMMON, .call = 1, .cells = 1},
	{"finish, cached, 2 cells", prepare_cached, act_finish_two_cells_1,
	 .lapped = true, .edges = PLAIN, .by = BY_COMMON, .call = 1, .cells = 2},
	{"finish, cached, 4 cells", prepare_cached_four, act_finish_four_cells_1,
	 .lapped = true, .edges = PLAIN | LAP_END, .by = BY_COMMON, .call = 1,
	 .cells = 4},
	{"finish, cached, ring end", prepare_cached, act_finish_two_cells_1,
	 .lapped = true, .edges = LAP, .by = BY_UNCOMMON, .call = 1, .cells = 2},
	{"finish, cached, error", prepare_cached_error, act_finish_error_1,
	 .lapped = true, .edges = PLAIN | LAP, .by = BY_UNCOMMON, .call = 1,
	 .cells = 2},
	{"finish, cached, none", prepare_cached, act_finish_1, .edges = PLAIN,
	 .flags = FNT_KEEP_NONE},
	{"finish, cached, sampled", prepare_cached, act_finish_1, .edges = PLAIN,
	 .flags = SCENE_SAMPLED},
	{"finish, none, known row", prepare_begun_again, act_finish_1, .edges = PLAIN,
	 .flags = FNT_KEEP_NONE},
	{"finish, ordered", prepare_begun, act_finish_0, .edges = LAP,
	 .flags = FNT_ORDERED},
	{"finish, keeping none", prepare_begun, act_finish_0, .edges = PLAIN,
	 .flags = FNT_KEEP_NONE},
	{"finish, sampled", prepare_begun, act_finish_0, .edges = PLAIN,
	 .flags = SCENE_SAMPLED},
	{"finish, many cells", prepare_begun, act_finish_many_cells_0, .lapped = true,
	 .edges = ALL_EDGES},
	{"finish, tickets go on", prepare_cached, act_finish_many_cells_1,
	 .lapped = true, .edges = PLAIN | LAP, .by = BY_SLOW, .call = 1, .cells = 11},
	{"finish, linked", prepare_begun_linked, act_finish_0, .edges = LAP},
	{"finish, cached, rare", prepare_cached_rare, act_finish_1, .lapped = true,
	 .edges = PLAIN | LAP, .by = BY_UNCOMMON, .call = 1, .cells = 1},
	{"finish, rare, 2 cells", prepare_cached_rare, act_finish_two_cells_1,
	 .lapped = true, .edges = PLAIN, .by = BY_UNCOMMON, .call = 1, .cells = 2},
	{"finish, cached, linked", prepare_cached_linked, act_finish_1, .lapped = true,
	 .edges = PLAIN | LAP, .by = BY_SLOW, .call = 1, .cells = 9},
	{"finish_error", prepare_begun_with_ops, act_finish_error_0, .edges = LAP},
	{"finish_rolled_back", prepare_begun, act_finish_rolled_back_0, .edges = PLAIN},
	{"abandon", prepare_begun_with_ops, act_abandon_0, .edges = PLAIN},
	{"push", prepare_warm, act_push, .edges = LAP},
	{"call within a call", prepare_begun_with_ops, act_whole_call,
	 .edges = LAPS_40},
	{"thread exit", prepare_several, prepare_nothing, .by_thread = true,
	 .edges = PLAIN},
	{"close", prepare_warm, actor_close, .edges = PLAIN},
	{"close, calls open", prepare_several, actor_close, .lapped = true,
	 .edges = LAP},
};

#define PATHS ((int)(sizeof(paths) / sizeof(paths[0])))

START_TEST(killed_at_every_instruction)
{
	const struct kill_path *path = &paths[steps_case(_i, PATHS)];

	if (!steps_wants(path->name))
		return;
	for (enum scene_edge edge = 0; edge < SCENE_EDGES; edge++) {
		struct step_trace trace;
		struct scene scene;

		if (!(path->edges & EDGE(edge)))
			continue;
		scene_init(&scene, edge, path->flags);
		kill_path_trace(&trace, &scene, path);
		kill_path_at_all(&scene, path, &trace, false);
		if (path->lapped &&
		    (steps.is_long || edge == SCENE_LAP || edge == SCENE_LAP_END))
			kill_path_at_all(&scene, path, &trace, true);
		step_trace_free(&trace);
		scene_fini(&scene);
	}
}
END_TEST

STEPS_MAIN("kill_steps", {killed_at_every_instruction, PATHS, PATHS})
