/* SPDX-License-Identifier: MIT
 *
 * scene.c: a region with a history, restored as often as it is needed. What it must
 * hold after an act is in scene_check.c.
 */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "region/region.h"
#include "support/actor.h"
#include "scene_check.h"
#include "support/fixture.h"

#define SIZE (256u << 10)

const char *const scene_edges[SCENE_EDGES] = {"plain", "lap", "2^32 tickets",
					      "2^40 laps", "lap's end"};

void
scene_fail(const struct scene *scene, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ck_abort_msg("%s, ring at %s: %s", scene->where, scene_edges[scene->edge],
		     text);
	abort();
}

/* ---- a region with a history ----------------------------------------------------- */

const struct fnt_segment *
scene_segment(const struct scene *scene, uint32_t ring)
{
	return &fnt_view_segments(&scene->region.view, ring)->at[0];
}

static void
produce_until(struct scene *scene, uint32_t ring, uint64_t ticket)
{
	struct fnt_value value = {FNT_VALUE_JSON, actor_text, 0};
	struct fnt_log *log;
	unsigned n = 0;

	MUST(!fnt_log_open(&log, SCENE_NAME, NULL));
	while (fnt_ring_cursor(&scene->region.view, ring) + 30 < ticket) {
		struct fnt_call_info info = {.call_id = "base", .fn_name = "base"};
		struct fnt_call *call = fnt_call_begin(log, &info);

		/* A record of one cell, or of a few. */
		value.len = n % 4 ? 0 : 300 + n % 3 * 300;
		if (ring == FNT_RING_KEPT)
			MUST(!fnt_call_finish_error(call, "E", n % 4 ? "" : "no"));
		else
			MUST(!fnt_call_finish_ok(call, value.len ? &value : NULL));
		n++;
	}
	fnt_log_close(log);
	atomic_store(&scene->region.view.rings[ring].cursor, ticket);
}

/* Set the ring as if it had gone around so many times. */
static void
begin_at_lap(struct scene *scene, uint32_t ring, uint64_t lap)
{
	const struct fnt_segment *segment = scene_segment(scene, ring);

	for (uint64_t i = 0; i < segment->cell_count; i++)
		atomic_store(&segment->cells[i].state,
			     fnt_cell_state(lap - 1, 0, FNT_CELL_PAD, 0));
	atomic_store(&scene->region.view.rings[ring].cursor, lap * segment->cell_count);
}

static void
write_history(struct scene *scene, uint32_t ring)
{
	uint64_t cells = scene_segment(scene, ring)->cell_count,
		 until = cells + cells / 4;

	if (scene->edge == SCENE_LAP)
		until = 3 * cells - 2;
	else if (scene->edge == SCENE_TICKETS_32)
		until = (1ull << 32) - 2;
	else if (scene->edge == SCENE_LAPS_40)
		until = (cells << FNT_LAP_BITS) - 2;
	else if (scene->edge == SCENE_LAP_END)
		until = 3 * cells - 8;
	if (scene->edge != SCENE_PLAIN)
		begin_at_lap(scene, ring, until / cells - 1);
	produce_until(scene, ring, until);
}

/* The view's mapping is read-only. Replace it by a writable one at the same address. */
static void
map_file(struct scene *scene)
{
	const char *path = region_path(SCENE_NAME, ".fnt");
	int fd;

	MUST(!fnt_region_open_read(&scene->region, path, NULL));
	fd = open(path, O_RDWR | O_CLOEXEC);
	MUST(fd >= 0);
	MUST(mmap(scene->region.view.base, SIZE, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0) == scene->region.view.base);
	close(fd);
	scene->bytes = scene->region.view.base;
}

void
scene_init(struct scene *scene, enum scene_edge edge, uint32_t flags)
{
	struct fnt_options options = {
		.size_bytes = SIZE,
		.flags = flags & ~SCENE_SAMPLED,
		.settings = flags & SCENE_SAMPLED ? "keep=0 keep_errors=off" : NULL,
	};
	struct fnt_log *log;

	memset(scene, 0, sizeof(*scene));
	MUST(!unlink(region_path(SCENE_NAME, ".fnt")) || errno == ENOENT);
	MUST(!fnt_log_open(&log, SCENE_NAME, &options));
	fnt_log_close(log);
	map_file(scene);
	scene->edge = edge;
	scene->flags = flags;
	strcpy(scene->where, "before all");
	if (!(flags & (FNT_KEEP_NONE | SCENE_SAMPLED)))
		for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
			write_history(scene, ring);
	scene->report = share_memory(sizeof(*scene->report));
	scene->snapshot = malloc(SIZE);
	MUST(scene->snapshot);
	scene_save(scene);
	scene->total = scene_total(scene);
}

void
scene_fini(struct scene *scene)
{
	free(scene->snapshot);
	free(scene->records);
	munmap(scene->report, sizeof(*scene->report));
	fnt_region_close(&scene->region);
}

static void
note_ring(struct scene *scene, uint32_t ring)
{
	const struct fnt_view *view = &scene->region.view;
	uint64_t cursor = fnt_ring_cursor(view, ring);
	struct fnt_record_copy raw = {.payload = NULL};

	for (uint64_t at = fnt_ring_oldest(view, ring, cursor); at < cursor; at++)
		if (fnt_record_read(view, ring, at, &raw) == FNT_READ_RECORD)
			scene->records[scene->record_count++] = (struct scene_record){
				ring, at, raw.head.uid, scene_hash(&raw)};
	fnt_record_copy_free(&raw);
}

void
scene_note_records(struct scene *scene)
{
	free(scene->records);
	scene->records = calloc(SIZE / FNT_CELL_BYTES, sizeof(*scene->records));
	MUST(scene->records);
	scene->record_count = 0;
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		note_ring(scene, ring);
}

void
scene_save(struct scene *scene)
{
	memcpy(scene->snapshot, scene->bytes, SIZE);
	scene->snapshot_report = *scene->report;
	scene_note_records(scene);
}

void
scene_reset(struct scene *scene)
{
	memcpy(scene->bytes, scene->snapshot, SIZE);
	*scene->report = scene->snapshot_report;
	scene->others = 0;
	scene->lapped = false;
	memset(scene->in_flight, 0, sizeof(scene->in_flight));
}

/* ---- the others ------------------------------------------------------------------ */

void
scene_other_open(struct scene *scene)
{
	SCENE_MUST(scene, !fnt_log_open(&scene->other, SCENE_NAME, NULL));
}

static void
other_laps(struct scene *scene, uint32_t ring)
{
	struct fnt_call_info info = {.call_id = "other", .fn_name = "other"};
	const struct fnt_view *view = &scene->region.view;
	uint64_t until = fnt_ring_cursor(view, ring) +
			 2 * scene_segment(scene, ring)->cell_count;

	while (fnt_ring_cursor(view, ring) < until + 7) {
		struct fnt_call *call = fnt_call_begin(scene->other, &info);

		SCENE_MUST(scene,
			   (ring == FNT_RING_KEPT
				    ? fnt_call_finish_error(call, "E", "other")
				    : fnt_call_finish_ok(call, NULL)) == FNT_DONE);
		scene->others++;
	}
}

void
scene_lap_by_same_process(struct scene *scene)
{
	const struct fnt_view *view = &scene->region.view;
	uint64_t cells = scene_segment(scene, FNT_RING_MAIN)->cell_count + 7;
	uint64_t until = fnt_ring_cursor(view, FNT_RING_MAIN) + cells;

	/* If that thread waited for the one that is held, this loop would never end. */
	while (fnt_ring_cursor(view, FNT_RING_MAIN) < until) {
		uint64_t wanted = atomic_load(&scene->report->beside) + cells / 4;

		atomic_store(&scene->report->beside_wanted, wanted);
		while (atomic_load(&scene->report->beside) < wanted)
			usleep(50);
	}
	scene->lapped = true;
}

void
scene_lap_by_other(struct scene *scene)
{
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		other_laps(scene, ring);
	scene->lapped = true;
}

static void
pad_ring(struct scene *scene, uint32_t ring)
{
	struct fnt_ring_head *head = &scene->region.view.rings[ring];
	const struct fnt_segment *segment = scene_segment(scene, ring);

	for (uint64_t i = 0; i < 2 * segment->cell_count; i++) {
		uint64_t ticket = atomic_fetch_add(&head->cursor, 1);
		struct fnt_cell *cell = fnt_segment_cell(segment, ticket);

		if (!fnt_cell_busy(atomic_load(&cell->state)))
			atomic_store(&cell->state,
				     fnt_cell_state(fnt_segment_lap(segment, ticket), 0,
						    FNT_CELL_PAD, 0));
	}
}

void
scene_lap_by_padding(struct scene *scene)
{
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		pad_ring(scene, ring);
	scene->lapped = true;
}
