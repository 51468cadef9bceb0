/* SPDX-License-Identifier: MIT */
#include "produce/reopen.h"

#include "base/guard.h"
#include "produce/attach.h"
#include "produce/lost.h"
#include "region/region.h"
#include "settings/first_settings.h"

#include <stdlib.h>
#include <string.h>

struct fnt_reopen {
	struct fnt_options options; /* its `settings` are our own copy */
};

void
fnt_reopen_remember(struct fnt_log *log, const struct fnt_options *options)
{
	struct fnt_reopen *reopen = *log->path ? malloc(sizeof(*reopen)) : NULL;

	if (!reopen)
		return;
	reopen->options = *options;
	reopen->options.error = NULL;
	reopen->options.dir = NULL; /* the log's path has it */
	if (options->settings) {
		reopen->options.settings = strdup(options->settings);
		if (!reopen->options.settings) {
			free(reopen);
			return;
		}
	}
	log->reopen = reopen;
}

/* Once a second, for one thread. */
static bool
is_due(struct fnt_log *log)
{
	uint64_t now = fnt_clock_mono();
	uint64_t due = atomic_load_explicit(&log->reopen_ns, memory_order_relaxed);

	return log->reopen && now >= due &&
	       atomic_compare_exchange_strong_explicit(
		       &log->reopen_ns, &due, now + FNT_SECOND_NS, memory_order_relaxed,
		       memory_order_relaxed);
}

/* Open the region and attach to it. False: that failed; try again later. */
static bool
open_again(struct fnt_log *log)
{
	struct fnt_region *region = malloc(sizeof(*region));
	bool done = false;

	if (!region)
		return false;
	if (!fnt_region_open(region, log->path, &log->reopen->options,
			     fnt_first_settings_write)) {
		done = fnt_log_reattach(log, region);
		if (!done)
			fnt_region_close(region);
	}
	free(region);
	return done;
}

struct fnt_attachment *
fnt_reopen_follow(struct fnt_log *log, struct fnt_attachment *attachment)
{
	struct fnt_guard guard = fnt_guard_enter();

	fnt_leave();
	if (is_due(log))
		open_again(log);
	fnt_guard_leave(guard);
	attachment = fnt_enter(log);
	if (!attachment)
		return NULL;
	if (fnt_lost_view(&attachment->region.view)) {
		fnt_lost_count_in(log, attachment, 1);
		fnt_leave();
		return NULL;
	}
	fnt_lost_count_in(
		log, attachment,
		atomic_exchange_explicit(&log->lost, 0, memory_order_relaxed));
	return attachment;
}
