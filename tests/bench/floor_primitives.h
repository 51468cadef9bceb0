/* SPDX-License-Identifier: MIT
 *
 * floor_primitives.h: single primitives of the machine (floor_primitives.c) and calls
 * through functions (floor_called.c), for bench_floor.c, whose comment explains each.
 * `producer` is a struct floor_producer of the calling thread.
 */
#ifndef FNT_BENCH_FLOOR_PRIMITIVES_H
#define FNT_BENCH_FLOOR_PRIMITIVES_H

#include "floor_long.h"
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

/* Keep the compiler from removing the computation of `value`. */
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
floor_require(bool claimed)
{
	if (claimed)
		return;
	fprintf(stderr, "bench: a cell had an unexpected state\n");
	abort();
}

void called_run(void *producer, uint64_t calls);
void called_run_vdso(void *producer, uint64_t calls);
void called_run_sampled_out(void *producer, uint64_t calls);
void called_run_long(void *producer, uint64_t calls);
void called_run_long_vdso(void *producer, uint64_t calls);
void called_run_chunks(void *producer, uint64_t chunks);

void primitive_rdtsc(void *producer, uint64_t times);
void primitive_vdso(void *producer, uint64_t times);
void primitive_cmpxchg(void *producer, uint64_t times);
void primitive_xadd(void *producer, uint64_t times);
void primitive_stores(void *producer, uint64_t times);
void primitive_stores_cmpxchg(void *producer, uint64_t times);
void primitive_rcu(void *producer, uint64_t times);
void primitive_stamps(void *producer, uint64_t times);
void primitive_stamps_vdso(void *producer, uint64_t times);
void primitive_copy(void *producer, uint64_t times);
void primitive_copy_no_prefetch(void *producer, uint64_t times);

#endif
