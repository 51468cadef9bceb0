/* SPDX-License-Identifier: MIT
 *
 * call_events.h: events that push.c writes, too.
 */
#ifndef FNT_PRODUCE_CALL_EVENTS_H
#define FNT_PRODUCE_CALL_EVENTS_H

#include "produce/call_use.h"

/* Write a scheduled function; FNT_DONE or FNT_OMITTED. `delay_ms` and `run_at` (Unix
 * ms) may be FNT_NONE. */
int fnt_call_write_schedule(struct fnt_call_ctx *ctx, const char *fn_name,
			    int64_t delay_ms, int64_t run_at);

#endif
