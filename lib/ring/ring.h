/* SPDX-License-Identifier: MIT
 *
 * ring.h: cells, tickets, blocks. No system call, no thread-local, no allocation; the shape
 * of a cell's state word is in layout_rings.h.
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
#ifndef FNT_RING_RING_H
#define FNT_RING_RING_H

#include "region/view.h"
#include "base/shm_words.h"

/* The tickets that a thread has in hand. Private. */
struct fnt_block {
	uint64_t next, end;
	uint64_t until_ns; /* they may be used; 0: there are none */
	uint64_t cell_0; /* the ticket of the ring's first cell, in the lap of `next` */
	uint64_t lap;	 /* of `next` */
	uint64_t born_ns;
	uint32_t size; /* that the next block will have */
	uint32_t size_max;
};

/* A thread's end of one ring: in one segment, in which its block lies, until it is given
 * another. */
struct fnt_ring_handle {
	struct fnt_ring_head *head; /* NULL: there is no such ring */
	struct fnt_cell *cells;
	uint64_t cell_count;
	struct fnt_block block;
	struct fnt_lane *lane;
	struct fnt_lane_ring *lane_ring;
	uint32_t lane_no;
	uint32_t ring;
	uint64_t first, lap; /* of the segment */
	uint64_t limit;	     /* first ticket of the next that is known */
	uint64_t state;	     /* of a head that is complete, in the lap of block.next */
	uint64_t published;  /* segments, when it was looked up */
	/* Read by whoever wants to unmap it. */
	_Atomic(struct fnt_segment_mapping *) mapping;
};

/* A thread's ends of both rings. */
struct fnt_ring_writer {
	struct fnt_lane *lane; /* NULL: none to be had */
	uint32_t lane_no;
	struct fnt_ring_handle handles[FNT_RINGS];
};

/* Cells that are ours to write. */
struct fnt_claim {
	uint64_t ticket;
	uint64_t index; /* of the first cell */
	uint64_t lap;	/* of the first cell */
	uint32_t count;
};

enum fnt_claim_result {
	FNT_CLAIMED,
	FNT_CLAIM_BUSY, /* every try met cells that someone else holds, or it is too large */
	FNT_CLAIM_NEW_SEGMENT, /* the table of segments has changed: fnt_ring_handle_move(), and again */
};

/* `ordered`: one ticket at a time, so that ring order is exactly completion order. Both
 * rings are entered in the segments that `maps` say are the current ones. */
void fnt_ring_writer_init(struct fnt_ring_writer *writer, const struct fnt_view *view,
			  uint32_t lane_no);

/* Into the segment that is current by now; no tickets in hand. False: it is not in `maps`. */
bool fnt_ring_handle_move(struct fnt_ring_handle *handle,
			  const struct fnt_segment_table *maps);

/* Claim `count` cells in a row. `now_ns`: any clock that runs evenly. */
enum fnt_claim_result fnt_ring_claim_slow(struct fnt_ring_handle *handle,
					  uint32_t count, uint64_t now_ns,
					  struct fnt_claim *claim);

static inline uint64_t
fnt_ring_next_seq(const struct fnt_ring_handle *handle)
{
	return atomic_load_explicit(&handle->lane_ring->recorded,
				    memory_order_relaxed) +
	       1;
}

/* The cell number `i` of a claim. */
static inline struct fnt_cell *
fnt_ring_claim_cell(const struct fnt_ring_handle *handle, const struct fnt_claim *claim,
		    uint32_t i)
{
	uint64_t index = claim->index + i;

	if (index >= handle->cell_count)
		index -= handle->cell_count;
	return &handle->cells[index];
}

/* ---- one cell, inlined ------------------------------------------------------------ */

#define FNT_BLOCK_LIFE_NS 1000000u

/* Is there a ticket in hand that is young enough? */
static inline bool
fnt_ring_has_ticket(const struct fnt_ring_handle *handle, uint64_t now_ns)
{
	return now_ns < handle->block.until_ns;
}

/* The cells of the thread's next `got` tickets have been claimed, but the one after them is
 * busy: abort them and skip it. */
void fnt_ring_abort(struct fnt_ring_handle *handle, uint32_t got);

/* As fnt_ring_claim(), for tickets in hand and cells that go on to each other. False:
 * go the general way. */
static inline __attribute__((always_inline)) bool
fnt_ring_claim_fast(struct fnt_ring_handle *handle, uint32_t count, uint64_t now_ns,
		    struct fnt_claim *claim)
{
	const struct fnt_block *block = &handle->block;
	uint64_t index = block->next - block->cell_0, done = handle->state;
	struct fnt_cell *cell = &handle->cells[index];

	/* A thread that has a ticket has that ticket's cell, so that one needs no more. */
	if (!fnt_ring_has_ticket(handle, now_ns) ||
	    (count > 1 &&
	     (block->end - block->next < count || index + count > handle->cell_count)))
		return false;
	*claim = (struct fnt_claim){block->next, index, block->lap, count};
	for (uint32_t i = 0; i < count; i++) {
		uint64_t seen =
			atomic_load_explicit(&cell[i].state, memory_order_relaxed);

		/* [O1] acquire, as for any claim: see ring.c. */
		if (fnt_cell_busy(seen) || !fnt_cell_before(seen, done) ||
		    !atomic_compare_exchange_strong_explicit(
			    &cell[i].state, &seen, done | 1, memory_order_acquire,
			    memory_order_relaxed)) {
			fnt_ring_abort(handle, i);
			return false;
		}
		done = fnt_cell_more(done);
	}
	/* [S1] release: as in fnt_ring_claim(). */
	atomic_thread_fence(memory_order_release);
	return true;
}

/* `next` is past the ring's last cell. */
static inline void
fnt_ring_next_lap(struct fnt_ring_handle *handle)
{
	handle->block.cell_0 += handle->cell_count;
	handle->block.lap++;
	handle->state += FNT_CELL_LAP;
}

static inline void
fnt_ring_advance(struct fnt_ring_handle *handle, uint32_t count)
{
	struct fnt_block *block = &handle->block;

	block->next += count;
	if (block->next - block->cell_0 >= handle->cell_count)
		fnt_ring_next_lap(handle);
	if (block->next == block->end)
		block->until_ns = 0;
}

/* [L1] release: the cells below the mark are published or given up before the mark moves.
 * Pairs with [L2] in follow.c. */
static inline void
fnt_ring_publish_low(struct fnt_ring_handle *handle)
{
	const struct fnt_block *block = &handle->block;

	atomic_store_explicit(&handle->lane_ring->low,
			      block->next < block->end ? block->next : FNT_TICKET_NONE,
			      memory_order_release);
}

/* The next cell is wanted soon, and is not in the cache in a ring larger than that: 14
 * of 170 ns went into waiting for it. */
static inline void
fnt_ring_prefetch(const struct fnt_cell *cell)
{
	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch((const char *)cell + line, 1);
}

/* Publish the record number `seq` (fnt_ring_next_seq()) in the cells of a claim, and count
 * it in the lane. */
static inline __attribute__((always_inline)) void
fnt_ring_commit(struct fnt_ring_handle *handle, const struct fnt_claim *claim,
		uint64_t seq)
{
	struct fnt_cell *head = &handle->cells[claim->index], *cell = head;
	const struct fnt_cell *end = handle->cells + handle->cell_count;
	struct fnt_block *block = &handle->block;
	/* The claim is of the thread's next tickets. */
	uint64_t state = handle->state, more = fnt_cell_more(state);
	uint64_t next = block->next + claim->count, low = next;

	for (uint32_t i = 1; i < claim->count; i++) {
		if (__builtin_expect(++cell == end, 0)) {
			cell = handle->cells;
			more += FNT_CELL_LAP;
		}
		/* [C1] release, as of the head. */
		atomic_store_explicit(&cell->state, more, memory_order_release);
	}
	/* The head, and with it the record.
	 * [C1] release: the cell's words, and all other cells, come before its state.
	 * Pairs with [C2] in record_read.c. */
	atomic_store_explicit(&head->state, state, memory_order_release);
	if (__builtin_expect(next - block->cell_0 >= handle->cell_count, 0))
		fnt_ring_next_lap(handle);
	if (__builtin_expect(next == block->end, 0)) {
		block->until_ns = 0;
		low = FNT_TICKET_NONE;
	}
	/* [Q1] release: the record is published before it is counted. Pairs with [Q2] in
	 * follow.c. [L1] release: as in fnt_ring_publish_low(). */
	fnt_pair_release(&handle->lane_ring->recorded, fnt_pair_make(seq, low));
	block->next = next;
	/* A record is likely as long as the one before. */
	cell = &handle->cells[next - block->cell_0];
	fnt_ring_prefetch(cell);
	if (claim->count > 1 && cell + 1 < end)
		fnt_ring_prefetch(cell + 1);
}

/* Nothing in hand any more: leftover tickets are given up. */
void fnt_ring_writer_fini(struct fnt_ring_writer *writer);

/* Clear away what a dead owner of `lane_no` left busy in [first, end). Its reaper only. */
void fnt_ring_recover(const struct fnt_segments *segments, uint32_t lane_no,
		      uint64_t first, uint64_t end);

#endif
