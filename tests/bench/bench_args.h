/* SPDX-License-Identifier: MIT
 *
 * bench_args.h: the command line of a peer: name value …
 */
#ifndef FNT_BENCH_ARGS_H
#define FNT_BENCH_ARGS_H

#include "bench.h"

static inline unsigned
bench_threads(const struct bench_options *options)
{
	return options->threads * options->processes + options->readers;
}

/* 0; -1: what is wrong has been said. */
int bench_args(int argc, char **argv, struct bench_options *options);

#endif
