/* SPDX-License-Identifier: MIT
 *
 * bench_hop.h: how far away readers are. Virtual CPUs are moved, now side by side, now
 * to different ends of the machine: what a reader costs is a multiple of this, whatever
 * it does.
 */
#ifndef FNT_BENCH_HOP_H
#define FNT_BENCH_HOP_H

#include <stdint.h>

/* A line of memory that goes from one thread to the other and back. */
struct bench_hop {
	_Alignas(128) _Atomic unsigned turn;
};

/* Before either. */
void bench_hop_init(struct bench_hop *hop);

/* In ns, there and back: the best of some series. Waits for the other. */
uint64_t bench_hop(struct bench_hop *hop);

/* The other: until those are over. */
void bench_hop_back(struct bench_hop *hop);

#endif
