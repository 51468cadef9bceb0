/* SPDX-License-Identifier: MIT */
#include "read/query.h"

#include "base/cache_flush.h"
#include "region/name_table.h"
#include "payload/read.h"
#include "region/slots.h"
#include "base/shm_words.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define AHEAD 4		 /* cells */
#define LOOK_AROUND 32	 /* cells */
#define IN_HAND_MAX 1024 /* tickets: of a block, at most */

/* ---- which --------------------------------------------------------------------- */

static bool
same_text(struct fnt_text text, const char *want)
{
	return text.at && strlen(want) == text.len && !memcmp(text.at, want, text.len);
}

static bool
first_event(const struct fnt_record_copy *raw, struct fnt_event *event)
{
	const unsigned char *bytes = (const unsigned char *)raw->payload;
	struct fnt_payload_reader reader = {bytes, bytes + raw->head.payload_bytes, 0};

	return fnt_payload_next(&reader, event) == 1 && event->type == FNT_EVENT_CALL;
}

static bool
fn_matches(const struct fnt_view *view, const struct fnt_record_copy *raw,
	   const char *want)
{
	char name[FNT_NAME_MAX + 1];
	struct fnt_event event;
	int len;

	if (raw->head.fn_name == FNT_NAME_NONE)
		return first_event(raw, &event) && same_text(event.call.fn, want);
	len = fnt_name_get(view, raw->head.fn_name, name);
	return len >= 0 && same_text((struct fnt_text){name, (uint32_t)len}, want);
}

static bool
takes_all(const struct fnt_query *query)
{
	return !query->errors_only && !query->uid &&
	       !(query->trace_id[0] | query->trace_id[1]) && !query->fn_name &&
	       !query->call_id;
}

static bool
matches(const struct fnt_view *view, const struct fnt_query *query,
	const struct fnt_record_copy *raw)
{
	const struct fnt_record *head = &raw->head;
	struct fnt_event event;

	if (query->errors_only && head->outcome == FNT_OK)
		return false;
	if (query->uid && head->uid != query->uid)
		return false;
	if ((query->trace_id[0] | query->trace_id[1]) &&
	    (head->trace_id[0] != query->trace_id[0] ||
	     head->trace_id[1] != query->trace_id[1]))
		return false;
	if (query->fn_name && !fn_matches(view, raw, query->fn_name))
		return false;
	return !query->call_id || (first_event(raw, &event) &&
				   same_text(event.call.call_id, query->call_id));
}

/* ---- newest first -------------------------------------------------------------- */

/* A walk back through one ring, over whole records. */
struct ring_walk {
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count, at;
	uint64_t left; /* cells of the present span that are still to be looked at */
	struct fnt_ring_position
		spot;	    /* of the one looked at last, or the span's end */
	bool has;	    /* a record in `raw`, committed at `time` */
	bool over;	    /* no further one */
	bool warm;	    /* we are among records … */
	uint64_t warm_left; /* … since so many were left, at the newest's last cell */
	const fnt_word *cursor;
	uint64_t from; /* where it was when the walk began */
	bool started;  /* some way ago */
	uint64_t time;
	struct fnt_record_copy raw;
};

/* Through both, the newer of two records first: each ring is sorted by itself. */
struct walk {
	const struct fnt_view *view;
	struct ring_walk rings[FNT_RINGS];
	uint64_t left; /* of the capacity */
	const struct fnt_record_copy *raw;
};

static void
span_begin(struct ring_walk *walk)
{
	const struct fnt_segment_span *span = &walk->spans[walk->at];

	walk->left = span->end - span->first;
	walk->spot = fnt_ring_position_of(span->segment, span->end);
}

static void
ring_begin(struct ring_walk *walk, const struct fnt_view *view, uint32_t ring)
{
	walk->cursor = &view->rings[ring].cursor;
	walk->from = fnt_ring_cursor(view, ring);
	walk->count = fnt_segment_spans(view, ring, walk->from, false, walk->spans);
	if (walk->count)
		span_begin(walk);
}

/* What has been read before it was known that others write. */
static void
give_back(const struct ring_walk *walk)
{
	uint64_t cells = walk->warm && !walk->at ? walk->warm_left - walk->left : 0;

	for (uint64_t i = 1; i <= cells && i < walk->spot.segment->cell_count; i++) {
		struct fnt_ring_position spot = fnt_ring_position_after(&walk->spot, i);

		fnt_cache_flush(fnt_ring_position_cell(&spot), FNT_CELL_BYTES);
	}
}

/* Has somebody written since the walk began? Then what is read is given back (cache_flush.h).
 */
static __attribute__((noinline)) void
look_around(struct ring_walk *walk)
{
	if (walk->raw.flush)
		return;
	if (walk->started &&
	    atomic_load_explicit(walk->cursor, memory_order_relaxed) != walk->from) {
		walk->raw.flush = true;
		give_back(walk);
	}
	walk->started = true;
}

/* On to an older segment; false: there is none. */
static __attribute__((noinline)) bool
next_span(struct ring_walk *walk)
{
	do {
		if (walk->at + 1 >= walk->count)
			return false;
		walk->at++;
		span_begin(walk);
	} while (!walk->left);
	return true;
}

/* On to the next cell; false: that was the last. */
static inline bool
step_back(struct ring_walk *walk)
{
	if (!walk->left && !next_span(walk))
		return false;
	walk->left--;
	fnt_ring_position_back(&walk->spot, 1);
	/* At the second such place, up to 64 cells on: who wants a few records is done
	 * about there, and will soon come to the same ones again. */
	if (__builtin_expect(walk->left % LOOK_AROUND == 0, 0))
		look_around(walk);
	return true;
}

/* The lane's next ticket, if `ticket` is one of those that it has in hand: none from
 * there on has been written when this is looked up. Otherwise, or where a lane says
 * what none does, `ticket`. */
static uint64_t
next_in_hand(const struct fnt_view *view, uint32_t ring, uint32_t lane_no,
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
	/* [L4] acquire: and its first is no older than its end: if both are of a later
	 * block, so that there are tickets of others between, it is above the mark.
	 * Pairs with [L3] in ring.c. */
	end = atomic_load_explicit(&lane->block_end, memory_order_acquire);
	first = atomic_load_explicit(&lane->block_first, memory_order_relaxed);
	return first <= low && low < ticket && ticket < end && end - low <= IN_HAND_MAX
		       ? low
		       : ticket;
}

/* Nothing is there yet. If somebody has that ticket in hand, and others before it, go
 * on at the first of them: to look at each for nothing would take away what its
 * producer writes next. It most likely is whoever wrote there a lap ago. */
static __attribute__((noinline)) void
pass_over(const struct fnt_view *view, uint32_t ring, struct ring_walk *walk)
{
	uint64_t ticket = walk->spans[walk->at].first + walk->left, next, cells;
	uint64_t state = atomic_load_explicit(
		&fnt_ring_position_cell(&walk->spot)->state, memory_order_relaxed);

	next = next_in_hand(view, ring, fnt_cell_lane(state), ticket);
	cells = next < ticket ? ticket - next - 1 : 0;
	if (cells > walk->left || cells >= walk->spot.segment->cell_count)
		return;
	walk->left -= cells;
	fnt_ring_position_back(&walk->spot, cells);
}

/* Everything that has failed is in the kept ring, if there is one, but for what was too
 * large for it. */
static bool
kept_will_do(const struct fnt_view *view, const struct fnt_query *query)
{
	return query->errors_only && !view->capacity &&
	       fnt_view_segments(view, FNT_RING_KEPT)->count &&
	       !atomic_load_explicit(&view->rings[FNT_RING_KEPT].strays,
				     memory_order_relaxed);
}

static void
walk_begin(struct walk *walk, const struct fnt_view *view,
	   const struct fnt_query *query)
{
	memset(walk, 0, sizeof(*walk));
	walk->view = view;
	walk->left = view->capacity ? view->capacity : UINT64_MAX;
	if (!kept_will_do(view, query))
		ring_begin(&walk->rings[FNT_RING_MAIN], view, FNT_RING_MAIN);
	ring_begin(&walk->rings[FNT_RING_KEPT], view, FNT_RING_KEPT);
}

static void
walk_end(struct walk *walk)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++)
		fnt_record_copy_free(&walk->rings[i].raw);
}

/* The cells that are come to in a moment. Not before there is a record, nor past the
 * last: there producers are about to write, and what is fetched here they have to fetch
 * back. */
static inline void
prefetch(const struct ring_walk *walk)
{
	const struct fnt_cell *cell = fnt_ring_position_cell(&walk->spot);

	if (!walk->warm || walk->left < AHEAD)
		return;
	for (int line = 0; line < FNT_CELL_BYTES; line += 64)
		__builtin_prefetch((const char *)(cell - AHEAD) + line);
}

/* The cell has been overwritten. If the ring has come to it in going on, so has all
 * that is before it: who looks at it for nothing takes it away from the producer that
 * has just written it. */
static __attribute__((noinline)) void
overtaken(const struct fnt_view *view, uint32_t ring, struct ring_walk *walk)
{
	const struct fnt_segment_span *span = &walk->spans[walk->at];
	uint64_t ticket = span->first + walk->left;

	if (!walk->at &&
	    ticket + span->segment->cell_count < fnt_ring_cursor(view, ring))
		walk->left = 0;
}

/* See that the ring's next record is in walk->raw, unless that was all. -ENOMEM, or 0.
 */
static inline __attribute__((always_inline)) int
ring_next(const struct fnt_view *view, uint32_t ring, struct ring_walk *walk)
{
	while (step_back(walk)) {
		enum fnt_read_result is;

		prefetch(walk);
		is = fnt_record_read_at(view, &walk->spot, &walk->raw);
		if (__builtin_expect(is == FNT_READ_RECORD, 1)) {
			if (!walk->warm)
				walk->warm_left =
					walk->left - 1 +
					fnt_cells_for(walk->raw.head.payload_bytes);
			walk->has = walk->warm = true;
			walk->time = fnt_record_time(&walk->raw);
			return 0;
		}
		if (is == FNT_READ_GONE)
			overtaken(view, ring, walk);
		else if (is == FNT_READ_OLDER)
			pass_over(view, ring, walk);
		else if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
	}
	walk->over = true;
	return 0;
}

static inline __attribute__((always_inline)) int
look_ahead(struct walk *walk, uint32_t ring)
{
	struct ring_walk *one = &walk->rings[ring];

	return one->has || one->over ? 0 : ring_next(walk->view, ring, one);
}

/* 1: the next record is in *walk->raw; 0: that was all; -ENOMEM. */
static inline __attribute__((always_inline)) int
walk_next(struct walk *walk)
{
	struct ring_walk *newest = &walk->rings[FNT_RING_MAIN];
	struct ring_walk *kept = &walk->rings[FNT_RING_KEPT];

	static_assert(FNT_RINGS == 2, "the newer of two");
	if (!walk->left)
		return 0;
	if (look_ahead(walk, FNT_RING_MAIN) < 0 || look_ahead(walk, FNT_RING_KEPT) < 0)
		return -ENOMEM;
	if (kept->has && !(newest->has && newest->time >= kept->time))
		newest = kept;
	if (!newest->has)
		return 0;
	newest->has = false;
	walk->raw = &newest->raw;
	walk->left--;
	return 1;
}

/* The next record may be read to where it will be: not while the other ring's waits, so
 * that another may come before it. */
static inline void
give_place(struct walk *walk, const struct fnt_trace_set *set)
{
	bool alone = !walk->rings[FNT_RING_KEPT].has && walk->rings[FNT_RING_KEPT].over;

	walk->rings[FNT_RING_MAIN].raw.direct =
		alone ? fnt_trace_set_next_payload(set) : NULL;
}

static int
run(const struct fnt_view *view, const struct fnt_query *query,
    struct fnt_trace_set *set)
{
	bool all = takes_all(query);
	struct walk walk;
	size_t found = 0;
	int rc = 0;

	walk_begin(&walk, view, query);
	while (found < query->limit && (rc = walk_next(&walk)) == 1) {
		if (!all && !matches(view, query, walk.raw))
			continue;
		if (!fnt_trace_set_add(set, view, walk.raw)) {
			rc = -ENOMEM;
			break;
		}
		found++;
		give_place(&walk, set);
	}
	walk_end(&walk);
	return rc < 0 ? rc : 0;
}

int
fnt_query_run(const struct fnt_view *view, const struct fnt_query *query,
	      struct fnt_traces **traces)
{
	struct fnt_trace_set *set = fnt_trace_set_create();
	int rc = set ? run(view, query, set) : -ENOMEM;

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
	walk_begin(&walk, view, query);
	while (!rc && found < query->limit && (rc = walk_next(&walk)) == 1) {
		const struct fnt_trace *trace;

		rc = 0;
		if (!matches(view, query, walk.raw))
			continue;
		fnt_trace_set_reset(set);
		trace = fnt_trace_set_add(set, view, walk.raw);
		rc = trace ? each(arg, trace) : -ENOMEM;
		found++;
	}
	walk_end(&walk);
	fnt_trace_set_destroy(set);
	return rc;
}

/* And will be again in a lap; what is of another lap, or busy, somebody is at now. */
static bool
was_written(enum fnt_read_result is)
{
	return is == FNT_READ_RECORD || is == FNT_READ_MORE || is == FNT_READ_PAD;
}

/* Which are there is all that matters, not in which order. */
uint64_t
fnt_query_retained(const struct fnt_view *view)
{
	uint64_t most = view->capacity ? view->capacity : UINT64_MAX, count = 0;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct ring_walk walk = {.count = 0};

		ring_begin(&walk, view, ring);
		while (count < most && step_back(&walk)) {
			enum fnt_read_result is = fnt_record_probe_at(view, &walk.spot);

			count += is == FNT_READ_RECORD;
			if (is == FNT_READ_OLDER)
				pass_over(view, ring, &walk);
			else if (walk.raw.flush && was_written(is))
				fnt_cache_flush(fnt_ring_position_cell(&walk.spot),
						FNT_CACHE_FLUSH_LINE);
		}
	}
	return count;
}

uint64_t
fnt_query_total(const struct fnt_view *view)
{
	const struct fnt_control_words *control = view->control;
	uint64_t total = fnt_word_relaxed(&control->dropped) +
			 fnt_word_relaxed(&control->not_kept) +
			 fnt_word_relaxed(&control->sampled) +
			 fnt_word_relaxed(&control->limited);

	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_lane *lane = &view->lanes[i];

		total += fnt_lane_recorded(lane) + fnt_word_relaxed(&lane->dropped) +
			 fnt_word_relaxed(&lane->not_kept) +
			 fnt_word_relaxed(&lane->sampled) +
			 fnt_word_relaxed(&lane->limited);
	}
	return total;
}
