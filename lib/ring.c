/* SPDX-License-Identifier: MIT */
#include "ring.h"

#define TRIES	      16
#define BLOCK_MAX     64
#define BLOCK_LIFE_NS 1000000u

void
fnt_ring_writer_init(struct fnt_ring_writer *writer, const struct fnt_ring *ring,
		     struct fnt_lane *lane, uint32_t lane_no, bool ordered)
{
	uint64_t most = ring->cell_count / 64;

	*writer = (struct fnt_ring_writer){
		.ring = *ring,
		.lane = lane,
		.lane_no = lane_no,
		.block = {.size = 1, .size_max = BLOCK_MAX},
	};
	if (ordered || !most)
		most = 1;
	if (most < BLOCK_MAX)
		writer->block.size_max = (uint32_t)most;
}

static void
adapt_block(struct fnt_block *block, uint64_t now_ns)
{
	if (now_ns - block->born_ns > BLOCK_LIFE_NS)
		block->size = 1;
	else if (block->size * 2 <= block->size_max)
		block->size *= 2;
	block->born_ns = now_ns;
}

/* Take new tickets. What is said in the lane before they are taken lets a follower wait for
 * them, and afterwards tells the reaper where our busy cells can be. */
static void
refill(struct fnt_ring_writer *writer, uint32_t count, uint64_t now_ns)
{
	struct fnt_block *block = &writer->block;
	struct fnt_lane *lane = writer->lane;
	uint64_t take, first;

	adapt_block(block, now_ns);
	take = block->size < count ? count : block->size;
	first = atomic_load_explicit(&writer->ring.head->cursor, memory_order_relaxed);
	atomic_store_explicit(&lane->low, first, memory_order_relaxed);
	/* [T1] release: the lane says "from here on" before the tickets are ours. Pairs with
	 * [T2] in cursor.c. */
	first = atomic_fetch_add_explicit(&writer->ring.head->cursor, take,
					  memory_order_release);
	atomic_store_explicit(&lane->block_first, first, memory_order_relaxed);
	atomic_store_explicit(&lane->block_end, first + take, memory_order_relaxed);
	/* [L1] release: the block's bounds come before its low mark. Pairs with [L2]. */
	atomic_store_explicit(&lane->low, first, memory_order_release);
	block->next = first;
	block->end = first + take;
	block->lap = first / writer->ring.cell_count;
	block->index = first - block->lap * writer->ring.cell_count;
}

static void
advance(struct fnt_ring_writer *writer, uint32_t count)
{
	struct fnt_block *block = &writer->block;

	block->next += count;
	block->index += count;
	if (block->index >= writer->ring.cell_count) {
		block->index -= writer->ring.cell_count;
		block->lap++;
	}
}

/* [L1] release: the cells below the mark are published or given up before the mark moves.
 * Pairs with [L2] in cursor.c. */
static void
say_low(struct fnt_ring_writer *writer)
{
	const struct fnt_block *block = &writer->block;

	atomic_store_explicit(&writer->lane->low,
			      block->next < block->end ? block->next : FNT_TICKET_NONE,
			      memory_order_release);
}

static uint64_t
lap_of(const struct fnt_ring *ring, const struct fnt_claim *claim, uint32_t i)
{
	return claim->lap + (claim->index + i >= ring->cell_count);
}

enum cell_claim { MINE, HELD, LAPPED };

static enum cell_claim
claim_cell(struct fnt_ring_writer *writer, const struct fnt_claim *claim, uint32_t i)
{
	struct fnt_cell *cell = fnt_claim_cell(&writer->ring, claim, i);
	uint64_t lap = lap_of(&writer->ring, claim, i);
	uint64_t seen = atomic_load_explicit(&cell->state, memory_order_relaxed);
	uint64_t mine = fnt_cell_state(lap, writer->lane_no,
				       i ? FNT_CELL_MORE : FNT_CELL_HEAD, 1);

	if (!fnt_lap_before(fnt_cell_lap(seen), lap))
		return LAPPED;
	if (fnt_cell_busy(seen))
		return HELD;
	/* [O1] acquire: what we write comes after the owner before us, or the reaper of a dead
	 * one, has let go. Pairs with [C1] and [O2]. */
	return atomic_compare_exchange_strong_explicit(&cell->state, &seen, mine,
						       memory_order_acquire,
						       memory_order_relaxed)
		       ? MINE
		       : HELD;
}

static void
let_go(struct fnt_ring_writer *writer, const struct fnt_claim *claim, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fnt_cell *cell = fnt_claim_cell(&writer->ring, claim, i);

		/* [O2] release: we are done with it. Pairs with [O1]. */
		atomic_store_explicit(&cell->state,
				      fnt_cell_state(lap_of(&writer->ring, claim, i),
						     writer->lane_no, FNT_CELL_PAD, 0),
				      memory_order_release);
	}
}

static void
count_skip(struct fnt_lane *lane)
{
	uint64_t skipped =
		atomic_load_explicit(&lane->cells_skipped, memory_order_relaxed);

	atomic_store_explicit(&lane->cells_skipped, skipped + 1, memory_order_relaxed);
}

bool
fnt_ring_claim(struct fnt_ring_writer *writer, uint32_t count, uint64_t now_ns,
	       struct fnt_claim *claim)
{
	struct fnt_block *block = &writer->block;

	for (int i = 0; i < TRIES; i++) {
		enum cell_claim is = MINE;
		uint32_t got = 0;

		if (block->end - block->next < count ||
		    now_ns - block->born_ns > BLOCK_LIFE_NS)
			refill(writer, count, now_ns);
		*claim = (struct fnt_claim){.ticket = block->next,
					    .index = block->index,
					    .lap = block->lap,
					    .count = count};
		while (got < count && (is = claim_cell(writer, claim, got)) == MINE)
			got++;
		if (got == count) {
			/* [S1] release: the cells are busy before any word of them
			 * changes. Pairs with [S2] in record.c. */
			atomic_thread_fence(memory_order_release);
			return true;
		}
		/* Past the cell that is held. If others are a lap ahead already, we have
		 * slept with these tickets in hand: past all of them. */
		let_go(writer, claim, got);
		advance(writer, is == LAPPED ? (uint32_t)(block->end - block->next)
					     : got + 1);
		say_low(writer);
		count_skip(writer->lane);
	}
	return false;
}

/* The next cell is wanted soon, and is not in the cache in a ring larger than that: 14 of
 * 170 ns went into waiting for it. */
static void
prefetch_next(const struct fnt_ring_writer *writer)
{
	const char *cell = (const char *)&writer->ring.cells[writer->block.index];

	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch(cell + line, 1);
}

void
fnt_ring_commit(struct fnt_ring_writer *writer, const struct fnt_claim *claim)
{
	const struct fnt_ring *ring = &writer->ring;

	for (uint32_t i = claim->count; i-- > 0;) {
		struct fnt_cell *cell = fnt_claim_cell(ring, claim, i);
		uint32_t kind = i ? FNT_CELL_MORE : FNT_CELL_HEAD;

		/* [C1] release: the cell's words, and for the head all other cells, come
		 * before its state. Pairs with [C2] in record.c. */
		atomic_store_explicit(&cell->state,
				      fnt_cell_state(lap_of(ring, claim, i),
						     writer->lane_no, kind, 0),
				      memory_order_release);
	}
	/* [Q1] release: the record is there before it is counted. Pairs with [Q2] in
	 * cursor.c. */
	atomic_store_explicit(&writer->lane->recorded, fnt_ring_next_seq(writer),
			      memory_order_release);
	advance(writer, claim->count);
	say_low(writer);
	prefetch_next(writer);
}

void
fnt_ring_writer_fini(struct fnt_ring_writer *writer)
{
	writer->block.next = writer->block.end;
	say_low(writer);
}

void
fnt_ring_reclaim(const struct fnt_ring *ring, uint32_t lane_no, uint64_t first,
		 uint64_t end)
{
	if (end - first > ring->cell_count)
		end = first + ring->cell_count; /* damaged: look at every cell once */
	for (uint64_t ticket = first; ticket != end; ticket++) {
		struct fnt_cell *cell = &ring->cells[ticket % ring->cell_count];
		uint64_t seen = atomic_load_explicit(&cell->state, memory_order_relaxed);

		if (!fnt_cell_busy(seen) || fnt_cell_lane(seen) != lane_no)
			continue;
		/* [O2] release, as in let_go(): the dead owner's last words come before. */
		atomic_store_explicit(&cell->state,
				      fnt_cell_state(fnt_cell_lap(seen), lane_no,
						     FNT_CELL_PAD, 0),
				      memory_order_release);
	}
}
