/* SPDX-License-Identifier: MIT
 *
 * clock.h: nanoseconds of CLOCK_MONOTONIC, and what the wall clock showed.
 *
 * Where the kernel itself keeps time by the CPU's time stamp counter, so do we: a
 * thread reads the counter and scales it from an anchor, a pair of counter and vDSO
 * clock, that it renews every millisecond. Within a millisecond even a clock that is
 * being slewed by 500 ppm is off by half a microsecond at most, so that processes agree
 * to within one. A thread's readings never run backwards: an anchor begins no earlier
 * than the last reading that there can have been by the one before, and if that is
 * ahead of the vDSO clock the scale is taken a little less until the next. Elsewhere,
 * and with FNTRACE_CLOCK=vdso in the environment, it is the vDSO clock. Neither makes a
 * system call.
 *
 * A call's start in wall time is the monotonic reading plus an offset that each thread
 * renews once a second, so that a stepped clock shows in the next second's calls, and
 * never inside one.
 */
#ifndef FNT_BASE_CLOCK_H
#define FNT_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define FNT_SECOND_NS 1000000000ull

/* Which clock, as the region's producer slots say it. */
enum fnt_clock_kind {
	FNT_CLOCK_VDSO = 0,
	FNT_CLOCK_TSC = 1,
};

/* A thread's clock; zero to begin with. */
struct fnt_clock {
	uint64_t ticks; /* the anchor */
	uint64_t ns;
	uint64_t scale; /* ns a tick, times 2^32 */
	uint64_t limit; /* ticks after which the anchor is renewed; 0: no counter */
	uint64_t last;	/* readings of the vDSO before it are taken for it */
	uint64_t wall_offset;
	uint64_t wall_until; /* when the offset is renewed */
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

/* For who looks at the clock again and again: leave the core to others for a moment. */
static inline void
fnt_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

uint64_t fnt_clock_renew(struct fnt_clock *clock);
void fnt_clock_renew_wall(struct fnt_clock *clock);

/* Is the counter to be trusted? Settled once a process. */
enum fnt_clock_kind fnt_clock_kind(void);

/* What the counter shows (0 where there is none), or the vDSO: whichever of them
 * `counter` says, to be made a time of by fnt_clock_time(). */
static inline __attribute__((always_inline)) uint64_t
fnt_clock_sample(bool counter)
{
#if defined(__x86_64__)
	if (counter)
		return __rdtsc();
#endif
	return counter ? 0 : fnt_clock_mono();
}

/* CLOCK_MONOTONIC in ns for such a look; false if more is needed for it. */
static inline __attribute__((always_inline)) bool
fnt_clock_time(struct fnt_clock *clock, bool counter, uint64_t look, uint64_t *now)
{
	if (counter) {
		look -= clock->ticks;
		if (__builtin_expect(look >= clock->limit, 0))
			return false;
		look = clock->ns + (look * clock->scale >> 32);
	} else if (look < clock->last) {
		look = clock->last; /* by the counter, until that was given up */
	}
	*now = look;
	return true;
}

/* CLOCK_MONOTONIC in ns. */
static inline uint64_t
fnt_clock_read(struct fnt_clock *clock)
{
	uint64_t now;

	return fnt_clock_time(clock, true, fnt_clock_sample(true), &now)
		       ? now
		       : fnt_clock_renew(clock);
}

/* Is its offset of the wall clock good for that time? Anchors look after it, too. */
static inline __attribute__((always_inline)) bool
fnt_clock_has_wall(const struct fnt_clock *clock, bool counter, uint64_t now)
{
	return counter || now < clock->wall_until;
}

/* The offset of the wall clock for a time just read. */
static inline void
fnt_clock_update_wall(struct fnt_clock *clock, uint64_t now)
{
	if (__builtin_expect(now >= clock->wall_until, 0))
		fnt_clock_renew_wall(clock);
}

#endif
