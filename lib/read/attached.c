/* SPDX-License-Identifier: MIT
 *
 * Readers from outside: attach, what runs now, counts, regions.
 */
#include "read/attached.h"

#include "base/clock.h"
#include "base/error.h"
#include "region/liveness.h"
#include "ring/frame.h"
#include "read/metrics_sum.h"
#include "region/name_table.h"
#include "region/slots.h"
#include "read/query.h"
#include "base/utf8.h"
#include "base/shm_words.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- attach ----------------------------------------------------------------------- */

static int
give(struct fnt_reader **reader, struct fnt_reader *made, int rc)
{
	if (rc) {
		free(made);
		return rc;
	}
	made->guard =
		fnt_sigbus_add(made->region.view.base, made->region.view.size_bytes);
	if (!made->guard) {
		fnt_reader_close(made);
		return -ENOMEM;
	}
	*reader = made;
	return 0;
}

int
fnt_reader_open(struct fnt_reader **reader, const char *region, struct fnt_error *error)
{
	struct fnt_reader *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return give(reader, made, fnt_region_open_read(&made->region, region, error));
}

int
fnt_reader_open_pid(struct fnt_reader **reader, int32_t pid, struct fnt_error *error)
{
	struct fnt_reader *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return give(reader, made, fnt_region_open_pid(&made->region, pid, error));
}

void
fnt_reader_close(struct fnt_reader *reader)
{
	if (!reader)
		return;
	fnt_sigbus_remove(reader->guard);
	fnt_region_close(&reader->region);
	free(reader);
}

const char *
fnt_reader_path(const struct fnt_reader *reader)
{
	return *reader->region.path ? reader->region.path : "region without a name";
}

/* What was read is the caller's, unless the file was changed under us meanwhile. */
static int
still_fresh(struct fnt_reader *reader, struct fnt_traces *traces)
{
	int rc = fnt_reader_fresh(reader);

	if (rc)
		fnt_traces_free(traces);
	return rc;
}

int
fnt_reader_query(struct fnt_reader *reader, const struct fnt_query *query,
		 struct fnt_traces **traces)
{
	int rc = fnt_reader_fresh(reader);

	if (!rc)
		rc = fnt_query_run(&reader->region.view, query, traces);
	return rc ? rc : still_fresh(reader, *traces);
}

int
fnt_reader_each(struct fnt_reader *reader, const struct fnt_query *query,
		int (*each)(void *arg, const struct fnt_trace *trace), void *arg)
{
	int rc = fnt_reader_fresh(reader);

	if (!rc)
		rc = fnt_query_each(&reader->region.view, query, each, arg);
	return rc ? rc : fnt_reader_fresh(reader);
}

/* ---- what runs now ---------------------------------------------------------------- */

/* Who is alive, asked once for each slot. */
enum life {
	UNKNOWN,
	ALIVE,
	DEAD
};

static bool
owner_alive(const struct fnt_reader *reader, unsigned char *lives, uint32_t slot)
{
	if (slot >= reader->region.view.producer_count)
		return false;
	if (lives[slot] == UNKNOWN)
		lives[slot] = fnt_slot_alive(&reader->region, slot) ? ALIVE : DEAD;
	return lives[slot] == ALIVE;
}

/* Until now by the monotonic clock, if it is of this boot; of the dead, until the last that
 * was heard of them. */
static uint64_t
elapsed(const struct fnt_view *view, const struct fnt_raw *raw, bool alive)
{
	uint64_t now = fnt_clock_mono();

	if (!alive || view->boot_id != fnt_boot_id() || now < raw->started_mono)
		return raw->last_ns;
	return now - raw->started_mono;
}

/* Each frame is one call's, so that all payloads together are no longer than all frames; in
 * a damaged region many may share one chain. Calls come and go meanwhile: some more. */
static bool
within_bounds(const struct fnt_view *view, uint64_t *bytes, const struct fnt_raw *raw)
{
	*bytes += raw->head.payload_bytes;
	return *bytes <= 4ull * view->frame_count * FNT_FRAME_PAYLOAD_BYTES;
}

static int
by_start(const void *a, const void *b)
{
	const struct fnt_trace *x = a, *y = b;

	return (x->started_at_ns > y->started_at_ns) -
	       (x->started_at_ns < y->started_at_ns);
}

static int
collect_in_flight(struct fnt_reader *reader, struct fnt_trace_set *set,
		  unsigned char *lives)
{
	const struct fnt_view *view = &reader->region.view;
	struct fnt_raw raw = {.payload = NULL};
	uint64_t bytes = 0;
	int rc = 0;

	for (uint32_t i = 0, used = fnt_frames_used(view); !rc && i < used; i++) {
		struct fnt_trace *trace;
		enum fnt_read is = fnt_frame_read(view, i, &raw);
		bool alive;

		if (is == FNT_READ_NO_MEMORY)
			rc = -ENOMEM;
		if (is != FNT_READ_RECORD || !within_bounds(view, &bytes, &raw))
			continue;
		alive = !raw.reaped && owner_alive(reader, lives, raw.owner);
		trace = fnt_trace_set_add(set, view, &raw);
		if (!trace) {
			rc = -ENOMEM;
			break;
		}
		trace->outcome = alive ? FNT_IN_FLIGHT : FNT_ABORTED;
		trace->duration_ns = elapsed(view, &raw, alive);
	}
	fnt_raw_free(&raw);
	return rc;
}

int
fnt_reader_in_flight(struct fnt_reader *reader, struct fnt_traces **traces)
{
	unsigned char *lives = calloc(reader->region.view.producer_count, 1);
	struct fnt_trace_set *set = fnt_trace_set_create();
	int rc = lives && set ? fnt_reader_fresh(reader) : -ENOMEM;

	if (!rc)
		rc = collect_in_flight(reader, set, lives);
	if (!rc)
		rc = fnt_reader_fresh(reader);
	free(lives);
	if (rc) {
		fnt_trace_set_destroy(set);
		return rc;
	}
	*traces = fnt_trace_set_traces(set);
	if ((*traces)->count)
		qsort((void *)(*traces)->items, (*traces)->count,
		      sizeof(struct fnt_trace), by_start);
	return 0;
}

/* ---- counts ----------------------------------------------------------------------- */

static void
count_lanes(const struct fnt_view *view, struct fnt_stat *stat)
{
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_lane *lane = &view->lanes[i];

		stat->recorded += fnt_lane_recorded(lane);
		stat->dropped += fnt_word_acquire(&lane->dropped);
		stat->kept_none += fnt_word_acquire(&lane->not_kept);
		stat->sampled += fnt_word_acquire(&lane->sampled);
		stat->limited += fnt_word_acquire(&lane->limited);
		stat->unframed += fnt_word_acquire(&lane->unframed);
		stat->cells_skipped += fnt_word_acquire(&lane->cells_skipped);
		stat->lanes += fnt_state_status(fnt_word_acquire(&lane->state)) ==
			       FNT_LANE_OWNED;
	}
}

/* What calls had in them, summed up over all functions. */
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

	for (uint32_t i = 0, used = fnt_frames_used(view); i < used; i++) {
		uint64_t state = fnt_word_acquire(&view->frames[i].state);
		uint32_t status = fnt_state_status(state);

		stat->frames += status != FNT_FRAME_FREE;
		if (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED)
			continue;
		if (status == FNT_FRAME_REAPED ||
		    !owner_alive(reader, lives, fnt_state_owner(state)))
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

/* The clock that all live producers use, if it is one. */
static const char *
clocks_of(const struct fnt_view *view)
{
	static const char *const names[] = {"none", "vdso", "tsc", "tsc and vdso"};
	unsigned seen = 0;

	for (uint32_t i = 0; i < view->producer_count; i++)
		if (fnt_word_acquire(&view->producers[i].status) == FNT_PRODUCER_LIVE)
			seen |= fnt_word_acquire(&view->producers[i].clock) ==
						FNT_CLOCK_TSC
					? 2
					: 1;
	return names[seen];
}

/* Of the segment that is written to, or is about to be. */
static uint64_t
cells_of(const struct fnt_view *view, uint32_t ring)
{
	const struct fnt_segments *segments = fnt_view_segments(view, ring);

	return segments->count ? segments->at[segments->count - 1].cell_count : 0;
}

int
fnt_reader_stat(struct fnt_reader *reader, struct fnt_stat *stat)
{
	const struct fnt_view *view = &reader->region.view;
	unsigned char *lives;
	int rc = fnt_reader_fresh(reader);

	if (rc)
		return rc;
	lives = calloc(view->producer_count, 1);
	if (!lives)
		return -ENOMEM;
	memset(stat, 0, sizeof(*stat));
	stat->size_bytes = fnt_view_bytes(view);
	stat->created_at_ns = view->created_at_ns;
	stat->cells = cells_of(view, FNT_RING_MAIN);
	stat->kept_cells = cells_of(view, FNT_RING_KEPT);
	stat->capacity = view->capacity;
	stat->max_record_bytes = view->max_record_bytes;
	stat->flags = view->flags;
	stat->clock = clocks_of(view);
	count_lanes(view, stat);
	count_calls(view, stat);
	stat->dropped += fnt_word_acquire(&view->control->dropped);
	stat->kept_none += fnt_word_acquire(&view->control->not_kept);
	stat->sampled += fnt_word_acquire(&view->control->sampled);
	stat->limited += fnt_word_acquire(&view->control->limited);
	stat->not_kept = stat->kept_none + stat->sampled + stat->limited;
	stat->total = stat->recorded + stat->dropped + stat->not_kept;
	stat->retained = fnt_query_retained(view);
	count_frames(reader, lives, stat);
	count_tables(view, stat);
	free(lives);
	return fnt_reader_fresh(reader);
}

/* What is the slot's own; its name too. */
static void
describe_producer(const struct fnt_reader *reader, uint32_t slot,
		  struct fnt_producer *producer)
{
	const struct fnt_view *view = &reader->region.view;
	const struct fnt_producer_slot *at = &view->producers[slot];
	char name[FNT_NAME_MAX + 1];
	int len;

	producer->pid = (int32_t)fnt_word_acquire(&at->pid);
	producer->alive = fnt_slot_alive(&reader->region, slot);
	producer->attached_at_ns = fnt_word_acquire(&at->attached_at_ns);
	len = fnt_name_get(view, (uint32_t)fnt_word_acquire(&at->exe), name);
	if (len > 0 && fnt_utf8_valid(name, (size_t)len))
		snprintf(
			producer->exe, sizeof(producer->exe), "%.*s",
			(int)fnt_utf8_cut(name, (size_t)len, sizeof(producer->exe) - 1),
			name);
}

/* Lanes and frames, each looked at once, go to their owners in `list`, by slot. */
static void
share_out(const struct fnt_view *view, struct fnt_producer *list)
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
		list[owner].dropped += fnt_word_acquire(&lane->dropped) -
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

int
fnt_reader_producers(struct fnt_reader *reader, struct fnt_producer **producers,
		     size_t *count)
{
	const struct fnt_view *view = &reader->region.view;
	struct fnt_producer *list;
	int rc = fnt_reader_fresh(reader);

	if (rc)
		return rc;
	list = calloc(view->producer_count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	*count = 0;
	share_out(view, list);
	for (uint32_t i = 0; i < view->producer_count; i++) {
		if (fnt_word_acquire(&view->producers[i].status) != FNT_PRODUCER_LIVE)
			continue;
		list[*count] = list[i];
		describe_producer(reader, i, &list[(*count)++]);
	}
	rc = fnt_reader_fresh(reader);
	if (rc)
		free(list);
	else
		*producers = list;
	return rc;
}

/* ---- regions ---------------------------------------------------------------------- */

static void
count_processes(struct fnt_reader *reader, struct fnt_region_info *info)
{
	const struct fnt_view *view = &reader->region.view;

	info->size_bytes = fnt_view_bytes(view);
	info->created_at_ns = view->created_at_ns;
	info->frozen = view->frozen;
	for (uint32_t i = 0; i < view->producer_count; i++) {
		if (fnt_word_acquire(&view->producers[i].status) != FNT_PRODUCER_LIVE)
			continue;
		if (fnt_slot_alive(&reader->region, i))
			info->alive++;
		else
			info->dead++;
	}
}

static void
describe_region(struct fnt_region_info *info, const char *dir, const char *file)
{
	struct fnt_reader *reader;
	struct fnt_error error = {0};

	snprintf(info->name, sizeof(info->name), "%.*s", (int)(strlen(file) - 4), file);
	if (snprintf(info->path, sizeof(info->path), "%s/%s", dir, file) >=
	    (int)sizeof(info->path)) {
		info->status = -ENAMETOOLONG;
		return;
	}
	info->status = fnt_reader_open(&reader, info->path, &error);
	if (info->status) {
		memcpy(info->message, error.message, sizeof(info->message));
		return;
	}
	count_processes(reader, info);
	info->status = fnt_reader_fresh(reader);
	if (info->status)
		snprintf(info->message, sizeof(info->message),
			 "%.400s: cut short while it was being read", info->path);
	fnt_reader_close(reader);
}

static int
region_files(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 &&
	       !strcmp(entry->d_name + len - 4, ".fnt");
}

int
fnt_regions_list(const char *dir, struct fnt_region_info **regions, size_t *count,
		 struct fnt_error *error)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int found, rc = fnt_region_dir(path, dir, error);

	if (rc)
		return rc;
	*count = 0;
	*regions = NULL;
	found = scandir(path, &entries, region_files, alphasort);
	if (found < 0)
		return errno == ENOENT ? 0
				       : fnt_fail(error, -errno, "%s: %s", path,
						  strerror(errno));
	*regions = calloc(found ? (size_t)found : 1, sizeof(**regions));
	for (int i = 0; i < found; i++) {
		if (*regions)
			describe_region(&(*regions)[(*count)++], path,
					entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return *regions ? 0 : -ENOMEM;
}
