/* SPDX-License-Identifier: MIT */
#include "control/seal.h"

#include "base/shm_words.h"
#include "region/slots.h"
#include "ring/record_read.h"

/* Tries of a compare-and-swap that fails a few times at most, unless a process writes
 * nonsense. */
#define SEAL_TRIES 1000

/* Makes the ticket's cell PAD if it has not been written. The thread that holds the
 * ticket then finds a cell of its own lap that is complete (CELL_LAPPED in ring.c), and
 * takes another ticket. Returns the lane that is writing the cell just now, or
 * FNT_LANE_NONE. */
static uint32_t
seal_cell(const struct fnt_segment *segment, uint64_t ticket)
{
	struct fnt_cell *cell = fnt_segment_cell(segment, ticket);
	uint64_t lap = fnt_segment_lap(segment, ticket);
	uint64_t seen = atomic_load_explicit(&cell->state, memory_order_acquire);

	for (int i = 0; i < SEAL_TRIES; i++) {
		if (fnt_cell_busy(seen))
			return fnt_cell_lane(seen);
		if (!fnt_lap_before(fnt_cell_lap(seen), lap))
			return FNT_LANE_NONE;
		/* [O1] acquire, as for any claim: pairs with [C1]. */
		if (atomic_compare_exchange_weak_explicit(
			    &cell->state, &seen,
			    fnt_cell_state(lap, 0, FNT_CELL_PAD, 0),
			    memory_order_acq_rel, memory_order_acquire))
			return FNT_LANE_NONE;
	}
	return fnt_cell_lane(seen); /* in a damaged region */
}

uint32_t
fnt_seal_span(const struct fnt_segment_span *span)
{
	uint32_t busy = FNT_LANE_NONE;

	for (uint64_t ticket = span->first; ticket < span->end; ticket++) {
		uint32_t lane = seal_cell(span->segment, ticket);

		busy = lane != FNT_LANE_NONE ? lane : busy;
	}
	return busy;
}

uint32_t
fnt_seal_segments(const struct fnt_view *view)
{
	uint32_t busy = FNT_LANE_NONE;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_segment_span spans[FNT_SEGMENTS];
		uint32_t count;

		if (!fnt_view_segments(view, ring)->count)
			continue;
		count = fnt_segment_spans(view, ring, fnt_ring_cursor(view, ring), true,
					  spans);
		for (uint32_t i = 1; i < count; i++) {
			uint32_t lane = fnt_seal_span(&spans[i]);

			busy = lane != FNT_LANE_NONE ? lane : busy;
		}
	}
	return busy;
}
