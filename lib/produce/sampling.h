/* SPDX-License-Identifier: MIT
 *
 * sampling.h: is a call that has finished to be recorded? Decided before it takes any
 * room in a ring.
 *
 *   the call was slow ────────────────────────────────────────► recorded
 *   its outcome is not ok, and keep_errors is set ────────────► recorded
 *   its trace is not sampled ─────────────────────────────────► not recorded: sampled
 *   its function has used up its rate in this second ─────────► not recorded: limited
 *   all others ───────────────────────────────────────────────► recorded
 *
 * A trace is sampled if the hash of its id is below `keep`. So all calls of a trace are
 * sampled or none, in every process and region with the same `keep`; and a trace that
 * is sampled with a smaller `keep` is sampled with a larger one, too. OpenTelemetry
 * compares the id itself. That needs random ids, and hosts may number theirs.
 *
 * A rate holds for the whole region: one word for each name counts the records of the
 * current second. Any process may write it, by compare-and-swap. It is accessed only if
 * a rate is set.
 */
#ifndef FNT_PRODUCE_SAMPLING_H
#define FNT_PRODUCE_SAMPLING_H

#include "produce/call_use.h"

/* The value of fnt_rule.keep with which every trace is sampled. */
#define FNT_KEEP_ALL (1ull << 63)

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t
fnt_sampling_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A hash of 63 bits. */
static inline uint64_t
fnt_sampling_hash(const uint64_t trace_id[2])
{
	return fnt_sampling_mix(fnt_sampling_mix(trace_id[0] + 0x9e3779b97f4a7c15u) +
				trace_id[1]) >>
	       1;
}

/* Is the trace sampled? */
static inline bool
fnt_sampling_keeps(const struct fnt_rule *rule, const uint64_t trace_id[2])
{
	return rule->keep >= FNT_KEEP_ALL || fnt_sampling_hash(trace_id) < rule->keep;
}

/* Count a record of the function `name` in the current second, if there are fewer than
 * `limit`, at least 1, so far. False: there are not. Any thread; wait-free. */
bool fnt_sampling_rate(const struct fnt_view *view, uint32_t name, uint32_t limit,
		       uint64_t now_ns);

/* Is a call with a rule to be recorded? 0: yes; a slow call is flagged for the kept
 * ring. Else FNT_MARK_SAMPLED or FNT_MARK_LIMITED: why not. Outcome and duration are in
 * the record's head. Wait-free. */
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
	if (!fnt_sampling_keeps(rule, record->trace_id))
		return FNT_MARK_SAMPLED;
	if (rule->rate && !fnt_sampling_rate(&thread->attachment->region.view,
					     record->fn_name, rule->rate, thread->now))
		return FNT_MARK_LIMITED;
	return 0;
}

#endif
