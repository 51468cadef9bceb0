/* SPDX-License-Identifier: MIT
 *
 * ring.h: cells, tickets, blocks. No system call, no thread-local, no allocation; the shape
 * of a cell's state word is in layout.h.
 *
 *   cursor ──fetch-add──► tickets ──in blocks──► a thread's own
 *                                                    │ claim: CAS of the cell's state from
 *                                                    │ a complete older lap to mine, busy
 *                                                    ▼
 *        write words ──► commit: MORE cells, then the HEAD: one release store
 *                   └──► abort: PAD
 *
 * Who may write what
 *   cursor      anyone, by fetch-add
 *   a cell      whoever made it busy, until it publishes; if the owner is dead, its reaper
 *   a lane      its owner
 *
 * Progress: claim is wait-free: a bounded number of tries, each a bounded number of steps.
 * A busy cell is never waited for and never taken from its owner: it is passed over.
 */
#ifndef FNT_RING_H
#define FNT_RING_H

#include "era.h"

/* The tickets that a thread has in hand. Private. */
struct fnt_block {
	uint64_t next, end;
	uint64_t index; /* cell of `next` */
	uint64_t lap;	/* of `next` */
	uint64_t born_ns;
	uint32_t size; /* that the next block will have */
	uint32_t size_max;
};

/* A thread's end of one ring: in one era, in which its block lies, until it is given
 * another. */
struct fnt_hand {
	struct fnt_ring_head *head; /* NULL: there is no such ring */
	struct fnt_cell *cells;
	uint64_t cell_count;
	struct fnt_block block;
	struct fnt_lane *lane;
	struct fnt_lane_ring *lane_ring;
	uint32_t lane_no;
	uint32_t ring;
	uint64_t first, lap; /* of the era */
	uint64_t limit;	     /* first ticket of the next that is known */
	uint64_t published;  /* eras, when it was looked up */
	/* Read by whoever wants to unmap it. */
	_Atomic(struct fnt_area *) area;
};

/* A thread's ends of both rings. */
struct fnt_ring_writer {
	struct fnt_lane *lane; /* NULL: none to be had */
	uint32_t lane_no;
	struct fnt_hand hands[FNT_RINGS];
};

/* Cells that are ours to write. */
struct fnt_claim {
	uint64_t ticket;
	uint64_t index; /* of the first cell */
	uint64_t lap;	/* of the first cell */
	uint32_t count;
};

enum fnt_claimed {
	FNT_CLAIMED,
	FNT_CLAIM_HELD,	 /* every try met cells that someone else holds, or it is too large */
	FNT_CLAIM_MOVED, /* the table of eras has changed: fnt_hand_move(), and again */
};

/* `ordered`: one ticket at a time, so that ring order is exactly completion order. Both
 * rings are entered in the eras that `maps` say are the current ones. */
void fnt_ring_writer_init(struct fnt_ring_writer *writer, const struct fnt_view *view,
			  uint32_t lane_no);

/* Into the era that is current by now; no tickets in hand. False: it is not in `maps`. */
bool fnt_hand_move(struct fnt_hand *hand, const struct fnt_maps *maps);

/* Claim `count` cells in a row. `now_ns`: any clock that runs evenly. */
enum fnt_claimed fnt_ring_claim(struct fnt_hand *hand, uint32_t count, uint64_t now_ns,
				struct fnt_claim *claim);

static inline uint64_t
fnt_ring_next_seq(const struct fnt_hand *hand)
{
	return atomic_load_explicit(&hand->lane_ring->recorded, memory_order_relaxed) + 1;
}

/* The cell number `i` of a claim. */
static inline struct fnt_cell *
fnt_claim_cell(const struct fnt_hand *hand, const struct fnt_claim *claim, uint32_t i)
{
	uint64_t index = claim->index + i;

	if (index >= hand->cell_count)
		index -= hand->cell_count;
	return &hand->cells[index];
}

/* Publish: the record is there for all to see, and counted in the lane; it should bear the
 * number fnt_ring_next_seq(). */
void fnt_ring_commit(struct fnt_hand *hand, const struct fnt_claim *claim);

/* Nothing in hand any more: leftover tickets are given up. */
void fnt_ring_writer_fini(struct fnt_ring_writer *writer);

/* Clear away what a dead owner of `lane_no` left busy in [first, end). Its reaper only. */
void fnt_ring_reclaim(const struct fnt_eras *eras, uint32_t lane_no, uint64_t first,
		      uint64_t end);

#endif
