/* SPDX-License-Identifier: MIT
 *
 * metrics_sum.h: the metrics, summed up. Reading never writes; every number found in
 * the region is bounded before it is used.
 */
#ifndef FNT_READ_METRICS_SUM_H
#define FNT_READ_METRICS_SUM_H

#include "region/region.h"

#include <fntrace/metrics.h>

/* A function while it is summed up. */
struct fnt_fn_sum {
	uint32_t name;
	const char *text;
	uint64_t counts[FNT_FN_COUNTERS];
	uint64_t in_flight;
	uint64_t *octaves[FNT_OCTAVES];
};

/* What is handed out, and what it stands on. */
struct fnt_metrics_holder {
	struct fnt_metrics metrics;
	struct fnt_fn_metrics *fns;
	struct fnt_op_metrics *ops;
	char **texts; /* by name, as far as they were wanted */
	uint32_t name_count;
};

struct fnt_metrics_work {
	const struct fnt_view *view;
	struct fnt_metrics_holder *holder;
	struct fnt_fn_sum *sums; /* the first is the other row */
	uint32_t sum_count, sum_room;
	uint32_t *sum_of_name; /* + 1 */
	uint32_t *sum_of_row;  /* + 1 */
	uint32_t shared;
};

/* A row's key that a writer can have set, but for its name. */
static inline bool
fnt_row_is(const struct fnt_view *view, uint64_t key, enum fnt_row_kind kind)
{
	uint32_t lane = fnt_key_lane(key);

	return fnt_key_kind(key) == (uint32_t)kind &&
	       (lane < view->lane_count || lane == FNT_LANE_ANY);
}

/* Over all rows. */
void fnt_metrics_counts(const struct fnt_view *view, uint64_t counts[FNT_FN_COUNTERS]);

/* Nothing yet; NULL without memory. */
struct fnt_metrics_holder *fnt_metrics_holder(uint32_t name_count);

/* The name's text; *text is NULL if there is no such name. 0 or -ENOMEM. */
int fnt_metrics_text(const struct fnt_metrics_work *work, uint32_t id,
		     const char **text);

/* Fill the holder from the sums, and from the rows of operations. 0 or -ENOMEM. */
int fnt_metrics_give(struct fnt_metrics_work *work);

/* Says what is wrong at a place in the region. */
typedef void fnt_found(void *arg, const void *at, const char *problem);

/* Look for what no producer can have written. 0 or -ENOMEM. */
int fnt_metrics_verify(const struct fnt_view *view, fnt_found *found, void *arg);

/* All of it, for fnt_metrics_free. 0 or -ENOMEM. */
int fnt_metrics_sum(const struct fnt_view *view, struct fnt_metrics **metrics);

#endif
