/* SPDX-License-Identifier: MIT
 *
 * kill_steps.c: a producer killed after each instruction in turn of everything it does.
 *
 *   kill_steps [--long] [--seed N] [PATH]...
 *
 * For each path a child is prepared at full speed, its act stepped through once to
 * learn the way, and then for each instruction another such child is stopped just
 * before it and killed. What must be there then is in scene_check.c. Ways too long for
 * that (open, close) are killed before and after each instruction that changes the
 * region and each system call, and at others by chance; --long takes many more.
 */
#include "support/fixture.h"

#include "produce/call_events.h"
#include "kill_path.h"
#include "produce/attach.h"

#define VALUE_LONG 2500
#define VALUE_FOUR 700 /* in four cells, and in the frame */

static struct kills kills;

/* ---- preparations ---------------------------------------------------------------- */

static void
nothing(struct actor *actor)
{
}

/* A lane and frames at hand, names known but for those of the act. */
static void
warm(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 3);
	actor_finish(actor, 3, FNT_OK, 0);
}

static void
knows_names(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 0);
	actor_op(actor, 0);
	actor_finish(actor, 0, FNT_OK, 0);
}

static void
begun(struct actor *actor)
{
	warm(actor);
	actor_begin(actor, 0);
}

/* The function's row is there, and mostly its bucket's block; chunks and schedules have
 * the whole journal written. */
static void
begun_again(struct actor *actor)
{
	knows_names(actor);
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_chunk(actor, 1);
	actor_schedule(actor, 1);
}

static void
begun_at_hand(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 0);
	actor_op(actor, 0);
	kill_stand_still(actor, 0);
	actor_finish(actor, 0, FNT_OK, 0);
	actor_begin(actor, 1);
	actor_op(actor, 1);
	kill_stand_still(actor, 1);
}

static void
begun_with_ops(struct actor *actor)
{
	begun(actor);
	actor_op(actor, 0);
	actor_schedule(actor, 0);
	actor_op(actor, 0);
	actor_chunk(actor, 0);
	actor_op_begin(actor, 0);
}

static void
begun_full(struct actor *actor)
{
	begun(actor);
	/* About 20 bytes each: to the end of the first frame. */
	for (unsigned i = 0; i < 41; i++)
		actor_op(actor, 0);
}

/* The same, and the short way is open: the thread's clock need not be set again. */
static void
begun_full_at_hand(struct actor *actor)
{
	struct fnt_attachment *attachment;

	begun_full(actor);
	attachment = atomic_load(&actor->log->attachment);
	attachment->threads->clock.limit = UINT64_MAX;
}

static void
begun_linked(struct actor *actor)
{
	begun(actor);
	for (unsigned i = 0; i < 100; i++)
		actor_op(actor, 0);
}

/* Four of the eight tickets are left, for four cells. */
static void
begun_four_at_hand(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 0);
	kill_stand_still(actor, 0);
	actor_finish(actor, 0, FNT_OK, VALUE_FOUR);
	actor_begin(actor, 1);
	kill_stand_still(actor, 1);
}

/* Of the kept ring, too. */
static void
begun_error_at_hand(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 0);
	kill_stand_still(actor, 0);
	actor_finish(actor, 0, FNT_ERROR, 0);
	actor_begin(actor, 1);
	kill_stand_still(actor, 1);
}

/* With something rare to count. */
static void
begun_rare_at_hand(struct actor *actor)
{
	begun_at_hand(actor);
	actor_chunk(actor, 1);
	actor_chunk(actor, 1);
	actor_schedule(actor, 1);
}

/* Of several frames, and its end finds all at hand. */
static void
begun_linked_at_hand(struct actor *actor)
{
	begun_at_hand(actor);
	for (unsigned i = 0; i < 100; i++)
		actor_op(actor, 1);
	kill_stand_still(actor, 1);
}

static void
begun_several(struct actor *actor)
{
	begun_linked(actor);
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_begin(actor, 2);
}

/* ---- acts ------------------------------------------------------------------------ */

static void
begin_first(struct actor *actor)
{
	actor_begin(actor, 0);
}

static void
begin_second(struct actor *actor)
{
	actor_begin(actor, 1);
}

static void
op(struct actor *actor)
{
	actor_op(actor, 0);
}

static void
three_ops(struct actor *actor)
{
	for (int i = 0; i < 3; i++)
		actor_op(actor, 0);
}

static void
op_begin(struct actor *actor)
{
	actor_op_begin(actor, 0);
}

static void
op_end(struct actor *actor)
{
	actor_op_end(actor, 0);
}

static void
chunk(struct actor *actor)
{
	actor_chunk(actor, 0);
}

static void
schedule(struct actor *actor)
{
	actor_schedule(actor, 0);
}

static void
user(struct actor *actor)
{
	actor_user(actor, 0);
}

static void
finish_ok(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, 0);
}

static void
finish_again(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 0);
}

/* In two cells. */
static void
finish_few(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 200);
}

static void
finish_four(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, VALUE_FOUR);
}

static void
finish_many(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, VALUE_LONG);
}

/* In more cells than there are tickets in hand. */
static void
finish_many_again(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, VALUE_LONG);
}

static void
finish_error(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ERROR, 200);
}

static void
finish_error_again(struct actor *actor)
{
	actor_finish(actor, 1, FNT_ERROR, 200);
}

static void
finish_rolled_back(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ROLLED_BACK, 10);
}

static void
abandon(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ABORTED, 0);
}

static void
push(struct actor *actor)
{
	actor_push(actor, 0);
}

static void
whole_call(struct actor *actor)
{
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_finish(actor, 1, FNT_OK, 0);
}

static const struct kill_path paths[] = {
	{"open", nothing, actor_open, .edges = EDGE(SCENE_PLAIN)},
	{"first use", actor_open, begin_first, .edges = EDGE(SCENE_PLAIN)},
	{"begin", knows_names, begin_second, .edges = EDGE(SCENE_PLAIN)},
	{"begin, name new", warm, begin_first, .edges = EDGE(SCENE_PLAIN)},
	{"begin, frame new", begun, begin_second, .edges = EDGE(SCENE_PLAIN)},
	{"op", begun_with_ops, op, .edges = EDGE(SCENE_PLAIN)},
	{"op, name new", begun, op, .edges = EDGE(SCENE_PLAIN)},
	{"op, frame new", begun_full, three_ops, .edges = EDGE(SCENE_PLAIN)},
	{"op, over the end", begun_full_at_hand, three_ops, .edges = EDGE(SCENE_PLAIN)},
	{"op, linked", begun_linked, op, .edges = EDGE(SCENE_PLAIN)},
	{"op_begin", begun, op_begin, .edges = EDGE(SCENE_PLAIN)},
	{"op_end", begun_with_ops, op_end, .edges = EDGE(SCENE_PLAIN)},
	{"stream", begun, chunk, .edges = EDGE(SCENE_PLAIN)},
	{"schedule", begun, schedule, .edges = EDGE(SCENE_PLAIN)},
	{"user_id", begun, user, .edges = EDGE(SCENE_PLAIN)},
	{"finish", begun, finish_ok, .lapped = true, .edges = ALL_EDGES},
	{"finish, rows there", begun_again, finish_again, .lapped = true,
	 .edges = EDGE(SCENE_LAP)},
	{"finish, at hand", begun_at_hand, finish_again, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN) | EDGE(SCENE_LAP), .by = BY_INLINED, .call = 1,
	 .cells = 1},
	{"finish, at hand, few", begun_at_hand, finish_few, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN), .by = BY_INLINED, .call = 1, .cells = 2},
	{"finish, at hand, four", begun_four_at_hand, finish_four, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN) | EDGE(SCENE_LAP_END), .by = BY_INLINED, .call = 1,
	 .cells = 4},
	{"finish, at hand, over", begun_at_hand, finish_few, .lapped = true,
	 .edges = EDGE(SCENE_LAP), .by = BY_FEW, .call = 1, .cells = 2},
	{"finish, at hand, error", begun_error_at_hand, finish_error_again,
	 .lapped = true, .edges = EDGE(SCENE_PLAIN) | EDGE(SCENE_LAP), .by = BY_FEW,
	 .call = 1, .cells = 2},
	{"finish, at hand, none", begun_at_hand, finish_again,
	 .edges = EDGE(SCENE_PLAIN), .flags = FNT_KEEP_NONE},
	{"finish, at hand, sampled", begun_at_hand, finish_again,
	 .edges = EDGE(SCENE_PLAIN), .flags = SCENE_SAMPLED},
	{"finish, none, rows", begun_again, finish_again, .edges = EDGE(SCENE_PLAIN),
	 .flags = FNT_KEEP_NONE},
	{"finish, ordered", begun, finish_ok, .edges = EDGE(SCENE_LAP),
	 .flags = FNT_ORDERED},
	{"finish, keeping none", begun, finish_ok, .edges = EDGE(SCENE_PLAIN),
	 .flags = FNT_KEEP_NONE},
	{"finish, sampled", begun, finish_ok, .edges = EDGE(SCENE_PLAIN),
	 .flags = SCENE_SAMPLED},
	{"finish, many cells", begun, finish_many, .lapped = true, .edges = ALL_EDGES},
	{"finish, tickets go on", begun_at_hand, finish_many_again, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN) | EDGE(SCENE_LAP), .by = BY_MANY, .call = 1,
	 .cells = 11},
	{"finish, linked", begun_linked, finish_ok, .edges = EDGE(SCENE_LAP)},
	{"finish, at hand, rare", begun_rare_at_hand, finish_again, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN) | EDGE(SCENE_LAP), .by = BY_FEW, .call = 1,
	 .cells = 1},
	{"finish, rare, few", begun_rare_at_hand, finish_few, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN), .by = BY_FEW, .call = 1, .cells = 2},
	{"finish, at hand, linked", begun_linked_at_hand, finish_again, .lapped = true,
	 .edges = EDGE(SCENE_PLAIN) | EDGE(SCENE_LAP), .by = BY_MANY, .call = 1,
	 .cells = 9},
	{"finish_error", begun_with_ops, finish_error, .edges = EDGE(SCENE_LAP)},
	{"finish_rolled_back", begun, finish_rolled_back, .edges = EDGE(SCENE_PLAIN)},
	{"abandon", begun_with_ops, abandon, .edges = EDGE(SCENE_PLAIN)},
	{"push", warm, push, .edges = EDGE(SCENE_LAP)},
	{"call within a call", begun_with_ops, whole_call,
	 .edges = EDGE(SCENE_LAPS_40)},
	{"thread exit", begun_several, nothing, .by_thread = true,
	 .edges = EDGE(SCENE_PLAIN)},
	{"close", warm, actor_close, .edges = EDGE(SCENE_PLAIN)},
	{"close, calls open", begun_several, actor_close, .lapped = true,
	 .edges = EDGE(SCENE_LAP)},
};

#define PATHS ((int)(sizeof(paths) / sizeof(paths[0])))

/* ---- the test -------------------------------------------------------------------- */

START_TEST(killed_at_every_instruction)
{
	const struct kill_path *path = &paths[kills_turn(&kills, _i, PATHS)];

	if (!kills_wants(&kills, path->name))
		return;
	for (enum scene_edge edge = 0; edge < SCENE_EDGES; edge++) {
		struct step_trace way;
		struct scene scene;

		if (!(path->edges & EDGE(edge)))
			continue;
		scene_init(&scene, edge, path->flags);
		kill_path_trace(&way, &scene, path);
		kill_all_along(&kills, &scene, path, &way, false);
		if (path->lapped &&
		    (kills.is_long || edge == SCENE_LAP || edge == SCENE_LAP_END))
			kill_all_along(&kills, &scene, path, &way, true);
		step_trace_free(&way);
		scene_fini(&scene);
	}
}
END_TEST

int
main(int argc, char **argv)
{
	kills_init(&kills, argc, argv);
	return KILLS_RUN(&kills, "kill_steps", {killed_at_every_instruction, PATHS});
}
