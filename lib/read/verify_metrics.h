/* SPDX-License-Identifier: MIT
 *
 * verify_metrics.h: are the metrics in a region sound?
 *
 * Reading never writes to the region, never waits. Any thread; allocates.
 */
#ifndef FNT_READ_VERIFY_METRICS_H
#define FNT_READ_VERIFY_METRICS_H

#include "region/view.h"

/* Called for each problem: the place in the region, and what is wrong there. */
typedef void fnt_problem_found(void *arg, const void *at, const char *problem);

/* Reports everything in the metrics that no producer can have written. 0, -ENOMEM. */
int fnt_verify_metrics(const struct fnt_view *view, fnt_problem_found *found,
		       void *arg);

#endif
