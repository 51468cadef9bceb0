/* SPDX-License-Identifier: MIT
 *
 * floor_acts.h: single acts of the machine (floor_acts.c), and calls through functions
 * (floor_called.c), for bench_floor; each is explained there.
 */
#ifndef FNT_BENCH_FLOOR_ACTS_H
#define FNT_BENCH_FLOOR_ACTS_H

#include "floor_many.h"
#include "workload.h"

#include <stdalign.h>
#include <stdlib.h>

#define FLOOR_STORES 60u

struct floor_producer {
	struct floor floor;
	struct workload work;
	uint64_t done;
	uint32_t ops, cells; /* of a call */
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

FLOOR_INLINE struct floor_call
floor_call_number(const struct floor_producer *p, uint64_t i)
{
	return (struct floor_call){.call_id = workload_call_id(&p->work, i),
				   .user_id = workload_user_id(&p->work, i),
				   .row_id = workload_row_id(&p->work, i),
				   .fn = i % FLOOR_FNS};
}

static inline void
floor_must_have(bool claimed)
{
	if (claimed)
		return;
	fprintf(stderr, "bench: a cell was not what it should be\n");
	abort();
}

void called_run(void *producer, uint64_t calls);
void called_run_vdso(void *producer, uint64_t calls);
void called_run_sampled(void *producer, uint64_t calls);
void called_run_many(void *producer, uint64_t calls);
void called_run_many_vdso(void *producer, uint64_t calls);
void called_run_chunks(void *producer, uint64_t chunks);

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
