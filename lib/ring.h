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

#include "layout.h"

#include <stdbool.h>

/* The tickets that a thread has in hand. Private. */
struct fnt_block {
	uint64_t next, end;
	uint64_t index; /* cell of `next` */
	uint64_t lap;	/* lap of `next` */
	uint64_t born_ns;
	uint32_t size; /* that the next block will have */
	uint32_t size_max;
};

struct fnt_ring {
	struct fnt_ring_head *head;
	struct fnt_cell *cells;
	uint64_t cell_count;
};

/* A thread's end of the ring. */
struct fnt_ring_writer {
	struct fnt_ring ring;
	struct fnt_lane *lane;
	uint32_t lane_no;
	struct fnt_block block;
};

/* Cells that are ours to write. */
struct fnt_claim {
	uint64_t ticket;
	uint64_t index; /* of the first cell */
	uint64_t lap;	/* of the first cell */
	uint32_t count;
};

/* `ordered`: one ticket at a time, so that ring order is exactly completion order. */
void fnt_ring_writer_init(struct fnt_ring_writer *writer, const struct fnt_ring *ring,
			  struct fnt_lane *lane, uint32_t lane_no, bool ordered);

/* Claim `count` cells in a row, 1 to an eighth of the ring. `now_ns`: any clock that runs
 * evenly. False: every try met cells that someone else holds. */
bool fnt_ring_claim(struct fnt_ring_writer *writer, uint32_t count, uint64_t now_ns,
		    struct fnt_claim *claim);

static inline uint64_t
fnt_ring_next_seq(const struct fnt_ring_writer *writer)
{
	return atomic_load_explicit(&writer->lane->recorded, memory_order_relaxed) + 1;
}

/* The cell number `i` of a claim. */
static inline struct fnt_cell *
fnt_claim_cell(const struct fnt_ring *ring, const struct fnt_claim *claim, uint32_t i)
{
	uint64_t index = claim->index + i;

	if (index >= ring->cell_count)
		index -= ring->cell_count;
	return &ring->cells[index];
}

/* Publish: the record is there for all to see, and counted in the lane; it should bear the
 * number fnt_ring_next_seq(). */
void fnt_ring_commit(struct fnt_ring_writer *writer, const struct fnt_claim *claim);

/* Nothing in hand any more: leftover tickets are given up. */
void fnt_ring_writer_fini(struct fnt_ring_writer *writer);

/* Clear away what a dead owner of `lane_no` left busy in [first, end). Its reaper only. */
void fnt_ring_reclaim(const struct fnt_ring *ring, uint32_t lane_no, uint64_t first,
		      uint64_t end);

#endif
