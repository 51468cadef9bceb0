/* SPDX-License-Identifier: MIT
 *
 * actor.h: the texts that actors use (crash/scene.h).
 */
#ifndef FNT_TEST_ACTOR_H
#define FNT_TEST_ACTOR_H

#include "crash/scene.h"

extern const char *const actor_call_ids[SCENE_CALLS];
extern char actor_text[4096];		/* values are its beginning, messages its end */
extern char actor_op_ids[SCENE_OPS][8]; /* ids of a call's ops, by number */

#endif
