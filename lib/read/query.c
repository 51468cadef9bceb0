/* SPDX-License-Identifier: MIT */
#include "read/query.h"

#include "base/cache_flush.h"
#include "base/shm_words.h"
#include "payload/read.h"
#include "read/decode.h"
#include "read/end_counts.h"
#include "region/name_table.h"
#include "region/segment_span.h"
#include "ring/record_read.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PREFETCH_CELLS 4       /* how far ahead of the walk */
#define CURSOR_CHECK_CELLS 32  /* how often a walk loads the cursor */
#define BLOCK_TICKETS_MAX 1024 /* of a lane's block; with more, it is not trusted */

/* ---- matching --------------------------------------------------------------- */

static bool
same_text(struct fnt_text text, const char *want)
{
	return text.at && strlen(want) == text.len && !memcmp(text.at, want, text.len);
}

/* The call's beginning, which is its first event. */
static bool
first_event(const struct fnt_record_copy *copy, struct fnt_event *event)
{
	const unsigned char *bytes = (const unsigned char *)copy->payload;
	struct fnt_payload_reader reader = {bytes, bytes + copy->head.payload_bytes, 0};

	return fnt_payload_next(&reader, event) == 1 && event->type == FNT_EVENT_CALL;
}

static bool
fn_matches(const struct fnt_view *view, const struct fnt_record_copy *copy,
	   const char *want)
{
	char name[FNT_NAME_MAX + 1];
	struct fnt_event event;
	int len;

	if (copy->head.fn_name == FNT_NAME_NONE)
		return first_event(copy, &event) && same_text(event.call.fn, want);
	len = fnt_name_get(view, copy->head.fn_name, name);
	return len >= 0 && same_text((struct fnt_text){name, (uint32_t)len}, want);
}

static bool
matches_all(const struct fnt_query *query)
{
	return !query->errors_only && !query->uid &&
	       !(query->trace_id[0] | query->trace_id[1]) && !query->fn_name &&
	       !query->call_id;
}

static bool
matches(const struct fnt_view *view, const struct fnt_query *query,
	const struct fnt_record_copy *copy)
{
	const struct fnt_record *head = &copy->head;
	struct fnt_event event;

	if (query->errors_only && head->outcome == FNT_OK)
		return false;
	if (query->uid && head->uid != query->uid)
		return false;
	if ((query->trace_id[0] | query->trace_id[1]) &&
	    (head->trace_id[0] != query->trace_id[0] ||
	     head->trace_id[1] != query->trace_id[1]))
		return false;
	if (query->fn_name && !fn_matches(view, copy, query->fn_name))
		return false;
	return !query->call_id || (first_event(copy, &event) &&
				   same_text(event.call.call_id, query->call_id));
}

/* ---- one ring, backwards ---------------------------------------------------- */

/* A walk from a ring's newest cell to its oldest one. */
struct ring_walk {
	struct fnt_segment_span spans[FNT_SEGMENTS]; /* newest first */
	uint32_t count, at;
	uint64_t left; /* cells of the present span that are yet to be visited */
	/* Of the cell visited last; at first, of the span's end. */
	struct fnt_ring_position position;
	bool has_record; /* in `copy`, committed at `time` */
	bool exhausted;	 /* there is no further record */
	/* The newest record has been found; and what `left` was when the walk visited
	 * that record's last cell. */
	bool found_newest;
	uint64_t left_at_newest;
	const fnt_word *cursor; /* the ring's, and its value when the walk began */
	uint64_t cursor_at_begin;
	bool past_first_check; /* of the cursor */
	uint64_t time;	       /* region time */
	struct fnt_record_copy copy;
};

static void
begin_span(struct ring_walk *walk)
{
	const struct fnt_segment_span *span = &walk->spans[walk->at];

	walk->left = span->end - span->first;
	walk->position = fnt_ring_position_of(span->segment, span->end);
}

/* `walk` is zero. */
static void
begin_ring(struct ring_walk *walk, const struct fnt_view *view, uint32_t ring)
{
	walk->cursor = &view->rings[ring].cursor;
	walk->cursor_at_begin = fnt_ring_cursor(view, ring);
	walk->count = fnt_segment_spans(view, ring, walk->cursor_at_begin, false,
					walk->spans);
	if (walk->count)
		begin_span(walk);
}

/* Flushes the cells of the newest segment that have been read so far. */
static void
flush_cells_read(const struct ring_walk *walk)
{
	uint64_t cells =
		walk->found_newest && !walk->at ? walk->left_at_newest - walk->left : 0;

	for (uint64_t i = 1; i <= cells && i < walk->position.segment->cell_count;
	     i++) {
		struct fnt_ring_position read =
			fnt_ring_position_after(&walk->position, i);

		fnt_cache_flush(fnt_ring_position_cell(&read), FNT_CELL_BYTES);
	}
}

/* If producers have written to the ring since the walk began, cells that have been read
 * are flushed from now on. Does nothing the first time, up to 32 cells into a walk: a
 * reader that wants a few records is done about then, and will soon read the same ones
 * again. */
static __attribute__((noinline)) void
check_cursor(struct ring_walk *walk)
{
	if (walk->copy.flush)
		return;
	if (walk->past_first_check &&
	    fnt_word_relaxed(walk->cursor) != walk->cursor_at_begin) {
		walk->copy.flush = true;
		flush_cells_read(walk);
	}
	walk->past_first_check = true;
}

/* Goes on to the next older segment that has cells; false: there is none. */
static __attribute__((noinline)) bool
next_span(struct ring_walk *walk)
{
	do {
		if (walk->at + 1 >= walk->count)
			return false;
		walk->at++;
		begin_span(walk);
	} while (!walk->left);
	return true;
}

/* Goes on to the next older cell; false: that was the last. */
static inline bool
step_back(struct ring_walk *walk)
{
	if (!walk->left && !next_span(walk))
		return false;
	walk->left--;
	fnt_ring_position_back(&walk->position, 1);
	if (__builtin_expect(walk->left % CURSOR_CHECK_CELLS == 0, 0))
		check_cursor(walk);
	return true;
}

/* The first ticket of the lane's block that is not written yet, if `ticket` is a later
 * one of that block. Otherwise, and if the lane's numbers make no sense, `ticket`. */
static uint64_t
first_unwritten(const struct fnt_view *view, uint32_t ring, uint32_t lane_no,
		uint64_t ticket)
{
	const struct fnt_lane_ring *lane;
	uint64_t low, end, first;

	if (lane_no >= view->lane_count)
		return ticket;
	lane = &view->lanes[lane_no].rings[ring];
	/* [L2] acquire: the block's bounds are no older than its low mark. Pairs with
	 * [L1] in ring.c. */
	low = atomic_load_explicit(&lane->low, memory_order_acquire);
	/* [L4] acquire: block_first is no older than block_end. If the end is of a
	 * later block than `low`, then so is the first, which is above `low`: the check
	 * below fails. Pairs with [L3] in ring.c. */
	end = atomic_load_explicit(&lane->block_end, memory_order_acquire);
	first = atomic_load_explicit(&lane->block_first, memory_order_relaxed);
	return first <= low && low < ticket && ticket < end &&
			       end - low <= BLOCK_TICKETS_MAX
		       ? low
		       : ticket;
}

/* The cell that has been visited is not written yet. If its ticket belongs to a block,
 * goes back to the first ticket of that block that is not written: loading those
 * between would take cells from the producer that writes to them next. The block is
 * looked for in the lane that wrote the cell a lap ago, which most likely is the right
 * one. */
static __attribute__((noinline)) void
skip_unwritten(const struct fnt_view *view, uint32_t ring, struct ring_walk *walk)
{
	uint64_t ticket = walk->spans[walk->at].first + walk->left, next, cells;
	uint64_t state =
		fnt_word_relaxed(&fnt_ring_position_cell(&walk->position)->state);

	next = first_unwritten(view, ring, fnt_cell_lane(state), ticket);
	cells = next < ticket ? ticket - next - 1 : 0;
	if (cells > walk->left || cells >= walk->position.segment->cell_count)
		return;
	walk->left -= cells;
	fnt_ring_position_back(&walk->position, cells);
}

/* The cell that has been visited was overwritten. If producers did so because they came
 * around the ring, all older ones are overwritten as well, and the walk ends: loading
 * those would only take them from the producers. */
static __attribute__((noinline)) void
stop_if_lapped(const struct fnt_view *view, uint32_t ring, struct ring_walk *walk)
{
	const struct fnt_segment_span *span = &walk->spans[walk->at];
	uint64_t ticket = span->first + walk->left;

	if (!walk->at &&
	    ticket + span->segment->cell_count < fnt_ring_cursor(view, ring))
		walk->left = 0;
}

/* Prefetches a cell that will be visited soon. Not before the newest record has been
 * found, nor past the oldest cell: producers are about to write there, and would have
 * to fetch the cell back. */
static inline void
prefetch_ahead(const struct ring_walk *walk)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(&walk->position);

	if (!walk->found_newest || walk->left < PREFETCH_CELLS)
		return;
	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch((const char *)(cell - PREFETCH_CELLS) + line);
}

/* Reads the ring's next record into walk->copy, or sets `exhausted`. 0, -ENOMEM. */
static inline __attribute__((always_inline)) int
next_in_ring(const struct fnt_view *view, uint32_t ring, struct ring_walk *walk)
{
	while (step_back(walk)) {
		enum fnt_read_result is;

		prefetch_ahead(walk);
		is = fnt_record_read_at(view, &walk->position, &walk->copy);
		if (__builtin_expect(is == FNT_READ_RECORD, 1)) {
			if (!walk->found_newest)
				walk->left_at_newest =
					walk->left - 1 +
					fnt_cells_for(walk->copy.head.payload_bytes);
			walk->has_record = walk->found_newest = true;
			walk->time = fnt_record_time(&walk->copy);
			return 0;
		}
		if (is == FNT_READ_GONE)
			stop_if_lapped(view, ring, walk);
		else if (is == FNT_READ_OLDER)
			skip_unwritten(view, ring, walk);
		else if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
	}
	walk->exhausted = true;
	return 0;
}

/* ---- both rings ------------------------------------------------------------- */

/* Merges both rings, the newer of two records first. Each ring is in that order
 * itself. */
struct walk {
	const struct fnt_view *view;
	struct ring_walk rings[FNT_RINGS];
	uint64_t left; /* records, of the region's capacity */
	const struct fnt_record_copy *copy;
};

/* Does the kept ring have all records that the query can match? It has all that failed,
 * except for those that were too large for it (strays). */
static bool
kept_ring_suffices(const struct fnt_view *view, const struct fnt_query *query)
{
	return query->errors_only && !view->capacity &&
	       fnt_view_segments(view, FNT_RING_KEPT)->count &&
	       !fnt_word_relaxed(&view->rings[FNT_RING_KEPT].strays);
}

static void
begin_walk(struct walk *walk, const struct fnt_view *view,
	   const struct fnt_query *query)
{
	memset(walk, 0, sizeof(*walk));
	walk->view = view;
	walk->left = view->capacity ? view->capacity : UINT64_MAX;
	if (!kept_ring_suffices(view, query))
		begin_ring(&walk->rings[FNT_RING_MAIN], view, FNT_RING_MAIN);
	begin_ring(&walk->rings[FNT_RING_KEPT], view, FNT_RING_KEPT);
}

static void
end_walk(struct walk *walk)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++)
		fnt_record_copy_free(&walk->rings[i].copy);
}

/* Reads the ring's next record, unless one has been read already or there is none left.
 * 0, -ENOMEM. */
static inline __attribute__((always_inline)) int
fill_ring(struct walk *walk, uint32_t ring)
{
	struct ring_walk *one = &walk->rings[ring];

	return one->has_record || one->exhausted ? 0
						 : next_in_ring(walk->view, ring, one);
}

/* 1: the next record is in *walk->copy; 0: there is none; -ENOMEM. */
static inline __attribute__((always_inline)) int
next_in_walk(struct walk *walk)
{
	struct ring_walk *newest = &walk->rings[FNT_RING_MAIN];
	struct ring_walk *kept = &walk->rings[FNT_RING_KEPT];

	static_assert(FNT_RINGS == 2, "the newer of two");
	if (!walk->left)
		return 0;
	if (fill_ring(walk, FNT_RING_MAIN) < 0 || fill_ring(walk, FNT_RING_KEPT) < 0)
		return -ENOMEM;
	if (kept->has_record && !(newest->has_record && newest->time >= kept->time))
		newest = kept;
	if (!newest->has_record)
		return 0;
	newest->has_record = false;
	walk->copy = &newest->copy;
	walk->left--;
	return 1;
}

/* Lets the main ring's next payload be copied directly to its place in the set. Only if
 * the kept ring has no record left: such a record could be added before it. */
static inline void
read_directly(struct walk *walk, const struct fnt_trace_set *set)
{
	const struct ring_walk *kept = &walk->rings[FNT_RING_KEPT];
	bool alone = !kept->has_record && kept->exhausted;

	walk->rings[FNT_RING_MAIN].copy.direct =
		alone ? fnt_trace_set_next_payload(set) : NULL;
}

/* ---- queries ---------------------------------------------------------------- */

static int
run_query(const struct fnt_view *view, const struct fnt_query *query,
	  struct fnt_trace_set *set)
{
	bool all = matches_all(query);
	struct walk walk;
	size_t found = 0;
	int rc = 0;

	begin_walk(&walk, view, query);
	while (found < query->limit && (rc = next_in_walk(&walk)) == 1) {
		if (!all && !matches(view, query, walk.copy))
			continue;
		if (!fnt_trace_set_add(set, view, walk.copy)) {
			rc = -ENOMEM;
			break;
		}
		found++;
		read_directly(&walk, set);
	}
	end_walk(&walk);
	return rc < 0 ? rc : 0;
}

int
fnt_query_run(const struct fnt_view *view, const struct fnt_query *query,
	      struct fnt_traces **traces)
{
	struct fnt_trace_set *set = fnt_trace_set_create();
	int rc = set ? run_query(view, query, set) : -ENOMEM;

	if (rc) {
		fnt_trace_set_destroy(set);
		return rc;
	}
	*traces = fnt_trace_set_traces(set);
	return 0;
}

int
fnt_query_each(const struct fnt_view *view, const struct fnt_query *query,
	       int (*each)(void *arg, const struct fnt_trace *trace), void *arg)
{
	struct fnt_trace_set *set = fnt_trace_set_create();
	struct walk walk;
	size_t found = 0;
	int rc = 0;

	if (!set)
		return -ENOMEM;
	begin_walk(&walk, view, query);
	while (!rc && found < query->limit && (rc = next_in_walk(&walk)) == 1) {
		const struct fnt_trace *trace;

		rc = 0;
		if (!matches(view, query, walk.copy))
			continue;
		fnt_trace_set_reset(set);
		trace = fnt_trace_set_add(set, view, walk.copy);
		rc = trace ? each(arg, trace) : -ENOMEM;
		found++;
	}
	end_walk(&walk);
	fnt_trace_set_destroy(set);
	return rc;
}

/* ---- counts ----------------------------------------------------------------- */

/* Has the cell been written in this lap? It is not written again before the next. */
static bool
was_written(enum fnt_read_result is)
{
	return is == FNT_READ_RECORD || is == FNT_READ_MORE || is == FNT_READ_PAD;
}

uint64_t
fnt_query_retained(const struct fnt_view *view)
{
	uint64_t most = view->capacity ? view->capacity : UINT64_MAX, count = 0;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct ring_walk walk = {.count = 0};

		begin_ring(&walk, view, ring);
		while (count < most && step_back(&walk)) {
			enum fnt_read_result is =
				fnt_record_probe_at(view, &walk.position);

			count += is == FNT_READ_RECORD;
			if (is == FNT_READ_OLDER)
				skip_unwritten(view, ring, &walk);
			else if (walk.copy.flush && was_written(is))
				fnt_cache_flush(fnt_ring_position_cell(&walk.position),
						FNT_CACHE_FLUSH_LINE);
		}
	}
	return count;
}

uint64_t
fnt_query_total(const struct fnt_view *view)
{
	struct fnt_end_counts ends = fnt_end_counts_read(view);

	return fnt_end_counts_total(&ends);
}
