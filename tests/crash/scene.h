/* SPDX-License-Identifier: MIT
 *
 * scene.h: a region with a history, actors that report what they have done, and what
 * the region must hold when one of them is dead or held.
 *
 *   snapshot: the region's bytes, prepared once ──copied before each act──► its file
 *   report:   what the actor has begun and what it was told, in memory shared with the
 *             test
 *
 * An actor reports each step before and after it takes it. A step that returned is
 * confirmed and must be found again; a step that was being taken may be.
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

/* How often a step was tried, and done. The actor counts before and after the step. */
struct tally {
	_Atomic uint32_t tried, done;
};

/* What an actor reports of one call. */
struct call_report {
	_Atomic uint64_t uid;
	struct tally begin, ops, pairs_begun, pairs_ended, chunks, schedules, users,
		finish;
	_Atomic uint32_t outcome;   /* that it finishes with */
	_Atomic uint32_t value_len; /* of FNT_OK; of others: of the message */
	_Atomic int32_t rc;	    /* of finish, when done */
};

struct report {
	struct call_report calls[SCENE_CALLS];
	_Atomic uint32_t closing; /* open calls end with the log */
	/* Calls of another thread of the actor's process: made, and to be made. */
	_Atomic uint64_t beside, beside_wanted;
};

struct actor {
	struct fnt_log *log;
	struct report *report;
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

/* `len`: bytes of the value of FNT_OK (0: no value), or of the message. */
void actor_finish(struct actor *actor, unsigned i, enum fnt_outcome outcome,
		  size_t len);

/* Push a finished call with two ops. */
void actor_push(struct actor *actor, unsigned i);

/* In another thread of the actor's process: make as many calls as the report wants,
 * until `over` is set. */
void actor_beside(struct actor *actor, const _Atomic uint32_t *over);

/* Where the ring's cursor is when the act begins. */
enum scene_edge {
	SCENE_PLAIN,	  /* in the middle of the first lap */
	SCENE_LAP,	  /* ring full, two tickets before a lap's end */
	SCENE_TICKETS_32, /* two tickets before 2^32 */
	/* Two tickets before lap 2^40, which a cell's state cannot tell from lap 0. */
	SCENE_LAPS_40,
	SCENE_LAP_END, /* eight tickets before a lap's end: one block */
	SCENE_EDGES,
};
extern const char *const scene_edges[SCENE_EDGES];

/* A record that was there before. */
struct scene_record {
	uint32_t ring;
	uint64_t ticket, uid, hash;
};

struct scene {
	struct fnt_region region;     /* to look into, always */
	unsigned char *bytes;	      /* the same file, for writing */
	unsigned char *snapshot;      /* what scene_reset restores */
	struct scene_record *records; /* those that must stay */
	uint32_t record_count;
	uint32_t flags; /* of the region */
	uint64_t total; /* calls counted before the act */
	enum scene_edge edge;
	struct report *report, snapshot_report;
	bool has_dead; /* the snapshot has a dead process in it, not yet recovered */
	bool lapped;   /* committed records may have been overwritten */
	bool in_flight[SCENE_CALLS]; /* was in flight when its actor died */
	struct fnt_log *other;	     /* of a live process, or NULL */
	uint64_t others;	     /* calls that it has finished */
	char where[128];	     /* for messages */
};

/* Make a region in $FNTRACE_DIR, with records up to the edge. `flags` as in
 * fnt_options; or SCENE_SAMPLED: its settings keep no call but the aborted ones of the
 * dead. */
#define SCENE_SAMPLED (1u << 30)
void scene_init(struct scene *scene, enum scene_edge edge, uint32_t flags);
void scene_fini(struct scene *scene);

/* The region and the report as they are now become the snapshot that scene_reset
 * restores. No live process may be attached. Notes the records, too. */
void scene_save(struct scene *scene);

/* Restore the snapshot. Nobody is attached then. */
void scene_reset(struct scene *scene);

/* A live process: this one opens a log of its own. */
void scene_other_open(struct scene *scene);

/* Lap the rings. By the live process: both rings, twice and a little, and each of its
 * calls must be recorded. By another thread of the actor's process, while the actor is
 * held: the main ring. By padding: both rings, where nobody may attach. */
void scene_lap_by_other(struct scene *scene);
void scene_lap_by_same_process(struct scene *scene);
void scene_lap_by_padding(struct scene *scene);

/* The segment of a ring. A scene has one for each. */
const struct fnt_segment *scene_segment(const struct scene *scene, uint32_t ring);

/* True if the head cell of call `i`'s record is committed, anywhere in the rings, also
 * where no query looks any more. (Its other cells were complete before, and may have
 * been overwritten since.) */
bool scene_has_head_of(const struct scene *scene, unsigned i);

/* The same, and where it is. */
struct scene_place {
	uint32_t ring;
	uint32_t cells; /* of the record */
	uint64_t left;	/* cells from its head to the end of the ring */
};
bool scene_find_head(const struct scene *scene, unsigned i, struct scene_place *place);

/* Check from outside, whatever the actor is doing: each call is in flight or one
 * record, as its report says, and the region is sound. `dead`: the actor is. */
void scene_inspect(struct scene *scene, bool dead);

/* The same, when the actor has just died. Calls in flight now must become records. */
void scene_inspect_at_death(struct scene *scene);

/* Note the records in the rings. / Check that those noted are still there, but for
 * those that have been overwritten. */
void scene_note_records(struct scene *scene);
void scene_check_records(struct scene *scene);

/* The actor is dead: attach, record, read, close. Every confirmed call is there and
 * whole, once; all that the dead process held is free again. */
void scene_verify(struct scene *scene);

__attribute__((format(printf, 2, 3), noreturn)) void
scene_fail(const struct scene *scene, const char *format, ...);

#define SCENE_MUST(scene, condition)                                                   \
	do {                                                                           \
		if (!(condition))                                                      \
			scene_fail(scene, "line %d: %s", __LINE__, #condition);        \
	} while (0)

#endif
