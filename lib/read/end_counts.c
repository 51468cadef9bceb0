/* SPDX-License-Identifier: MIT */
#include "read/end_counts.h"

#include "base/shm_words.h"
#include "region/slots.h"

static void
add_lane(struct fnt_end_counts *ends, const struct fnt_lane *lane)
{
	ends->recorded += fnt_lane_recorded(lane);
	ends->dropped += fnt_lane_dropped(lane);
	ends->unmapped += fnt_word_relaxed(&lane->unmapped);
	ends->kept_none += fnt_word_relaxed(&lane->not_kept);
	ends->sampled += fnt_word_relaxed(&lane->sampled);
	ends->limited += fnt_word_relaxed(&lane->limited);
}

struct fnt_end_counts
fnt_end_counts_read(const struct fnt_view *view)
{
	const struct fnt_control_words *control = view->control;
	struct fnt_end_counts ends = {
		.laneless = fnt_word_relaxed(&control->dropped),
		.unmapped = fnt_word_relaxed(&control->unmapped),
		.kept_none = fnt_word_relaxed(&control->not_kept),
		.sampled = fnt_word_relaxed(&control->sampled),
		.limited = fnt_word_relaxed(&control->limited),
		.refused = fnt_word_relaxed(&control->refused),
	};

	ends.dropped = ends.laneless + ends.unmapped;
	for (uint32_t i = 0; i < view->lane_count; i++)
		add_lane(&ends, &view->lanes[i]);
	return ends;
}
