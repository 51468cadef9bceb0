/* SPDX-License-Identifier: MIT */
#include "ring/frame.h"

#define MARK_TRIES 8
#define PROBES 256
#define SPARE 64 /* unused frames that a search may begin at */
#define STREAM_TRIES 64
#define HIGH_TRIES 256

/* Make frame `at` one of those used (fnt_frames_used()). Wait-free: the exchange fails
 * only when another thread raises the number. False: it has failed so often that the
 * frame is better left alone. */
static bool
raise_high(const struct fnt_view *view, uint32_t at)
{
	fnt_word *high = &view->control->frames_high;
	uint64_t seen = fnt_word_relaxed(high);

	for (int i = 0; i < HIGH_TRIES; i++)
		if (seen > at || atomic_compare_exchange_weak_explicit(
					 high, &seen, (uint64_t)at + 1,
					 memory_order_release, memory_order_relaxed))
			return true;
	return false;
}

/* Claim frame `at`. False: it is not free. */
static bool
claim_at(const struct fnt_view *view, uint32_t owner, uint32_t at)
{
	struct fnt_frame *frame = &view->frames[at];
	uint64_t seen = fnt_word_relaxed(&frame->state);
	uint64_t mine =
		fnt_state_make(fnt_state_generation(seen) + 1, owner, FNT_FRAME_CACHED);

	/* Before it is claimed, so that recovery finds it in any case. */
	if (fnt_state_status(seen) != FNT_FRAME_FREE || !raise_high(view, at))
		return false;
	/* [F3] acquire: the last owner's accesses come before. Pairs with [F1]. */
	if (!atomic_compare_exchange_strong_explicit(&frame->state, &seen, mine,
						     memory_order_acquire,
						     memory_order_relaxed))
		return false;
	fnt_frame_unlink(frame);
	return true;
}

/* Claim one of the PROBES frames from `from` on. Its index, or FNT_FRAME_NONE. */
static uint32_t
claim_from(const struct fnt_view *view, uint32_t owner, uint32_t from)
{
	uint32_t probes = view->frame_count < PROBES ? view->frame_count : PROBES;

	for (uint32_t i = 0; i < probes; i++) {
		uint32_t at = from + i < view->frame_count
				      ? from + i
				      : from + i - view->frame_count;

		if (claim_at(view, owner, at))
			return at;
	}
	return FNT_FRAME_NONE;
}

uint32_t
fnt_frame_claim(const struct fnt_view *view, uint32_t owner, uint32_t *hint)
{
	uint32_t used = fnt_frames_used(view), among = used + used / 2 + SPARE, at;

	if (among > view->frame_count)
		among = view->frame_count;
	at = claim_from(view, owner, *hint % among);
	/* The frames that were never used may lie further on. */
	if (at == FNT_FRAME_NONE && used < view->frame_count)
		at = claim_from(view, owner, used);
	*hint = at != FNT_FRAME_NONE ? at + 1 : *hint + PROBES;
	return at;
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

	/* [S3] release: as in fnt_frame_prepare(). */
	atomic_thread_fence(memory_order_release);
	fnt_word_store(&frame->next, 0);
	fnt_frame_set_state(frame, owner, FNT_FRAME_LINKED);
	fnt_word_store(&last->next, (uint64_t)index + 1);
}

void
fnt_frame_read_chunks(const struct fnt_frame *frame, struct fnt_record *record)
{
	const fnt_word *count = &frame->record[FNT_RECORD_WORD(stream_chunks)];
	/* [W2] acquire: see [W1] in frame.h. The word of these bytes is overwritten by
	 * the chunk after the next, when the number of chunks has changed. */
	uint64_t again = atomic_load_explicit(count, memory_order_acquire);

	for (int i = 0; i < STREAM_TRIES; i++) {
		record->stream_chunks = again;
		record->stream_bytes = atomic_load_explicit(
			&frame->record[fnt_frame_chunks_word(again)],
			memory_order_acquire);
		again = atomic_load_explicit(count, memory_order_acquire);
		if (again == record->stream_chunks)
			break;
	}
	record->seq = 0;
}

/* Has the cell that a mark names become a record since it was claimed? */
static bool
mark_committed(const struct fnt_view *view, uint64_t mark)
{
	uint64_t ticket = fnt_mark_ticket(mark), lap, state;
	const struct fnt_segment *segment =
		fnt_segment_find(fnt_view_segments(view, fnt_mark_ring(mark)), ticket);

	/* A segment is removed only when no lane holds a cell of it; dead lanes were
	 * recovered before. So the record was committed. */
	if (!segment)
		return true;
	/* This process can't tell. Recovery needs all segments, and a reader has them:
	 * only a query of the process's own calls comes here. */
	if (!segment->cells)
		return false;
	lap = fnt_segment_lap(segment, ticket);
	/* [C2] acquire: the record's words come after its state; and if the cell was
	 * recovered, the next load of the mark finds it cleared. Pairs with [C1] and
	 * [O2]. */
	state = atomic_load_explicit(&fnt_segment_cell(segment, ticket)->state,
				     memory_order_acquire);
	if (fnt_cell_lap(state) == lap)
		return !fnt_cell_busy(state) && fnt_cell_kind(state) == FNT_CELL_HEAD;
	return fnt_lap_before(lap, fnt_cell_lap(state));
}

bool
fnt_frame_committed(const struct fnt_view *view, const struct fnt_frame *frame)
{
	/* [K2] acquire: lane and number come after the mark. Pairs with [K1]. */
	uint64_t mark = atomic_load_explicit(&frame->commit, memory_order_acquire);

	/* The cell's state counts only if the mark is still the same afterwards. A dead
	 * process's mark is cleared before its cell is recovered; later the cell may be
	 * overwritten, which would look like a committed record. */
	for (int i = 0; i < MARK_TRIES && mark && mark < FNT_MARK_LOST; i++) {
		bool committed = mark_committed(view, mark);
		uint64_t again = fnt_word_relaxed(&frame->commit);

		if (again == mark)
			return committed;
		mark = again;
	}
	return mark >= FNT_MARK_LOST;
}

void
fnt_frame_recover(struct fnt_frame *frame)
{
	uint64_t state = fnt_word_relaxed(&frame->state);

	/* The mark first: its cell says nothing once the cells are recovered. */
	fnt_word_store(&frame->commit, 0);
	if (fnt_state_status(state) != FNT_FRAME_REAPED)
		fnt_frame_set_state(frame, fnt_state_owner(state), FNT_FRAME_REAPED);
}

void
fnt_frame_clear_marks(const struct fnt_view *view, uint32_t lane)
{
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		struct fnt_frame *frame = &view->frames[i];
		uint64_t state = fnt_word_relaxed(&frame->state);
		/* [K2] acquire: lane and number come after the mark. Pairs with
		 * [K1]. */
		uint64_t mark =
			atomic_load_explicit(&frame->commit, memory_order_acquire);

		if (fnt_state_status(state) != FNT_FRAME_REAPED || !mark ||
		    fnt_word_relaxed(&frame->commit_lane) != lane ||
		    fnt_frame_committed(view, frame))
			continue;
		/* Only this mark: another process may be recovering the frame, and have
		 * set one of its own. */
		atomic_compare_exchange_strong_explicit(&frame->commit, &mark, 0,
							memory_order_relaxed,
							memory_order_relaxed);
	}
}
