/* SPDX-License-Identifier: MIT
 *
 * bench_args.h: parses the command line of a peer: NAME VALUE …, with the names of
 * struct bench_options (value, size and fill without their unit).
 */
#ifndef FNT_BENCH_ARGS_H
#define FNT_BENCH_ARGS_H

#include "bench.h"

static inline unsigned
bench_threads(const struct bench_options *options)
{
	return options->threads * options->processes + options->readers;
}

/* Fill in `options`. Returns 0, or -1 after a message on stderr. */
int bench_args(int argc, char **argv, struct bench_options *options);

#endif
