/* SPDX-License-Identifier: MIT
 *
 * bench_relays.h: the processor time of the processes between bench_tap and its child:
 * the tap with its witness, or a shell with two cats.
 */
#ifndef FNT_BENCH_RELAYS_H
#define FNT_BENCH_RELAYS_H

#include <stdint.h>
#include <sys/types.h>

/* ns that `pid` and its descendants have run so far, but for those that run bench_echo.
 * From /proc/PID/schedstat. */
uint64_t bench_relays_ns(pid_t pid);

#endif
