/* SPDX-License-Identifier: MIT
 *
 * keep.h: is a call that has finished to be recorded? Decided before it takes any room.
 *
 *   outcome not ok, and keep_errors ─┐
 *   slow ────────────────────────────┼─► kept
 *   its tree is of the share kept ── its function has some of its rate left ─┘
 *
 * A tree is chosen by a hash of its trace id: the whole of it is kept, in every process
 * and region with the same `keep`, or none of it; and by a smaller share none that a
 * larger one would not keep. (The id itself, as OpenTelemetry has it, would do for
 * random ids alone, and who hands us ids may number them.)
 *
 * A rate is the whole region's: one word for each name, touched only where a rate is
 * set.
 */
#ifndef FNT_KEEP_H
#define FNT_KEEP_H

#include "call_use.h"

/* 0, or the mark that says why not. For calls with a rule. Wait-free. */
uint64_t fnt_keep_decide(const struct use *use);

/* Did it take as long as the settings call slow? */
static inline bool
fnt_keep_slow(const struct fnt_call *call)
{
	return call->ruled && call->record.duration_ns >= call->rule.slow_ns;
}

/* 63 bits. */
uint64_t fnt_keep_hash(const uint64_t trace_id[2]);

/* One of the `limit` of this second, at least 1. False: they are used up. Wait-free. */
bool fnt_keep_rate(const struct fnt_view *view, uint32_t name, uint32_t limit,
		   uint64_t now_ns);

#endif
