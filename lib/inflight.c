/* SPDX-License-Identifier: MIT */
#include "inflight.h"

#include "shared.h"

#define MARK_TRIES 8
#define PROBES 256
#define STREAM_TRIES 64

uint32_t
fnt_frame_claim(const struct fnt_view *view, uint32_t owner, uint32_t *hint)
{
	uint32_t probes = view->frame_count < PROBES ? view->frame_count : PROBES;
	uint32_t at = *hint % view->frame_count;

	for (uint32_t i = 0; i < probes; i++) {
		struct fnt_frame *frame = &view->frames[at];
		uint64_t seen = atomic_load_explicit(&frame->state, memory_order_relaxed);
		uint64_t mine = fnt_state_make(fnt_state_generation(seen) + 1, owner,
					       FNT_FRAME_CACHED);

		/* [F3] acquire: whoever released it is done with it. Pairs with [F1]. */
		if (fnt_state_status(seen) == FNT_FRAME_FREE &&
		    atomic_compare_exchange_strong_explicit(&frame->state, &seen, mine,
							    memory_order_acquire,
							    memory_order_relaxed)) {
			*hint = at + 1;
			return at;
		}
		if (++at == view->frame_count)
			at = 0;
	}
	*hint = at;
	return FNT_FRAME_NONE;
}

void
fnt_frame_release(struct fnt_frame *frame)
{
	fnt_frame_set_state(frame, FNT_OWNER_NONE, FNT_FRAME_FREE);
}

void
fnt_frame_link(const struct fnt_view *view, struct fnt_frame *last, uint32_t index,
	       uint32_t owner)
{
	struct fnt_frame *frame = &view->frames[index];

	atomic_store_explicit(&frame->next, 0, memory_order_relaxed);
	fnt_frame_set_state(frame, owner, FNT_FRAME_LINKED);
	atomic_store_explicit(&last->next, (uint64_t)index + 1, memory_order_relaxed);
}

void
fnt_frame_streamed(const struct fnt_frame *frame, struct fnt_record *record)
{
	const fnt_word *count = &frame->record[FNT_CHUNKS_WORD];
	/* [W2] acquire: see [W1] in inflight.h. The next but one overwrites these bytes, once
	 * the count has moved on. */
	uint64_t again = atomic_load_explicit(count, memory_order_acquire);

	for (int i = 0; i < STREAM_TRIES; i++) {
		record->stream_chunks = again;
		record->stream_bytes = atomic_load_explicit(
			&frame->record[fnt_bytes_word(again)], memory_order_acquire);
		again = atomic_load_explicit(count, memory_order_acquire);
		if (again == record->stream_chunks)
			break;
	}
	record->seq = 0;
}

static bool
mark_committed(const struct fnt_view *view, uint64_t mark)
{
	uint64_t ticket = fnt_mark_ticket(mark), lap, state;
	const struct fnt_era *era =
		fnt_era_find(fnt_view_eras(view, fnt_mark_ring(mark)), ticket);

	/* Of an era that is gone: for that all lanes had to be past it, the dead ones' by
	 * their reapers. */
	if (!era)
		return true;
	lap = fnt_era_lap(era, ticket);
	/* [K2] acquire: see [K1]; and what the record holds. */
	state = atomic_load_explicit(&fnt_era_cell(era, ticket)->state,
				     memory_order_acquire);
	if (fnt_cell_lap(state) == lap)
		return !fnt_cell_busy(state) && fnt_cell_kind(state) == FNT_CELL_HEAD;
	return fnt_lap_before(lap, fnt_cell_lap(state));
}

bool
fnt_frame_committed(const struct fnt_view *view, const struct fnt_frame *frame)
{
	uint64_t mark = atomic_load_explicit(&frame->commit, memory_order_acquire);

	/* The cell speaks for the mark only as long as that is there: a dead reaper's is wiped
	 * before its cell is cleared (and then overwritten). Found by tests/model. */
	for (int i = 0; i < MARK_TRIES && mark && mark < FNT_MARK_LOST; i++) {
		bool committed = mark_committed(view, mark);
		uint64_t again = atomic_load_explicit(&frame->commit, memory_order_relaxed);

		if (again == mark)
			return committed;
		mark = again;
	}
	return mark >= FNT_MARK_LOST;
}

void
fnt_frame_reap(struct fnt_frame *frame)
{
	uint64_t state = atomic_load_explicit(&frame->state, memory_order_relaxed);

	/* The mark first: once the dead owner's cells are cleared it would mislead. */
	atomic_store_explicit(&frame->commit, 0, memory_order_relaxed);
	if (fnt_state_status(state) != FNT_FRAME_REAPED)
		fnt_frame_set_state(frame, fnt_state_owner(state), FNT_FRAME_REAPED);
}

void
fnt_frames_unmark(const struct fnt_view *view, uint32_t lane)
{
	for (uint32_t i = 0; i < view->frame_count; i++) {
		struct fnt_frame *frame = &view->frames[i];
		uint64_t state = atomic_load_explicit(&frame->state, memory_order_relaxed);
		uint64_t mark = atomic_load_explicit(&frame->commit, memory_order_acquire);

		if (fnt_state_status(state) != FNT_FRAME_REAPED || !mark ||
		    atomic_load_explicit(&frame->commit_lane, memory_order_relaxed) != lane ||
		    fnt_frame_committed(view, frame))
			continue;
		/* Only this mark: another reaper may have begun anew. */
		atomic_compare_exchange_strong_explicit(&frame->commit, &mark, 0,
							memory_order_relaxed,
							memory_order_relaxed);
	}
}
