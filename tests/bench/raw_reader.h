/* SPDX-License-Identifier: MIT
 *
 * raw_reader.h: readers that only load one word of each cache line that the library's
 * readers have to read. They show what it costs a producer that its lines go to another
 * core, and, where they flush these lines, the least that a reader can cost. They copy,
 * decode and check nothing, and do not count missed records. One thread each.
 *
 * tests/bench/compare builds bench_fntrace.c against this interface in older revisions.
 */
#ifndef FNT_RAW_READER_H
#define FNT_RAW_READER_H

#include "read/attached.h"

struct raw_reader {
	struct fnt_reader *reader;
	/* Least time that a scan takes for a cell; 0: as fast as possible. */
	uint64_t cell_ns;
	bool evicts;	    /* flush the lines that were loaded (cache_flush.h) */
	uint64_t position;  /* next ticket to follow; 0: start at the newest */
	uint64_t looked_at; /* time of the last pass, ns */
};

/* Load what was committed since the last pass; waits as follow.c does between passes.
 * */
void raw_reader_follow(struct raw_reader *raw);

/* Load the whole ring, the newest cell first. */
void raw_reader_scan(struct raw_reader *raw);

#endif
