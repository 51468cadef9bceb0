/* SPDX-License-Identifier: MIT
 *
 * query.h: the traces in a mapped region, newest first. Used by readers and, in a
 * process that writes to the region, by its log.
 *
 * Never writes to the region, never waits for a producer. Allocates what it returns.
 * Any thread; the view must not change meanwhile. No byte of the region is trusted, but
 * a file that is truncated meanwhile raises SIGBUS: see sigbus.h.
 */
#ifndef FNT_READ_QUERY_H
#define FNT_READ_QUERY_H

#include "region/view.h"

#include <fntrace/reader.h>

/* Decodes at most query->limit matching traces, for fnt_traces_free(). 0, -ENOMEM. */
int fnt_query_run(const struct fnt_view *view, const struct fnt_query *query,
		  struct fnt_traces **traces);

/* Calls `each` for every matching trace, at most query->limit times, until it returns a
 * value other than 0, which is then returned. A trace lives until `each` returns. 0,
 * -ENOMEM. */
int fnt_query_each(const struct fnt_view *view, const struct fnt_query *query,
		   int (*each)(void *arg, const struct fnt_trace *trace), void *arg);

/* The number of records in the rings now, at most the region's capacity. Loads the
 * state of every cell. */
uint64_t fnt_query_retained(const struct fnt_view *view);

/* The number of calls that have ever finished, recorded or not. */
uint64_t fnt_query_total(const struct fnt_view *view);

#endif
