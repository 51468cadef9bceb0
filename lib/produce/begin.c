/* SPDX-License-Identifier: MIT
 *
 * fnt_call_begin.
 *
 *   fnt_call_begin ─► begin_fast: a frame of this thread, a cached name, short texts
 *                        │ declines
 *                        └─► begin_slow ─┬─► fnt_call_start
 *                                        └─► fnt_ruled_start ─► fnt_call_start
 */
#include "produce/attach.h"
#include "produce/begin_ruled.h"
#include "produce/call_head.h"
#include "produce/call_start.h"
#include "produce/refused.h"

/* A clock reading, and which clock it is of. */
struct reading {
	uint64_t shown;
	bool counter;
};

/* Write the head of a call whose first event is written, and make it visible in
 * flight. */
static inline __attribute__((always_inline)) void
show_fast(struct fnt_call *call, const struct fnt_head *head)
{
	fnt_head_store(&call->record, head);
	fnt_head_show(call->shown, head);
	fnt_frame_open(call->frame, fnt_payload_used(call));
}

/* Begin a call in a frame that the thread has cached. Everything is checked before
 * anything is changed, but for bytes of a payload that nobody sees. NULL: it declines.
 * `common`, a constant: all settings are at their defaults and the name is known by its
 * address. Else `rule` (NULL: defaults) is the call's, and the name may be known by its
 * text. */
static inline __attribute__((always_inline)) struct fnt_call *
start_fast(struct fnt_attachment *attachment, const struct fnt_call_info *info,
	   const struct fnt_rule *rule, struct reading clock, bool common)
{
	struct fnt_thread *thread = fnt_thread_cached(attachment);
	const struct fnt_name_entry *fn;
	struct fnt_call_ids ids;
	struct fnt_head head;
	struct fnt_call *call;
	uint64_t now;
	char *end;

	if (__builtin_expect(!thread, 0))
		return NULL;
	if (__builtin_expect(!thread->ready_count, 0))
		return NULL;
	call = thread->ready[thread->ready_count - 1];
	/* A rule may follow another one, unless that one was about ids. */
	if (__builtin_expect(!common && rule ? !call->fast_end : call->slow.ruled, 0))
		return NULL;
	fn = fnt_name_by_address(&thread->names, info->fn_name);
	if (!common && !fn)
		fn = fnt_name_find(&thread->names, info->fn_name);
	if (__builtin_expect(!fn || info->traceparent, 0))
		return NULL;
	fnt_frame_prepare();
	end = fnt_call_encode_beginning_fast(call->own.bytes, info);
	if (__builtin_expect(!end, 0))
		return NULL;
	if (__builtin_expect(
		    !fnt_clock_time(&thread->clock, clock.counter, clock.shown, &now) ||
			    !fnt_clock_has_wall(&thread->clock, clock.counter, now),
		    0))
		return NULL;
	thread->ready_count--;
	fnt_call_start_clean(call);
	call->at = end;
	if (!common && rule) {
		call->slow.ruled = true;
		call->rule = *rule;
	}
	ids = fnt_head_make_ids(thread, info);
	fnt_head_start_trace(thread, &ids, common ? NULL : rule);
	head = fnt_head_make(thread, ids, now, fn->fn, (uint8_t)info->fn_type);
	show_fast(call, &head);
	return call;
}

/* start_fast() when it is not the common case: a rule, or a name at a new address. */
static __attribute__((noinline)) struct fnt_call *
start_uncommon(struct fnt_attachment *attachment, const struct fnt_call_info *info,
	       struct reading clock)
{
	const struct fnt_rule *rule = NULL;

	if (!fnt_rules_plain(attachment)) {
		rule = fnt_ruled_fast(attachment);
		if (!rule)
			return NULL;
	}
	return start_fast(attachment, info, rule, clock, false);
}

/* `counter`, a constant: with the time stamp counter, else the vDSO's clock. The clock
 * is read first: reading the counter takes long, and other instructions run
 * meanwhile. */
static inline __attribute__((always_inline)) struct fnt_call *
begin_fast(struct fnt_log *log, const struct fnt_call_info *info, bool counter)
{
	struct fnt_attachment *attachment;
	struct urcu_bp_reader *reader;
	struct fnt_call *call = NULL;
	struct reading clock;

	if (__builtin_expect(!info, 0))
		return NULL;
	clock = (struct reading){fnt_clock_sample(counter), counter};
	reader = fnt_rcu_enter_fast();
	if (__builtin_expect(!reader, 0))
		return NULL;
	/* [R2] acquire: as in fnt_enter(). */
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (__builtin_expect(attachment != NULL, 1)) {
		if (fnt_rules_plain(attachment))
			call = start_fast(attachment, info, NULL, clock, true);
		if (__builtin_expect(!call, 0))
			call = start_uncommon(attachment, info, clock);
	}
	fnt_rcu_exit(reader);
	return call;
}

static struct fnt_call *
begin_ruled(struct fnt_log *log, struct fnt_attachment *attachment,
	    const struct fnt_call_info *info)
{
	struct fnt_call_ctx ctx;

	if (fnt_ruled_start(&ctx, log, attachment, info, true))
		return NULL;
	fnt_leave();
	return ctx.call;
}

static __attribute__((noinline)) struct fnt_call *
begin_slow(struct fnt_log *log, const struct fnt_call_info *info)
{
	static const struct fnt_call_info nothing;
	struct fnt_attachment *attachment;
	struct fnt_call *call = NULL;
	struct fnt_thread *thread;

	attachment = fnt_enter(log);
	if (!attachment) {
		fnt_refused_outside(log);
		return NULL;
	}
	fnt_refused_settle(log, attachment);
	if (!fnt_rules_plain(attachment))
		return begin_ruled(log, attachment, info ? info : &nothing);
	thread = fnt_thread_get(attachment);
	if (thread)
		call = fnt_call_start(log, thread, info ? info : &nothing, true);
	if (!call)
		fnt_refused_inside(attachment);
	fnt_leave();
	return call;
}

/* Not the counter's fast path: the vDSO's, if the thread has that, or the slow path. */
static __attribute__((noinline)) struct fnt_call *
begin_vdso_or_slow(struct fnt_log *log, const struct fnt_call_info *info)
{
	struct fnt_call *call =
		fnt_thread_fast_vdso() ? begin_fast(log, info, false) : NULL;

	return call ? call : begin_slow(log, info);
}

static __attribute__((noinline)) struct fnt_call *
begin_enabled(struct fnt_log *log, const struct fnt_call_info *info)
{
	struct fnt_call *call = NULL;

	if (__builtin_expect(fnt_thread_state.fast_counter != 0, 1))
		call = begin_fast(log, info, true);
	return __builtin_expect(call != NULL, 1) ? call : begin_vdso_or_slow(log, info);
}

/* A disabled log returns before a register is saved: so the rest is not inlined. */
struct fnt_call *
fnt_call_begin(struct fnt_log *log, const struct fnt_call_info *info)
{
	return __builtin_expect(!log || fnt_disabled_is_set(log), 0)
		       ? NULL
		       : begin_enabled(log, info);
}
