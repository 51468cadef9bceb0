/* SPDX-License-Identifier: MIT */
#include "bench_hop.h"
#include "bench.h"

#include <stdatomic.h>

#define SERIES 8
#define HOPS 64

enum turn {
	OURS,
	THEIRS,
	OVER
};

void
bench_hop_init(struct bench_hop *hop)
{
	atomic_store(&hop->turn, OURS);
}

static uint64_t
one_series(struct bench_hop *hop)
{
	uint64_t begin = bench_clock(CLOCK_MONOTONIC);

	for (int i = 0; i < HOPS; i++) {
		atomic_store_explicit(&hop->turn, THEIRS, memory_order_release);
		while (atomic_load_explicit(&hop->turn, memory_order_acquire) != OURS)
			;
	}
	return (bench_clock(CLOCK_MONOTONIC) - begin) / HOPS;
}

uint64_t
bench_hop(struct bench_hop *hop)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < SERIES; i++) {
		uint64_t took = one_series(hop);

		best = took < best ? took : best;
	}
	atomic_store(&hop->turn, OVER);
	return best;
}

void
bench_hop_back(struct bench_hop *hop)
{
	unsigned turn;

	while ((turn = atomic_load_explicit(&hop->turn, memory_order_acquire)) != OVER)
		if (turn == THEIRS)
			atomic_store_explicit(&hop->turn, OURS, memory_order_release);
}
