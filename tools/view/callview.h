/* SPDX-License-Identifier: MIT
 *
 * callview.h: all that is known of one call but for its operations, which waterfall.h
 * draws.
 */
#ifndef FNT_VIEW_CALLVIEW_H
#define FNT_VIEW_CALLVIEW_H

#include <fntrace/fntrace.h>

/* What it was, who asked for it, where and when it ran. `has_tree`: the region has more
 * calls of its tree. */
void callview_print_head(const struct fnt_trace *trace, bool has_tree);

/* What came of it: streams, schedules, failure, result. The exit code. */
int callview_print_end(const struct fnt_trace *trace);

#endif
