/* SPDX-License-Identifier: MIT */
#ifndef FNT_BENCH_FLOOR_VERIFY_H
#define FNT_BENCH_FLOOR_VERIFY_H

/* One call through the library, in a region of its own, and the same by floor.h: are
 * frame, lane, cell and rows the same afterwards, times and random numbers apart? An
 * exit status: 0, or 1 and what differs on stderr; 77: it could not be found out. */
int floor_verify(void);

#endif
