/* SPDX-License-Identifier: MIT
 *
 * measures.h: prints a region's metrics as tables and as JSON.
 *
 * Threads: one at a time. Prints to stdout, which may block; ends the program if there
 * is no memory.
 */
#ifndef FNT_VIEW_MEASURES_H
#define FNT_VIEW_MEASURES_H

#include <fntrace/metrics.h>

/* Print a table of the functions with the most calls and one of the operations with the
 * most time, at most `limit` rows each (0: all); a line below says how many more there
 * are. An empty table is not printed. `title` prints the title of each. The row "(past
 * the table)" counts functions or operations for which the region's table had no room,
 * and a line below says what to do. */
void measures_print(const struct fnt_metrics *metrics, uint64_t limit,
		    void (*title)(const char *title));

/* Print the metrics on stdout as members of a JSON object, without the braces:
 * "all":{…},"functions":[…],"operations":[…] … */
void measures_put_json(const struct fnt_metrics *metrics);

/* Print the members of one function's object, or that of operations, without the braces
 * and the buckets. `op`, in the latter: the name of their kind; NULL: of several. */
void measures_put_fn(const struct fnt_fn_metrics *fn);
void measures_put_op(const struct fnt_op_metrics *operation, const char *op);

/* How to get rows for all functions and operations, for messages. */
#define MEASURES_LARGER "for more room make a region with FNTRACE_NAMES=8192, say"

/* Print "NAME_ms":1.234567 */
void measures_put_ms(const char *name, uint64_t ns);

/* The percentiles that are shown: p50, p90 … */
struct measures_percentile {
	const char *name;
	double percent;
};
extern const struct measures_percentile measures_percentiles[];
extern const size_t measures_percentile_count;

#endif
