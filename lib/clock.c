/* SPDX-License-Identifier: MIT */
#include "clock.h"

/* The wall clock between two monotonic readings, so that being preempted in between costs
 * no more than the closest of three tries. */
void
fnt_anchor_renew(struct fnt_anchor *anchor)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t before = fnt_clock_mono();
		uint64_t wall = fnt_clock_ns(CLOCK_REALTIME);
		uint64_t after = fnt_clock_mono();

		if (after - before >= best)
			continue;
		best = after - before;
		anchor->mono_ns = before;
		anchor->wall_ns = wall;
	}
}
