/* SPDX-License-Identifier: MIT
 *
 * Is the region sound? Every table, every cell, every payload.
 */
#include "read/decode.h"
#include "ring/frame.h"
#include "region/liveness.h"
#include "read/verify_metrics.h"
#include "payload/read.h"
#include "read/attached.h"
#include "settings/settings.h"
#include "base/shm_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 3 /* before what changes under the check is called a problem */

struct verify {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	struct fnt_check *check;
	void (*report)(void *arg, uint64_t offset, const char *problem);
	void *arg;
	struct fnt_record_copy raw;
	bool *alive;
};

__attribute__((format(printf, 3, 4))) static void
problem(struct verify *verify, const void *at, const char *format, ...)
{
	char text[200];
	va_list args;

	verify->check->problems++;
	if (!verify->report)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	verify->report(verify->arg,
		       (uint64_t)((const unsigned char *)at - verify->view->base),
		       text);
}

static bool
is_alive(const struct verify *verify, uint32_t slot)
{
	return slot < verify->view->producer_count && verify->alive[slot];
}

/* ---- tables ----------------------------------------------------------------------- */

static void
verify_producers(struct verify *verify)
{
	const struct fnt_view *view = verify->view;

	for (uint32_t i = 0; i < view->producer_count; i++) {
		uint64_t status = fnt_word_acquire(&view->producers[i].status);

		verify->alive[i] = fnt_slot_alive(&verify->reader->region, i);
		if (status == FNT_PRODUCER_LIVE && !verify->alive[i])
			verify->check->orphans++;
		if (status > FNT_PRODUCER_LIVE)
			problem(verify, &view->producers[i],
				"process slot %u: status %llu", i,
				(unsigned long long)status);
	}
}

static void
verify_lanes(struct verify *verify)
{
	const struct fnt_view *view = verify->view;

	for (uint32_t i = 0; i < view->lane_count; i++) {
		uint64_t state = fnt_word_acquire(&view->lanes[i].state);
		uint32_t status = fnt_state_status(state);
		uint32_t owner = fnt_state_owner(state);

		if (status > FNT_LANE_OWNED)
			problem(verify, &view->lanes[i], "lane %u: status %u", i,
				status);
		else if (status == FNT_LANE_OWNED && owner >= view->producer_count)
			problem(verify, &view->lanes[i], "lane %u: owner %u of %u", i,
				owner, view->producer_count);
		else if (status == FNT_LANE_OWNED && !is_alive(verify, owner))
			verify->check->orphans++;
	}
}

static void
verify_names(struct verify *verify)
{
	const struct fnt_view *view = verify->view;

	for (uint32_t i = 0; i < view->name_count; i++) {
		uint32_t status =
			(uint32_t)fnt_word_acquire(&view->names[i].state) & 0xff;

		verify->check->names += status == FNT_NAME_READY;
		if (status > FNT_NAME_READY)
			problem(verify, &view->names[i], "name %u: status %u", i,
				status);
	}
}

/* ---- payloads --------------------------------------------------------------------- */

static bool
payload_sound(const struct fnt_record_copy *raw)
{
	const unsigned char *bytes = (const unsigned char *)raw->payload;
	struct fnt_payload_reader reader = {bytes, bytes + raw->head.payload_bytes, 0};
	struct fnt_event event;
	bool first = true;
	int rc;

	while ((rc = fnt_payload_next(&reader, &event)) == 1) {
		if (first != (event.type == FNT_EVENT_CALL))
			return false;
		first = false;
	}
	return rc == 0 && !first;
}

static void
verify_frame(struct verify *verify, uint32_t i)
{
	const struct fnt_view *view = verify->view;
	const struct fnt_frame *frame = &view->frames[i];
	uint64_t state = fnt_word_acquire(&frame->state);
	uint32_t status = fnt_state_status(state), owner = fnt_state_owner(state);
	enum fnt_read_result is;

	if (status > FNT_FRAME_REAPED) {
		problem(verify, frame, "frame %u: status %u", i, status);
		return;
	}
	if (status == FNT_FRAME_FREE)
		return;
	if (i >= fnt_frames_used(view))
		problem(verify, frame, "frame %u: in use, past the %u ever used", i,
			fnt_frames_used(view));
	if (owner >= view->producer_count) {
		problem(verify, frame, "frame %u: owner %u of %u", i, owner,
			view->producer_count);
		return;
	}
	if (!is_alive(verify, owner) || status == FNT_FRAME_REAPED)
		verify->check->orphans++;
	for (int look = 0; look < LOOKS; look++) {
		is = fnt_frame_read(view, i, &verify->raw);
		if (is != FNT_READ_RECORD)
			return;
		if (payload_sound(&verify->raw)) {
			verify->check->frames++;
			return;
		}
	}
	problem(verify, frame, "frame %u: the payload can't be read", i);
}

/* ---- the ring --------------------------------------------------------------------- */

/* A state that no producer sets, whatever the ticket. */
static bool
state_sound(const struct verify *verify, uint64_t state)
{
	return !(state & 0xf0) && fnt_cell_kind(state) <= FNT_CELL_MORE &&
	       (fnt_cell_lane(state) < verify->view->lane_count);
}

static bool
verify_record(struct verify *verify, uint32_t ring, uint64_t ticket)
{
	for (int look = 0; look < LOOKS; look++) {
		enum fnt_read_result is =
			fnt_record_read(verify->view, ring, ticket, &verify->raw);

		if (is != FNT_READ_RECORD && is != FNT_READ_DAMAGED)
			return true; /* overwritten meanwhile */
		if (is == FNT_READ_RECORD && verify->raw.head.outcome >= FNT_OK &&
		    verify->raw.head.outcome <= FNT_ABORTED &&
		    payload_sound(&verify->raw)) {
			verify->check->records++;
			return true;
		}
	}
	return false;
}

/* Whether the cell of `ticket`, so many laps later, has not been given out yet. */
static bool
is_to_come(const struct verify *verify, const struct fnt_segment *segment,
	   uint32_t ring, uint64_t ticket, uint64_t laps)
{
	uint64_t since = fnt_ring_cursor(verify->view, ring) - 1 - ticket;

	return (laps & FNT_LAP_MASK) > since / segment->cell_count;
}

static void
verify_cell(struct verify *verify, const struct fnt_segment *segment, uint32_t ring,
	    uint64_t ticket)
{
	/* Of the lap before the segment's first, if it has not been around yet. */
	uint64_t at = ticket - segment->first + segment->cell_count;
	uint64_t lap = (segment->lap - 1 + at / segment->cell_count) & FNT_LAP_MASK;
	uint64_t state =
		fnt_word_acquire(&segment->cells[at % segment->cell_count].state);
	const unsigned char *where = verify->view->base + segment->off +
				     at % segment->cell_count * FNT_CELL_BYTES;

	verify->check->cells++;
	if (!state_sound(verify, state)) {
		problem(verify, where, "cell of ticket %llu: state 0x%llx",
			(unsigned long long)ticket, (unsigned long long)state);
		return;
	}
	verify->check->busy_cells += fnt_cell_busy(state);
	if (fnt_cell_busy(state) || fnt_cell_lap(state) != lap) {
		/* Newer than the cursor allows? It has moved since the walk began. */
		if (fnt_lap_before(lap, fnt_cell_lap(state)) &&
		    is_to_come(verify, segment, ring, ticket,
			       fnt_cell_lap(state) - lap) &&
		    fnt_segment_map_is_current(verify->view))
			problem(verify, where, "cell of ticket %llu: of a lap to come",
				(unsigned long long)ticket);
		return;
	}
	if (fnt_cell_kind(state) == FNT_CELL_HEAD &&
	    !verify_record(verify, ring, ticket))
		problem(verify, where, "record at ticket %llu: can't be read",
			(unsigned long long)ticket);
}

/* The table of segments: those that are in use must be there, and make sense. */
static void
verify_eras(struct verify *verify, uint32_t ring)
{
	const struct fnt_view *view = verify->view;
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_segments *segments = fnt_view_segments(view, ring);
	uint64_t in_use = segments->published - segments->held;

	if (!segments->published || in_use > FNT_SEGMENTS || !in_use)
		problem(verify, head, "ring %u: eras %llu to %llu in use", ring,
			(unsigned long long)segments->held,
			(unsigned long long)segments->published);
	else if (segments->count != in_use && fnt_segment_map_is_current(view))
		problem(verify, head, "ring %u: %u of %llu eras make sense", ring,
			segments->count, (unsigned long long)in_use);
}

static void
verify_ring(struct verify *verify, uint32_t ring)
{
	const struct fnt_view *view = verify->view;
	uint64_t cursor = fnt_ring_cursor(view, ring);
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, ring, cursor, true, spans);

	verify_eras(verify, ring);
	if (!count)
		problem(verify, &view->rings[ring],
			"the cursor %llu of ring %u lies before its start",
			(unsigned long long)cursor, ring);
	for (uint32_t i = 0; i < count; i++) {
		const struct fnt_segment *segment = spans[i].segment;

		/* All cells of it, those of the lap before the first, too. */
		for (uint64_t n = 1; n <= segment->cell_count; n++)
			verify_cell(verify, segment, ring, spans[i].end - n);
	}
}

/* One entry of the copy in force, if that is in force still. */
static void
verify_setting(struct verify *verify, uint64_t generation, uint32_t i)
{
	struct fnt_setting_entry *entry =
		fnt_settings_copy(verify->view, generation) + i;
	const char *what = fnt_settings_problem(entry, !i);

	atomic_thread_fence(memory_order_acquire);
	if (what && fnt_word_acquire(&verify->view->control->generation) == generation)
		problem(verify, entry, "%s", what);
}

static void
verify_settings(struct verify *verify)
{
	uint64_t generation = fnt_word_acquire(&verify->view->control->generation);

	for (uint32_t i = 0; i < verify->view->settings_count; i++)
		verify_setting(verify, generation, i);
}

static void
found(void *verify, const void *at, const char *text)
{
	problem(verify, at, "%s", text);
}

int
fnt_reader_check(struct fnt_reader *reader, struct fnt_check *check,
		 void (*report)(void *arg, uint64_t offset, const char *problem),
		 void *arg)
{
	struct verify verify = {
		.reader = reader,
		.view = &reader->region.view,
		.check = check,
		.report = report,
		.arg = arg,
	};

	int rc = fnt_reader_ensure_fresh(reader);

	memset(check, 0, sizeof(*check));
	if (rc)
		return rc;
	verify.alive = calloc(verify.view->producer_count, sizeof(*verify.alive));
	if (!verify.alive)
		return -ENOMEM;
	verify_producers(&verify);
	verify_lanes(&verify);
	verify_names(&verify);
	verify_settings(&verify);
	for (uint32_t i = 0; i < verify.view->frame_count; i++)
		verify_frame(&verify, i);
	verify_ring(&verify, FNT_RING_MAIN);
	if (verify.view->kept_percent)
		verify_ring(&verify, FNT_RING_KEPT);
	rc = fnt_verify_metrics(verify.view, found, &verify);
	fnt_record_copy_free(&verify.raw);
	free(verify.alive);
	return rc ? rc : fnt_reader_ensure_fresh(reader);
}
