/* SPDX-License-Identifier: MIT */
#include "produce/rules_follow.h"

#include "produce/attach.h"
#include "produce/disabled.h"
#include "produce/lost.h"
#include "produce/reopen.h"
#include "produce/unmap_old.h"
#include "region/segment_map.h"

#include <errno.h>

struct fnt_attachment *
fnt_rules_follow(struct fnt_log *log, struct fnt_attachment *attachment)
{
	const struct fnt_snapshot *snapshot = fnt_rules_snapshot(attachment);
	int saved = errno;
	bool replaced;

	if (fnt_lost_view(&attachment->region.view))
		return fnt_reopen_follow(log, attachment);
	if (__builtin_expect(fnt_rules_are_latest(attachment, snapshot), 1)) {
		if (snapshot->plain)
			fnt_rules_remember_plain(attachment);
		return attachment;
	}
	fnt_segment_map_check_file(&attachment->region);
	if (fnt_lost_view(&attachment->region.view))
		return fnt_reopen_follow(log, attachment);
	replaced = fnt_rules_update(attachment);
	/* A change of settings may come with new segments. */
	fnt_segment_map_follow_sometimes(&attachment->region);
	if (!fnt_rules_snapshot(attachment)->off)
		fnt_disabled_clear(log);
	errno = saved;
	if (!replaced)
		return attachment;
	fnt_leave();
	fnt_rules_sweep();
	fnt_process_unmap_old();
	errno = saved;
	return fnt_enter(log);
}
