/* SPDX-License-Identifier: MIT
 *
 * layout_rings.h: the shared bytes of the rings: their heads, segments and cells. No
 * algorithms.
 *
 * Two rings of one make: the main one, and a smaller one for what must outlive the
 * flood: errors, rollbacks, aborted and slow calls.
 *
 * Tickets count a ring's cells, for ever. A segment is a stretch of them: the tickets from
 * `first` to the next segment's first, an area of cells in the file, and the lap that
 * begins it. The ticket's place in the segment modulo its cells is the cell, divided by
 * them the laps since its first. A region begins with segment 0 of each ring; resizing and
 * rotating begin further ones. Laps grow over all segments of both rings, so that a cell
 * says whose it is whatever it was before.
 *
 *   ring head: cursor, segments ──► slots: segment 0 │ segment 1 │ segment 2 │ segment 3
 *                                                  │
 *   area:                   ┌──────┬──────┬──────◄─┘
 *                           │ cell │ cell │ cell …
 *                           └──────┴──────┴──────
 */
#ifndef FNT_FORMAT_LAYOUT_RINGS_H
#define FNT_FORMAT_LAYOUT_RINGS_H

#include "format/layout.h"

/* ---- cells ----------------------------------------------------------------------- */

/* A cell's state word:
 *
 *   63            24 23      8 7    4 3   1  0
 *   │ lap           │ lane     │ 0    │ kind │ busy │
 *
 * Laps are 40 bits and compare modulo 2^40. A fresh region is zero: all of it is PAD of
 * lap 0, and so segment 0 begins with lap 1. */
enum fnt_cell_kind {
	FNT_CELL_PAD = 0,  /* nothing: given up, or cleared away */
	FNT_CELL_HEAD = 1, /* a record begins */
	FNT_CELL_MORE = 2, /* and goes on */
};

#define FNT_LAP_BITS 40
#define FNT_LAP_MASK ((1ull << FNT_LAP_BITS) - 1)

static inline uint64_t
fnt_cell_state(uint64_t lap, uint32_t lane, uint32_t kind, uint32_t busy)
{
	return (lap & FNT_LAP_MASK) << 24 | (uint64_t)(lane & 0xffff) << 8 |
	       (uint64_t)(kind & 7) << 1 | (busy & 1);
}

static inline uint64_t
fnt_cell_without_lane(uint64_t state)
{
	return state & ~(UINT64_C(0xffff) << 8);
}

static inline uint64_t
fnt_cell_lap(uint64_t state)
{
	return state >> 24;
}

static inline uint32_t
fnt_cell_lane(uint64_t state)
{
	return (uint32_t)(state >> 8) & 0xffff;
}

static inline uint32_t
fnt_cell_kind(uint64_t state)
{
	return (uint32_t)(state >> 1) & 7;
}

static inline uint32_t
fnt_cell_busy(uint64_t state)
{
	return (uint32_t)state & 1;
}

/* Is lap `a` before lap `b`? Modulo 2^40. */
static inline int
fnt_lap_before(uint64_t a, uint64_t b)
{
	return (int64_t)((a - b) << (64 - FNT_LAP_BITS)) < 0;
}

#define FNT_CELL_LAP (1ull << (64 - FNT_LAP_BITS)) /* a lap, in a state */

/* The same of the laps of two states, whatever else these say: what is below the lap is
 * at least as much in the first as in the second, so that nothing is borrowed. */
static inline int
fnt_cell_before(uint64_t a, uint64_t b)
{
	return (int64_t)((a | (FNT_CELL_LAP - 1)) - b) < 0;
}

/* The state of a cell that goes on where one in this state begins. */
static inline uint64_t
fnt_cell_more(uint64_t state)
{
	return (state & ~(7ull << 1)) | FNT_CELL_MORE << 1;
}

#define FNT_CELL_BYTES 256
#define FNT_CELL_WORDS 31 /* after the state word */
#define FNT_HEAD_WORDS (FNT_CELL_WORDS - FNT_RECORD_WORDS)
#define FNT_HEAD_BYTES (FNT_HEAD_WORDS * 8)
#define FNT_MORE_BYTES (FNT_CELL_WORDS * 8)

struct fnt_cell {
	fnt_word state;
	fnt_word words[FNT_CELL_WORDS];
};
static_assert(sizeof(struct fnt_cell) == FNT_CELL_BYTES, "layout");

/* Cells that a record with so much payload takes. */
static inline uint32_t
fnt_cells_for(uint32_t payload_bytes)
{
	if (payload_bytes <= FNT_HEAD_BYTES)
		return 1;
	return 1 +
	       (payload_bytes - FNT_HEAD_BYTES + FNT_MORE_BYTES - 1) / FNT_MORE_BYTES;
}

/* ---- heads ----------------------------------------------------------------------- */

#define FNT_SEGMENTS 4 /* that a ring has at most at a time */

/* Segment number n is in slot n % FNT_SEGMENTS. Written by the holder of the control lock. */
struct fnt_segment_slot {
	fnt_word number; /* + 1, last of all; 0: none, or being written */
	fnt_word first;	 /* ticket */
	fnt_word end; /* means something once the cursor has come to the next segment */
	fnt_word off; /* of its cells, from the region's start: whole pages */
	fnt_word cells;
	fnt_word lap; /* of the first ticket */
	uint64_t pad[10];
};
static_assert(sizeof(struct fnt_segment_slot) == FNT_LINE, "layout");

struct fnt_ring_head {
	fnt_word cursor; /* the next ticket */
	fnt_word
		segments; /* how many have been published; beside the cursor, see ring.c */
	uint64_t pad0[14];
	fnt_word shown; /* number of the oldest segment that readers show */
	fnt_word
		held; /* number of the oldest segment whose area is not free for others */
	/* Records that belong into the kept ring and were too large for it; in its
	 * head. */
	fnt_word strays;
	/* The latest lap that any area which is free now has seen; in the main ring's
	 * head. */
	fnt_word lap;
	uint64_t pad1[12];
	struct fnt_segment_slot slots[FNT_SEGMENTS];
	uint64_t pad2[32];
};
static_assert(sizeof(struct fnt_ring_head) == 8 * FNT_LINE, "layout");

#endif
