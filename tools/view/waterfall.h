/* SPDX-License-Identifier: MIT
 *
 * waterfall.h: prints the operations of a call and the calls that it made, one per
 * line, with bars on a common time scale.
 *
 *      START    TOOK  OP      ENTITY  RESULT  0 - 10.5 ms
 *    1.02 ms   95 µs  lookup  Lot     1 row   ▕▏
 *    2.11 ms  6.2 ms  insert  Bid     ok        ██████▌
 *
 * Threads: one at a time. Prints to stdout, which may block; ends the program if there
 * is no memory.
 */
#ifndef FNT_VIEW_WATERFALL_H
#define FNT_VIEW_WATERFALL_H

#include <fntrace/reader.h>

/* The sets of traces in which calls made by the call are searched. */
struct waterfall_family {
	const struct fnt_traces *const *sets;
	size_t count;
};

/* Print the operations of `trace`, finished and pending, and the calls in `family` that
 * it made, sorted by their start. `fold`: if there are many, similar operations in a
 * row become one line, with the sum of their durations. */
void waterfall_print(const struct fnt_trace *trace,
		     const struct waterfall_family *family, bool fold);

#endif
