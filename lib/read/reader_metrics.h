/* SPDX-License-Identifier: MIT
 *
 * reader_metrics.h: the metrics of a mapped region, for its readers and its producers.
 *
 * Reading never writes to the region. Any thread. Never waits; allocates, and makes no
 * system call otherwise.
 */
#ifndef FNT_READ_READER_METRICS_H
#define FNT_READ_READER_METRICS_H

#include "region/view.h"

#include <fntrace/metrics.h>

/* Sums up the region's metrics. Free *metrics with fnt_metrics_free(). 0, -ENOMEM. */
int fnt_metrics_sum(const struct fnt_view *view, struct fnt_metrics **metrics);

#endif
