/* SPDX-License-Identifier: MIT
 *
 * measures.h: a region's metrics as tables and as JSON.
 */
#ifndef FNT_VIEW_MEASURES_H
#define FNT_VIEW_MEASURES_H

#include <fntrace/metrics.h>

/* A table of the functions with the most calls, and one of the operations with the most
 * time: at most `limit` rows each (0: all), what is left out said below. Nothing where
 * there are none. `title` begins each. */
void measures_print(const struct fnt_metrics *metrics, uint64_t limit,
		    void (*title)(const char *title));

/* "total":{…},"functions":[…],"operations":[…] and so on: members of an object. */
void measures_put_json(const struct fnt_metrics *metrics);

/* The members of one function's object, its name first, without its buckets. */
void measures_put_fn(const struct fnt_fn_metrics *fn);

/* "NAME_ms":1.234567 */
void measures_put_ms(const char *name, uint64_t ns);

/* What is shown of a latency distribution: p50, p90 … */
struct measures_percentile {
	const char *name;
	double percent;
};
extern const struct measures_percentile measures_percentiles[];
extern const size_t measures_percentile_count;

#endif
