/* SPDX-License-Identifier: MIT
 *
 * private_calls.h: calls in private memory, because no frame was free.
 *
 * They are kept in a list of their pool, so that those that are open when their log is
 * closed become records all the same.
 *
 * Adding and dropping are lock-free: any thread, inside its log's read-side critical
 * section. A thread that is stopped in the middle keeps some memory from being freed,
 * and no other thread from going on.
 */
#ifndef FNT_PRODUCE_PRIVATE_CALLS_H
#define FNT_PRODUCE_PRIVATE_CALLS_H

#include "produce/call_state.h"

/* Add a call to its pool's list. Now and then this frees calls that have ended: the
 * list is at most three times as long as the number of open calls, or 64. */
void fnt_private_calls_add(struct fnt_call_pool *pool, struct fnt_call *call);

/* The call has ended. Its memory must not be accessed after this. */
void fnt_private_calls_drop(struct fnt_call *call);

/* Free the calls that have ended. True: some are open. */
bool fnt_private_calls_sweep(struct fnt_call_pool *pool);

#endif
