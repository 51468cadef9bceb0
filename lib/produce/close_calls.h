/* SPDX-License-Identifier: MIT
 *
 * close_calls.h: what happens to open calls when their log is closed.
 *
 * Calls that are in frames as a whole are recovered from there (recover.h). Those that
 * are not, or not as a whole, are recorded here, as aborted.
 *
 * With the process's lock held, when no thread is inside the log any more.
 */
#ifndef FNT_PRODUCE_CLOSE_CALLS_H
#define FNT_PRODUCE_CLOSE_CALLS_H

#include "produce/call_state.h"

/* Is any call open that has something in private memory? To be asked first. */
bool fnt_close_calls_needed(struct fnt_call_pool *pool);

/* Record those calls, through `thread`; NULL: there is no need, or no memory for one,
 * and they are lost. They stay open for their owners, whose calls return -ESHUTDOWN.
 * Calls that their owners have finished since the log was closed are dropped. */
void fnt_close_calls(struct fnt_call_pool *pool, struct fnt_thread *thread);

#endif
