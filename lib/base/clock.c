/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANCHOR_NS 1000000u    /* an anchor's life */
#define BASELINE_NS 20000000u /* over which the scale is taken */
#define REBASE_NS FNT_SECOND_NS
#define SCALE_SHIFT 32
#define SUSPICION_NS                                                                   \
	100000u /* off by more within an anchor's life: not to be trusted */

/* ---- the counter ------------------------------------------------------------------ */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic bool trusted;

/* No reading before the counter showed `ticks` is later than this: by an anchor nothing
 * is read after its limit. */
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

/* A pair, read as close together as three tries allow. */
static void
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
}

/* Intel SDM 18.17.1, AMD APM 3 E.4.7: the counter runs at one rate in all states. */
static bool
counter_invariant(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1u << 8;
}

/* The kernel watches the counters of all CPUs, and takes to another clock if they part. */
static bool
kernel_trusts_counter(void)
{
	char name[8] = "";
	int fd =
		open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		     O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, name, sizeof(name) - 1);
	close(fd);
	return got >= 3 && !strncmp(name, "tsc", 3) && (name[3] == '\n' || !name[3]);
}

/* The process's scale, and the pair that it is measured from. Two threads may renew it at
 * once: either result is good, and each word is whole. */
static _Atomic uint64_t scale;
static _Atomic uint64_t base_ticks, base_ns;

static void
set_up(void)
{
	const char *wish = getenv("FNTRACE_CLOCK");
	uint64_t ticks, ns;

	if ((wish && !strcmp(wish, "vdso")) || !counter_invariant() ||
	    !kernel_trusts_counter())
		return;
	read_pair(&ticks, &ns);
	atomic_store(&base_ticks, ticks);
	atomic_store(&base_ns, ns);
	atomic_store(&trusted, true);
}

/* The rate since the base, if that lies back far enough; 0 if there is none yet. A machine
 * that slept in between has ticked on without time: then the old rate stays. */
static uint64_t
update_scale(uint64_t ticks, uint64_t ns)
{
	uint64_t past_ns = ns - atomic_load(&base_ns);
	uint64_t past_ticks = ticks - atomic_load(&base_ticks);
	uint64_t old = atomic_load(&scale), rate;

	if (past_ns < BASELINE_NS || (old && past_ns < REBASE_NS))
		return old;
	if ((int64_t)past_ns < 0 || (int64_t)past_ticks <= 0)
		return old;
	rate = (uint64_t)(((unsigned __int128)past_ns << SCALE_SHIFT) / past_ticks);
	atomic_store(&base_ticks, ticks);
	atomic_store(&base_ns, ns);
	if (!old || (rate > old - old / 1000 && rate < old + old / 1000)) {
		atomic_store(&scale, rate);
		return rate;
	}
	return old;
}

/* A clock that is ahead goes slower, by so much that it is right again when the anchor
 * is renewed; but never at less than half its rate. */
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
	uint64_t ticks, ns, rate, expected, before, ahead;

	read_pair(&ticks, &ns);
	rate = update_scale(ticks, ns);
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
set_up(void)
{
}

static void
anchor(struct fnt_clock *clock)
{
	clock->last = fnt_clock_mono();
}

#endif

enum fnt_clock_kind
fnt_clock_kind(void)
{
	pthread_once(&once, set_up);
	return atomic_load_explicit(&trusted, memory_order_relaxed) ? FNT_CLOCK_TSC
								    : FNT_CLOCK_VDSO;
}

uint64_t
fnt_clock_renew(struct fnt_clock *clock)
{
	uint64_t ns;

	if (fnt_clock_kind() == FNT_CLOCK_TSC) {
		anchor(clock);
	} else {
		/* Perhaps by the counter, until that was given up. */
		clock->last = latest(clock, clock->ticks + clock->limit);
		clock->limit = 0;
		ns = fnt_clock_mono();
		if (ns > clock->last)
			clock->last = ns;
	}
	return clock->last;
}

/* ---- the wall --------------------------------------------------------------------- */

/* The wall clock between two monotonic readings, so that being preempted in between costs
 * no more than the closest of three tries. */
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
		at = before + best / 2;
		clock->wall_offset = wall - at;
	}
	clock->wall_until = at + FNT_SECOND_NS;
}
