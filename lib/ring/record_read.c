/* SPDX-License-Identifier: MIT */
#include "ring/record_read.h"

#include "base/cache_flush.h"
#include "ring/frame.h"
#include "payload/read.h"
#include "base/shm_words.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define FRAME_TRIES 4

void
fnt_record_copy_free(struct fnt_record_copy *raw)
{
	free(raw->buffer);
	raw->buffer = raw->payload = NULL;
	raw->buffer_bytes = 0;
}

/* Room for `bytes` and the rest of a word; not less than most records take. */
static bool
reserve_payload(struct fnt_record_copy *raw, uint32_t bytes)
{
	uint32_t want = bytes + 8;
	char *more;

	raw->payload = raw->buffer;
	if (raw->buffer_bytes >= want)
		return true;
	want = want < 4096 ? 4096 : want;
	more = realloc(raw->buffer, want);
	if (!more)
		return false;
	raw->buffer = raw->payload = more;
	raw->buffer_bytes = want;
	return true;
}

/* ---- from the ring ------------------------------------------------------------- */

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

/* The state that the continuation at `spot` of the record that `head` begins must have.
 */
static uint64_t
more_state(const struct fnt_ring_position *spot, uint64_t head)
{
	return fnt_cell_state(spot->lap, fnt_cell_lane(head), FNT_CELL_MORE, 0);
}

/* One continuation cell; `to` NULL: only a look. */
static enum fnt_read_result
copy_cell(const struct fnt_ring_position *spot, uint64_t head, char *to, uint32_t bytes)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(spot);
	/* [C2] acquire: see [C1] in ring.c. */
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_acquire);

	if (state != more_state(spot, head))
		return classify(state, spot->lap) == FNT_READ_GONE ? FNT_READ_GONE
								   : FNT_READ_DAMAGED;
	if (to)
		fnt_words_load(to, cell->words, bytes);
	return FNT_READ_RECORD;
}

/* The continuation cells of a record of `bytes`, to `payload`; NULL: only a look. */
static enum fnt_read_result
copy_more(const struct fnt_ring_position *spot, uint64_t head, uint32_t bytes,
	  char *payload)
{
	enum fnt_read_result rc = FNT_READ_RECORD;
	uint32_t done = FNT_HEAD_BYTES;

	for (uint32_t i = 1; rc == FNT_READ_RECORD && done < bytes; i++) {
		struct fnt_ring_position more = fnt_ring_position_after(spot, i);
		uint32_t left = bytes - done;

		rc = copy_cell(&more, head, payload ? payload + done : NULL,
			       left < FNT_MORE_BYTES ? left : FNT_MORE_BYTES);
		done += FNT_MORE_BYTES;
	}
	return rc;
}

/* Has nothing changed since? */
static bool
unchanged(const struct fnt_ring_position *spot, uint64_t head, uint32_t cells)
{
	/* [S2] acquire: the words were read before the states are looked at again.
	 * Pairs with [S1] in ring.c. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&fnt_ring_position_cell(spot)->state,
				 memory_order_relaxed) != head)
		return false;
	for (uint32_t i = 1; i < cells; i++) {
		struct fnt_ring_position more = fnt_ring_position_after(spot, i);

		if (atomic_load_explicit(&fnt_ring_position_cell(&more)->state,
					 memory_order_relaxed) !=
		    more_state(&more, head))
			return false;
	}
	return true;
}

/* The cells that a record of so much payload takes; 0: there is none. */
static uint32_t
cells_of(const struct fnt_view *view, const struct fnt_ring_position *spot,
	 uint32_t bytes)
{
	uint32_t cells = bytes > view->max_record_bytes ? 0 : fnt_cells_for(bytes);

	return cells <= spot->segment->cell_count ? cells : 0;
}

/* Whether the record is whole and has stayed so. `payload` NULL: only a look. */
static enum fnt_read_result
copy_rest(const struct fnt_ring_position *spot, uint64_t head, uint32_t bytes,
	  uint32_t cells, char *payload)
{
	enum fnt_read_result rc = FNT_READ_RECORD;

	if (!cells)
		rc = FNT_READ_DAMAGED;
	else if (cells > 1)
		rc = copy_more(spot, head, bytes, payload);
	if (!unchanged(spot, head, rc == FNT_READ_RECORD ? cells : 1))
		return FNT_READ_GONE;
	return rc;
}

/* Give back the cells of a record that has been read. */
static void
leave(const struct fnt_ring_position *spot, uint32_t cells)
{
	for (uint32_t i = 0; i < cells; i++) {
		struct fnt_ring_position more = fnt_ring_position_after(spot, i);

		fnt_cache_flush(fnt_ring_position_cell(&more), FNT_CELL_BYTES);
	}
}

static enum fnt_read_result
copy_record(const struct fnt_view *view, const struct fnt_ring_position *spot,
	    uint64_t head, struct fnt_record_copy *raw)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(spot);
	enum fnt_read_result is;
	uint32_t cells;

	fnt_words_load(&raw->head, cell->words, sizeof(raw->head));
	cells = cells_of(view, spot, raw->head.payload_bytes);
	if (cells) {
		if (!reserve_payload(raw, raw->head.payload_bytes))
			return FNT_READ_NO_MEMORY;
		/* All that the cell has room for: a copy of known length. */
		fnt_words_load(raw->payload, cell->words + FNT_RECORD_WORDS,
			       FNT_HEAD_BYTES);
	}
	is = copy_rest(spot, head, raw->head.payload_bytes, cells, raw->payload);
	if (raw->flush && is == FNT_READ_RECORD)
		leave(spot, cells);
	return is;
}

/* What the spot's cell is, by its state, and the state. */
static enum fnt_read_result
read_state(const struct fnt_ring_position *spot, uint64_t *state)
{
	/* [C2] acquire: the cell's words come after its state. Pairs with [C1] in
	 * ring.c. */
	*state = atomic_load_explicit(&fnt_ring_position_cell(spot)->state,
				      memory_order_acquire);
	return classify(*state, spot->lap);
}

static __attribute__((noinline)) enum fnt_read_result
read_spot(const struct fnt_view *view, const struct fnt_ring_position *spot,
	  struct fnt_record_copy *raw)
{
	uint64_t state;
	enum fnt_read_result is = read_state(spot, &state);

	return is == FNT_READ_RECORD ? copy_record(view, spot, state, raw) : is;
}

/* Most are of one cell, and whole: that is told by one comparison of its state, before
 * and after. */
enum fnt_read_result
fnt_record_read_at(const struct fnt_view *view, const struct fnt_ring_position *spot,
		   struct fnt_record_copy *raw)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(spot);
	/* [C2] acquire: the cell's words come after its state. Pairs with [C1] in
	 * ring.c. */
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_acquire);
	char *to = raw->direct ? raw->direct : raw->buffer;

	if (fnt_cell_without_lane(state) !=
		    fnt_cell_state(spot->lap, 0, FNT_CELL_HEAD, 0) ||
	    !to)
		return read_spot(view, spot, raw);
	fnt_words_load(&raw->head, cell->words, sizeof(raw->head));
	if (raw->head.payload_bytes > FNT_HEAD_BYTES ||
	    raw->head.payload_bytes > view->max_record_bytes)
		return read_spot(view, spot, raw);
	/* All that the cell has room for: a copy of known length. */
	fnt_words_load(to, cell->words + FNT_RECORD_WORDS, FNT_HEAD_BYTES);
	raw->payload = to;
	/* [S2] acquire: the words were read before the state is looked at again. Pairs
	 * with [S1] in ring.c. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&cell->state, memory_order_relaxed) != state)
		return FNT_READ_GONE;
	if (raw->flush)
		fnt_cache_flush(cell, FNT_CELL_BYTES);
	return FNT_READ_RECORD;
}

enum fnt_read_result
fnt_record_probe_at(const struct fnt_view *view, const struct fnt_ring_position *spot)
{
	uint64_t state;
	enum fnt_read_result is = read_state(spot, &state);
	uint32_t bytes;

	if (is != FNT_READ_RECORD)
		return is;
	static_assert(offsetof(struct fnt_record, payload_bytes) % 8 == 0,
		      "its low half");
	bytes = (uint32_t)atomic_load_explicit(
		&fnt_ring_position_cell(spot)
			 ->words[offsetof(struct fnt_record, payload_bytes) / 8],
		memory_order_relaxed);
	return copy_rest(spot, state, bytes, cells_of(view, spot, bytes), NULL);
}

enum fnt_read_result
fnt_record_read(const struct fnt_view *view, uint32_t ring, uint64_t ticket,
		struct fnt_record_copy *raw)
{
	const struct fnt_segment *segment =
		fnt_segment_find(fnt_view_segments(view, ring), ticket);
	struct fnt_ring_position spot;

	if (!segment)
		return FNT_READ_GONE;
	spot = fnt_ring_position_of(segment, ticket);
	return fnt_record_read_at(view, &spot, raw);
}

uint64_t
fnt_record_time_slow(const struct fnt_record_copy *raw)
{
	const unsigned char *bytes = (const unsigned char *)raw->payload;
	struct fnt_payload_reader reader = {bytes, bytes + raw->head.payload_bytes, 0};
	struct fnt_event event;

	while (fnt_payload_next(&reader, &event) == 1)
		if (event.type == FNT_EVENT_COMMITTED)
			return event.time_ns;
	return raw->head.started_at_ns + raw->head.duration_ns;
}

/* ---- from a frame -------------------------------------------------------------- */

static void
copy_payload(const struct fnt_frame *frame, char *to, uint32_t bytes)
{
	fnt_words_load(to, frame->payload,
		       bytes < FNT_FRAME_PAYLOAD_BYTES ? bytes
						       : FNT_FRAME_PAYLOAD_BYTES);
}

/* The payload over all its frames. False: no memory. */
static bool
copy_chain(const struct fnt_view *view, const struct fnt_frame *frame,
	   uint64_t published, struct fnt_record_copy *raw)
{
	uint32_t bytes = published > view->max_record_bytes ? view->max_record_bytes
							    : (uint32_t)published;
	uint32_t done = 0;

	if (!reserve_payload(raw, bytes))
		return false;
	for (;;) {
		uint64_t next;

		copy_payload(frame, raw->payload + done, bytes - done);
		done += FNT_FRAME_PAYLOAD_BYTES;
		if (done >= bytes)
			break;
		next = atomic_load_explicit(&frame->next, memory_order_relaxed);
		if (!next || next > view->frame_count) {
			bytes = done; /* damaged, or changing: found out by the caller
				       */
			break;
		}
		frame = &view->frames[next - 1];
	}
	raw->head.payload_bytes = bytes;
	return true;
}

static enum fnt_read_result
copy_frame(const struct fnt_view *view, const struct fnt_frame *frame,
	   struct fnt_record_copy *raw)
{
	uint64_t published;

	fnt_words_load(&raw->head, frame->record, sizeof(raw->head));
	fnt_frame_streamed(frame, &raw->head);
	raw->started_mono =
		atomic_load_explicit(&frame->started_mono, memory_order_relaxed);
	raw->last_ns = atomic_load_explicit(&frame->last_ns, memory_order_relaxed);
	/* [P2] acquire: the bytes come after their count. Pairs with [P1] in
	 * frame.h. */
	published = atomic_load_explicit(&frame->published, memory_order_acquire);
	return copy_chain(view, frame, published, raw) ? FNT_READ_RECORD
						       : FNT_READ_NO_MEMORY;
}

enum fnt_read_result
fnt_frame_read(const struct fnt_view *view, uint32_t index, struct fnt_record_copy *raw)
{
	const struct fnt_frame *frame = &view->frames[index];

	for (int i = 0; i < FRAME_TRIES; i++) {
		/* [F2] acquire: the frame's words come after its state. Pairs with
		 * [F1]. */
		uint64_t state =
			atomic_load_explicit(&frame->state, memory_order_acquire);
		uint32_t status = fnt_state_status(state);
		bool committed;

		if (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED)
			return FNT_READ_PAD;
		raw->owner = fnt_state_owner(state);
		raw->reaped = status == FNT_FRAME_REAPED;
		if (copy_frame(view, frame, raw) == FNT_READ_NO_MEMORY)
			return FNT_READ_NO_MEMORY;
		committed = fnt_frame_committed(view, frame);
		/* [S4] acquire: the words were read before the state is looked at
		 * again. Pairs with [S3] in frame.c. */
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&frame->state, memory_order_relaxed) == state)
			return committed ? FNT_READ_PAD : FNT_READ_RECORD;
	}
	return FNT_READ_GONE;
}
