/* SPDX-License-Identifier: MIT
 *
 * query.h: the newest first, over a view: the log's own queries and the reader's.
 */
#ifndef FNT_READ_QUERY_H
#define FNT_READ_QUERY_H

#include "read/decode.h"

#include <fntrace/reader.h>

/* At most query->limit matching traces into *traces. -ENOMEM. */
int fnt_query_run(const struct fnt_view *view, const struct fnt_query *query,
		  struct fnt_traces **traces);

/* Hand them to `each` one by one. */
int fnt_query_each(const struct fnt_view *view, const struct fnt_query *query,
		   int (*each)(void *arg, const struct fnt_trace *trace), void *arg);

/* How many traces are to be had now. */
uint64_t fnt_query_retained(const struct fnt_view *view);

/* How many calls have finished, over all lanes. */
uint64_t fnt_query_total(const struct fnt_view *view);

#endif
