/* SPDX-License-Identifier: MIT */
#include "produce/sampling.h"

#define RATE_TRIES 64

bool
fnt_sampling_rate(const struct fnt_view *view, uint32_t name, uint32_t limit,
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
	for (int i = 0; i < RATE_TRIES; i++) {
		/* Another thread may have seen the next second before this one. Any
		 * other second is in the past, or was written before a reboot. */
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
	/* Each time another thread counted a record of its own. */
	return false;
}
