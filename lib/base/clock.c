/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "base/descriptor.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANCHOR_NS 1000000u	/* how long an anchor is good for */
#define BASELINE_NS 20000000u	/* the shortest time to measure a scale over, … */
#define ROUGH_NS 250000u	/* … and one to use until then */
#define ROUGH_PARTS 1000u	/* which is right to one in so many */
#define REBASE_NS FNT_SECOND_NS /* how often the scale is measured again */
#define SCALE_SHIFT 32

/* If the counter and the vDSO clock differ by more than this when an anchor is renewed,
 * the counter is not used any more. */
#define SUSPICION_NS 100000u

/* ---- the counter ---------------------------------------------------------------- */

static pthread_once_t kind_once = PTHREAD_ONCE_INIT;
static _Atomic bool trusted;

/* The latest time that can have been returned before the counter showed `ticks`: an
 * anchor gives none past its limit. */
static uint64_t
latest(const struct fnt_clock *clock, uint64_t ticks)
{
	uint64_t past = ticks - clock->ticks, ns;

	if (!clock->limit)
		return clock->last;
	if (past > clock->limit)
		past = clock->limit;
	ns = clock->ns + (past * clock->scale >> SCALE_SHIFT);
	return ns > clock->last ? ns : clock->last;
}

#if defined(__x86_64__)

#include <cpuid.h>

/* Read counter and vDSO clock together: the closest of three tries. Returns how many
 * ticks they may be apart. */
static uint64_t
read_pair(uint64_t *ticks, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	*ticks = *ns = 0;
	for (int i = 0; i < 3; i++) {
		uint64_t before = __rdtsc(), now = fnt_clock_mono(), after = __rdtsc();

		if (after - before >= best)
			continue;
		best = after - before;
		*ticks = before + best / 2;
		*ns = now;
	}
	return best;
}

/* Does the counter run at one rate in all power states? Intel SDM vol. 3, 18.17.1; AMD
 * APM vol. 3, E.4.7. */
static bool
counter_invariant(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1u << 8;
}

/* Does the kernel use the counter? It watches those of all CPUs, and changes to another
 * clock source if they diverge. */
static bool
kernel_trusts_counter(void)
{
	char name[8] = "";
	int fd = fnt_open(
		"/sys/devices/system/clocksource/clocksource0/current_clocksource",
		O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, name, sizeof(name) - 1);
	close(fd);
	return got >= 3 && !strncmp(name, "tsc", 3) && (name[3] == '\n' || !name[3]);
}

/* The process's scale, and the pair that it is measured from. Two threads may renew
 * them at the same time: any mixture of their results is good enough. */
static _Atomic uint64_t scale;
static _Atomic uint64_t base_ticks, base_ns, base_apart;
static _Atomic bool precise; /* the scale was measured over BASELINE_NS or more */

static void
choose_kind(void)
{
	const char *wish = secure_getenv("FNTRACE_CLOCK");
	uint64_t ticks, ns;

	if ((wish && !strcmp(wish, "vdso")) || !counter_invariant() ||
	    !kernel_trusts_counter())
		return;
	atomic_store(&base_apart, read_pair(&ticks, &ns));
	atomic_store(&base_ticks, ticks);
	atomic_store(&base_ns, ns);
	atomic_store(&trusted, true);
}

static uint64_t
rate_of(uint64_t past_ns, uint64_t past_ticks)
{
	return (uint64_t)(((unsigned __int128)past_ns << SCALE_SHIFT) / past_ticks);
}

/* A scale for a process's first moments, if it is right to one in ROUGH_PARTS: to a
 * microsecond over an anchor's life. Else 0. `apart`: see read_pair(). */
static uint64_t
rough_scale(uint64_t past_ns, uint64_t past_ticks, uint64_t apart)
{
	if (past_ns < ROUGH_NS ||
	    (apart + atomic_load(&base_apart)) * ROUGH_PARTS > past_ticks)
		return 0;
	return rate_of(past_ns, past_ticks);
}

/* Measure the scale since the base, if that is old enough. Returns the scale to use, or
 * 0 if there is none yet. The counter may have run on while the machine was suspended
 * and CLOCK_MONOTONIC stood still: then the old scale stays. */
static uint64_t
update_scale(uint64_t ticks, uint64_t ns, uint64_t apart)
{
	uint64_t past_ns = ns - atomic_load(&base_ns);
	uint64_t past_ticks = ticks - atomic_load(&base_ticks);
	uint64_t old = atomic_load(&scale), rate;
	bool known = atomic_load(&precise);

	if ((int64_t)past_ns < 0 || (int64_t)past_ticks <= 0)
		return old;
	if (!old && past_ns < BASELINE_NS) {
		rate = rough_scale(past_ns, past_ticks, apart);
		atomic_store(&scale, rate);
		return rate;
	}
	if (past_ns < (known ? REBASE_NS : BASELINE_NS))
		return old;
	rate = rate_of(past_ns, past_ticks);
	atomic_store(&base_ticks, ticks);
	atomic_store(&base_ns, ns);
	if (!known || (rate > old - old / 1000 && rate < old + old / 1000)) {
		atomic_store(&scale, rate);
		atomic_store(&precise, true);
		return rate;
	}
	return old;
}

/* The scale for a clock that is ahead: slower, so that it is right again when the
 * anchor is renewed; but never less than half of the measured scale. */
static uint64_t
slower(uint64_t rate, uint64_t ahead_ns)
{
	if (ahead_ns > ANCHOR_NS / 2)
		ahead_ns = ANCHOR_NS / 2;
	return rate - rate / ANCHOR_NS * ahead_ns;
}

static void
anchor(struct fnt_clock *clock)
{
	uint64_t ticks, ns, rate, expected, before, ahead, apart;

	apart = read_pair(&ticks, &ns);
	rate = update_scale(ticks, ns, apart);
	ns += clock->shift;
	if (clock->limit && ticks - clock->ticks < 10 * clock->limit) {
		expected = clock->ns +
			   ((ticks - clock->ticks) * clock->scale >> SCALE_SHIFT);
		if (expected > ns + SUSPICION_NS || ns > expected + SUSPICION_NS)
			atomic_store(&trusted, false);
	}
	before = latest(clock, ticks);
	ahead = before > ns ? before - ns : 0;
	clock->ticks = ticks;
	clock->last = clock->ns = ns + ahead;
	clock->scale = slower(rate, ahead);
	clock->limit = rate ? ((uint64_t)ANCHOR_NS << SCALE_SHIFT) / rate : 0;
	if (!atomic_load(&trusted))
		clock->limit = 0;
	fnt_clock_update_wall(clock, clock->ns);
}

#else

static void
choose_kind(void)
{
}

static void
anchor(struct fnt_clock *clock)
{
	clock->last = fnt_clock_mono() + clock->shift;
}

#endif

enum fnt_clock_kind
fnt_clock_kind(void)
{
	pthread_once(&kind_once, choose_kind);
	return atomic_load_explicit(&trusted, memory_order_relaxed) ? FNT_CLOCK_TSC
								    : FNT_CLOCK_VDSO;
}

uint64_t
fnt_clock_renew(struct fnt_clock *clock)
{
	uint64_t ns;

	if (clock->given)
		return clock->given;
	if (fnt_clock_kind() == FNT_CLOCK_TSC) {
		anchor(clock);
	} else {
		/* If there is an anchor, it was made while the counter was in use. */
		clock->last = latest(clock, clock->ticks + clock->limit);
		clock->limit = 0;
		ns = fnt_clock_mono() + clock->shift;
		if (ns > clock->last)
			clock->last = ns;
	}
	return clock->last;
}

void
fnt_clock_give(struct fnt_clock *clock, uint64_t mono_ns)
{
	uint64_t ns = mono_ns + clock->shift, before = clock->given;

	if (!before)
		before = clock->limit ? latest(clock, fnt_clock_sample(true))
				      : fnt_clock_renew(clock);
	clock->limit = 0;
	if (!mono_ns) {
		clock->given = 0;
		clock->last = before;
		return;
	}
	clock->given = ns > before ? ns : before;
	clock->last = UINT64_MAX;
}

/* ---- the wall clock ------------------------------------------------------------- */

/* Reads the wall clock between two readings of the monotonic one, and takes the closest
 * of three tries: a thread may be preempted in between. */
void
fnt_clock_renew_wall(struct fnt_clock *clock)
{
	uint64_t best = UINT64_MAX, at = 0;

	for (int i = 0; i < 3; i++) {
		uint64_t before = fnt_clock_mono();
		uint64_t wall = fnt_clock_ns(CLOCK_REALTIME);
		uint64_t after = fnt_clock_mono();

		if (after - before >= best)
			continue;
		best = after - before;
		at = before + best / 2 + clock->shift;
		clock->wall_offset = wall - at;
	}
	clock->wall_until = at + FNT_SECOND_NS;
}
