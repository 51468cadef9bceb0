/* SPDX-License-Identifier: MIT */
#include "kill_path.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "support/fixture.h"

#include "produce/call_events.h"
#include "produce/attach.h"
#include "ring/record_write.h"

#define WAY_MAX 400000 /* instructions */
/* Before each act: clocks are to be set and tickets too old, whoever looks, or else it
 * would be up to the scheduler. */
#define NAP_US 1100

/* ---- the child ------------------------------------------------------------------- */

struct child {
	const struct kill_path *path;
	struct story *story;
	struct actor actor;
	_Atomic uint32_t prepared, over;
};

static void *
live_and_end(void *arg)
{
	struct child *child = arg;
	struct actor actor = {.story = child->story};

	child->path->prepare(&actor);
	stepper_begin();
	child->path->act(&actor);
	return NULL;
}

/* Another thread is stepped, while this one makes calls. */
static void *
act_beside(void *arg)
{
	struct child *child = arg;

	child->path->prepare(&child->actor);
	atomic_store(&child->prepared, 1);
	nap_us(NAP_US);
	stepper_begin();
	child->path->act(&child->actor);
	stepper_end();
	atomic_store(&child->over, 1);
	return NULL;
}

static void
run_beside(struct child *child)
{
	pthread_t thread;

	child->actor.story = child->story;
	CHILD_MUST(!pthread_create(&thread, NULL, act_beside, child));
	while (!atomic_load(&child->prepared))
		nap_us(20);
	actor_beside(&child->actor, &child->over);
	pthread_join(thread, NULL);
	child->path->after(&child->actor);
}

static void
run_child(void *arg)
{
	struct child *child = arg;
	struct actor actor = {.story = child->story};
	pthread_t thread;

	if (child->path->beside) {
		run_beside(child);
		return;
	}
	if (child->path->by_thread) {
		CHILD_MUST(!pthread_create(&thread, NULL, live_and_end, child));
		pthread_join(thread, NULL);
		for (;;)
			pause();
	}
	child->path->prepare(&actor);
	nap_us(NAP_US);
	stepper_begin();
	child->path->act(&actor);
	stepper_end();
	if (child->path->after)
		child->path->after(&actor);
}

void
kill_stand_still(struct actor *actor, unsigned i)
{
	struct fnt_attachment *attachment = atomic_load(&actor->log->attachment);
	struct fnt_thread *thread = attachment->threads;

	thread->clock.limit = UINT64_MAX;
	for (unsigned ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_block *block = &thread->writer.handles[ring].block;

		/* The next block will be of some. */
		block->size = 4;
		block->size_max = 8;
		block->born_ns = thread->clock.last;
		if (block->next != block->end)
			block->until_ns = UINT64_MAX;
	}
	actor->calls[i]->started_mono = UINT64_MAX;
}

void
kill_path_spawn(struct stepper *stepper, struct scene *scene,
		const struct kill_path *path)
{
	struct child child = {.path = path, .story = scene->story};

	if (!stepper_spawn(stepper, run_child, &child))
		ck_abort_msg("%s: the child ended: 0x%x", path->name, stepper->status);
}

/* A word of a record or of a payload, of which there are many: what they mean is
 * decided elsewhere. */
static bool
is_text(const struct scene *scene, uint32_t where)
{
	const struct fnt_view *view = &scene->region.view;
	const unsigned char *at = scene->bytes + where;
	const unsigned char *cells = view->base + view->fixed_bytes;
	const unsigned char *frames = (const unsigned char *)view->frames;

	if (at >= cells)
		return (size_t)(at - cells) % sizeof(struct fnt_cell) >= 8;
	return at >= frames &&
	       at < (const unsigned char *)(view->frames + view->frame_count) &&
	       (size_t)(at - frames) % sizeof(struct fnt_frame) >=
		       offsetof(struct fnt_frame, record);
}

static bool
goes_through(const struct step_trace *way, void (*function)(void))
{
	for (uint32_t k = 0; k < way->count; k++)
		if (way->points[k].place == (uintptr_t)function)
			return true;
	return false;
}

static enum kill_by
goes_by(const struct step_trace *way)
{
	if (goes_through(way, (void (*)(void))fnt_record_write_slow))
		return BY_ANY;
	if (goes_through(way, (void (*)(void))fnt_record_emit_many))
		return BY_MANY;
	return goes_through(way, (void (*)(void))fnt_record_emit_few) ? BY_FEW
								      : BY_INLINED;
}

static void
must_be_at_hand(const struct scene *scene, const struct kill_path *path,
		const struct step_trace *way)
{
	struct scene_place place;

	ck_assert_msg(goes_by(way) == path->by, "%s, ring at %s: by %d", path->name,
		      scene_edges[scene->edge], goes_by(way));
	ck_assert(scene_find_head(scene, path->call, &place));
	ck_assert_uint_eq(place.cells, path->cells);
	if (scene->edge == SCENE_LAP_END)
		ck_assert_uint_eq(place.left, path->cells);
}

void
kill_path_trace(struct step_trace *way, struct scene *scene,
		const struct kill_path *path)
{
	struct stepper stepper;

	scene_reset(scene);
	kill_path_spawn(&stepper, scene, path);
	stepper_trace(&stepper, way, scene->bytes, scene->region.view.size_bytes,
		      WAY_MAX);
	stepper_kill(&stepper);
	if (path->by != BY_ANY)
		must_be_at_hand(scene, path, way);
	for (uint32_t k = 0; k < way->count; k++)
		way->points[k].minor =
			way->points[k].wrote && is_text(scene, way->points[k].where);
}

/* ---- kill ------------------------------------------------------------------------ */

static void
kill_one(struct kills *kills, struct scene *scene, const struct kill_path *path,
	 const struct step_trace *way, uint32_t k, bool others)
{
	struct stepper stepper;

	kill_path_spawn(&stepper, scene, path);
	if (others)
		scene_other_open(scene);
	kills->misses += !stepper_goto(&stepper, way, k);
	stepper_kill(&stepper);
	kills->count++;
}

static bool
is_turn(const struct step_point *point)
{
	return point->wrote && !point->minor;
}

/* An instruction after one that changed the region, and not just a text. */
static uint32_t
somewhere(const struct step_trace *way, struct rnd *r)
{
	uint32_t k = rnd(r, way->count);

	for (uint32_t i = 0; i < way->count && !is_turn(&way->points[k]); i++)
		k = (k + 1) % way->count;
	return k + 1;
}

/* Where the world has remains in it no others can attach without taking them up. */
static void
kill_at(struct kills *kills, struct scene *scene, const struct kill_path *path,
	const struct step_trace *way, uint32_t k, bool lapped)
{
	struct rnd r = {k};

	snprintf(scene->where, sizeof(scene->where), "%s, killed before %u of %u%s",
		 path->name, k, way->count, lapped ? ", lapped" : "");
	scene_reset(scene);
	kill_one(kills, scene, path, way, k, lapped && !scene->remains);
	scene_look_at_death(scene);
	if (lapped && scene->remains)
		scene_pad(scene);
	else if (lapped)
		scene_other_laps(scene);
	if (path->again) {
		kill_one(kills, scene, path, way, somewhere(way, &r), false);
		scene_look_at_death(scene);
	}
	if (path->again && lapped)
		scene_pad(scene);
	scene_verify(scene);
}

void
kill_all_along(struct kills *kills, struct scene *scene, const struct kill_path *path,
	       const struct step_trace *way, bool lapped)
{
	unsigned long before = kills->count, missed = kills->misses;
	uint32_t one_in = path->again && !lapped && !kills->is_long ? 3 : 1;
	struct rnd r = {before};
	struct kills_choice choice = kills_choose(kills);

	for (uint32_t k = 0; k <= way->count; k++)
		if (kills_chosen(&choice, way, k) && !rnd(&r, one_in))
			kill_at(kills, scene, path, way, k, lapped);
	kills_tell(kills,
		   "%-22s %-12s %6s %5u instructions, %3u writes, %2u system calls: "
		   "%lu kills, %lu past the end",
		   path->name, scene_edges[scene->edge], lapped ? "lapped" : "",
		   way->count, way->writes, way->systems, kills->count - before,
		   kills->misses - missed);
}
