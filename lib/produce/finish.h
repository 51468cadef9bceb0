/* SPDX-License-Identifier: MIT
 *
 * finish.h: the parts of a call's end, for who ends one in another way than by
 * fnt_call_finish_…(). All of it inside the log's read-side critical section.
 */
#ifndef FNT_PRODUCE_FINISH_H
#define FNT_PRODUCE_FINISH_H

#include "produce/call_use.h"

/* Is the call, whose head says outcome and duration, to be recorded? If not, that was
 * its end. */
bool fnt_finish_is_kept(struct fnt_call_ctx ctx, enum fnt_outcome outcome);

/* The outcome's event. Room was kept for an error, and what of it is too long is cut;
 * FNT_OMITTED: no room for the value. That, and `lent`, are to stay until the commit.
 */
void fnt_finish_error(struct fnt_call_ctx *ctx, const char *code, const char *message);
int fnt_finish_value(struct fnt_call_ctx ctx, const struct fnt_value *value,
		     struct fnt_borrowed_value *lent);

/* Commit the record, and give the call back; FNT_DONE or FNT_DROPPED. */
int fnt_finish_commit(struct fnt_call_ctx ctx);

#endif
