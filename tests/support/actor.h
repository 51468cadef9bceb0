/* SPDX-License-Identifier: MIT
 *
 * actor.h: the texts that actors use.
 */
#ifndef FNT_TEST_ACTOR_H
#define FNT_TEST_ACTOR_H

#include "crash/scene.h"

extern const char *const actor_call_ids[SCENE_CALLS];
extern char actor_text[4096]; /* values and messages: its beginning, its end */
extern char actor_op_ids[SCENE_OPS][8]; /* of a call's ops, by their number */

#endif
