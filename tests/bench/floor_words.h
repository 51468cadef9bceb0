/* SPDX-License-Identifier: MIT
 *
 * floor_words.h: clock readings, and loads and stores of shared words, for floor.h.
 * Wait-free; no system calls.
 */
#ifndef FNT_BENCH_FLOOR_WORDS_H
#define FNT_BENCH_FLOOR_WORDS_H

#include "base/shm_words.h"

#include <stdint.h>
#include <time.h>
#include <x86intrin.h>

#define FLOOR_INLINE static inline __attribute__((always_inline))

/* The counter, scaled from an anchor as in clock.h. The anchor is set once. */
struct floor_clock {
	uint64_t ticks, ns, scale;
	uint64_t wall_offset;
};

FLOOR_INLINE uint64_t
floor_tsc(const struct floor_clock *clock)
{
	return clock->ns + ((__rdtsc() - clock->ticks) * clock->scale >> 32);
}

FLOOR_INLINE uint64_t
floor_vdso(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

FLOOR_INLINE void
floor_store(fnt_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

FLOOR_INLINE uint64_t
floor_load(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

FLOOR_INLINE void
floor_store_release(fnt_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

#endif
