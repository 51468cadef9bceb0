/* SPDX-License-Identifier: MIT
 *
 * finish.h: the steps of a call's end, for callers other than fnt_call_finish_…().
 *
 * By the thread that uses the call, inside the log's read-side section; but see
 * fnt_finish_aborted(). Wait-free, unless a segment has to be mapped.
 */
#ifndef FNT_PRODUCE_FINISH_H
#define FNT_PRODUCE_FINISH_H

#include "produce/call_use.h"

/* Is the call to be recorded? Its outcome and duration are in the record's head. False:
 * it is not; it has been counted and has ended. */
bool fnt_finish_is_kept(struct fnt_call_ctx ctx, enum fnt_outcome outcome);

/* Write the event of an error: code and message, each NULL or a string, cut to the room
 * that ops have left for them. */
void fnt_finish_error(struct fnt_call_ctx *ctx, const char *code, const char *message);

/* Write the event of a value, which may be NULL: FNT_DONE, or FNT_OMITTED if there is
 * no room. `value` and `borrowed` must stay until the commit. */
int fnt_finish_value(struct fnt_call_ctx ctx, const struct fnt_value *value,
		     struct fnt_borrowed_value *borrowed);

/* Commit the record and end the call; FNT_DONE, or FNT_DROPPED: no cell could be
 * claimed. Either way the call is counted. */
int fnt_finish_commit(struct fnt_call_ctx ctx);

/* Record an open call as aborted, because its log is being closed; its owner keeps it.
 * No thread is inside the log any more. */
void fnt_finish_aborted(struct fnt_call *call, struct fnt_thread *thread);

#endif
