/* SPDX-License-Identifier: MIT */
#include "keep.h"

#define TRIES 64

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t
fnt_keep_hash(const uint64_t trace_id[2])
{
	return mix(mix(trace_id[0] + 0x9e3779b97f4a7c15u) + trace_id[1]) >> 1;
}

bool
fnt_keep_rate(const struct fnt_view *view, uint32_t name, uint32_t limit,
	      uint64_t now_ns)
{
	uint32_t second = (uint32_t)(now_ns / FNT_SECOND_NS), last;
	uint64_t seen, next;
	fnt_word *word;

	if (!view->rates)
		return true;
	last = view->rate_count - 1;
	word = &view->rates[name < last ? name : last];
	seen = atomic_load_explicit(word, memory_order_relaxed);
	for (int i = 0; i < TRIES; i++) {
		/* Another's clock may have come to the next second just before ours; a
		 * second that is further off is of the past, or of another boot. */
		uint32_t ahead = (uint32_t)(seen >> 32) - second;
		bool same = ahead <= 1;

		if (same && (uint32_t)seen >= limit)
			return false;
		next = same ? seen + 1 : (uint64_t)second << 32 | 1;
		if (atomic_compare_exchange_strong_explicit(word, &seen, next,
							    memory_order_relaxed,
							    memory_order_relaxed))
			return true;
	}
	/* Somebody else was faster each time, and so had his. */
	return false;
}

uint64_t
fnt_keep_decide(const struct use *use)
{
	const struct fnt_call *call = use->call;
	const struct fnt_record *record = &call->record;
	const struct fnt_rule *rule = &call->rule;

	if (record->outcome != FNT_OK && rule->keep_errors)
		return 0;
	if (fnt_keep_slow(call))
		return 0;
	if (fnt_keep_hash(record->trace_id) >= rule->keep)
		return FNT_MARK_SAMPLED;
	if (rule->rate && !fnt_keep_rate(&use->thread->attachment->region.view, record->fn_name,
					 rule->rate, use->thread->clock.last))
		return FNT_MARK_LIMITED;
	return 0;
}
