/* SPDX-License-Identifier: MIT
 *
 * end_counts.h: how the calls of a region have ended, summed over its lanes and the
 * words of threads without a lane.
 *
 * Never writes to the region. Counters are read one after the other while producers go
 * on: sums are of slightly different moments. Wait-free, no system call. Any thread.
 */
#ifndef FNT_READ_END_COUNTS_H
#define FNT_READ_END_COUNTS_H

#include "region/view.h"

struct fnt_end_counts {
	uint64_t recorded;
	uint64_t dropped;  /* with the next two */
	uint64_t unmapped; /* also those of threads without a lane */
	uint64_t laneless; /* without those that are in `unmapped` */
	uint64_t kept_none, sampled, limited;
	uint64_t refused; /* not begun: in no other count */
};

struct fnt_end_counts fnt_end_counts_read(const struct fnt_view *view);

/* The calls that have ended. */
static inline uint64_t
fnt_end_counts_total(const struct fnt_end_counts *ends)
{
	return ends->recorded + ends->dropped + ends->kept_none + ends->sampled +
	       ends->limited;
}

#endif
