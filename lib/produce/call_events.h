/* SPDX-License-Identifier: MIT
 *
 * call_events.h: writing a schedule event, for call_events.c and push.c. Wait-free, but
 * for the first use of a name and an allocation if there are no free frames.
 */
#ifndef FNT_PRODUCE_CALL_EVENTS_H
#define FNT_PRODUCE_CALL_EVENTS_H

#include "produce/call_use.h"

/* Write that the call has scheduled a function, to run `delay_ms` later or at `run_at`
 * (Unix ms); each may be FNT_NONE. Inside the log's read-side section. FNT_DONE, or
 * FNT_OMITTED: there is no room, and it is counted. */
int fnt_call_write_schedule(struct fnt_call_ctx *ctx, const char *fn_name,
			    int64_t delay_ms, int64_t run_at);

#endif
