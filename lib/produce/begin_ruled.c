/* SPDX-License-Identifier: MIT */
#include "produce/begin_ruled.h"

#include "produce/call_head.h"

#include "produce/call_start.h"
#include "produce/capture.h"
#include "produce/refused.h"
#include "produce/rules_follow.h"
#include "produce/sampling.h"

/* The rule of the function `name` in the latest snapshot. */
static const struct fnt_rule *
rule_of(struct fnt_thread *thread, const char *name)
{
	struct fnt_snapshot *snapshot = fnt_rules_snapshot(thread->attachment);
	struct fnt_name_ref ref;
	uint32_t flags = 0;

	if (__builtin_expect(snapshot->alike, 1))
		return &snapshot->rules[0];
	fnt_call_name(thread, name, &flags, &ref);
	return fnt_rules_find(snapshot, ref.id, name ? name : "");
}

/* fnt_call_start() with user and tenant hashed or left out. */
static __attribute__((noinline)) struct fnt_call *
start_captured(const struct fnt_call_ctx *ctx, struct fnt_log *log,
	       const struct fnt_rule *rule, const struct fnt_call_info *info,
	       bool framed)
{
	struct fnt_attachment *attachment = ctx->thread->attachment;
	struct fnt_call_info captured = *info;
	struct fnt_hashed user, tenant;

	captured.user_id =
		fnt_capture_text(attachment, rule->users, info->user_id, &user);
	captured.tenant_id =
		fnt_capture_text(attachment, rule->users, info->tenant_id, &tenant);
	return fnt_call_start(log, ctx->thread, &captured, framed);
}

/* If the call began a tree that `keep` leaves out, it is not said to be sampled. */
static void
set_sampled(struct fnt_call_ctx ctx, const struct fnt_rule *rule)
{
	struct fnt_record *record = &ctx.call->record;

	if (record->trace_id[0] != ctx.thread->trace_high ||
	    record->trace_id[1] != record->uid ||
	    fnt_sampling_keeps(rule, record->trace_id))
		return;
	record->flags &= ~(uint32_t)FNT_HEAD_SAMPLED;
	fnt_call_show_word(ctx.call, FNT_RECORD_WORD(flags));
}

/* Give a call that has begun its rule. */
static void
set_rule(struct fnt_call *call, const struct fnt_rule *rule)
{
	call->slow.ruled = !rule->plain;
	call->rule = *rule;
	if (__builtin_expect(rule->ids != FNT_CAPTURE_ON, 0))
		fnt_payload_set_fast(call);
}

/* Begin a call if its function is enabled: 0, FNT_NOT_ENABLED or -ENOMEM. */
static int
start(struct fnt_call_ctx *ctx, struct fnt_log *log, const struct fnt_call_info *info,
      bool framed)
{
	const struct fnt_rule *rule = rule_of(ctx->thread, info->fn_name);

	if (!rule->enabled)
		return FNT_NOT_ENABLED;
	if (__builtin_expect(rule->users == FNT_CAPTURE_ON, 1))
		ctx->call = fnt_call_start(log, ctx->thread, info, framed);
	else
		ctx->call = start_captured(ctx, log, rule, info, framed);
	if (!ctx->call)
		return -ENOMEM;
	set_sampled(*ctx, rule);
	set_rule(ctx->call, rule);
	return 0;
}

int
fnt_ruled_start(struct fnt_call_ctx *ctx, struct fnt_log *log,
		struct fnt_attachment *attachment, const struct fnt_call_info *info,
		bool framed)
{
	struct fnt_snapshot *snapshot;
	int rc = FNT_NOT_ENABLED;

	attachment = fnt_rules_follow(log, attachment);
	if (!attachment)
		return -ESHUTDOWN;
	snapshot = fnt_rules_snapshot(attachment);
	if (snapshot->off) {
		fnt_disabled_set(log, attachment, snapshot->generation);
	} else {
		ctx->thread = fnt_thread_get(attachment);
		rc = ctx->thread ? start(ctx, log, info, framed) : -ENOMEM;
		if (rc == -ENOMEM)
			fnt_refused_inside(attachment);
	}
	if (rc)
		fnt_leave();
	return rc;
}
