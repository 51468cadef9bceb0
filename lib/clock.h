/* SPDX-License-Identifier: MIT
 *
 * clock.h: nanoseconds, and what the wall clock showed.
 *
 * Durations come from CLOCK_MONOTONIC through the vDSO: no system call. A call's start in
 * wall time is the monotonic reading plus an anchor that each thread renews once a second,
 * so that a stepped clock shows in the next second's calls, and never inside one.
 */
#ifndef FNT_CLOCK_H
#define FNT_CLOCK_H

#include <stdint.h>
#include <time.h>

#define FNT_SECOND_NS 1000000000ull

struct fnt_anchor {
	uint64_t mono_ns;
	uint64_t wall_ns; /* at mono_ns */
};

static inline uint64_t
fnt_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * FNT_SECOND_NS + (uint64_t)now.tv_nsec;
}

static inline uint64_t
fnt_clock_mono(void)
{
	return fnt_clock_ns(CLOCK_MONOTONIC);
}

void fnt_anchor_renew(struct fnt_anchor *anchor);

/* Wall time at the monotonic time `now`, just read. */
static inline uint64_t
fnt_anchor_wall(struct fnt_anchor *anchor, uint64_t now)
{
	if (__builtin_expect(now - anchor->mono_ns > FNT_SECOND_NS, 0))
		fnt_anchor_renew(anchor);
	return anchor->wall_ns + (now - anchor->mono_ns);
}

#endif
