/* SPDX-License-Identifier: MIT
 *
 * Both rings followed (follow.h), in the order of time.
 */
#include "base/clock.h"
#include "read/decode.h"
#include "read/follow.h"

#include <errno.h>
#include <stdlib.h>

#define CLOCK_EVERY 16

struct fnt_cursor {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	struct fnt_follower rings[FNT_RINGS];
	struct fnt_trace_set *set;
	uint64_t fresh_at; /* when the file was last looked at; 0: to be looked at */
	uint32_t since;	   /* records handed out */
	struct fnt_follow_lane lanes[];
};

/* Ask each ring that has nothing to hand out. */
static int
ask(struct fnt_cursor *cursor)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_follower *in = &cursor->rings[i];
		bool other = cursor->rings[1 - i].has;
		int rc = in->lanes && !in->has ? fnt_follow_next(in, !other) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The older of what the rings have to offer; *first NULL: nothing. What one has may be
 * younger than what the other got since it was asked: it is asked again; or waits for:
 * so do we. */
static int
choose(struct fnt_cursor *cursor, struct fnt_follower **first)
{
	int rc = ask(cursor);

	*first = NULL;
	if (!rc && cursor->rings[0].has != cursor->rings[1].has)
		rc = ask(cursor);
	for (uint32_t i = 0; !rc && i < FNT_RINGS; i++) {
		struct fnt_follower *in = &cursor->rings[i];

		if (in->lanes && !in->has && in->waited) {
			*first = NULL;
			break;
		}
		if (in->has && (!*first || in->time < (*first)->time))
			*first = in;
	}
	return rc;
}

/* Is the file what it was? While there are records to hand out that is asked once a
 * tick of the coarse clock (a few ms): it is a system call, and takes longer than a
 * record. And the clock itself is not read for each. */
static int
fresh(struct fnt_cursor *cursor)
{
	uint64_t now;

	if (cursor->fresh_at && ++cursor->since % CLOCK_EVERY)
		return 0;
	now = fnt_clock_ns(CLOCK_MONOTONIC_COARSE);
	if (now == cursor->fresh_at)
		return 0;
	cursor->fresh_at = now;
	return fnt_reader_ensure_fresh(cursor->reader);
}

int
fnt_cursor_next(struct fnt_cursor *cursor, const struct fnt_trace **trace)
{
	struct fnt_follower *in = NULL;
	int rc = fresh(cursor);

	if (!rc)
		rc = choose(cursor, &in);
	if (!rc && in) {
		in->has = false;
		fnt_trace_set_reset(cursor->set);
		*trace = fnt_trace_set_add(cursor->set, cursor->view, &in->raw);
		rc = *trace ? 1 : -ENOMEM;
	}
	if (rc != 1)
		cursor->fresh_at = 0;
	return rc >= 0 && fnt_reader_mapping_lost(cursor->reader) ? -ESTALE : rc;
}

/* ---- opening ------------------------------------------------------------------- */

static int
start_all(struct fnt_cursor *cursor, enum fnt_from from)
{
	int rc = fnt_reader_ensure_fresh(cursor->reader);

	for (uint32_t i = 0; !rc && i < FNT_RINGS; i++) {
		struct fnt_follower *in = &cursor->rings[i];

		in->reader = cursor->reader;
		in->view = cursor->view;
		in->ring = i;
		if (!fnt_view_segments(cursor->view, i)->count)
			continue;
		in->lanes = cursor->lanes + i * cursor->view->lane_count;
		rc = fnt_follow_start(in, from);
	}
	return rc ? rc : fnt_reader_ensure_fresh(cursor->reader);
}

int
fnt_cursor_open(struct fnt_cursor **cursor, struct fnt_reader *reader,
		enum fnt_from from)
{
	const struct fnt_view *view = &reader->region.view;
	size_t lanes = (size_t)FNT_RINGS * view->lane_count;
	struct fnt_cursor *made =
		calloc(1, sizeof(*made) + lanes * sizeof(made->lanes[0]));
	int rc = -ENOMEM;

	if (made) {
		made->reader = reader;
		made->view = view;
		made->set = fnt_trace_set_create();
		rc = made->set ? start_all(made, from) : -ENOMEM;
	}
	if (rc) {
		fnt_cursor_close(made);
		return rc;
	}
	*cursor = made;
	return 0;
}

uint64_t
fnt_cursor_missed(const struct fnt_cursor *cursor)
{
	uint64_t missed = 0;

	for (uint32_t i = 0; i < FNT_RINGS; i++)
		missed += cursor->rings[i].missed;
	return missed;
}

void
fnt_cursor_close(struct fnt_cursor *cursor)
{
	if (!cursor)
		return;
	for (uint32_t i = 0; i < FNT_RINGS; i++)
		fnt_record_copy_free(&cursor->rings[i].raw);
	fnt_trace_set_destroy(cursor->set);
	free(cursor);
}
