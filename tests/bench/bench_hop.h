/* SPDX-License-Identifier: MIT
 *
 * bench_hop.h: how far apart, in time, the CPUs of producer and reader are. Virtual
 * CPUs are moved between cores, so this changes from minute to minute; what readers
 * cost a producer is a multiple of it.
 */
#ifndef FNT_BENCH_HOP_H
#define FNT_BENCH_HOP_H

#include <stdint.h>

/* A cache line that goes from one thread to the other and back. */
struct bench_hop {
	_Alignas(128) _Atomic unsigned turn;
};

/* Call before the threads start. */
void bench_hop_init(struct bench_hop *hop);

/* Returns the round trip in ns, the fastest of 8 series. Waits for the other thread. */
uint64_t bench_hop(struct bench_hop *hop);

/* The other thread; returns when the series are over. */
void bench_hop_back(struct bench_hop *hop);

#endif
