/* SPDX-License-Identifier: MIT
 *
 * sampling.h: is a call that has finished to be recorded? Decided before it takes any
 * room.
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
#ifndef FNT_PRODUCE_SAMPLING_H
#define FNT_PRODUCE_SAMPLING_H

#include "produce/call_use.h"

/* Of all trees. */
#define FNT_KEEP_ALL (1ull << 63)

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t
fnt_sampling_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 63 bits. */
static inline uint64_t
fnt_sampling_hash(const uint64_t trace_id[2])
{
	return fnt_sampling_mix(fnt_sampling_mix(trace_id[0] + 0x9e3779b97f4a7c15u) +
				trace_id[1]) >>
	       1;
}

/* One of the `limit` of this second, at least 1. False: they are used up. Wait-free. */
bool fnt_sampling_rate(const struct fnt_view *view, uint32_t name, uint32_t limit,
		       uint64_t now_ns);

/* 0, or the mark that says why not. For calls with a rule; flags what was slow for the
 * kept ring. Wait-free. */
static inline uint64_t
fnt_sampling_decide(struct fnt_call *call, const struct fnt_thread *thread)
{
	struct fnt_record *record = &call->record;
	const struct fnt_rule *rule = &call->rule;

	if (record->duration_ns >= rule->slow_ns) {
		record->flags |= FNT_RECORD_KEPT;
		return 0;
	}
	if (record->outcome != FNT_OK && rule->keep_errors)
		return 0;
	if (rule->keep < FNT_KEEP_ALL &&
	    fnt_sampling_hash(record->trace_id) >= rule->keep)
		return FNT_MARK_SAMPLED;
	if (rule->rate && !fnt_sampling_rate(&thread->attachment->region.view,
					     record->fn_name, rule->rate, thread->now))
		return FNT_MARK_LIMITED;
	return 0;
}

#endif
