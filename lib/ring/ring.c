/* SPDX-License-Identifier: MIT */
#include "ring/ring.h"

#include "region/view.h"

#define TRIES 16       /* holders in the way */
#define TRIES_ALL 1024 /* cells of theirs */
/* Tickets of a block at most, and what part of the ring. With 64 of them two threads
 * were 6 % slower, and 11 % with records of 13 cells: at each block a thread comes to
 * cells that nothing has fetched ahead. */
#define BLOCK_MAX 256
#define BLOCK_PART 64

/* ---- where it writes --------------------------------------------------------- */

/* The newest segment that has begun; NULL: it can't be told. */
static const struct fnt_segment *
current(const struct fnt_segments *segments, uint64_t cursor, uint64_t *limit)
{
	*limit = UINT64_MAX;
	for (uint32_t i = segments->count; i-- > 0;) {
		if (segments->at[i].first <= cursor)
			return &segments->at[i];
		*limit = segments->at[i].first;
	}
	return NULL;
}

bool
fnt_ring_handle_move(struct fnt_ring_handle *handle,
		     const struct fnt_segment_table *maps)
{
	const struct fnt_segments *segments = &maps->rings[handle->ring];
	uint64_t cursor =
		atomic_load_explicit(&handle->head->cursor, memory_order_relaxed);
	const struct fnt_segment *segment = current(segments, cursor, &handle->limit);
	uint64_t most;

	if (!segment)
		return false;
	handle->cells = segment->cells;
	handle->cell_count = segment->cell_count;
	handle->first = segment->first;
	handle->lap = segment->lap;
	handle->published = segments->published;
	atomic_store_explicit(&handle->mapping, segment->mapping, memory_order_relaxed);
	most = segment->cell_count / BLOCK_PART;
	if (handle->block.size_max != 1)
		handle->block.size_max = most < BLOCK_MAX ? (uint32_t)most : BLOCK_MAX;
	handle->block.size = 1;
	handle->block.next = handle->block.end = handle->block.cell_0 = segment->first;
	handle->block.until_ns = 0;
	return true;
}

void
fnt_ring_writer_init(struct fnt_ring_writer *writer, const struct fnt_view *view,
		     uint32_t lane_no)
{
	const struct fnt_segment_table *maps = fnt_view_segment_table(view);

	*writer = (struct fnt_ring_writer){.lane = &view->lanes[lane_no],
					   .lane_no = lane_no};
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_ring_handle *handle = &writer->handles[i];

		handle->lane = writer->lane;
		handle->lane_no = lane_no;
		handle->lane_ring = &writer->lane->rings[i];
		handle->ring = i;
		handle->block.size_max = view->flags & FNT_ORDERED ? 1 : BLOCK_MAX;
		handle->head = &view->rings[i];
		if (!maps->rings[i].count)
			handle->head = NULL;
		else if (!fnt_ring_handle_move(handle, maps))
			handle->published =
				UINT64_MAX; /* looked up at the first claim */
	}
}

/* ---- tickets ----------------------------------------------------------------- */

static void
adapt_block(struct fnt_block *block, uint64_t now_ns)
{
	if (now_ns - block->born_ns > FNT_BLOCK_LIFE_NS)
		block->size = 1;
	else if (block->size * 2 <= block->size_max)
		block->size *= 2;
	block->born_ns = now_ns;
}

/* Is `ticket`, just taken, of the segment that we write in? */
static bool
in_era(const struct fnt_ring_handle *handle, uint64_t ticket)
{
	/* On the cursor's own line, which is ours at this moment. A ticket of a further
	 * segment was given to us by a cursor that came there after that segment was published:
	 * [T1] is an acquire for that. */
	return atomic_load_explicit(&handle->head->segments, memory_order_relaxed) ==
		       handle->published &&
	       ticket < handle->limit;
}

/* What is said in the lane before new tickets are taken: where those can be. Beginning
 * with what is left of the block in hand, if they may go on from it; and there is no
 * block meanwhile, so that a follower takes any ticket from there on for ours. */
static void
say_from(const struct fnt_ring_handle *handle, bool goes_on)
{
	const struct fnt_block *block = &handle->block;
	struct fnt_lane_ring *lane = handle->lane_ring;
	uint64_t next = block->next;

	if (goes_on) {
		atomic_store_explicit(&lane->block_first, next, memory_order_relaxed);
		atomic_store_explicit(&lane->block_end, next, memory_order_relaxed);
		return;
	}
	next = atomic_load_explicit(&handle->head->cursor, memory_order_relaxed);
	atomic_store_explicit(&lane->low, next, memory_order_relaxed);
}

/* A block of tickets that begins where nothing is in hand. */
static void
begin_block(struct fnt_ring_handle *handle, uint64_t first)
{
	struct fnt_block *block = &handle->block;

	block->next = first;
	block->lap = (first - handle->first) / handle->cell_count;
	block->cell_0 = handle->first + block->lap * handle->cell_count;
	block->lap += handle->lap;
	handle->state = fnt_cell_state(block->lap, handle->lane_no, FNT_CELL_HEAD, 0);
}

/* Take new tickets. What is said in the lane before they are taken lets a follower wait
 * for them, and afterwards tells the reaper where our busy cells can be. Where nobody
 * else has taken any since, they go on from those in hand, which are too few for the
 * record: so records of many cells leave no gap. (One of twelve cells after each 52
 * made a record of 13 cells a quarter of a microsecond slower in a ring that is not in
 * the cache: what the processor fetches ahead, it fetches in a row.) False: they are of
 * another segment than the hand's; given up. All of a block is of one segment: the cursor jumps
 * from one to the next. */
static bool
refill(struct fnt_ring_handle *handle, uint32_t count, uint64_t now_ns)
{
	struct fnt_block *block = &handle->block;
	struct fnt_lane_ring *lane = handle->lane_ring;
	bool goes_on = fnt_ring_has_ticket(handle, now_ns);
	uint64_t take, first;

	adapt_block(block, now_ns);
	take = block->size < count ? count : block->size;
	say_from(handle, goes_on);
	/* [T1] release: the lane says "from here on" before the tickets are ours. Pairs
	 * with [T2] in record_read.h. Acquire: the segment that they are of is in the table. */
	first = atomic_fetch_add_explicit(&handle->head->cursor, take,
					  memory_order_acq_rel);
	if (__builtin_expect(!in_era(handle, first), 0)) {
		block->next = block->end = block->cell_0 = first;
		block->until_ns = 0;
		fnt_ring_publish_low(handle);
		return false;
	}
	if (!goes_on || first != block->end)
		begin_block(handle, first);
	atomic_store_explicit(&lane->block_first, block->next, memory_order_relaxed);
	/* [L3] release: its first is said before its end. Pairs with [L4] in query.c.
	 */
	atomic_store_explicit(&lane->block_end, first + take, memory_order_release);
	/* [L1] release: the block's bounds come before its low mark. Pairs with [L2].
	 */
	atomic_store_explicit(&lane->low, block->next, memory_order_release);
	block->end = first + take;
	block->until_ns = now_ns + FNT_BLOCK_LIFE_NS;
	return true;
}

/* ---- cells ------------------------------------------------------------------- */

static uint64_t
lap_of(const struct fnt_ring_handle *handle, const struct fnt_claim *claim, uint32_t i)
{
	return claim->lap + (claim->index + i >= handle->cell_count);
}

enum cell_claim {
	MINE,
	HELD,
	LAPPED
};

static enum cell_claim
claim_cell(struct fnt_ring_handle *handle, const struct fnt_claim *claim, uint32_t i)
{
	struct fnt_cell *cell = fnt_ring_claim_cell(handle, claim, i);
	uint64_t lap = lap_of(handle, claim, i);
	uint64_t seen = atomic_load_explicit(&cell->state, memory_order_relaxed);
	uint64_t mine = fnt_cell_state(lap, handle->lane_no,
				       i ? FNT_CELL_MORE : FNT_CELL_HEAD, 1);

	if (!fnt_lap_before(fnt_cell_lap(seen), lap))
		return LAPPED;
	if (fnt_cell_busy(seen))
		return HELD;
	/* [O1] acquire: what we write comes after the owner before us, or the reaper of
	 * a dead one, has let go. Pairs with [C1] and [O2]. */
	return atomic_compare_exchange_strong_explicit(&cell->state, &seen, mine,
						       memory_order_acquire,
						       memory_order_relaxed)
		       ? MINE
		       : HELD;
}

/* As many cells of the claim, up to the ring's last, as are to be had without a look at
 * what is in the way. */
static uint32_t
claim_run(struct fnt_ring_handle *handle, const struct fnt_claim *claim)
{
	struct fnt_cell *cell = &handle->cells[claim->index];
	uint64_t more = fnt_cell_more(handle->state), mine = handle->state | 1;
	uint64_t left = handle->cell_count - claim->index;
	uint32_t count = claim->count < left ? claim->count : (uint32_t)left, i;

	for (i = 0; i < count; i++) {
		uint64_t seen =
			atomic_load_explicit(&cell[i].state, memory_order_relaxed);

		/* All of it will be written in a moment. */
		fnt_ring_prefetch(&cell[i]);
		/* [O1] acquire, as of claim_cell(). */
		if (fnt_cell_busy(seen) || !fnt_cell_before(seen, mine) ||
		    !atomic_compare_exchange_strong_explicit(&cell[i].state, &seen,
							     mine, memory_order_acquire,
							     memory_order_relaxed))
			break;
		mine = more | 1;
	}
	return i;
}

static void
let_go(struct fnt_ring_handle *handle, const struct fnt_claim *claim, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fnt_cell *cell = fnt_ring_claim_cell(handle, claim, i);

		/* [O2] release: we are done with it. Pairs with [O1]. */
		atomic_store_explicit(&cell->state,
				      fnt_cell_state(lap_of(handle, claim, i),
						     handle->lane_no, FNT_CELL_PAD, 0),
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

/* Is the cell in the way somebody else's than the last was? A record may take hundreds
 * of them: one that is stopped in the middle is one try, not as many. */
static bool
other_holder(const struct fnt_ring_handle *handle, const struct fnt_claim *claim,
	     uint32_t i, uint32_t *holder)
{
	uint32_t last = *holder;

	*holder = fnt_cell_lane(atomic_load_explicit(
		&fnt_ring_claim_cell(handle, claim, i)->state, memory_order_relaxed));
	return *holder != last;
}

void
fnt_ring_abort(struct fnt_ring_handle *handle, uint32_t got)
{
	const struct fnt_block *block = &handle->block;
	struct fnt_claim claim = {.ticket = block->next,
				  .index = block->next - block->cell_0,
				  .lap = block->lap,
				  .count = got};

	let_go(handle, &claim, got);
	fnt_ring_advance(handle, got + 1);
	fnt_ring_publish_low(handle);
	count_skip(handle->lane);
}

enum fnt_claim_result
fnt_ring_claim_slow(struct fnt_ring_handle *handle, uint32_t count, uint64_t now_ns,
		    struct fnt_claim *claim)
{
	struct fnt_block *block = &handle->block;
	uint32_t holder = UINT32_MAX;

	/* The largest record takes an eighth of the ring that the region was made with;
	 * one in a damaged region may be of any size. */
	if (count > handle->cell_count / 4)
		return handle->published == UINT64_MAX ? FNT_CLAIM_NEW_SEGMENT
						       : FNT_CLAIM_BUSY;
	for (int tries = 0, all = 0; tries < TRIES && all < TRIES_ALL; all++) {
		enum cell_claim is = MINE;
		uint32_t got;

		if ((block->end - block->next < count ||
		     !fnt_ring_has_ticket(handle, now_ns)) &&
		    !refill(handle, count, now_ns))
			return FNT_CLAIM_NEW_SEGMENT;
		*claim = (struct fnt_claim){.ticket = block->next,
					    .index = block->next - block->cell_0,
					    .lap = block->lap,
					    .count = count};
		got = claim_run(handle, claim);
		while (got < count && (is = claim_cell(handle, claim, got)) == MINE)
			got++;
		if (got == count) {
			/* [S1] release: the cells are busy before any word of them
			 * changes. Pairs with [S2] in record_read.c. */
			atomic_thread_fence(memory_order_release);
			return FNT_CLAIMED;
		}
		tries += is != HELD || other_holder(handle, claim, got, &holder);
		/* Past the cell that is held. If others are a lap ahead already, we
		 * have slept with these tickets in hand: past all of them. */
		let_go(handle, claim, got);
		fnt_ring_advance(handle, is == LAPPED
						 ? (uint32_t)(block->end - block->next)
						 : got + 1);
		fnt_ring_publish_low(handle);
		count_skip(handle->lane);
	}
	return FNT_CLAIM_BUSY;
}

void
fnt_ring_writer_fini(struct fnt_ring_writer *writer)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_ring_handle *handle = &writer->handles[i];

		handle->block.next = handle->block.end;
		handle->block.until_ns = 0;
		fnt_ring_publish_low(handle);
	}
}

void
fnt_ring_recover(const struct fnt_segments *segments, uint32_t lane_no, uint64_t first,
		 uint64_t end)
{
	const struct fnt_segment *segment = fnt_segment_find(segments, first);

	if (!segment)
		return; /* a segment that is gone: nobody held a cell of it */
	if (end - first > segment->cell_count)
		end = first +
		      segment->cell_count; /* damaged: look at every cell once */
	for (uint64_t ticket = first; ticket != end; ticket++) {
		struct fnt_cell *cell = fnt_segment_cell(segment, ticket);
		uint64_t seen =
			atomic_load_explicit(&cell->state, memory_order_relaxed);

		if (!fnt_cell_busy(seen) || fnt_cell_lane(seen) != lane_no)
			continue;
		/* [O2] release, as in let_go(): the dead owner's last words come
		 * before. */
		atomic_store_explicit(
			&cell->state,
			fnt_cell_state(fnt_cell_lap(seen), lane_no, FNT_CELL_PAD, 0),
			memory_order_release);
	}
}
