/* SPDX-License-Identifier: MIT
 *
 * calls.h: one call on one line, as text and as JSON; shared by recent, tail and ps.
 *
 * Threads: one at a time. What prints may block on stdout; what allocates ends the
 * program if there is no memory.
 */
#ifndef FNT_VIEW_CALLS_H
#define FNT_VIEW_CALLS_H

#include "view/table.h"

#include <fntrace/fntrace.h>

/* "ok", "error", "rolled back", "aborted", "in flight", and its colour. */
const char *calls_outcome(enum fnt_outcome outcome);
enum text_style calls_outcome_style(enum fnt_outcome outcome);

/* Create a table of finished calls. `when`: the title of the column that says when a
 * call finished. Free it with table_destroy(). */
struct table *calls_table_create(const char *when);

/* Add a row. `when`: the time at which the call finished, as text. */
void calls_table_add(struct table *table, const struct fnt_trace *trace,
		     const char *when);

/* Print the rows, fitted to the width of the terminal. */
void calls_table_print(struct table *table);

/* When the call finished, in Unix time. */
uint64_t calls_ended_at_ns(const struct fnt_trace *trace);

/* Print the trace as JSON on stdout, without a newline. Returns 0 or -ENOMEM. */
int calls_put_json(const struct fnt_trace *trace);

/* Print the traces as a JSON array, one per line. Returns the exit code. */
int calls_put_json_array(const struct fnt_traces *traces);

#endif
