/* SPDX-License-Identifier: MIT
 *
 * waterfall.h: what a call did, line by line, with bars on the call's own time.
 *
 *      START    TOOK  OP      ENTITY  RESULT  0 - 10.5 ms
 *    1.02 ms   95 µs  lookup  Lot     1 row   ▕▏
 *    2.11 ms  6.2 ms  insert  Bid     ok        ██████▌
 */
#ifndef FNTRACE_WATERFALL_H
#define FNTRACE_WATERFALL_H

#include <fntrace/reader.h>

/* Print the ops of `trace`, those pending among them, and those of `family` that it
 * called, by their start. `family` is any number of sets of traces. */
void waterfall_print(const struct fnt_trace *trace,
		     const struct fnt_traces *const *family, size_t family_count);

#endif
