/* SPDX-License-Identifier: MIT
 *
 * reader_stat.c: a region's counters, and the processes attached to it.
 *
 * Counters are read one after the other while producers go on: sums are of slightly
 * different moments.
 */
#include "base/clock.h"
#include "base/shm_words.h"
#include "base/utf8.h"
#include "read/attached.h"
#include "read/end_counts.h"
#include "read/host_pids.h"
#include "read/metrics_sum.h"
#include "read/query.h"
#include "region/liveness.h"
#include "region/map.h"
#include "region/name_table.h"
#include "region/slots.h"
#include "ring/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counts ----------------------------------------------------------------- */

static void
count_lanes(const struct fnt_view *view, struct fnt_stat *stat)
{
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_lane *lane = &view->lanes[i];

		stat->unframed += fnt_word_acquire(&lane->unframed);
		stat->cells_skipped += fnt_word_acquire(&lane->cells_skipped);
		stat->lanes += fnt_state_status(fnt_word_acquire(&lane->state)) ==
			       FNT_LANE_OWNED;
	}
}

/* How calls ended. */
static void
count_ends(const struct fnt_view *view, struct fnt_stat *stat)
{
	struct fnt_end_counts ends = fnt_end_counts_read(view);

	stat->recorded = ends.recorded;
	stat->dropped = ends.dropped;
	stat->unmapped = ends.unmapped;
	stat->laneless = ends.laneless;
	stat->refused = ends.refused;
	stat->kept_none = ends.kept_none;
	stat->sampled = ends.sampled;
	stat->limited = ends.limited;
	stat->not_kept = ends.kept_none + ends.sampled + ends.limited;
	stat->total = fnt_end_counts_total(&ends);
}

/* What calls contained, summed over all functions. */
static void
count_calls(const struct fnt_view *view, struct fnt_stat *stat)
{
	uint64_t counts[FNT_FN_COUNTERS];

	fnt_metrics_counts(view, counts);
	stat->ops = counts[FNT_FN_OPS];
	stat->ops_omitted = counts[FNT_FN_OPS_OMITTED];
	stat->schedules_omitted = counts[FNT_FN_SCHEDULES_OMITTED];
	stat->values_omitted = counts[FNT_FN_VALUES_OMITTED];
}

static void
count_frames(const struct fnt_reader *reader, unsigned char *lives,
	     struct fnt_stat *stat)
{
	const struct fnt_view *view = &reader->region.view;
	bool copied =
		stat->state == FNT_REGION_COPY || stat->state == FNT_REGION_OTHER_BOOT;

	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		uint64_t state = fnt_word_acquire(&view->frames[i].state);
		uint32_t status = fnt_state_status(state);

		stat->frames += status != FNT_FRAME_FREE;
		if (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED)
			continue;
		if (status == FNT_FRAME_REAPED ||
		    (!copied &&
		     !fnt_reader_owner_alive(reader, lives, fnt_state_owner(state))))
			stat->orphaned++;
		stat->in_flight++;
	}
}

static void
count_tables(const struct fnt_view *view, struct fnt_stat *stat)
{
	for (uint32_t i = 0; i < view->producer_count; i++)
		stat->producers += fnt_word_acquire(&view->producers[i].status) ==
				   FNT_PRODUCER_LIVE;
	for (uint32_t i = 0; i < view->name_count; i++)
		stat->names += (fnt_word_acquire(&view->names[i].state) & 0xff) ==
			       FNT_NAME_READY;
	stat->producers_max = view->producer_count;
	stat->lanes_max = view->lane_count;
	stat->frames_max = view->frame_count;
	stat->names_max = view->name_count;
}

/* The clocks that live producers use. */
static const char *
clock_names(const struct fnt_view *view)
{
	static const char *const names[] = {"none", "vdso", "tsc", "tsc and vdso"};
	unsigned seen = 0;

	for (uint32_t i = 0; i < view->producer_count; i++) {
		const struct fnt_producer_slot *slot = &view->producers[i];

		if (fnt_word_acquire(&slot->status) == FNT_PRODUCER_LIVE)
			seen |= fnt_word_acquire(&slot->clock) == FNT_CLOCK_TSC ? 2 : 1;
	}
	return names[seen];
}

/* Cells of the ring's newest segment. */
static uint64_t
ring_cells(const struct fnt_view *view, uint32_t ring)
{
	const struct fnt_segments *segments = fnt_view_segments(view, ring);

	return segments->count ? segments->at[segments->count - 1].cell_count : 0;
}

/* What never changes, or only by resizing. */
static void
describe_view(const struct fnt_view *view, struct fnt_stat *stat)
{
	stat->size_bytes = fnt_view_bytes(view);
	stat->created_at_ns = view->created_at_ns;
	stat->cells = ring_cells(view, FNT_RING_MAIN);
	stat->kept_cells = ring_cells(view, FNT_RING_KEPT);
	stat->capacity = view->capacity;
	stat->max_record_bytes = view->max_record_bytes;
	stat->flags = view->flags;
}

int
fnt_reader_stat(struct fnt_reader *reader, struct fnt_stat *stat)
{
	const struct fnt_view *view = &reader->region.view;
	unsigned char *lives;
	bool mapped;
	int rc = fnt_reader_ensure_fresh(reader);

	if (rc)
		return rc;
	lives = calloc(view->producer_count, 1);
	if (!lives)
		return -ENOMEM;
	memset(stat, 0, sizeof(*stat));
	/* What can't be mapped can't be read: then no trace is retained. */
	mapped = !fnt_reader_renew_segments(reader);
	describe_view(view, stat);
	stat->state = fnt_reader_state(reader);
	for (uint32_t i = 0; i < FNT_SEEN_COUNTS; i++)
		stat->seen[i] = fnt_word_acquire(&view->control->seen[i]);
	stat->clock = clock_names(view);
	count_lanes(view, stat);
	count_calls(view, stat);
	count_ends(view, stat);
	if (mapped)
		stat->retained = fnt_query_retained(view);
	count_frames(reader, lives, stat);
	count_tables(view, stat);
	free(lives);
	return fnt_reader_ensure_fresh(reader);
}

/* ---- producers -------------------------------------------------------------- */

/* The name `id`, if it is valid UTF-8, in `size` bytes; else "". */
static void
get_name(const struct fnt_view *view, uint64_t id, char *text, size_t size)
{
	char name[FNT_NAME_MAX + 1];
	int len = fnt_name_get(view, (uint32_t)id, name);

	text[0] = '\0';
	if (len > 0 && fnt_utf8_valid(name, (size_t)len))
		snprintf(text, size, "%.*s",
			 (int)fnt_utf8_cut(name, (size_t)len, size - 1), name);
}

/* Of a process that observes another one: that one. */
static void
describe_observed(const struct fnt_view *view, uint32_t slot,
		  struct fnt_producer *producer)
{
	const struct fnt_producer_slot *at = &view->producers[slot];
	uint64_t observed = fnt_word_acquire(&at->observed);
	char command[FNT_COMMAND_MAX + 1];
	size_t len;

	if (!observed)
		return;
	producer->recorded_by = producer->pid;
	producer->pid = (int32_t)observed;
	producer->understood = fnt_word_acquire(&at->understood);
	producer->not_understood = fnt_word_acquire(&at->not_understood);
	get_name(view, fnt_word_acquire(&at->via), producer->via,
		 sizeof(producer->via));
	len = fnt_slot_command(view, slot, command);
	if (fnt_utf8_valid(command, len))
		snprintf(producer->command, sizeof(producer->command), "%s", command);
}

/* What the slot itself says. */
static void
describe_producer(const struct fnt_reader *reader, uint32_t slot,
		  struct fnt_producer *producer)
{
	const struct fnt_view *view = &reader->region.view;
	const struct fnt_producer_slot *at = &view->producers[slot];

	producer->pid = (int32_t)fnt_word_acquire(&at->pid);
	producer->pid_ns = (uint32_t)fnt_word_acquire(&at->pid_ns);
	producer->alive = fnt_slot_alive(&reader->region, slot);
	producer->attached_at_ns = fnt_word_acquire(&at->attached_at_ns);
	producer->time_unknown =
		fnt_word_acquire(&at->origin) & FNT_ORIGIN_TIME_UNKNOWN;
	get_name(view, fnt_word_acquire(&at->exe), producer->exe,
		 sizeof(producer->exe));
	describe_observed(view, slot, producer);
}

/* Adds each lane and each open frame to its owner in `list`, which is indexed by
 * slot. */
static void
count_by_owner(const struct fnt_view *view, struct fnt_producer *list)
{
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_lane *lane = &view->lanes[i];
		uint64_t state = fnt_word_acquire(&lane->state);
		uint32_t owner = fnt_state_owner(state);

		if (fnt_state_status(state) != FNT_LANE_OWNED ||
		    owner >= view->producer_count)
			continue;
		list[owner].threads++;
		list[owner].recorded += fnt_lane_recorded(lane) -
					fnt_word_acquire(&lane->recorded_before);
		list[owner].dropped += fnt_lane_dropped(lane) -
				       fnt_word_acquire(&lane->dropped_before);
	}
	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		uint64_t state = fnt_word_acquire(&view->frames[i].state);
		uint32_t owner = fnt_state_owner(state);

		if (fnt_state_status(state) == FNT_FRAME_OPEN &&
		    owner < view->producer_count)
			list[owner].in_flight++;
	}
}

static void
set_age(struct fnt_producer *producer, uint64_t now, uint64_t attached_mono)
{
	if (attached_mono && now > attached_mono)
		producer->attached_for_ns = now - attached_mono;
}

int
fnt_reader_producers(struct fnt_reader *reader, struct fnt_producer **producers,
		     size_t *count)
{
	const struct fnt_view *view = &reader->region.view;
	struct fnt_host_pids pids = {0};
	struct fnt_producer *list;
	uint64_t now;
	int rc = fnt_reader_ensure_fresh(reader);

	if (rc)
		return rc;
	list = calloc(view->producer_count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	*count = 0;
	now = fnt_reader_now_ns(reader);
	count_by_owner(view, list);
	for (uint32_t i = 0; i < view->producer_count; i++) {
		if (fnt_word_acquire(&view->producers[i].status) != FNT_PRODUCER_LIVE)
			continue;
		list[*count] = list[i];
		describe_producer(reader, i, &list[*count]);
		set_age(&list[*count], now,
			fnt_word_acquire(&view->producers[i].attached_mono));
		if (list[*count].alive)
			list[*count].host_pid = fnt_host_pids_find(
				&pids, list[*count].pid, list[*count].pid_ns);
		++*count;
	}
	fnt_host_pids_fini(&pids);
	rc = fnt_reader_ensure_fresh(reader);
	if (rc)
		free(list);
	else
		*producers = list;
	return rc;
}
