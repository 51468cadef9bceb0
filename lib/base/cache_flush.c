/* SPDX-License-Identifier: MIT */
#include "base/cache_flush.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <stdatomic.h>

enum known {
	UNKNOWN,
	YES,
	NO
};

bool
fnt_cache_flush_available(void)
{
	static _Atomic int known;
	int is = atomic_load_explicit(&known, memory_order_relaxed);
	unsigned a, b, c, d;

	if (__builtin_expect(is == UNKNOWN, 0)) {
		/* Intel SDM vol. 2, CPUID: leaf 7, EBX. Two threads may both do
		 * this. */
		is = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 23 ? YES : NO;
		atomic_store_explicit(&known, is, memory_order_relaxed);
	}
	return is == YES;
}

#endif
