/* SPDX-License-Identifier: MIT
 *
 * clock.h: a monotonic clock in nanoseconds, and its offset to the wall clock. It is
 * CLOCK_MONOTONIC plus a constant, `shift`, which makes it a region's time
 * (region/region_time.h).
 *
 * Where the kernel keeps time by the CPU's time stamp counter (TSC), so do we. A
 * thread reads the counter and scales the difference to its anchor, a pair of counter
 * and vDSO clock read together, which it renews every millisecond. A clock that is
 * slewed by 500 ppm drifts by half a microsecond in that time, so that two processes
 * agree to within one. Elsewhere, and with FNTRACE_CLOCK=vdso in the environment, the
 * vDSO clock is read each time. Neither makes a system call.
 *
 * A thread's times never decrease: a new anchor begins no earlier than the latest time
 * that the one before can have given. If that is ahead of the vDSO clock, the scale is
 * reduced until the next anchor.
 *
 * A thread that records what it has observed may give its clock the times instead
 * (fnt_clock_give). Then reading it is never fast.
 *
 * A call's start in wall time is the shifted time plus an offset that each thread
 * renews once a second. So a stepped wall clock shows in calls that begin later, and
 * never within one.
 *
 * A struct fnt_clock belongs to one thread. Reading is wait-free; the first use in a
 * process opens a file of /sys.
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

/* Which clock a process reads; the values are stored in its producer slot. */
enum fnt_clock_kind {
	FNT_CLOCK_VDSO = 0,
	FNT_CLOCK_TSC = 1,
};

/* A thread's clock. All zero at first, but for `shift`: the first reading makes the
 * anchor. */
struct fnt_clock {
	uint64_t ticks; /* of the counter, at the anchor */
	uint64_t ns;	/* shifted time at the anchor */
	uint64_t scale; /* ns per tick, times 2^32 */
	uint64_t limit; /* ticks that the anchor is good for; 0: no anchor */
	/* ns: no time before it is returned any more. UINT64_MAX: times are given. */
	uint64_t last;
	uint64_t wall_offset; /* ns from shifted time to CLOCK_REALTIME */
	uint64_t wall_until;  /* shifted time at which the offset expires */
	uint64_t given;	      /* the time to return; 0: the clock goes by itself */
	uint64_t shift; /* ns to add to CLOCK_MONOTONIC; set before the first use */
};

/* 0 where the system refuses the clock: times are then 0, or stand still. */
static inline uint64_t
fnt_clock_ns(clockid_t clock)
{
	struct timespec now = {0, 0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * FNT_SECOND_NS + (uint64_t)now.tv_nsec;
}

static inline uint64_t
fnt_clock_mono(void)
{
	return fnt_clock_ns(CLOCK_MONOTONIC);
}

/* For loops that poll the clock: give the core's resources to its other hyperthread. */
static inline void
fnt_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* Make a new anchor, or read the vDSO clock where the counter is not used. Returns
 * the shifted time. */
uint64_t fnt_clock_renew(struct fnt_clock *clock);

/* Stop the clock at `mono_ns` of CLOCK_MONOTONIC, or at the latest time that it has
 * returned if that is later. 0: let it go on by itself. */
void fnt_clock_give(struct fnt_clock *clock, uint64_t mono_ns);

/* Measure the wall clock's offset again. */
void fnt_clock_renew_wall(struct fnt_clock *clock);

/* The clock that this process reads. Decided at the first use; it changes to the vDSO
 * clock, once, if the counter turns out to disagree with it. */
enum fnt_clock_kind fnt_clock_kind(void);

/* A raw sample for fnt_clock_time(): of the counter if `counter` (0 where the processor
 * has none), else of the vDSO clock. */
static inline __attribute__((always_inline)) uint64_t
fnt_clock_sample(bool counter)
{
#if defined(__x86_64__)
	if (counter)
		return __rdtsc();
#endif
	return counter ? 0 : fnt_clock_mono();
}

/* Convert a sample to shifted time. False: the anchor has expired, or times are given,
 * and fnt_clock_renew() must be called; *now is not set. */
static inline __attribute__((always_inline)) bool
fnt_clock_time(struct fnt_clock *clock, bool counter, uint64_t sample, uint64_t *now)
{
	if (counter) {
		sample -= clock->ticks;
		if (__builtin_expect(sample >= clock->limit, 0))
			return false;
		sample = clock->ns + (sample * clock->scale >> 32);
	} else {
		sample += clock->shift;
		/* `last` may be of the counter, before that was abandoned. */
		if (sample < clock->last) {
			if (__builtin_expect(clock->last == UINT64_MAX, 0))
				return false;
			sample = clock->last;
		}
	}
	*now = sample;
	return true;
}

/* The shifted time now. */
static inline uint64_t
fnt_clock_read(struct fnt_clock *clock)
{
	uint64_t now;

	return fnt_clock_time(clock, true, fnt_clock_sample(true), &now)
		       ? now
		       : fnt_clock_renew(clock);
}

/* Is the wall clock's offset valid at time `now`? Each new anchor renews it in time, so
 * by the counter it always is. */
static inline __attribute__((always_inline)) bool
fnt_clock_has_wall(const struct fnt_clock *clock, bool counter, uint64_t now)
{
	return counter || now < clock->wall_until;
}

/* Renew the wall clock's offset if it has expired at `now`, a time just read. */
static inline void
fnt_clock_update_wall(struct fnt_clock *clock, uint64_t now)
{
	if (__builtin_expect(now >= clock->wall_until, 0))
		fnt_clock_renew_wall(clock);
}

#endif
