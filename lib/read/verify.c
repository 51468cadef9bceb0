/* SPDX-License-Identifier: MIT
 *
 * verify.c: is the region sound? Checks every table, every cell and every payload.
 *
 * Never writes to the region. Producers go on meanwhile: what may be wrong only because
 * it changed is checked again, up to LOOKS times.
 */
#include "base/shm_words.h"
#include "payload/read.h"
#include "read/attached.h"
#include "read/verify_metrics.h"
#include "region/liveness.h"
#include "region/segment_map.h"
#include "region/segment_span.h"
#include "ring/frame.h"
#include "ring/record_read.h"
#include "settings/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 3 /* how often a place is checked before a problem is reported */

struct verify {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	struct fnt_check *check;
	void (*report)(void *arg, uint64_t offset, const char *problem);
	void *arg;
	struct fnt_record_copy copy;
	bool *alive; /* by process slot */
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

/* ---- tables ----------------------------------------------------------------- */

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

/* ---- payloads --------------------------------------------------------------- */

/* Does the payload consist of whole events, with the call's beginning first and only
 * there? */
static bool
payload_sound(const struct fnt_record_copy *copy)
{
	const unsigned char *bytes = (const unsigned char *)copy->payload;
	struct fnt_payload_reader reader = {bytes, bytes + copy->head.payload_bytes, 0};
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

/* Reads the open call in frame `i`. False: a problem. */
static bool
verify_call(struct verify *verify, uint32_t i)
{
	for (int look = 0; look < LOOKS; look++) {
		if (fnt_frame_read(verify->view, i, &verify->copy) != FNT_READ_RECORD)
			return true; /* it has ended meanwhile */
		if (payload_sound(&verify->copy)) {
			verify->check->frames++;
			return true;
		}
	}
	return false;
}

static void
verify_frame(struct verify *verify, uint32_t i)
{
	const struct fnt_view *view = verify->view;
	const struct fnt_frame *frame = &view->frames[i];
	uint64_t state = fnt_word_acquire(&frame->state);
	uint32_t status = fnt_state_status(state), owner = fnt_state_owner(state);

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
	if (!verify_call(verify, i))
		problem(verify, frame, "frame %u: the payload can't be read", i);
}

/* ---- the ring --------------------------------------------------------------- */

/* May a producer set this state, whatever the ticket? */
static bool
state_sound(const struct verify *verify, uint64_t state)
{
	return !(state & 0xf0) && fnt_cell_kind(state) <= FNT_CELL_MORE &&
	       fnt_cell_lane(state) < verify->view->lane_count;
}

/* Reads the record at `ticket`. False: a problem. */
static bool
verify_record(struct verify *verify, uint32_t ring, uint64_t ticket)
{
	for (int look = 0; look < LOOKS; look++) {
		enum fnt_read_result is =
			fnt_record_read(verify->view, ring, ticket, &verify->copy);

		if (is != FNT_READ_RECORD && is != FNT_READ_DAMAGED)
			return true; /* overwritten meanwhile */
		if (is == FNT_READ_RECORD && verify->copy.head.outcome >= FNT_OK &&
		    verify->copy.head.outcome <= FNT_ABORTED &&
		    payload_sound(&verify->copy)) {
			verify->check->records++;
			return true;
		}
	}
	return false;
}

/* Is the ticket `laps` laps after `ticket` one that nobody can have taken yet? */
static bool
is_in_future(const struct verify *verify, const struct fnt_segment *segment,
	     uint32_t ring, uint64_t ticket, uint64_t laps)
{
	uint64_t since = fnt_ring_cursor(verify->view, ring) - 1 - ticket;

	return (laps & FNT_LAP_MASK) > since / segment->cell_count;
}

static void
verify_cell(struct verify *verify, const struct fnt_segment *segment, uint32_t ring,
	    uint64_t ticket)
{
	/* The lap that the cell should have. Counted from the lap before the segment's
	 * first, which a cell has until it is written. */
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
		/* The cursor may have moved since the walk began: it is loaded
		 * again. */
		if (fnt_lap_before(lap, fnt_cell_lap(state)) &&
		    is_in_future(verify, segment, ring, ticket,
				 fnt_cell_lap(state) - lap) &&
		    fnt_segment_map_is_current(verify->view))
			problem(verify, where, "cell of ticket %llu: of a future lap",
				(unsigned long long)ticket);
		return;
	}
	if (fnt_cell_kind(state) == FNT_CELL_HEAD &&
	    !verify_record(verify, ring, ticket))
		problem(verify, where, "record at ticket %llu: can't be read",
			(unsigned long long)ticket);
}

/* The table must have every segment that is in use. */
static void
verify_segments(struct verify *verify, uint32_t ring)
{
	const struct fnt_view *view = verify->view;
	const struct fnt_ring_head *head = &view->rings[ring];
	const struct fnt_segments *segments = fnt_view_segments(view, ring);
	uint64_t in_use = segments->published - segments->held;

	if (!segments->published || in_use > FNT_SEGMENTS || !in_use)
		problem(verify, head, "ring %u: segments %llu to %llu in use", ring,
			(unsigned long long)segments->held,
			(unsigned long long)segments->published);
	else if (segments->count != in_use && fnt_segment_map_is_current(view))
		problem(verify, head, "ring %u: only %u of %llu segments are valid",
			ring, segments->count, (unsigned long long)in_use);
}

static void
verify_ring(struct verify *verify, uint32_t ring)
{
	const struct fnt_view *view = verify->view;
	uint64_t cursor = fnt_ring_cursor(view, ring);
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count = fnt_segment_spans(view, ring, cursor, true, spans);

	verify_segments(verify, ring);
	if (!count)
		problem(verify, &view->rings[ring],
			"the cursor %llu of ring %u is before its start",
			(unsigned long long)cursor, ring);
	for (uint32_t i = 0; i < count; i++) {
		const struct fnt_segment *segment = spans[i].segment;

		/* Every cell, written or not. */
		for (uint64_t n = 1; n <= segment->cell_count; n++)
			verify_cell(verify, segment, ring, spans[i].end - n);
	}
}

/* Checks one entry of the settings in force. If other settings are in force by now, the
 * entry may have been overwritten, and is no problem. */
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
metrics_problem(void *verify, const void *at, const char *text)
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
	int rc = fnt_reader_ensure_segments(reader);

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
	rc = fnt_verify_metrics(verify.view, metrics_problem, &verify);
	fnt_record_copy_free(&verify.copy);
	free(verify.alive);
	return rc ? rc : fnt_reader_ensure_fresh(reader);
}
