/* SPDX-License-Identifier: MIT
 *
 * private_calls.h: calls in private memory, which found no frame: kept in a list, so that what is
 * open when its log is closed becomes a record all the same.
 *
 * Adding and dropping, lock-free: any thread, inside its log's read-side critical section.
 * Who is held up in the middle keeps some memory from being freed, and nobody from going on.
 */
#ifndef FNT_PRODUCE_PRIVATE_CALLS_H
#define FNT_PRODUCE_PRIVATE_CALLS_H

#include "produce/call_events.h"

/* A call from make_private, into its pool's list. From time to time those that are done are
 * freed on the way: the list is at most three times as long as it need be. */
void fnt_private_calls_add(struct fnt_call_pool *pool, struct fnt_call *call);

/* It is done: the last access to it. */
void fnt_private_calls_drop(struct fnt_call *call);

/* Free what is done. True: some are open. */
bool fnt_private_calls_sweep(struct fnt_call_pool *pool);

/* A call's owner ends it when its log is closed: gives back its memory, once nobody who
 * closes a log is at it. */
void fnt_private_calls_drop_late(struct fnt_call *call);

/* Is one open that has something to itself? To be asked before the next, as that is called. */
bool fnt_private_calls_any(struct fnt_call_pool *pool);

/* Nobody is inside the log any more, and the process's mutex is held: open calls of which a
 * frame has not all become aborted records, through `thread` (NULL: no memory for one). They
 * stay open for their owners, who are told that the log is closed. */
void fnt_private_calls_close(struct fnt_call_pool *pool, struct fnt_thread *thread);

#endif
