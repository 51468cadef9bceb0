/* SPDX-License-Identifier: MIT
 *
 * callview.h: prints everything about one call except its operations (waterfall.h).
 *
 * Threads: one at a time. Prints to stdout, which may block; ends the program if there
 * is no memory.
 */
#ifndef FNT_VIEW_CALLVIEW_H
#define FNT_VIEW_CALLVIEW_H

#include <fntrace/fntrace.h>

/* Print function, outcome, ids, user, process and start. `has_tree`: the region has
 * more calls of its tree. `now_ns`: fnt_reader_now_ns(). */
void callview_print_head(const struct fnt_trace *trace, bool has_tree, uint64_t now_ns);

/* Print a blank line, then streams, schedules, what was left out, error and result;
 * nothing if there are none. Returns the exit code. */
int callview_print_end(const struct fnt_trace *trace);

#endif
