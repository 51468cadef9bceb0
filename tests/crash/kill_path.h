/* SPDX-License-Identifier: MIT
 *
 * kill_path.h: one thing that a process does, and its death at every instruction of it.
 */
#ifndef FNT_TEST_KILL_PATH_H
#define FNT_TEST_KILL_PATH_H

#include "kills.h"
#include "scene.h"
#include "stepper.h"

/* The function of record_write.c that puts the record into its ring; or none, where that is
 * inlined in the call's end. */
enum kill_by {
	BY_ANY,
	BY_INLINED,
	BY_FEW,
	BY_MANY,
};

struct kill_path {
	const char *name;
	void (*prepare)(struct actor *actor); /* at full speed */
	void (*act)(struct actor *actor);     /* step by step */
	void (*after)(struct actor *actor);   /* once it is let go; may be NULL */
	bool by_thread; /* the act is done by another thread, to its end */
	bool beside;	/* as is, and meanwhile another makes calls: see actor_beside */
	bool lapped; /* once more, others lap the ring before anyone takes up the rest
		      */
	bool again;  /* the next who does it is killed too, somewhere */
	uint32_t edges; /* SCENE_*, as bits */
	uint32_t flags; /* of the region */
	/* A call's end at hand: if it takes another way, that is not what is to be seen
	 * here. */
	enum kill_by by;
	unsigned call;	/* that ends … */
	uint32_t cells; /* … in so many */
};

#define EDGE(e) (1u << (e))
#define ALL_EDGES (EDGE(SCENE_EDGES) - 1)

/* Of a path's preparation. The short way out takes a call whose ticket, row and bucket
 * are at hand, and all of them would be too old by the time that one is stepped: so
 * time stands still, as far as this thread sees; call `i` will have taken none. */
void kill_stand_still(struct actor *actor, unsigned i);

/* A child on that path, prepared, in a world as it was. */
void kill_path_spawn(struct stepper *stepper, struct scene *scene,
		     const struct kill_path *path);

/* Step through it once, and say how it went. */
void kill_path_trace(struct step_trace *way, struct scene *scene,
		     const struct kill_path *path);

/* Kill it everywhere on the way, and see what is left each time. */
void kill_all_along(struct kills *kills, struct scene *scene,
		    const struct kill_path *path, const struct step_trace *way,
		    bool lapped);

#endif
