/* SPDX-License-Identifier: MIT
 *
 * begin_ruled.h: beginning a call when the region's settings are not all at their
 * defaults.
 *
 * Wait-free, but when the settings have changed: see fnt_rules_follow().
 */
#ifndef FNT_PRODUCE_BEGIN_RULED_H
#define FNT_PRODUCE_BEGIN_RULED_H

#include "produce/call_use.h"
#include "produce/disabled.h"

#define FNT_NOT_ENABLED 1

/* Begin a call; `attachment` has been entered, and its rules are not plain. 0: as
 * fnt_call_start(), with `ctx` filled in. Else outside of the read-side section:
 * FNT_NOT_ENABLED, -ESHUTDOWN (the log has been closed), -ENOMEM. */
int fnt_ruled_start(struct fnt_call_ctx *ctx, struct fnt_log *log,
		    struct fnt_attachment *attachment, const struct fnt_call_info *info,
		    bool framed);

/* The rule of all functions, if there is no other, it is the latest, and it captures
 * users and ids as they are; else NULL. Inside fnt_enter. */
static inline const struct fnt_rule *
fnt_ruled_fast(struct fnt_attachment *attachment)
{
	const struct fnt_snapshot *snapshot = fnt_rules_snapshot(attachment);

	return __builtin_expect(snapshot->fast, 1) &&
			       fnt_rules_are_latest(attachment, snapshot)
		       ? &snapshot->rules[0]
		       : NULL;
}

#endif
