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
#include "view/text.h"

#include <fntrace/reader.h>

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

/* As calls_outcome(), of a trace: also "as of the copy" and "unknown", for a call of
 * which nothing is known but that it was in flight when its region was copied. */
const char *calls_state(const struct fnt_trace *trace);

/* When the call finished, in Unix time. */
uint64_t calls_ended_at_ns(const struct fnt_trace *trace);

/* How much later `a` started than `b`, by the region's own time where both have it; 0:
 * it did not. */
uint64_t calls_start_after_ns(const struct fnt_trace *a, const struct fnt_trace *b);

/* How long ago the call finished, as text_age(). `now_ns`: fnt_reader_now_ns(), by
 * which setting the wall clock makes no difference; 0: not known, go by the wall
 * clock. */
char *calls_ended_ago(char out[TEXT_UNIT_MAX], const struct fnt_trace *trace,
		      uint64_t now_ns);

/* The bounds of a call whose process died: "last sign after 30 ms, dead by 1 h". Writes
 * "" for other calls. */
#define CALLS_BOUNDS_MAX (2 * TEXT_UNIT_MAX + 32)
char *calls_bounds(char out[CALLS_BOUNDS_MAX], const struct fnt_trace *trace);

/* If the region is a copy, or of another boot, say so on stderr. */
void calls_note_state(struct fnt_reader *reader);

/* Print the trace as JSON on stdout, without a newline. Returns 0 or -ENOMEM. */
int calls_put_json(const struct fnt_trace *trace);

/* Print the traces as a JSON array, one per line. Returns the exit code. */
int calls_put_json_array(const struct fnt_traces *traces);

#endif
