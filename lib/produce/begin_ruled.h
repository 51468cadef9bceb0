/* SPDX-License-Identifier: MIT
 *
 * begin_ruled.h: calls under settings that say something. Where all is at its default nothing
 * of this is run.
 */
#ifndef FNT_PRODUCE_BEGIN_RULED_H
#define FNT_PRODUCE_BEGIN_RULED_H

#include "produce/call_use.h"
#include "produce/capture.h"
#include "produce/disabled.h"

#define FNT_NOT_ENABLED 1

/* Begin: `attachment` has been entered, and is not plain. 0: as fnt_call_start, with
 * `use` filled in; else outside of the read-side section: FNT_NOT_ENABLED, -ESHUTDOWN
 * (the log has been closed), -ENOMEM. */
int fnt_ruled_start(struct fnt_call_ctx *ctx, struct fnt_log *log,
		    struct fnt_attachment *attachment, const struct fnt_call_info *info,
		    bool framed);

/* The rule of all functions, if that is all there is to know and it is the latest, and
 * it leaves users and ids as they are; else NULL. Inside fnt_enter. */
static inline const struct fnt_rule *
fnt_ruled_fast(struct fnt_attachment *attachment)
{
	const struct fnt_snapshot *snapshot = fnt_rules_snapshot(attachment);

	return __builtin_expect(snapshot->quick, 1) &&
			       fnt_rules_are_latest(attachment, snapshot)
		       ? &snapshot->rules[0]
		       : NULL;
}

/* Room for a captured text. */
struct fnt_hashed {
	char text[FNT_HASHED_BYTES];
};

/* The id of an op, and a user or tenant, as the call's rule has them; NULL: none. */
static inline const char *
fnt_ruled_id(struct fnt_call_ctx ctx, const char *id, struct fnt_hashed *room)
{
	if (__builtin_expect(!ctx.call->slow.ruled, 1))
		return id;
	return fnt_capture_text(ctx.thread->attachment, ctx.call->rule.ids, id,
				room->text);
}

static inline const char *
fnt_ruled_user(struct fnt_call_ctx ctx, const char *user, struct fnt_hashed *room)
{
	if (__builtin_expect(!ctx.call->slow.ruled, 1))
		return user;
	return fnt_capture_text(ctx.thread->attachment, ctx.call->rule.users, user,
				room->text);
}

#endif
