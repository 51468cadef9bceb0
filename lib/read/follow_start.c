/* SPDX-License-Identifier: MIT
 *
 * follow_start.c: where a follower (follow.h) begins.
 */
#include "base/shm_words.h"
#include "read/follow.h"

#include <errno.h>

/* Reads all records in the ring once, to find out with which sequence number each lane
 * begins. 0, -ENOMEM. */
static int
find_first_seqs(struct fnt_follower *follower)
{
	const struct fnt_view *view = follower->view;
	const struct fnt_record *head = &follower->copy.head;
	struct fnt_segment_span spans[FNT_SEGMENTS];
	uint32_t count =
		fnt_segment_spans(view, follower->ring, follower->until, false, spans);
	uint32_t at = count - 1;

	for (uint64_t ticket = follower->position; count; ticket++) {
		enum fnt_read_result is;

		while (ticket >= spans[at].end && at)
			ticket = spans[--at].first;
		if (ticket >= spans[at].end)
			break;
		is = fnt_record_read(view, follower->ring, ticket, &follower->copy);
		if (is == FNT_READ_NO_MEMORY)
			return -ENOMEM;
		if (is == FNT_READ_RECORD && head->lane < view->lane_count &&
		    head->seq && head->seq - 1 < follower->lanes[head->lane].seq)
			follower->lanes[head->lane].seq = head->seq - 1;
	}
	return 0;
}

/* Defers the tickets below the cursor that the lane may still write: their records
 * finish from now on, too. */
static void
defer_unwritten(const struct fnt_follower *follower, struct fnt_follow_lane *lane)
{
	if (lane->low >= follower->until)
		return;
	lane->deferred = lane->low;
	lane->deferred_end = lane->end < follower->until ? lane->end : follower->until;
	if (lane->deferred_end - lane->deferred > FNT_FOLLOW_DEFERRED_MAX)
		lane->deferred_end = lane->deferred + FNT_FOLLOW_DEFERRED_MAX;
}

int
fnt_follow_start(struct fnt_follower *follower, enum fnt_from from)
{
	const struct fnt_view *view = follower->view;
	int rc = fnt_follow_load_lanes(follower);

	if (rc)
		return rc;
	follower->copy.flush = true;
	for (uint32_t i = 0; i < view->lane_count; i++) {
		struct fnt_follow_lane *lane = &follower->lanes[i];

		/* After `low`: the count includes everything at tickets below that. */
		lane->seq = fnt_word_acquire(
			&view->lanes[i].rings[follower->ring].recorded);
		if (from == FNT_FROM_NOW)
			defer_unwritten(follower, lane);
	}
	follower->position = follower->until;
	if (from == FNT_FROM_NOW)
		return 0;
	follower->position = fnt_ring_oldest(view, follower->ring, follower->until);
	return find_first_seqs(follower);
}
