/* SPDX-License-Identifier: MIT
 *
 * histogram.h: prints a latency histogram as a chart, and its buckets as JSON.
 *
 * Threads: one at a time. Prints to stdout, which may block.
 */
#ifndef FNT_VIEW_HISTOGRAM_H
#define FNT_VIEW_HISTOGRAM_H

#include <fntrace/metrics.h>

/* What is shown: the calls of a function, or operations. */
struct histogram {
	const char *title, *what; /* "all functions", "call" */
	uint64_t count;
	uint64_t spilled;    /* of these: in no bucket */
	uint64_t past_table; /* besides these: counted, but not by name */
	uint64_t max_ns;
	size_t bucket_count;
	const struct fnt_bucket *buckets;
};

/* Print the title, the counts, the percentiles and a bar for each range of durations,
 * as wide as the terminal allows. */
void histogram_print(const struct histogram *of);

/* Print the last member of a JSON object and the object's end: ,"buckets":[…]} */
void histogram_put_buckets(const struct fnt_bucket *buckets, size_t count);

#endif
