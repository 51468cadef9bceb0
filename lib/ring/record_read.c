/* SPDX-License-Identifier: MIT */
#include "ring/record_read.h"

#include "base/cache_flush.h"
#include "base/shm_words.h"
#include "payload/read.h"
#include "ring/frame.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define FRAME_READ_TRIES 4
#define BUFFER_BYTES_LEAST 4096u /* enough for most records */

/* ---- a copy's buffer -------------------------------------------------------- */

void
fnt_record_copy_free(struct fnt_record_copy *copy)
{
	free(copy->buffer);
	copy->buffer = copy->payload = NULL;
	copy->buffer_bytes = 0;
}

/* Makes room for `bytes` of payload in the buffer, and for the rest of the last
 * word. */
static bool
reserve_payload(struct fnt_record_copy *copy, uint32_t bytes)
{
	uint32_t want = bytes + 8;
	char *more;

	copy->payload = copy->buffer;
	if (copy->buffer_bytes >= want)
		return true;
	want = want < BUFFER_BYTES_LEAST ? BUFFER_BYTES_LEAST : want;
	more = realloc(copy->buffer, want);
	if (!more)
		return false;
	copy->buffer = copy->payload = more;
	copy->buffer_bytes = want;
	return true;
}

/* ---- from the ring ---------------------------------------------------------- */

/* What a cell with this state is to a reader that looks for lap `lap`. */
static enum fnt_read_result
classify(uint64_t state, uint64_t lap)
{
	if (fnt_lap_before(fnt_cell_lap(state), lap))
		return FNT_READ_OLDER;
	if (fnt_cell_lap(state) != lap)
		return FNT_READ_GONE;
	if (fnt_cell_busy(state))
		return FNT_READ_BUSY;
	switch (fnt_cell_kind(state)) {
	case FNT_CELL_PAD:
		return FNT_READ_PAD;
	case FNT_CELL_HEAD:
		return FNT_READ_RECORD;
	case FNT_CELL_MORE:
		return FNT_READ_MORE;
	default:
		return FNT_READ_DAMAGED;
	}
}

/* The state of a continuation cell at `position`, of a record whose first cell has
 * `head_state`. */
static uint64_t
more_state(const struct fnt_ring_position *position, uint64_t head_state)
{
	return fnt_cell_state(position->lap, fnt_cell_lane(head_state), FNT_CELL_MORE,
			      0);
}

/* Checks one continuation cell, and copies `bytes` of it unless `to` is NULL. */
static enum fnt_read_result
read_more_cell(const struct fnt_ring_position *position, uint64_t head_state, char *to,
	       uint32_t bytes)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(position);
	/* [C2] acquire: see [C1] in ring.c. */
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_acquire);

	if (state != more_state(position, head_state))
		return classify(state, position->lap) == FNT_READ_GONE
			       ? FNT_READ_GONE
			       : FNT_READ_DAMAGED;
	if (to)
		fnt_words_load(to, cell->words, bytes);
	return FNT_READ_RECORD;
}

/* Checks all continuation cells of a record of `bytes`, and copies them to their places
 * in `payload` unless that is NULL. */
static enum fnt_read_result
read_more_cells(const struct fnt_ring_position *position, uint64_t head_state,
		uint32_t bytes, char *payload)
{
	enum fnt_read_result rc = FNT_READ_RECORD;
	uint32_t done = FNT_HEAD_BYTES;

	for (uint32_t i = 1; rc == FNT_READ_RECORD && done < bytes; i++) {
		struct fnt_ring_position more = fnt_ring_position_after(position, i);
		uint32_t left = bytes - done;

		rc = read_more_cell(&more, head_state, payload ? payload + done : NULL,
				    left < FNT_MORE_BYTES ? left : FNT_MORE_BYTES);
		done += FNT_MORE_BYTES;
	}
	return rc;
}

/* Do the record's first `cells` cells still have the states that they had before their
 * words were loaded? */
static bool
unchanged(const struct fnt_ring_position *position, uint64_t head_state, uint32_t cells)
{
	/* [S2] acquire: the words were read before the states are looked at again.
	 * Pairs with [S1] in ring.c. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&fnt_ring_position_cell(position)->state,
				 memory_order_relaxed) != head_state)
		return false;
	for (uint32_t i = 1; i < cells; i++) {
		struct fnt_ring_position more = fnt_ring_position_after(position, i);

		if (atomic_load_explicit(&fnt_ring_position_cell(&more)->state,
					 memory_order_relaxed) !=
		    more_state(&more, head_state))
			return false;
	}
	return true;
}

/* The cells of a record with so much payload; 0: no record has that much. */
static uint32_t
cells_of_record(const struct fnt_view *view, const struct fnt_ring_position *position,
		uint32_t bytes)
{
	uint32_t cells = bytes > view->max_record_bytes ? 0 : fnt_cells_for(bytes);

	return cells <= position->segment->cell_count ? cells : 0;
}

/* After the first cell, of `cells`, has been loaded: copies the others to `payload`
 * (NULL: only checks them), and finds out whether the record was whole all the time. */
static enum fnt_read_result
read_rest(const struct fnt_ring_position *position, uint64_t head_state, uint32_t bytes,
	  uint32_t cells, char *payload)
{
	enum fnt_read_result rc = FNT_READ_RECORD;

	if (!cells)
		rc = FNT_READ_DAMAGED;
	else if (cells > 1)
		rc = read_more_cells(position, head_state, bytes, payload);
	if (!unchanged(position, head_state, rc == FNT_READ_RECORD ? cells : 1))
		return FNT_READ_GONE;
	return rc;
}

static void
flush_record(const struct fnt_ring_position *position, uint32_t cells)
{
	for (uint32_t i = 0; i < cells; i++) {
		struct fnt_ring_position more = fnt_ring_position_after(position, i);

		fnt_cache_flush(fnt_ring_position_cell(&more), FNT_CELL_BYTES);
	}
}

/* Copies a record whose first cell was complete, with `head_state`. */
static enum fnt_read_result
read_record(const struct fnt_view *view, const struct fnt_ring_position *position,
	    uint64_t head_state, struct fnt_record_copy *copy)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(position);
	enum fnt_read_result is;
	uint32_t bytes, cells;

	fnt_words_load(&copy->head, cell->words, sizeof(copy->head));
	bytes = copy->head.payload_bytes;
	cells = cells_of_record(view, position, bytes);
	if (cells) {
		if (!reserve_payload(copy, bytes))
			return FNT_READ_NO_MEMORY;
		/* As much as the cell can hold: a copy of constant length is faster. */
		fnt_words_load(copy->payload, cell->words + FNT_RECORD_WORDS,
			       FNT_HEAD_BYTES);
	}
	is = read_rest(position, head_state, bytes, cells, copy->payload);
	if (copy->flush && is == FNT_READ_RECORD)
		flush_record(position, cells);
	return is;
}

/* Loads the state of the cell at `position`, and classifies it. */
static enum fnt_read_result
read_state(const struct fnt_ring_position *position, uint64_t *state)
{
	/* [C2] acquire: the cell's words come after its state. Pairs with [C1] in
	 * ring.c. */
	*state = atomic_load_explicit(&fnt_ring_position_cell(position)->state,
				      memory_order_acquire);
	return classify(*state, position->lap);
}

/* fnt_record_read_at() for any cell. */
static __attribute__((noinline)) enum fnt_read_result
read_at_slow(const struct fnt_view *view, const struct fnt_ring_position *position,
	     struct fnt_record_copy *copy)
{
	uint64_t state;
	enum fnt_read_result is = read_state(position, &state);

	return is == FNT_READ_RECORD ? read_record(view, position, state, copy) : is;
}

/* The fast way, for a complete record of one cell: two compares of the same state word
 * tell that it is whole. It repeats what read_record() does in general, because nearly
 * all records are of one cell and this halves the instructions of reading one. */
enum fnt_read_result
fnt_record_read_at(const struct fnt_view *view,
		   const struct fnt_ring_position *position,
		   struct fnt_record_copy *copy)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(position);
	/* [C2] acquire: the cell's words come after its state. Pairs with [C1] in
	 * ring.c. */
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_acquire);
	char *to = copy->direct ? copy->direct : copy->buffer;

	if (fnt_cell_without_lane(state) !=
		    fnt_cell_state(position->lap, 0, FNT_CELL_HEAD, 0) ||
	    !to)
		return read_at_slow(view, position, copy);
	fnt_words_load(&copy->head, cell->words, sizeof(copy->head));
	if (copy->head.payload_bytes > FNT_HEAD_BYTES ||
	    copy->head.payload_bytes > view->max_record_bytes)
		return read_at_slow(view, position, copy);
	/* As much as the cell can hold: a copy of constant length is faster. */
	fnt_words_load(to, cell->words + FNT_RECORD_WORDS, FNT_HEAD_BYTES);
	copy->payload = to;
	/* [S2] acquire: the words were read before the state is looked at again. Pairs
	 * with [S1] in ring.c. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&cell->state, memory_order_relaxed) != state)
		return FNT_READ_GONE;
	if (copy->flush)
		fnt_cache_flush(cell, FNT_CELL_BYTES);
	return FNT_READ_RECORD;
}

enum fnt_read_result
fnt_record_probe_at(const struct fnt_view *view,
		    const struct fnt_ring_position *position)
{
	uint64_t state;
	enum fnt_read_result is = read_state(position, &state);
	uint32_t bytes;

	if (is != FNT_READ_RECORD)
		return is;
	static_assert(FNT_RECORD_SHIFT(payload_bytes) == 0, "its low half");
	bytes = (uint32_t)fnt_word_relaxed(
		&fnt_ring_position_cell(position)
			 ->words[FNT_RECORD_WORD(payload_bytes)]);
	return read_rest(position, state, bytes, cells_of_record(view, position, bytes),
			 NULL);
}

enum fnt_read_result
fnt_record_read(const struct fnt_view *view, uint32_t ring, uint64_t ticket,
		struct fnt_record_copy *copy)
{
	const struct fnt_segment *segment =
		fnt_segment_find(fnt_view_segments(view, ring), ticket);
	struct fnt_ring_position position;

	if (!segment || !segment->cells)
		return FNT_READ_GONE;
	position = fnt_ring_position_of(segment, ticket);
	return fnt_record_read_at(view, &position, copy);
}

uint64_t
fnt_record_time_slow(const struct fnt_record_copy *copy)
{
	const unsigned char *bytes = (const unsigned char *)copy->payload;
	struct fnt_payload_reader reader = {bytes, bytes + copy->head.payload_bytes, 0};
	struct fnt_event event;

	while (fnt_payload_next(&reader, &event) == 1)
		if (event.type == FNT_EVENT_COMMITTED)
			return event.time_ns;
	return copy->head.started_mono + copy->head.duration_ns;
}

/* ---- from a frame ----------------------------------------------------------- */

static void
copy_frame_payload(const struct fnt_frame *frame, char *to, uint32_t bytes)
{
	fnt_words_load(to, frame->payload,
		       bytes < FNT_FRAME_PAYLOAD_BYTES ? bytes
						       : FNT_FRAME_PAYLOAD_BYTES);
}

/* Copies `published` bytes of payload, from `frame` and those linked to it. Fewer where
 * the chain is broken: it is damaged, or changes meanwhile, which the caller finds out.
 * False: no memory. */
static bool
copy_frame_chain(const struct fnt_view *view, const struct fnt_frame *frame,
		 uint64_t published, struct fnt_record_copy *copy)
{
	uint32_t bytes = published > view->max_record_bytes ? view->max_record_bytes
							    : (uint32_t)published;
	uint32_t done = 0;

	if (!reserve_payload(copy, bytes))
		return false;
	for (;;) {
		uint64_t next;

		copy_frame_payload(frame, copy->payload + done, bytes - done);
		done += FNT_FRAME_PAYLOAD_BYTES;
		if (done >= bytes)
			break;
		next = fnt_word_relaxed(&frame->next);
		if (!next || next > view->frame_count) {
			bytes = done;
			break;
		}
		frame = &view->frames[next - 1];
	}
	copy->head.payload_bytes = bytes;
	return true;
}

static enum fnt_read_result
copy_frame(const struct fnt_view *view, const struct fnt_frame *frame,
	   struct fnt_record_copy *copy)
{
	uint64_t published;

	fnt_words_load(&copy->head, frame->record, sizeof(copy->head));
	fnt_frame_read_chunks(frame, &copy->head);
	copy->last_ns = fnt_word_relaxed(&frame->last_ns);
	/* [P2] acquire: the bytes come after their count. Pairs with [P1] in
	 * frame.h. */
	published = atomic_load_explicit(&frame->published, memory_order_acquire);
	return copy_frame_chain(view, frame, published, copy) ? FNT_READ_RECORD
							      : FNT_READ_NO_MEMORY;
}

enum fnt_read_result
fnt_frame_read(const struct fnt_view *view, uint32_t index,
	       struct fnt_record_copy *copy)
{
	const struct fnt_frame *frame = &view->frames[index];

	for (int i = 0; i < FRAME_READ_TRIES; i++) {
		/* [F2] acquire: the frame's words come after its state. Pairs with
		 * [F1]. */
		uint64_t state =
			atomic_load_explicit(&frame->state, memory_order_acquire);
		uint32_t status = fnt_state_status(state);
		bool committed;

		if (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED)
			return FNT_READ_PAD;
		copy->owner = fnt_state_owner(state);
		copy->reaped = status == FNT_FRAME_REAPED;
		if (copy_frame(view, frame, copy) == FNT_READ_NO_MEMORY)
			return FNT_READ_NO_MEMORY;
		committed = fnt_frame_committed(view, frame);
		/* [S4] acquire: the words were read before the state is looked at
		 * again. Pairs with [S3] in frame.c. */
		atomic_thread_fence(memory_order_acquire);
		if (fnt_word_relaxed(&frame->state) == state)
			return committed ? FNT_READ_PAD : FNT_READ_RECORD;
	}
	return FNT_READ_GONE;
}
