/* SPDX-License-Identifier: MIT
 *
 * acts.h: what an actor does at full speed before it is stepped (prepare_…), and what
 * it does step by step (act_…). A call is named by its number, 0 to SCENE_CALLS - 1.
 *
 * "Cached": the fast path of a call's end needs a reserved ticket, the metrics row of
 * the function and the histogram bucket, all found before. By the time a stepped child
 * gets there they would be too old, so these preparations stop the thread's clock.
 */
#ifndef FNT_TEST_ACTS_H
#define FNT_TEST_ACTS_H

#include "scene.h"

#define ACT_VALUE_MANY 2500 /* bytes of a value: a record of many cells */
#define ACT_VALUE_FOUR 700  /* a record of four cells, out of one frame */

void prepare_nothing(struct actor *actor);

/* Attached, with a thread lane and cached frames. The names of the act are new. */
void prepare_warm(struct actor *actor);

/* The names of the act are known. */
void prepare_names(struct actor *actor);

/* Call 0 is open. */
void prepare_begun(struct actor *actor);
void prepare_begun_with_op(struct actor *actor);
void prepare_begun_with_ops(struct actor *actor);

/* Call 0 is open, and its first frame is full but for a few bytes. `…_cached`: the
 * thread's clock need not be set again, so the fast path of an op is open. */
void prepare_begun_full(struct actor *actor);
void prepare_begun_full_cached(struct actor *actor);

/* Call 0 is open, in several linked frames. */
void prepare_begun_linked(struct actor *actor);

/* Call 1 is open. The metrics row of its function exists, and mostly the block of its
 * bucket; a chunk and a schedule make the journal be written whole. */
void prepare_begun_again(struct actor *actor);

/* Call 1 is open, and all that its end needs is cached. */
void prepare_cached(struct actor *actor);
void prepare_cached_four(struct actor *actor);	 /* four tickets are left */
void prepare_cached_error(struct actor *actor);	 /* tickets of the kept ring, too */
void prepare_cached_rare(struct actor *actor);	 /* it counts chunks and schedules */
void prepare_cached_linked(struct actor *actor); /* it has several frames */

/* Calls 0, 1 and 2 are open; 0 is in several frames. */
void prepare_several(struct actor *actor);

void act_begin_0(struct actor *actor);
void act_begin_1(struct actor *actor);
void act_begin_op_1(struct actor *actor);
void act_op(struct actor *actor);
void act_three_ops(struct actor *actor);
void act_op_begin(struct actor *actor);
void act_op_end(struct actor *actor);
void act_chunk(struct actor *actor);
void act_schedule(struct actor *actor);
void act_user(struct actor *actor);

/* The end of a call. */
void act_finish_0(struct actor *actor);
void act_finish_1(struct actor *actor);
void act_finish_two_cells_1(struct actor *actor);
void act_finish_four_cells_1(struct actor *actor);
void act_finish_many_cells_0(struct actor *actor);
void act_finish_many_cells_1(struct actor *actor); /* more than it has tickets */
void act_finish_error_0(struct actor *actor);
void act_finish_error_1(struct actor *actor);
void act_finish_rolled_back_0(struct actor *actor);
void act_abandon_0(struct actor *actor);

void act_push(struct actor *actor);
void act_whole_call(struct actor *actor);

#endif
