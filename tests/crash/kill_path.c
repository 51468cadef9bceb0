/* SPDX-License-Identifier: MIT */
#include "kill_path.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "support/fixture.h"

#include "produce/finish.h"
#include "ring/record_write.h"

/* The child sleeps for so long before each act. After that the clock must be set and
 * cached tickets have expired in every run, however the scheduler treats it. */
#define NAP_US 1100

/* ---- the child ------------------------------------------------------------------- */

struct child {
	const struct kill_path *path;
	struct report *report;
	struct actor actor;
	_Atomic uint32_t prepared, over;
};

static void *
act_and_end(void *arg)
{
	struct child *child = arg;
	struct actor actor = {.report = child->report};

	child->path->prepare(&actor);
	stepper_begin();
	child->path->act(&actor);
	return NULL;
}

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

	child->actor.report = child->report;
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
	struct actor actor = {.report = child->report};
	pthread_t thread;

	if (child->path->beside) {
		run_beside(child);
		return;
	}
	if (child->path->by_thread) {
		CHILD_MUST(!pthread_create(&thread, NULL, act_and_end, child));
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
kill_path_spawn(struct stepper *stepper, struct scene *scene,
		const struct kill_path *path)
{
	struct child child = {.path = path, .report = scene->report};

	steps_spawn(stepper, path->name, run_child, &child);
}

/* ---- its trace ------------------------------------------------------------------- */

/* True if `where` is a word of a record or a payload. There are many, and the order in
 * which they are written does not matter: other words say that they are valid. */
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
goes_through(const struct step_trace *trace, void (*function)(void))
{
	for (uint32_t k = 0; k < trace->count; k++)
		if (trace->points[k].place == (uintptr_t)function)
			return true;
	return false;
}

static enum kill_by
committed_by(const struct step_trace *trace)
{
	if (goes_through(trace, (void (*)(void))fnt_record_write_slow))
		return BY_SLOW;
	return goes_through(trace, (void (*)(void))fnt_finish_commit) ? BY_UNCOMMON
								      : BY_COMMON;
}

static void
check_committed_by(const struct scene *scene, const struct kill_path *path,
		   const struct step_trace *trace)
{
	struct scene_place place;

	ck_assert_msg(committed_by(trace) == path->by, "%s, ring at %s: by %d",
		      path->name, scene_edges[scene->edge], committed_by(trace));
	ck_assert(scene_find_head(scene, path->call, &place));
	ck_assert_uint_eq(place.cells, path->cells);
	if (scene->edge == SCENE_LAP_END)
		ck_assert_uint_eq(place.left, path->cells);
}

void
kill_path_trace(struct step_trace *trace, struct scene *scene,
		const struct kill_path *path)
{
	struct stepper stepper;

	scene_reset(scene);
	kill_path_spawn(&stepper, scene, path);
	stepper_trace(&stepper, trace, scene->bytes, scene->region.view.size_bytes);
	stepper_kill(&stepper);
	if (path->by != BY_ANY)
		check_committed_by(scene, path, trace);
	for (uint32_t k = 0; k < trace->count; k++)
		trace->points[k].minor = trace->points[k].wrote &&
					 is_text(scene, trace->points[k].where);
}

/* ---- its death ------------------------------------------------------------------- */

static void
kill_one(struct scene *scene, const struct kill_path *path,
	 const struct step_trace *trace, uint32_t k, bool others)
{
	struct stepper stepper;

	kill_path_spawn(&stepper, scene, path);
	if (others)
		scene_other_open(scene);
	steps_kill_at(&stepper, trace, k);
}

/* A random instruction after one that changed the region, and not just a text. */
static uint32_t
after_some_write(const struct step_trace *trace, struct rnd *r)
{
	uint32_t k = rnd(r, trace->count);

	for (uint32_t i = 0; i < trace->count; i++, k = (k + 1) % trace->count)
		if (trace->points[k].wrote && !trace->points[k].minor)
			break;
	return k + 1;
}

/* Where the scene has a dead process in it, no other can attach without recovering its
 * work. There the rings are lapped by padding. */
static void
kill_at(struct scene *scene, const struct kill_path *path,
	const struct step_trace *trace, uint32_t k, bool lapped)
{
	struct rnd r = {k};

	snprintf(scene->where, sizeof(scene->where), "%s, killed before %u of %u%s",
		 path->name, k, trace->count, lapped ? ", lapped" : "");
	scene_reset(scene);
	kill_one(scene, path, trace, k, lapped && !scene->has_dead);
	scene_inspect_at_death(scene);
	if (lapped && scene->has_dead)
		scene_lap_by_padding(scene);
	else if (lapped)
		scene_lap_by_other(scene);
	if (path->kill_twice) {
		kill_one(scene, path, trace, after_some_write(trace, &r), false);
		scene_inspect_at_death(scene);
	}
	if (path->kill_twice && lapped)
		scene_lap_by_padding(scene);
	scene_verify(scene);
}

void
kill_path_at_all(struct scene *scene, const struct kill_path *path,
		 const struct step_trace *trace, bool lapped)
{
	uint32_t one_in = path->kill_twice && !lapped && !steps.is_long ? 3 : 1;
	struct rnd r = {trace->count};
	struct steps_choice choice = steps_choose();
	char name[80];

	while (steps_next(&choice, trace))
		if (!rnd(&r, one_in))
			kill_at(scene, path, trace, choice.k, lapped);
	snprintf(name, sizeof(name), "%-24s %-12s %6s", path->name,
		 scene_edges[scene->edge], lapped ? "lapped" : "");
	steps_tell_kills(name, trace);
}
