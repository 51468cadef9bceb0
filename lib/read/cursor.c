/* SPDX-License-Identifier: MIT
 *
 * cursor.c: follows both rings (follow.h), and merges them by the time of commit.
 *
 * One thread at a time for one cursor. Opening allocates; the next trace is decoded
 * into the cursor's own set, which grows as records do.
 */
#include "base/clock.h"
#include "read/decode.h"
#include "read/follow.h"

#include <errno.h>
#include <stdlib.h>

#define CLOCK_EVERY 16 /* records */

struct fnt_cursor {
	struct fnt_reader *reader;
	const struct fnt_view *view;
	struct fnt_follower rings[FNT_RINGS];
	struct fnt_trace_set *set;
	uint64_t fresh_at;    /* coarse clock at the last check; 0: check at once */
	uint32_t since_clock; /* records returned */
	struct fnt_follow_lane lanes[]; /* of both followers: one for each lane */
};

/* Asks each ring that has no record to return for its next one. */
static int
poll_rings(struct fnt_cursor *cursor)
{
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_follower *follower = &cursor->rings[i];
		bool other_has = cursor->rings[1 - i].has_record;
		int rc = 0;

		if (follower->lanes && !follower->has_record)
			rc = fnt_follow_next(follower, !other_has);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Sets *first to the follower whose record is the oldest; NULL: none can be returned
 * now. If only one ring has a record, the other ring is asked again, as it may have got
 * an older one meanwhile. If that ring waits for a ticket, the cursor waits, too. */
static int
choose_oldest(struct fnt_cursor *cursor, struct fnt_follower **first)
{
	int rc = poll_rings(cursor);

	*first = NULL;
	if (!rc && cursor->rings[0].has_record != cursor->rings[1].has_record)
		rc = poll_rings(cursor);
	for (uint32_t i = 0; !rc && i < FNT_RINGS; i++) {
		struct fnt_follower *follower = &cursor->rings[i];

		if (follower->lanes && !follower->has_record && follower->waiting) {
			*first = NULL;
			break;
		}
		if (follower->has_record &&
		    (!*first || follower->time < (*first)->time))
			*first = follower;
	}
	return rc;
}

/* Checks the file, at most once in a tick of the coarse clock (a few ms) while there
 * are records to return: the system call takes longer than a record. Loads even that
 * clock only once in CLOCK_EVERY records. */
static int
ensure_fresh_sometimes(struct fnt_cursor *cursor)
{
	uint64_t now;

	if (cursor->fresh_at && ++cursor->since_clock % CLOCK_EVERY)
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
	struct fnt_follower *oldest = NULL;
	int rc = ensure_fresh_sometimes(cursor);

	if (!rc)
		rc = choose_oldest(cursor, &oldest);
	if (!rc && oldest) {
		oldest->has_record = false;
		fnt_trace_set_reset(cursor->set);
		*trace = fnt_trace_set_add(cursor->set, cursor->view, &oldest->copy);
		rc = *trace ? 1 : -ENOMEM;
	}
	if (rc != 1)
		cursor->fresh_at = 0;
	return rc >= 0 && fnt_reader_mapping_lost(cursor->reader) ? -ESTALE : rc;
}

/* ---- opening ---------------------------------------------------------------- */

static int
start_followers(struct fnt_cursor *cursor, enum fnt_from from)
{
	int rc = fnt_reader_ensure_segments(cursor->reader);

	for (uint32_t i = 0; !rc && i < FNT_RINGS; i++) {
		struct fnt_follower *follower = &cursor->rings[i];

		follower->reader = cursor->reader;
		follower->view = cursor->view;
		follower->ring = i;
		if (i == FNT_RING_KEPT && !cursor->view->kept_percent)
			continue;
		follower->lanes = cursor->lanes + i * cursor->view->lane_count;
		rc = fnt_follow_start(follower, from);
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
		rc = made->set ? start_followers(made, from) : -ENOMEM;
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
		fnt_record_copy_free(&cursor->rings[i].copy);
	fnt_trace_set_destroy(cursor->set);
	free(cursor);
}
