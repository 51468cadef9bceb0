/* SPDX-License-Identifier: MIT
 *
 * stop_steps.c: a producer held at each instruction of a finish, alive, while others
 * lap the ring and use up the frames: other processes, and other threads of its own.
 * They never wait for it and never take what is its; and when it goes on its record is
 * whole, or dropped and counted.
 *
 *   stop_steps [--long] [--seed N] [PATH]...
 */
#include "support/fixture.h"

#include "kill_path.h"

#define EVERY 1500 /* of a way with no more instructions, each */

static struct kills options;

/* ---- who is held ----------------------------------------------------------------- */

static void
begin_one(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 3);
	actor_finish(actor, 3, FNT_OK, 0);
	actor_begin(actor, 0);
	actor_op(actor, 0);
}

static void
begin_linked(struct actor *actor)
{
	begin_one(actor);
	for (unsigned i = 1; i < 100; i++)
		actor_op(actor, 0);
}

/* Its ticket and its row are at hand. */
static void
begin_at_hand(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 1);
	kill_stand_still(actor, 1);
	actor_finish(actor, 1, FNT_OK, 0);
	actor_begin(actor, 0);
	kill_stand_still(actor, 0);
}

static void
finish_one(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, 0);
}

static void
finish_many(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, 1500);
}

/* In four cells, out of one frame. */
static void
finish_four(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, 700);
}

static void
finish_error(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ERROR, 50);
}

static void
begin_next(struct actor *actor)
{
	actor_begin(actor, 1);
	actor_op(actor, 1);
}

static const struct kill_path paths[] = {
	{"finish", begin_one, finish_one, actor_close, .edges = EDGE(SCENE_LAP)},
	{"finish, 2^40 laps", begin_one, finish_one, actor_close,
	 .edges = EDGE(SCENE_LAPS_40)},
	{"finish, many cells", begin_one, finish_many, actor_close,
	 .edges = EDGE(SCENE_PLAIN)},
	{"finish, linked", begin_linked, finish_one, actor_close,
	 .edges = EDGE(SCENE_LAPS_40)},
	{"finish, ordered", begin_one, finish_error, actor_close,
	 .edges = EDGE(SCENE_LAP), .flags = FNT_ORDERED},
	{"begin", begin_one, begin_next, actor_close, .edges = EDGE(SCENE_LAP)},
	{"finish, one thread", begin_one, finish_many, actor_close, .beside = true,
	 .edges = EDGE(SCENE_LAP)},
	{"begin, one thread", begin_one, begin_next, actor_close, .beside = true,
	 .edges = EDGE(SCENE_LAPS_40)},
	{"finish, at hand", begin_at_hand, finish_one, actor_close,
	 .edges = EDGE(SCENE_LAP), .by = BY_INLINED, .cells = 1},
	{"finish, at hand, four", begin_at_hand, finish_four, actor_close,
	 .edges = EDGE(SCENE_PLAIN), .by = BY_INLINED, .cells = 4},
};

#define PATHS ((int)(sizeof(paths) / sizeof(paths[0])))

/* ---- meanwhile ------------------------------------------------------------------- */

/* All frames that there are, at once. */
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
meanwhile(struct scene *scene, bool beside)
{
	struct fnt_log *log;
	uint64_t before;

	scene_look(scene, false);
	scene_check_records(scene);
	if (beside)
		scene_beside_laps(scene);
	scene_other_laps(scene);
	/* Who comes now finds nobody dead. */
	before = atomic_load(&scene->region.view.control->reaped);
	SCENE_MUST(scene, !fnt_log_open(&log, SCENE_NAME, NULL));
	fnt_log_close(log);
	SCENE_MUST(scene, atomic_load(&scene->region.view.control->reaped) == before);
	scene_look(scene, false);
	scene_note_records(scene);
}

/* And it went on, and to its end: what it was told is so. `early`: its record was
 * committed before the others went over it. */
static void
afterwards(struct scene *scene, struct stepper *stepper, bool early)
{
	const struct told *told = &scene->story->calls[0];

	stepper_finish(stepper);
	scene_look(scene, false);
	scene_check_records(scene);
	if (atomic_load(&told->finish.done)) {
		int rc = atomic_load(&told->rc);

		SCENE_MUST(scene, rc == FNT_DONE || rc == FNT_DROPPED);
		if (!early && scene_has_head_of(scene, 0) != (rc == FNT_DONE))
			scene_fail(scene, "finish returned %d", rc);
	}
	SCENE_MUST(scene, stepper_release(stepper));
	scene->others += atomic_load(&scene->story->beside);
	scene_verify(scene);
}

/* ---- once, at each instruction --------------------------------------------------- */

static void
stop_at(struct scene *scene, const struct kill_path *path, const struct step_trace *way,
	uint32_t k)
{
	struct stepper stepper;
	bool early;

	snprintf(scene->where, sizeof(scene->where), "%s, held before %u of %u",
		 path->name, k, way->count);
	scene_reset(scene);
	scene_note_records(scene);
	kill_path_spawn(&stepper, scene, path);
	scene_other_open(scene);
	stepper_goto(&stepper, way, k);
	early = scene_has_head_of(scene, 0);
	meanwhile(scene, path->beside);
	afterwards(scene, &stepper, early);
}

START_TEST(held_once)
{
	const struct kill_path *path = &paths[kills_turn(&options, _i, PATHS)];
	struct kills_choice choice = kills_choose(&options);
	unsigned stops = 0;
	struct step_trace way;
	struct scene scene;

	if (!kills_wants(&options, path->name))
		return;
	scene_init(&scene, (enum scene_edge)__builtin_ctz(path->edges), path->flags);
	kill_path_trace(&way, &scene, path);
	choice.is_all = options.is_long || way.count < EVERY;
	for (uint32_t k = 0; k <= way.count; k++)
		if (kills_chosen(&choice, &way, k)) {
			stop_at(&scene, path, &way, k);
			stops++;
		}
	kills_tell(&options, "%-20s %5u instructions, held at %u of them, once each",
		   path->name, way.count, stops);
	step_trace_free(&way);
	scene_fini(&scene);
}
END_TEST

/* ---- all the way ----------------------------------------------------------------- */

/* The same child again and again: whenever it has changed the region, and now and then.
 */
START_TEST(held_all_the_way)
{
	const struct kill_path *path = &paths[kills_turn(&options, _i, PATHS)];
	struct stepper stepper;
	struct scene scene;
	unsigned stops = 0;
	bool early = false;
	uint64_t mark = 0;

	if (!kills_wants(&options, path->name))
		return;
	scene_init(&scene, (enum scene_edge)__builtin_ctz(path->edges), path->flags);
	scene_reset(&scene);
	kill_path_spawn(&stepper, &scene, path);
	scene_other_open(&scene);
	while (stepper_step(&stepper)) {
		snprintf(scene.where, sizeof(scene.where),
			 "%s, held all the way, at %llu", path->name,
			 (unsigned long long)stepper.at);
		if (stepper.at < mark || !kills_in_stretch(&options, stepper.at))
			continue;
		mark = stepper.at + (options.is_long ? 1 : path->beside ? 101 : 13);
		early = early || scene_has_head_of(&scene, 0);
		meanwhile(&scene, path->beside);
		stops++;
	}
	afterwards(&scene, &stepper, early);
	kills_tell(&options, "%-20s %5llu instructions, held at %u of them in a row",
		   path->name, (unsigned long long)stepper.at, stops);
	scene_fini(&scene);
}
END_TEST

/* ---- what its lane says ---------------------------------------------------------- */

#define SAID_MAX 20000u

/* What a follower sees of the lane after an instruction. */
struct said {
	uint64_t cursor, low, end, recorded;
};

/* Some tickets in hand, too few for the record; others go on from them. */
static void
begin_with_tickets(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 0);
	actor_op(actor, 0);
	kill_stand_still(actor, 0);
	actor_finish(actor, 0, FNT_OK, 0);
	actor_begin(actor, 1);
	kill_stand_still(actor, 1);
}

static void
finish_other_many(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 2500);
}

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

static struct said
now_said(const struct scene *scene, const struct fnt_lane_ring *lane)
{
	return (struct said){
		atomic_load(&scene->region.view.rings[FNT_RING_MAIN].cursor),
		atomic_load(&lane->low), atomic_load(&lane->block_end),
		atomic_load(&lane->recorded)};
}

/* Is a follower told that this ticket may yet be written? */
static bool
is_told(const struct said *said, uint64_t ticket)
{
	return said->low <= ticket && (said->end <= said->low || ticket < said->end);
}

/* Whatever it is stopped at: once a ticket that it will use is taken, its lane says so
 * until the record is committed. */
START_TEST(tickets_are_told)
{
	static const struct kill_path path = {.name = "tickets",
					      .prepare = begin_with_tickets,
					      .act = finish_other_many,
					      .after = actor_close};
	static struct said said[SAID_MAX];
	const struct fnt_lane_ring *lane;
	uint64_t first, last, in_hand;
	struct stepper stepper;
	struct scene scene;
	unsigned count = 0;

	if (!kills_wants(&options, path.name))
		return;
	scene_init(&scene, SCENE_PLAIN, 0);
	scene_reset(&scene);
	kill_path_spawn(&stepper, &scene, &path);
	lane = lane_of_child(&scene);
	first = atomic_load(&lane->low);
	in_hand = atomic_load(&lane->block_end) - first;
	while (stepper_step(&stepper) && count < SAID_MAX)
		said[count++] = now_said(&scene, lane);
	/* It goes on from what was in hand, or this is not what is to be seen. */
	last = atomic_load(&lane->low);
	last = (last == FNT_TICKET_NONE ? atomic_load(&lane->block_end) : last) - 1;
	ck_assert_uint_lt(in_hand, last - first + 1);
	ck_assert_uint_gt(in_hand, 0);
	ck_assert(scene_has_head_of(&scene, 1));
	for (unsigned k = 0; k < count; k++)
		for (uint64_t t = first; t <= last && t < said[k].cursor; t++)
			if (said[k].recorded == said[0].recorded &&
			    !is_told(&said[k], t))
				ck_abort_msg("before %u of %u: ticket %llu is nobody's",
					     k, count, (unsigned long long)t);
	afterwards(&scene, &stepper, true);
	scene_fini(&scene);
}
END_TEST

/* ---- frames ---------------------------------------------------------------------- */

START_TEST(frames_are_not_taken)
{
	const struct kill_path *path = &paths[3 + kills_turn(&options, _i, 1)];
	struct kills_choice choice = kills_choose(&options);
	struct stepper stepper;
	struct step_trace way;
	struct scene scene;

	if (!kills_wants(&options, "frames"))
		return;
	scene_init(&scene, SCENE_PLAIN, 0);
	kill_path_trace(&way, &scene, path);
	for (uint32_t k = 0; k <= way.count; k++) {
		if (!kills_chosen(&choice, &way, k))
			continue;
		snprintf(scene.where, sizeof(scene.where), "frames, held before %u", k);
		scene_reset(&scene);
		kill_path_spawn(&stepper, &scene, path);
		scene_other_open(&scene);
		stepper_goto(&stepper, &way, k);
		for (int i = 0; i < 3; i++)
			use_up_frames(&scene);
		stepper_finish(&stepper);
		SCENE_MUST(&scene, atomic_load(&scene.story->calls[0].rc) == FNT_DONE);
		SCENE_MUST(&scene, scene_has_head_of(&scene, 0));
		SCENE_MUST(&scene, stepper_release(&stepper));
		fnt_log_close(scene.other);
		scene.other = NULL;
		must_be_sound(SCENE_NAME);
	}
	step_trace_free(&way);
	scene_fini(&scene);
}
END_TEST

int
main(int argc, char **argv)
{
	kills_init(&options, argc, argv);
	return KILLS_RUN(&options, "stop_steps", {held_once, PATHS},
			 {held_all_the_way, PATHS}, {frames_are_not_taken, 1},
			 {tickets_are_told, 1});
}
