/* SPDX-License-Identifier: MIT
 *
 * ring.h: the producer's side of the rings: tickets, and the cells they stand for. The
 * cells' state word is described in layout_rings.h.
 *
 *   cursor ──fetch-add──► a block of tickets, reserved for one thread
 *                             │ claim: compare-and-swap of the cell's state,
 *                             │ from complete, of an older lap, to busy
 *                             ▼
 *        write the words ──► commit: MORE cells, then the HEAD: one release store
 *                       └──► abort: PAD
 *
 * Who may write what
 *   cursor      anyone, by fetch-add
 *   a cell      the thread that made it busy, until it commits or aborts; if its
 *               process is dead, the one that recovers it
 *   a lane      its thread; if its process is dead, the one that recovers it
 *
 * A busy cell is never waited for and never taken from its owner: it is skipped.
 *
 * Progress: wait-free. A claim makes a bounded number of tries, each of a bounded
 * number of steps. No system call, no allocation. A writer and its handles belong to
 * one thread.
 */
#ifndef FNT_RING_RING_H
#define FNT_RING_RING_H

#include "base/shm_words.h"
#include "region/view.h"

/* Tickets that a thread has reserved and not used. Private. */
struct fnt_block {
	uint64_t next, end;
	uint64_t until_ns; /* the tickets are used before; 0: there are none */
	uint64_t cell_0;  /* ticket of the segment's first cell, in the lap of `next` */
	uint64_t lap;	  /* of `next` */
	uint64_t born_ns; /* when the last block was taken */
	uint32_t size;	  /* of the next block, in tickets */
	uint32_t size_max;
};

/* One thread's producer state for one ring: its block of tickets, and the segment that
 * they belong to. */
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
	uint64_t limit;	     /* first ticket of the next segment, as far as known */
	uint64_t state;	     /* of a complete HEAD cell of this lane, in block.lap */
	uint64_t published;  /* the ring's count of segments when it was moved here;
				UINT64_MAX: it is in none, and cell_count is 0 */
	/* Read by the thread that wants to unmap it. */
	_Atomic(struct fnt_segment_mapping *) mapping;
};

/* One thread's producer state for both rings. */
struct fnt_ring_writer {
	struct fnt_lane *lane; /* NULL: none was free */
	uint32_t lane_no;
	struct fnt_ring_handle handles[FNT_RINGS];
};

/* Consecutive cells that a thread has claimed to write one record. */
struct fnt_claim {
	uint64_t ticket; /* of the first cell */
	uint64_t index;	 /* of the first cell, in its segment */
	uint64_t lap;	 /* of the first cell */
	uint32_t count;
};

enum fnt_claim_result {
	FNT_CLAIMED,
	/* Every try met cells that are busy, or the record is too large. */
	FNT_CLAIM_BUSY,
	/* There are new segments: move the handle, and try again. If it can't be moved,
	 * end the call without a record: FNT_MARK_UNMAPPED. */
	FNT_CLAIM_NEW_SEGMENT,
};

/* Prepare a writer for the thread that owns `lane_no`. Its handles begin in the
 * segments that are current in the view's segment table. In a region with FNT_ORDERED a
 * block has one ticket, so that ring order is the order of completion. */
void fnt_ring_writer_init(struct fnt_ring_writer *writer, const struct fnt_view *view,
			  uint32_t lane_no);

/* Give the unused tickets up, before the lane is released. */
void fnt_ring_writer_fini(struct fnt_ring_writer *writer);

/* Move a handle that has no tickets to the segment of `table` that is current. False:
 * the ring has a newer one, or this process has not mapped it. The handle is then in
 * none, takes no tickets, and its claims return FNT_CLAIM_NEW_SEGMENT. */
bool fnt_ring_handle_move(struct fnt_ring_handle *handle,
			  const struct fnt_segment_table *table);

/* Claim `count` consecutive cells, with new tickets if need be, and skip those that are
 * busy. `now_ns`: a monotonic clock. `claim` is valid after FNT_CLAIMED only. */
enum fnt_claim_result fnt_ring_claim_slow(struct fnt_ring_handle *handle,
					  uint32_t count, uint64_t now_ns,
					  struct fnt_claim *claim);

/* The sequence number of the lane's next record in this ring. */
static inline uint64_t
fnt_ring_next_seq(const struct fnt_ring_handle *handle)
{
	return fnt_word_relaxed(&handle->lane_ring->recorded) + 1;
}

/* Cell number `i` of a claim. */
static inline struct fnt_cell *
fnt_ring_claim_cell(const struct fnt_ring_handle *handle, const struct fnt_claim *claim,
		    uint32_t i)
{
	uint64_t index = claim->index + i;

	if (index >= handle->cell_count)
		index -= handle->cell_count;
	return &handle->cells[index];
}

/* ---- fast ---------------------------------------------------------------------- */

/* A thread uses a block's tickets for so long after it took them, so that ring order
 * stays close to the order of completion. */
#define FNT_BLOCK_LIFE_NS 1000000u

/* Are there tickets, and is the block young enough to use them? */
static inline bool
fnt_ring_has_ticket(const struct fnt_ring_handle *handle, uint64_t now_ns)
{
	return now_ns < handle->block.until_ns;
}

/* The cells of the next `claimed` tickets have been claimed, and the one after them
 * cannot be: make those PAD, and skip all these tickets. */
void fnt_ring_abort(struct fnt_ring_handle *handle, uint32_t claimed);

/* The same as fnt_ring_claim_slow(), if the block has enough tickets and the cells do
 * not wrap around the segment's end. False: they do, or a cell is busy; in that case
 * its ticket and those before it have been skipped. */
static inline __attribute__((always_inline)) bool
fnt_ring_claim_fast(struct fnt_ring_handle *handle, uint32_t count, uint64_t now_ns,
		    struct fnt_claim *claim)
{
	const struct fnt_block *block = &handle->block;
	uint64_t index = block->next - block->cell_0, done = handle->state;
	struct fnt_cell *cell = &handle->cells[index];

	/* A block with tickets has one, and its cell does not wrap. */
	if (!fnt_ring_has_ticket(handle, now_ns) ||
	    (count > 1 &&
	     (block->end - block->next < count || index + count > handle->cell_count)))
		return false;
	*claim = (struct fnt_claim){block->next, index, block->lap, count};
	for (uint32_t i = 0; i < count; i++) {
		uint64_t seen = fnt_word_relaxed(&cell[i].state);

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
	/* [S1] release: as in fnt_ring_claim_slow(). */
	atomic_thread_fence(memory_order_release);
	return true;
}

/* The block's next ticket is past the segment's last cell: begin a lap. */
static inline void
fnt_ring_begin_lap(struct fnt_ring_handle *handle)
{
	handle->block.cell_0 += handle->cell_count;
	handle->block.lap++;
	handle->state += FNT_CELL_LAP;
}

/* Prefetch for writing a cell that is likely claimed soon. */
static inline void
fnt_ring_prefetch(const struct fnt_cell *cell)
{
	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch((const char *)cell + line, 1);
}

/* Commit the cells of a claim, whose words have been written, as the lane's record
 * number `seq` (fnt_ring_next_seq()), count it in the lane, and use up its tickets. */
static inline __attribute__((always_inline)) void
fnt_ring_commit(struct fnt_ring_handle *handle, const struct fnt_claim *claim,
		uint64_t seq)
{
	struct fnt_cell *head = &handle->cells[claim->index], *cell = head;
	const struct fnt_cell *end = handle->cells + handle->cell_count;
	struct fnt_block *block = &handle->block;
	/* The claim begins with the block's next ticket. */
	uint64_t state = handle->state, more = fnt_cell_more(state);
	uint64_t next = block->next + claim->count, low = next;

	for (uint32_t i = 1; i < claim->count; i++) {
		if (__builtin_expect(++cell == end, 0)) {
			cell = handle->cells;
			more += FNT_CELL_LAP;
		}
		/* [C1] release: as of the HEAD. */
		atomic_store_explicit(&cell->state, more, memory_order_release);
	}
	/* The HEAD last: it makes the whole record visible.
	 * [C1] release: the cell's words, and all other cells, come before its state.
	 * Pairs with [C2] in record_read.c. */
	atomic_store_explicit(&head->state, state, memory_order_release);
	if (__builtin_expect(next - block->cell_0 >= handle->cell_count, 0))
		fnt_ring_begin_lap(handle);
	if (__builtin_expect(next == block->end, 0)) {
		block->until_ns = 0;
		low = FNT_TICKET_NONE;
	}
	/* [Q1] release: the record is published before it is counted. Pairs with [Q2]
	 * in follow.c. [L1] release: as in publish_low() in ring.c. */
	fnt_pair_release(&handle->lane_ring->recorded, fnt_pair_make(seq, low));
	block->next = next;
	/* The next record will likely have as many cells as this one. */
	cell = &handle->cells[next - block->cell_0];
	fnt_ring_prefetch(cell);
	if (claim->count > 1 && cell + 1 < end)
		fnt_ring_prefetch(cell + 1);
}

/* ---- recovery ------------------------------------------------------------------ */

/* Make PAD of the cells that the dead owner of `lane_no` left busy among the tickets
 * [first, end), which may be any numbers. For the one that recovers the lane. */
void fnt_ring_recover(const struct fnt_segments *segments, uint32_t lane_no,
		      uint64_t first, uint64_t end);

#endif
