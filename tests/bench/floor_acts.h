/* SPDX-License-Identifier: MIT
 *
 * floor_acts.h: single acts of the machine, for bench_floor; each is explained there.
 */
#ifndef FNT_BENCH_FLOOR_ACTS_H
#define FNT_BENCH_FLOOR_ACTS_H

#include "floor.h"
#include "workload.h"

#include <stdalign.h>

#define FLOOR_STORES 60u

struct floor_producer {
	struct floor floor;
	struct workload work;
	uint64_t done;
	alignas(64) char hot[FNT_CELL_BYTES];
	alignas(64) fnt_word words[FLOOR_STORES];
	alignas(64) fnt_word alone;
};

/* Let the compiler think that somebody looks at it. */
static inline void
use_value(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

void act_rdtsc(void *producer, uint64_t times);
void act_vdso(void *producer, uint64_t times);
void act_cmpxchg(void *producer, uint64_t times);
void act_xadd(void *producer, uint64_t times);
void act_stores(void *producer, uint64_t times);
void act_fenced(void *producer, uint64_t times);
void act_rcu(void *producer, uint64_t times);
void act_stamps(void *producer, uint64_t times);
void act_stamps_vdso(void *producer, uint64_t times);
void act_copy(void *producer, uint64_t times);
void act_copy_cold(void *producer, uint64_t times);

#endif
