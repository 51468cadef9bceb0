/* SPDX-License-Identifier: MIT
 *
 * scene.h: a region with a history, actors who say what they have done, and what must
 * be there when one of them is gone.
 *
 *   world: bytes of a region, prepared once ──copied before each act──► the region's
 * file story: what the actor began and what it was told of, in memory shared with the
 * test
 *
 * An actor writes down each step before and after it takes it: what returned is
 * confirmed and must be found again, what was being done may be.
 */
#ifndef FNT_TEST_SCENE_H
#define FNT_TEST_SCENE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#include "ring/record_read.h"

#define SCENE_NAME "scene"
#define SCENE_CALLS 4
#define SCENE_OPS 120
#define SCENE_CHUNK 100

/* A number before the step and after it. */
struct tally {
	_Atomic uint32_t tried, done;
};

/* What an actor says of one call. */
struct told {
	_Atomic uint64_t uid;
	struct tally begin, ops, pairs_begun, pairs_ended, chunks, schedules, users,
		finish;
	_Atomic uint32_t outcome;   /* that it finishes with */
	_Atomic uint32_t value_len; /* of FNT_OK */
	_Atomic int32_t rc;	    /* of finish, when done */
};

struct story {
	struct told calls[SCENE_CALLS];
	_Atomic uint32_t closing; /* what is open ends with the log */
	/* Calls of another thread of the actor's process: made, and to be made. */
	_Atomic uint64_t beside, beside_wanted;
};

struct actor {
	struct fnt_log *log;
	struct story *story;
	struct fnt_call *calls[SCENE_CALLS];
	int64_t handle;
};

void actor_open(struct actor *actor);
void actor_close(struct actor *actor);
void actor_begin(struct actor *actor, unsigned i);
void actor_op(struct actor *actor, unsigned i);
void actor_op_begin(struct actor *actor, unsigned i);
void actor_op_end(struct actor *actor, unsigned i);
void actor_chunk(struct actor *actor, unsigned i);
void actor_schedule(struct actor *actor, unsigned i);
void actor_user(struct actor *actor, unsigned i);
/* Outcome FNT_OK with a value of `len` bytes (0: none), or another with a message of so
 * many. */
void actor_finish(struct actor *actor, unsigned i, enum fnt_outcome outcome,
		  size_t len);
/* A call that was built elsewhere, with two ops. */
void actor_push(struct actor *actor, unsigned i);
/* By another thread: as many calls as the story wants, until it is over. */
void actor_beside(struct actor *actor, const _Atomic uint32_t *over);

/* Where the ring stands when the act begins. */
enum scene_edge {
	SCENE_PLAIN,	  /* in the middle of its first lap */
	SCENE_LAP,	  /* full, two tickets before a lap's end */
	SCENE_TICKETS_32, /* two tickets before 2^32 */
	SCENE_LAPS_40, /* two tickets before lap 2^40, which is lap 0 in a cell's state
			*/
	SCENE_LAP_END, /* eight before a lap's end, which a block of theirs ends with */
	SCENE_EDGES,
};
extern const char *const scene_edges[SCENE_EDGES];

/* A record that was there before. */
struct scene_record {
	uint32_t ring;
	uint64_t ticket, uid, hash;
};

struct scene {
	struct fnt_region region; /* to look into, always */
	unsigned char *bytes;	  /* the same file, for writing */
	unsigned char *start;	  /* the world */
	struct scene_record *records;
	uint32_t record_count;
	uint32_t flags; /* of the region */
	uint64_t total;
	enum scene_edge edge;
	struct story *story, start_story;
	bool remains; /* the world has a dead process in it, not yet taken up */
	bool lapped;  /* what was committed may be gone again */
	bool flying[SCENE_CALLS]; /* was in flight when its actor died */
	struct fnt_log *other;	  /* of a live process, or NULL */
	uint64_t others;	  /* calls it has finished */
	char where[128];	  /* for messages */
	uint64_t looks;
};

/* Make a region in $FNTRACE_DIR, with records up to the edge. `flags` as in
 * fnt_options; or SCENE_SAMPLED: its settings keep no call but the aborted ones of the
 * dead. */
#define SCENE_SAMPLED (1u << 30)
void scene_init(struct scene *scene, enum scene_edge edge, uint32_t flags);
void scene_fini(struct scene *scene);

/* What the region is now, and the story, becomes the world that scene_reset goes back
 * to: nobody may be attached who is to live on. Its records are those there before. */
void scene_keep(struct scene *scene);

/* The region and the story as the world was. Nobody is attached. */
void scene_reset(struct scene *scene);

/* A process that lives: this one opens a log of its own, and laps both rings twice and a
 * little. Each of its calls must be recorded. */
void scene_other_open(struct scene *scene);
void scene_other_laps(struct scene *scene);

/* Another thread of the actor's own process laps the main ring, while the actor is held. */
void scene_beside_laps(struct scene *scene);

/* Where nobody may attach: the rings are lapped by padding. */
void scene_pad(struct scene *scene);

/* Of a ring of the scene. */
const struct fnt_segment *scene_era(const struct scene *scene, uint32_t ring);

/* The head of call `i`'s record, committed, wherever in the ring: also where no query
 * looks any more. (Its further cells may be others' by then: they are complete before
 * it is.) */
bool scene_has_head_of(const struct scene *scene, unsigned i);

/* And where it is. */
struct scene_place {
	uint32_t ring;
	uint32_t cells; /* of the record */
	uint64_t left;	/* in the ring, from its head to the last */
};
bool scene_find_head(const struct scene *scene, unsigned i, struct scene_place *place);

/* Look from outside, whoever is there: each call is in flight or one record, as its
 * story says; the region is sound. `dead`: the actor is. */
void scene_look(struct scene *scene, bool dead);

/* The actor has just died: the calls that are in flight now will be records. */
void scene_look_at_death(struct scene *scene);

/* The records there now become those that must stay, as far as the ring reaches; and do
 * they? */
void scene_note_records(struct scene *scene);
void scene_check_records(struct scene *scene);

/* The actor is dead: attach, record, read, close. Everything that was confirmed is
 * there and whole, once; all that the dead held is free again. */
void scene_verify(struct scene *scene);

__attribute__((format(printf, 2, 3), noreturn)) void
scene_fail(const struct scene *scene, const char *format, ...);

#define SCENE_MUST(scene, condition)                                                   \
	do {                                                                           \
		if (!(condition))                                                      \
			scene_fail(scene, "line %d: %s", __LINE__, #condition);        \
	} while (0)

#endif
