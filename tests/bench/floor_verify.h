/* SPDX-License-Identifier: MIT */
#ifndef FNT_BENCH_FLOOR_VERIFY_H
#define FNT_BENCH_FLOOR_VERIFY_H

/* Make a call through the library, in a new region, and the same call with floor.h, and
 * compare frame, lane, cells and rows, except for times and random numbers. Returns an
 * exit status: 0; 1 after messages about the differences; 77: could not be compared. */
int floor_verify(void);

#endif
