/* SPDX-License-Identifier: MIT
 *
 * octaves.h: a latency histogram that is being summed up from blocks, and what becomes
 * of it: the public buckets, and their percentiles.
 *
 * Private memory, one thread at a time. Allocates; makes no system call otherwise.
 */
#ifndef FNT_READ_OCTAVES_H
#define FNT_READ_OCTAVES_H

#include "format/layout_metrics.h"

#include <fntrace/metrics.h>

/* The counts of each octave's buckets; NULL: all zero. */
struct fnt_octaves {
	uint64_t *at[FNT_OCTAVES];
};

/* Adds a block of the region's. *total (NULL: not wanted) grows by what is in it.
 * 0, -ENOMEM. */
int fnt_octaves_add(struct fnt_octaves *octaves, uint32_t octave,
		    const struct fnt_octave *block, uint64_t *total);

/* Adds all counts of another histogram. 0, -ENOMEM. */
int fnt_octaves_add_all(struct fnt_octaves *into, const struct fnt_octaves *from);

/* Moves all counts of `from`, which owns no memory afterwards. */
void fnt_octaves_merge(struct fnt_octaves *into, struct fnt_octaves *from);

void fnt_octaves_free(struct fnt_octaves *octaves);

/* The buckets that are not empty, shortest first; the caller frees *buckets. 0,
 * -ENOMEM. */
int fnt_octaves_buckets(const struct fnt_octaves *octaves,
			const struct fnt_bucket **buckets, size_t *count);

#endif
