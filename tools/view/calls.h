/* SPDX-License-Identifier: MIT
 *
 * calls.h: how a call is shown on one line; shared by recent, tail and ps.
 */
#ifndef FNT_VIEW_CALLS_H
#define FNT_VIEW_CALLS_H

#include "view/table.h"

#include <fntrace/fntrace.h>

/* "ok", "error", "rolled back", "aborted", "in flight", and its colour. */
const char *calls_outcome(enum fnt_outcome outcome);
enum text_style calls_outcome_style(enum fnt_outcome outcome);

/* A table of finished calls. `when`: the title of its first column. */
struct table *calls_table_create(const char *when);

/* Add a line; `when` is how the time at which it ended is to be shown. */
void calls_table_add(struct table *table, const struct fnt_trace *trace,
		     const char *when);

/* Print the rows for the width of the terminal. */
void calls_table_print(struct table *table);

/* When the call ended, Unix time. */
uint64_t calls_ended_at_ns(const struct fnt_trace *trace);

/* The trace as JSON on stdout, no newline. 0 or -ENOMEM. */
int calls_put_json(const struct fnt_trace *trace);

/* Several as a JSON array, one a line. Returns the exit code. */
int calls_put_json_array(const struct fnt_traces *traces);

#endif
