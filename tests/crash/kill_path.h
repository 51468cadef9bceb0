/* SPDX-License-Identifier: MIT
 *
 * kill_path.h: one thing that a process does (a path), and the death of the process at
 * every instruction of it.
 */
#ifndef FNT_TEST_KILL_PATH_H
#define FNT_TEST_KILL_PATH_H

#include "scene.h"
#include "stepper.h"
#include "steps.h"

/* How a path must commit its record (finish.c). */
enum kill_by {
	BY_ANY,	     /* not checked */
	BY_COMMON,   /* commit_fast(): ok, main ring, cached tickets */
	BY_UNCOMMON, /* commit_fast(): any outcome and ring */
	BY_SLOW,     /* commit_slow() */
};

struct kill_path {
	const char *name;
	void (*prepare)(struct actor *actor); /* at full speed */
	void (*act)(struct actor *actor);     /* step by step */
	void (*after)(struct actor *actor);   /* once it is released; may be NULL */
	bool by_thread;	 /* another thread does the act, and ends with it */
	bool beside;	 /* another thread acts, and the first makes calls meanwhile */
	bool lapped;	 /* once more, where others lap the ring before recovery */
	bool kill_twice; /* the next process that does the act is killed, too */
	uint32_t edges;	 /* EDGE(…) of each ring position to try */
	uint32_t flags;	 /* of the region, as in scene_init */

	/* The test fails if the act commits another way than this, or unless BY_ANY,
	 * if the record of call `call` has not `cells` cells. */
	enum kill_by by;
	unsigned call; /* the call that ends */
	uint32_t cells;
};

#define EDGE(e) (1u << (e))
#define ALL_EDGES (EDGE(SCENE_EDGES) - 1)

/* Start a child, prepared and held before its act. The region is as the scene left it.
 */
void kill_path_spawn(struct stepper *stepper, struct scene *scene,
		     const struct kill_path *path);

/* Reset the scene and step through the act once, to record its instructions. */
void kill_path_trace(struct step_trace *trace, struct scene *scene,
		     const struct kill_path *path);

/* Kill a child at every chosen instruction of the act, and verify the region each time.
 * `lapped`: other processes lap the rings before the dead child's work is recovered. */
void kill_path_at_all(struct scene *scene, const struct kill_path *path,
		      const struct step_trace *trace, bool lapped);

#endif
