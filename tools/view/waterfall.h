/* SPDX-License-Identifier: MIT
 *
 * waterfall.h: what a call did, line by line, with bars on the call's own time.
 *
 *      START    TOOK  OP      ENTITY  RESULT  0 - 10.5 ms
 *    1.02 ms   95 µs  lookup  Lot     1 row   ▕▏
 *    2.11 ms  6.2 ms  insert  Bid     ok        ██████▌
 */
#ifndef FNT_VIEW_WATERFALL_H
#define FNT_VIEW_WATERFALL_H

#include <fntrace/reader.h>

/* Where calls made from here are sought: any number of sets of traces. */
struct waterfall_family {
	const struct fnt_traces *const *sets;
	size_t count;
};

/* Print the ops of `trace`, those pending among them, and those of `family` that it
 * called, by their start. `fold`: where there are many, what is done many times in a
 * row becomes one line, which adds up what they took. */
void waterfall_print(const struct fnt_trace *trace,
		     const struct waterfall_family *family, bool fold);

#endif
