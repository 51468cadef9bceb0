/* SPDX-License-Identifier: MIT
 *
 * raw_reader.h: readers that do nothing but load one word of each line of memory that
 * ours have to look at: what it costs a producer that its lines go to another core at
 * all, and, where they give them back, what it costs at the least. Nothing is copied,
 * decoded or checked, and what was lapped is not missed.
 */
#ifndef FNT_RAW_READER_H
#define FNT_RAW_READER_H

#include "read/attached.h"

struct raw_reader {
	struct fnt_reader *reader;
	/* Scanned no faster than a cell in this time; 0: as fast as it goes. */
	uint64_t cell_ns;
	bool evicts; /* what it has loaded it gives back, as ours do (cache_flush.h) */
	uint64_t position;  /* next ticket that is followed; 0: from now */
	uint64_t looked_at; /* ns */
};

/* What was committed since the last look, once; looks as seldom as follow.c. */
void raw_reader_follow(struct raw_reader *raw);

/* The whole ring, the newest cell first. */
void raw_reader_scan(struct raw_reader *raw);

#endif
