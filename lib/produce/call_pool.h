/* SPDX-License-Identifier: MIT
 *
 * call_pool.h: the memory of calls: one struct fnt_call for each frame of the region,
 * and what is set up once in each.
 *
 * Creating and destroying allocate, with the process's mutex held. The rest is
 * wait-free.
 */
#ifndef FNT_PRODUCE_CALL_POOL_H
#define FNT_PRODUCE_CALL_POOL_H

#include "produce/call_state.h"

/* A pool for `count` frames, 1 to 2^32 - 1; NULL: no memory. Its memory is touched only
 * as calls are used. */
struct fnt_call_pool *fnt_call_pool_create(uint32_t count);

/* No call of the pool is open. */
void fnt_call_pool_destroy(struct fnt_call_pool *pool);

/* The next call that may be open, from number `*next` on (0 at first), which moves on;
 * NULL: there is none. May miss calls that begin meanwhile. */
struct fnt_call *fnt_call_pool_next(struct fnt_call_pool *pool, uint32_t *next);

/* Is a call with a frame open? */
bool fnt_call_pool_in_use(struct fnt_call_pool *pool);

/* Set up the pool's call number `index` for this log, unless it is already. */
void fnt_call_set_up(struct fnt_call *call, struct fnt_log *log,
		     struct fnt_attachment *attachment, uint32_t index);

/* Set up a call in private memory, which is all zeroes, with its own frame behind
 * it. */
void fnt_call_set_up_private(struct fnt_call *call, struct fnt_log *log,
			     struct fnt_attachment *attachment);

/* Back to the one extent that every call begins with. */
void fnt_call_reset_room(struct fnt_call *call);

#endif
