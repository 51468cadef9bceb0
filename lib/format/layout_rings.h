/* SPDX-License-Identifier: MIT
 *
 * layout_rings.h: the shared bytes of the rings: heads, segments and cells. Structs,
 * constants and functions on their bits; no algorithms.
 *
 * There are two rings of the same structure: the main ring, and the kept ring for
 * failed, rolled back, aborted and slow calls, which successful ones must not
 * overwrite.
 *
 *   ring head │ cursor │ segments │ … │ slot 0 │ slot 1 │ slot 2 │ slot 3 │
 *                                         │ off
 *                  ┌──────────────────────┘
 *                  ▼
 *   cells of a     ┌──────┬──────┬──────┬──────┐
 *   segment        │ cell │ cell │ cell │ …    │
 *                  └──────┴──────┴──────┴──────┘
 *
 * A ticket numbers the cells that a ring has ever used; tickets are never used twice. A
 * segment is a range of tickets and the cells they are written to: ticket t goes to
 * cell
 *
 *   (t - first) % cells,   in lap   lap + (t - first) / cells
 *
 * A region begins with segment 0 of each ring; resizing and rotating begin further
 * ones. Laps grow over all segments of both rings, so a cell's lap tells whether it has
 * been written for a ticket, whatever ring and segment the cell belonged to before.
 *
 * Who writes: the cursor, any producer, by fetch-add, and the holder of the control
 * lock, by compare-and-swap; `strays`, any producer, by fetch-add; the rest of a head,
 * the holder of the control lock. A cell: see its state.
 */
#ifndef FNT_FORMAT_LAYOUT_RINGS_H
#define FNT_FORMAT_LAYOUT_RINGS_H

#include "format/layout.h"

/* ---- cells ----------------------------------------------------------------------- */

/* A cell's state word:
 *
 *   63            24 23      8 7    4 3    1 0
 *   │ lap           │ lane     │ 0    │ kind │ busy │
 *
 * A thread claims a cell by compare-and-swap from "not busy, of an older lap" to "its
 * ticket's lap, its lane, busy". Until it clears `busy` it alone writes the cell.
 *
 * Laps have 40 bits and compare modulo 2^40. All zero is a PAD of lap 0; segment 0
 * begins with lap 1, so a fresh cell is older than any of its tickets. */
enum fnt_cell_kind {
	FNT_CELL_PAD = 0,  /* no record: its writer gave it up, or it was cleared */
	FNT_CELL_HEAD = 1, /* a record begins: its head and the first payload */
	FNT_CELL_MORE = 2, /* further payload of a record */
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

/* Is lap `a` older than lap `b`, modulo 2^40? */
static inline int
fnt_lap_before(uint64_t a, uint64_t b)
{
	return (int64_t)((a - b) << (64 - FNT_LAP_BITS)) < 0;
}

#define FNT_CELL_LAP (1ull << (64 - FNT_LAP_BITS)) /* one lap, in a state word */

/* fnt_lap_before() of the laps of two state words. The bits below the lap are set in
 * the first word, so that the subtraction borrows nothing from its lap. */
static inline int
fnt_cell_before(uint64_t a, uint64_t b)
{
	return (int64_t)((a | (FNT_CELL_LAP - 1)) - b) < 0;
}

/* The state of a further cell of the record whose first cell has this state. */
static inline uint64_t
fnt_cell_more(uint64_t state)
{
	return (state & ~(7ull << 1)) | FNT_CELL_MORE << 1;
}

#define FNT_CELL_BYTES 256
#define FNT_CELL_WORDS 31				   /* after the state word */
#define FNT_HEAD_WORDS (FNT_CELL_WORDS - FNT_RECORD_WORDS) /* payload of a HEAD */
#define FNT_HEAD_BYTES (FNT_HEAD_WORDS * 8)
#define FNT_MORE_BYTES (FNT_CELL_WORDS * 8) /* payload of a MORE */

struct fnt_cell {
	fnt_word state;
	/* HEAD: struct fnt_record, then payload. MORE: payload. */
	fnt_word words[FNT_CELL_WORDS];
};
static_assert(sizeof(struct fnt_cell) == FNT_CELL_BYTES, "layout");

/* Cells that a record with so many bytes of payload takes. */
static inline uint32_t
fnt_cells_for(uint32_t payload_bytes)
{
	if (payload_bytes <= FNT_HEAD_BYTES)
		return 1;
	return 1 +
	       (payload_bytes - FNT_HEAD_BYTES + FNT_MORE_BYTES - 1) / FNT_MORE_BYTES;
}

/* ---- heads ----------------------------------------------------------------------- */

#define FNT_SEGMENTS 4 /* of a ring, at most, at a time */

/* Segment number n is in slot n % FNT_SEGMENTS. */
struct fnt_segment_slot {
	fnt_word number; /* n + 1, written last; 0: none, or being written */
	fnt_word first;	 /* its first ticket */
	fnt_word end;	 /* past its last; valid once the cursor has left the segment */
	fnt_word off;	 /* of its cells in the file: a multiple of FNT_PAGE */
	fnt_word cells;	 /* how many */
	fnt_word lap;	 /* of its first ticket */
	uint64_t pad[10];
};
static_assert(sizeof(struct fnt_segment_slot) == FNT_LINE, "layout");

struct fnt_ring_head {
	fnt_word cursor; /* the next ticket */
	/* Segments ever published. On the cursor's line, so that a thread that takes
	 * tickets sees both in one load of that line (ring/ring.c). */
	fnt_word segments;
	uint64_t pad0[14];
	fnt_word shown; /* number of the oldest segment that readers show */
	fnt_word held;	/* number of the oldest segment whose cells are not free */
	/* Kept ring: records meant for it that are in the main ring, because they are
	 * too large for it. By fetch-add, by the threads that write them. */
	fnt_word strays;
	/* Main ring: the latest lap of any cell in space that is free now. */
	fnt_word lap;
	uint64_t pad1[12];
	struct fnt_segment_slot slots[FNT_SEGMENTS];
	uint64_t pad2[32];
};
static_assert(sizeof(struct fnt_ring_head) == 8 * FNT_LINE, "layout");

#endif
