/* SPDX-License-Identifier: MIT */
#include "ring/ring.h"

/* A claim gives up after so many owners of busy cells, or so many busy cells. */
#define OWNERS_MAX 16
#define BUSY_MAX 1024
/* A block has at most so many tickets, and at most this part of the segment. Smaller
 * blocks are slower: a block's first cells are not in the cache. */
#define BLOCK_MAX 256
#define BLOCK_PART 64

/* ---- segments ------------------------------------------------------------------ */

/* The newest segment that `cursor` has reached, and the first ticket of the one after
 * it; NULL: there is none. */
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

/* Leave the segment: there is none that this process may write to. The handle is
 * without tickets, and takes none until it is moved. A ticket that nobody writes would
 * be lost to the ring's other writers. */
static void
park(struct fnt_ring_handle *handle)
{
	static struct fnt_cell no_cell; /* neither read nor written */

	handle->cells = &no_cell;
	handle->cell_count = 0;
	handle->published = UINT64_MAX;
	handle->block.next = handle->block.end = handle->block.cell_0 = 0;
	handle->block.until_ns = 0;
	atomic_store_explicit(&handle->mapping, NULL, memory_order_relaxed);
}

bool
fnt_ring_handle_move(struct fnt_ring_handle *handle,
		     const struct fnt_segment_table *table)
{
	const struct fnt_segments *segments = &table->rings[handle->ring];
	uint64_t cursor = fnt_word_relaxed(&handle->head->cursor);
	const struct fnt_segment *segment = current(segments, cursor, &handle->limit);
	uint64_t most;

	if (!segment || !segment->cells ||
	    fnt_word_relaxed(&handle->head->segments) != segments->published) {
		park(handle);
		return false;
	}
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
	const struct fnt_segment_table *table = fnt_view_segment_table(view);

	writer->lane = &view->lanes[lane_no];
	writer->lane_no = lane_no;
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_ring_handle *handle = &writer->handles[i];

		/* The rest is cleared by an atomic store: see fnt_ring_handle. */
		memset(handle, 0, offsetof(struct fnt_ring_handle, mapping));
		atomic_store_explicit(&handle->mapping, NULL, memory_order_relaxed);
		handle->lane = writer->lane;
		handle->lane_no = lane_no;
		handle->lane_ring = &writer->lane->rings[i];
		handle->ring = i;
		handle->block.size_max = view->flags & FNT_ORDERED ? 1 : BLOCK_MAX;
		handle->head = &view->rings[i];
		if (i == FNT_RING_KEPT && !view->kept_percent)
			handle->head = NULL;
		else
			fnt_ring_handle_move(handle, table);
	}
}

/* ---- tickets ------------------------------------------------------------------- */

/* Use up tickets. */
static void
advance(struct fnt_ring_handle *handle, uint32_t count)
{
	struct fnt_block *block = &handle->block;

	block->next += count;
	if (block->next - block->cell_0 >= handle->cell_count)
		fnt_ring_begin_lap(handle);
	if (block->next == block->end)
		block->until_ns = 0;
}

/* [L1] release: the cells below the low mark are committed or given up before it moves.
 * Pairs with [L2] in follow.c. */
static void
publish_low(struct fnt_ring_handle *handle)
{
	const struct fnt_block *block = &handle->block;

	atomic_store_explicit(&handle->lane_ring->low,
			      block->next < block->end ? block->next : FNT_TICKET_NONE,
			      memory_order_release);
}

/* Choose the size of the next block: one ticket after a pause, else twice as many as
 * before. */
static void
adapt_block(struct fnt_block *block, uint64_t now_ns)
{
	if (now_ns - block->born_ns > FNT_BLOCK_LIFE_NS)
		block->size = 1;
	else if (block->size * 2 <= block->size_max)
		block->size *= 2;
	block->born_ns = now_ns;
}

/* Is `ticket`, just taken, of the handle's segment? */
static bool
in_segment(const struct fnt_ring_handle *handle, uint64_t ticket)
{
	/* The cursor enters a segment after that was published, and [T1] is an acquire:
	 * a ticket of a new segment comes with the new count of segments. The count is
	 * on the cursor's cache line, which this thread has just written. */
	return fnt_word_relaxed(&handle->head->segments) == handle->published &&
	       ticket < handle->limit;
}

/* Before new tickets are taken: publish a lower bound of them in the lane, so that a
 * follower does not pass them. If the block's last tickets may be continued, that is
 * the next of them; the lane's block is emptied then, so that a follower takes any
 * ticket from the bound on for this lane's. */
static void
publish_bound(const struct fnt_ring_handle *handle, bool continues)
{
	const struct fnt_block *block = &handle->block;
	struct fnt_lane_ring *lane = handle->lane_ring;
	uint64_t next = block->next;

	if (continues) {
		fnt_word_store(&lane->block_first, next);
		fnt_word_store(&lane->block_end, next);
		return;
	}
	next = fnt_word_relaxed(&handle->head->cursor);
	fnt_word_store(&lane->low, next);
}

/* Begin a block that does not continue the last one. */
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

/* Publish the block in the lane: followers wait for its tickets, and recovery looks for
 * busy cells among them. */
static void
publish_block(struct fnt_ring_handle *handle, uint64_t end)
{
	struct fnt_lane_ring *lane = handle->lane_ring;
	const struct fnt_block *block = &handle->block;

	fnt_word_store(&lane->block_first, block->next);
	/* [L3] release: the block's first ticket comes before its end. Pairs with [L4]
	 * in query.c. */
	atomic_store_explicit(&lane->block_end, end, memory_order_release);
	/* [L1] release: the block's bounds come before its low mark. Pairs with
	 * [L2]. */
	atomic_store_explicit(&lane->low, block->next, memory_order_release);
}

/* Take new tickets, at least `count`. If no other thread has taken any since the last
 * block, the new ones continue what is left of it, so that records of many cells leave
 * no gap. False: they belong to another segment than the handle's, and have been given
 * up. All tickets of a block are of one segment, because the cursor skips to the next
 * segment's first ticket. */
static bool
refill(struct fnt_ring_handle *handle, uint32_t count, uint64_t now_ns)
{
	struct fnt_block *block = &handle->block;
	bool continues = fnt_ring_has_ticket(handle, now_ns);
	uint64_t take, first;

	adapt_block(block, now_ns);
	take = block->size < count ? count : block->size;
	publish_bound(handle, continues);
	/* [T1] release: the lane's bound comes before the tickets are taken. Pairs with
	 * [T2] in record_read.h. It is an acquire, too: their segment is in the
	 * table. */
	first = atomic_fetch_add_explicit(&handle->head->cursor, take,
					  memory_order_acq_rel);
	if (__builtin_expect(!in_segment(handle, first), 0)) {
		block->next = block->end = block->cell_0 = first;
		block->until_ns = 0;
		publish_low(handle);
		return false;
	}
	if (!continues || first != block->end)
		begin_block(handle, first);
	publish_block(handle, first + take);
	block->end = first + take;
	block->until_ns = now_ns + FNT_BLOCK_LIFE_NS;
	return true;
}

/* ---- cells --------------------------------------------------------------------- */

/* The cells of the block's next `count` tickets. */
static struct fnt_claim
next_claim(const struct fnt_ring_handle *handle, uint32_t count)
{
	const struct fnt_block *block = &handle->block;

	return (struct fnt_claim){.ticket = block->next,
				  .index = block->next - block->cell_0,
				  .lap = block->lap,
				  .count = count};
}

static uint64_t
lap_of(const struct fnt_ring_handle *handle, const struct fnt_claim *claim, uint32_t i)
{
	return claim->lap + (claim->index + i >= handle->cell_count);
}

enum cell_claim {
	CELL_CLAIMED,
	CELL_BUSY,
	CELL_LAPPED, /* it is of this lap or a newer one already */
};

/* Claim cell number `i` of a claim. */
static enum cell_claim
claim_cell(struct fnt_ring_handle *handle, const struct fnt_claim *claim, uint32_t i)
{
	struct fnt_cell *cell = fnt_ring_claim_cell(handle, claim, i);
	uint64_t lap = lap_of(handle, claim, i);
	uint64_t seen = fnt_word_relaxed(&cell->state);
	uint64_t busy = fnt_cell_state(lap, handle->lane_no,
				       i ? FNT_CELL_MORE : FNT_CELL_HEAD, 1);

	if (!fnt_lap_before(fnt_cell_lap(seen), lap))
		return CELL_LAPPED;
	if (fnt_cell_busy(seen))
		return CELL_BUSY;
	/* [O1] acquire: what this thread writes comes after the accesses of the last
	 * owner, or of the one that recovered the cell. Pairs with [C1] and [O2]. */
	return atomic_compare_exchange_strong_explicit(&cell->state, &seen, busy,
						       memory_order_acquire,
						       memory_order_relaxed)
		       ? CELL_CLAIMED
		       : CELL_BUSY;
}

/* Claim the cells of a claim, up to the segment's last, until one cannot be claimed.
 * Their number. */
static uint32_t
claim_run(struct fnt_ring_handle *handle, const struct fnt_claim *claim)
{
	struct fnt_cell *cell = &handle->cells[claim->index];
	uint64_t more = fnt_cell_more(handle->state), busy = handle->state | 1;
	uint64_t left = handle->cell_count - claim->index;
	uint32_t count = claim->count < left ? claim->count : (uint32_t)left, i;

	for (i = 0; i < count; i++) {
		uint64_t seen = fnt_word_relaxed(&cell[i].state);

		fnt_ring_prefetch(&cell[i]);
		/* [O1] acquire, as in claim_cell(). */
		if (fnt_cell_busy(seen) || !fnt_cell_before(seen, busy) ||
		    !atomic_compare_exchange_strong_explicit(&cell[i].state, &seen,
							     busy, memory_order_acquire,
							     memory_order_relaxed))
			break;
		busy = more | 1;
	}
	return i;
}

/* Claim all cells of a claim, in their order. Else: why the next one after the first
 * `*claimed` cannot be claimed. */
static enum cell_claim
claim_cells(struct fnt_ring_handle *handle, const struct fnt_claim *claim,
	    uint32_t *claimed)
{
	enum cell_claim is = CELL_CLAIMED;
	uint32_t count = claim_run(handle, claim);

	while (count < claim->count &&
	       (is = claim_cell(handle, claim, count)) == CELL_CLAIMED)
		count++;
	*claimed = count;
	return is;
}

/* Make PAD of the first `count` cells of a claim. */
static void
release_cells(struct fnt_ring_handle *handle, const struct fnt_claim *claim,
	      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fnt_cell *cell = fnt_ring_claim_cell(handle, claim, i);

		/* [O2] release: this thread's accesses come before. Pairs with [O1]. */
		atomic_store_explicit(&cell->state,
				      fnt_cell_state(lap_of(handle, claim, i),
						     handle->lane_no, FNT_CELL_PAD, 0),
				      memory_order_release);
	}
}

static void
count_skip(struct fnt_lane *lane)
{
	uint64_t skipped = fnt_word_relaxed(&lane->cells_skipped);

	fnt_word_store(&lane->cells_skipped, skipped + 1);
}

/* Is the owner of busy cell number `i` another one than the last? An owner that is
 * stopped as it writes a record of hundreds of cells counts as one try. */
static bool
is_other_owner(const struct fnt_ring_handle *handle, const struct fnt_claim *claim,
	       uint32_t i, uint32_t *owner)
{
	uint32_t last = *owner;

	*owner = fnt_cell_lane(
		fnt_word_relaxed(&fnt_ring_claim_cell(handle, claim, i)->state));
	return *owner != last;
}

/* Give up the first `claimed` cells of a claim, and skip `skipped` tickets. */
static void
abort_claim(struct fnt_ring_handle *handle, const struct fnt_claim *claim,
	    uint32_t claimed, uint32_t skipped)
{
	release_cells(handle, claim, claimed);
	advance(handle, skipped);
	publish_low(handle);
	count_skip(handle->lane);
}

void
fnt_ring_abort(struct fnt_ring_handle *handle, uint32_t claimed)
{
	struct fnt_claim claim = next_claim(handle, claimed);

	abort_claim(handle, &claim, claimed, claimed + 1);
}

/* One try. If a cell cannot be claimed, its ticket is skipped; if it is lapped, all of
 * the block's: this thread has slept with them. */
static enum cell_claim
try_claim(struct fnt_ring_handle *handle, struct fnt_claim *claim, uint32_t *owner,
	  int *owners)
{
	struct fnt_block *block = &handle->block;
	uint32_t claimed;
	enum cell_claim is = claim_cells(handle, claim, &claimed);

	if (is == CELL_CLAIMED)
		return is;
	*owners += is != CELL_BUSY || is_other_owner(handle, claim, claimed, owner);
	abort_claim(handle, claim, claimed,
		    is == CELL_LAPPED ? (uint32_t)(block->end - block->next)
				      : claimed + 1);
	return is;
}

enum fnt_claim_result
fnt_ring_claim_slow(struct fnt_ring_handle *handle, uint32_t count, uint64_t now_ns,
		    struct fnt_claim *claim)
{
	struct fnt_block *block = &handle->block;
	uint32_t owner = UINT32_MAX;

	/* The largest record takes an eighth of the first segment; in a damaged region
	 * a record may have any size. */
	if (count > handle->cell_count / 4)
		return handle->published == UINT64_MAX ? FNT_CLAIM_NEW_SEGMENT
						       : FNT_CLAIM_BUSY;
	for (int owners = 0, tries = 0; owners < OWNERS_MAX && tries < BUSY_MAX;
	     tries++) {
		if ((block->end - block->next < count ||
		     !fnt_ring_has_ticket(handle, now_ns)) &&
		    !refill(handle, count, now_ns))
			return FNT_CLAIM_NEW_SEGMENT;
		*claim = next_claim(handle, count);
		if (try_claim(handle, claim, &owner, &owners) == CELL_CLAIMED) {
			/* [S1] release: the cells are busy before any word of them
			 * changes. Pairs with [S2] in record_read.c. */
			atomic_thread_fence(memory_order_release);
			return FNT_CLAIMED;
		}
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
		publish_low(handle);
	}
}

void
fnt_ring_recover(const struct fnt_segments *segments, uint32_t lane_no, uint64_t first,
		 uint64_t end)
{
	const struct fnt_segment *segment = fnt_segment_find(segments, first);

	if (!segment)
		return; /* the segment was removed: nobody held a cell of it */
	/* In a damaged region: each cell once. */
	if (end - first > segment->cell_count)
		end = first + segment->cell_count;
	for (uint64_t ticket = first; ticket != end; ticket++) {
		struct fnt_cell *cell = fnt_segment_cell(segment, ticket);
		uint64_t seen = fnt_word_relaxed(&cell->state);

		if (!fnt_cell_busy(seen) || fnt_cell_lane(seen) != lane_no)
			continue;
		/* [O2] release: the dead owner's accesses, and the clearing of its
		 * marks, come before. Pairs with [O1], and with [C2] in frame.c. */
		atomic_store_explicit(
			&cell->state,
			fnt_cell_state(fnt_cell_lap(seen), lane_no, FNT_CELL_PAD, 0),
			memory_order_release);
	}
}
