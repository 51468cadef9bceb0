/* SPDX-License-Identifier: MIT
 *
 * The end of a call: outcome, record, ring.
 *
 *   finish ─► is it kept? ─┬─► commit ─► one cell, all at hand: inlined
 *                          │     ├─► commit_some: up to four, all at hand
 *                          │     ├─► commit_few: up to four, new tickets, the kept
 *                          │     │   ring, over its end, something rare to count
 *                          │     ├─► commit_many: of several frames, the same
 *                          │     └─► commit_long: all else
 *                          └─► left out: all at hand, or long
 */
#include "produce/finish.h"

#include "produce/sampling.h"
#include "produce/begin_ruled.h"
#include "produce/private_calls.h"

static inline bool
is_there(const struct fnt_value *value)
{
	return value && value->kind != FNT_VALUE_NONE;
}

static inline int
write_value(struct fnt_call_ctx ctx, const struct fnt_value *value,
	    struct fnt_borrowed_value *lent)
{
	return is_there(value) ? fnt_finish_value(ctx, value, lent) : FNT_DONE;
}

/* ---- into the ring ---------------------------------------------------------------- */

#define MOVES 4 /* of the rings, while one record is written */

/* Into its ring; where that has moved on meanwhile, after it. */
static bool
emit_once(struct fnt_call_ctx *ctx, struct fnt_ending *ending, uint64_t now)
{
	struct fnt_ring_writer *writer = &ctx->thread->writer;
	enum fnt_claimed is = fnt_record_write_slow(writer, ending, now);

	for (int i = 0; i < MOVES && __builtin_expect(is == FNT_CLAIM_NEW_SEGMENT, 0);
	     i++) {
		int saved = errno;

		fnt_ring_writer_move(writer, &ctx->thread->attachment->region);
		errno = saved;
		is = fnt_record_write_slow(writer, ending, now);
	}
	return is == FNT_CLAIMED;
}

/* Where something of the dead is in the way, once more without it. */
static bool
emit(struct fnt_call_ctx *ctx, struct fnt_ending *ending, uint64_t now)
{
	struct fnt_thread *thread = ctx->thread;

	if (!thread->writer.lane)
		return false;
	if (emit_once(ctx, ending, now))
		return true;
	return fnt_thread_recover_dead(thread, now) && emit_once(ctx, ending, now);
}

/* For want of a lane. */
static fnt_word *
region_counter_of(struct fnt_control_words *control, uint64_t mark)
{
	switch (mark) {
	case FNT_MARK_NOT_KEPT:
		return &control->not_kept;
	case FNT_MARK_SAMPLED:
		return &control->sampled;
	case FNT_MARK_LIMITED:
		return &control->limited;
	default:
		return &control->dropped;
	}
}

static void
begin_ending(struct fnt_call_ctx *ctx, struct fnt_ending *ending)
{
	struct fnt_thread *thread = ctx->thread;
	struct fnt_call *call = ctx->call;

	if (!thread->writer.lane)
		fnt_thread_find_lane(thread, thread->now);
	call->record.op_count = (uint32_t)call->extra.ops;
	ending->record = &call->record;
	ending->payload = &call->own;
	ending->frame = call->frame;
	ending->meter = &thread->meter;
	ending->place = fnt_meter_place(&thread->meter, &call->record, &call->extra,
					call->slow.rare);
}

/* It ends without a record: `mark` says why. */
static void
lose(struct fnt_call_ctx *ctx, struct fnt_ending *ending, uint64_t mark)
{
	struct fnt_thread *thread = ctx->thread;

	if (thread->writer.lane) {
		fnt_record_skip_slow(&thread->writer, ending, mark);
		return;
	}
	atomic_fetch_add_explicit(
		region_counter_of(thread->attachment->region.view.control, mark), 1,
		memory_order_relaxed);
	fnt_meter_apply(&ending->place, fnt_end_of(mark));
}

/* The record is complete. False: there is no place for it. */
static bool
enter(struct fnt_call_ctx ctx)
{
	struct fnt_ending ending;

	begin_ending(&ctx, &ending);
	if (emit(&ctx, &ending, ctx.thread->now))
		return true;
	lose(&ctx, &ending, FNT_MARK_DROPPED);
	return false;
}

/* There is to be none. */
static void
leave_out(struct fnt_call_ctx ctx, uint64_t mark)
{
	struct fnt_ending ending;

	begin_ending(&ctx, &ending);
	lose(&ctx, &ending, mark);
}

/* ---- and quickly ---------------------------------------------------------------- */

/* For calls that have nothing odd but a rule, at the end of which all is at hand.
 * False: the general way. */
static inline __attribute__((always_inline)) bool
begin_quick(struct fnt_call_ctx ctx, struct fnt_ending_fast *ending,
	    uint64_t duration_ns)
{
	struct fnt_call *call = ctx.call;

	ending->record = &call->record;
	ending->payload = call->own.bytes;
	ending->frame = call->frame;
	return fnt_place_fast(&ctx.thread->meter, &ending->place, &call->record,
			      &call->extra, duration_ns);
}

/* As begin_quick(), also where the last call of the function took longer, or not as
 * long. */
static inline __attribute__((always_inline)) bool
begin_turned(struct fnt_call_ctx ctx, struct fnt_ending_fast *ending,
	     uint64_t duration_ns)
{
	return __builtin_expect(begin_quick(ctx, ending, duration_ns), 1) ||
	       (fnt_meter_switch_octave(&ctx.thread->meter, ctx.call->record.fn_name,
					duration_ns) &&
		begin_quick(ctx, ending, duration_ns));
}

static inline bool
ends_odd(const struct fnt_call *call)
{
	return __builtin_expect((call->slow.any & FNT_SLOW_COMMIT) != 0, 0);
}

static __attribute__((noinline)) void
end_lost_long(struct fnt_call_ctx ctx, uint64_t mark)
{
	leave_out(ctx, mark);
	fnt_call_drop(ctx.call, ctx.thread);
}

static inline __attribute__((always_inline)) void
end_lost_quick(struct fnt_call_ctx ctx, uint64_t mark)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	struct fnt_ending_fast ending;

	if (__builtin_expect(
		    !writer->lane || ends_odd(ctx.call) ||
			    !begin_turned(ctx, &ending, ctx.call->record.duration_ns),
		    0)) {
		end_lost_long(ctx, mark);
		return;
	}
	fnt_record_skip_fast(writer, &ending, mark);
	fnt_call_drop_short(ctx.call, ctx.thread);
}

static __attribute__((noinline)) void
end_lost(struct fnt_call_ctx ctx, uint64_t mark)
{
	end_lost_quick(ctx, mark);
}

static __attribute__((noinline)) int
commit_long(struct fnt_call_ctx ctx)
{
	bool entered = enter(ctx);

	fnt_call_drop(ctx.call, ctx.thread);
	return entered ? FNT_DONE : FNT_DROPPED;
}

/* Of several frames, and nothing else that is odd but a rule, or rare. */
static __attribute__((noinline)) int
commit_many(struct fnt_call_ctx ctx)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	struct fnt_call *call = ctx.call;
	struct fnt_ending_fast ending;

	ending.rare = call->slow.rare;
	if (!writer->lane || (call->slow.any & FNT_SLOW_LONG) != FNT_SLOW_LINKED ||
	    call->framed != call->room ||
	    !begin_turned(ctx, &ending, ctx.call->record.duration_ns) ||
	    !fnt_record_emit_many(writer, &ending, &call->own, ctx.thread->now))
		return commit_long(ctx);
	fnt_call_drop(call, ctx.thread);
	return FNT_DONE;
}

static __attribute__((noinline)) int
commit_few(struct fnt_call_ctx ctx)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	struct fnt_ending_fast ending;

	if (ctx.call->slow.linked)
		return commit_many(ctx);
	ending.rare = ctx.call->slow.rare;
	if (!writer->lane || (ctx.call->slow.any & FNT_SLOW_LONG) ||
	    !begin_turned(ctx, &ending, ctx.call->record.duration_ns) ||
	    !fnt_record_emit_few(writer, &ending, ctx.thread->now))
		return commit_long(ctx);
	if (ending.rare)
		fnt_call_forget_rare(ctx.call);
	fnt_call_drop_short(ctx.call, ctx.thread);
	return FNT_DONE;
}

/* What did not end well, or is rare. */
int
fnt_finish_commit(struct fnt_call_ctx ctx)
{
	ctx.call->record.payload_bytes = fnt_payload_used(ctx.call);
	ctx.call->record.op_count = (uint32_t)ctx.call->extra.ops;
	return commit_few(ctx);
}

static inline void
set_outcome(struct fnt_call *call, enum fnt_outcome outcome, uint64_t duration_ns)
{
	call->record.outcome = (uint8_t)outcome;
	call->record.duration_ns = duration_ns;
}

static inline int
commit_otherwise(struct fnt_call_ctx ctx, uint64_t duration_ns, uint64_t now)
{
	set_outcome(ctx.call, FNT_OK, duration_ns);
	ctx.thread->now = now;
	return fnt_finish_commit(ctx);
}

/* As commit(), of one frame and up to four cells; nothing is odd. */
static __attribute__((noinline)) int
commit_some(struct fnt_call_ctx ctx, uint64_t duration_ns, uint64_t now)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	struct fnt_ending_fast ending;

	if (!begin_turned(ctx, &ending, duration_ns) ||
	    !fnt_record_emit_some(writer, &ending, fnt_payload_used(ctx.call), now))
		return commit_otherwise(ctx, duration_ns, now);
	fnt_call_drop_short(ctx.call, ctx.thread);
	return FNT_DONE;
}

/* A call that was ok, and is not flagged for the kept ring. `plain`: there is nothing
 * odd about it. Without a lane there are no tickets in hand. */
static inline __attribute__((always_inline)) int
commit(struct fnt_call_ctx ctx, bool plain, uint64_t duration_ns, uint64_t now)
{
	struct fnt_thread *thread = ctx.thread;
	struct fnt_call *call = ctx.call;
	struct fnt_ending_fast ending;
	uint32_t bytes = fnt_payload_used(call);

	if (__builtin_expect(!plain && ends_odd(call), 0))
		return commit_otherwise(ctx, duration_ns, now);
	if (__builtin_expect(bytes > FNT_HEAD_BYTES, 0))
		return commit_some(ctx, duration_ns, now);
	if (begin_turned(ctx, &ending, duration_ns) &&
	    fnt_record_emit_one(&thread->writer, &ending, bytes, now)) {
		fnt_call_drop_short(call, thread);
		return FNT_DONE;
	}
	return commit_otherwise(ctx, duration_ns, now);
}

/* Why it is not to be recorded, or 0; and into which ring. What has ended is told by
 * the record's head. */
static inline __attribute__((always_inline)) uint64_t
decide(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	if (fnt_outcome_is_kept((uint8_t)outcome))
		ctx.call->record.flags |= FNT_RECORD_KEPT;
	if (__builtin_expect(ctx.call->slow.keeps_none, 0))
		return FNT_MARK_NOT_KEPT;
	if (__builtin_expect(ctx.call->slow.ruled, 0))
		return fnt_sampling_decide(ctx.call, ctx.thread);
	return 0;
}

/* Is it to be recorded? If not, that was all. */
static inline __attribute__((always_inline)) bool
kept(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	uint64_t mark = decide(ctx, outcome);

	if (__builtin_expect(!mark, 1))
		return true;
	/* A mark that the compiler knows says which counters to count. */
	if (mark == FNT_MARK_SAMPLED)
		end_lost_quick(ctx, FNT_MARK_SAMPLED);
	else
		end_lost(ctx, mark);
	return false;
}

bool
fnt_finish_is_kept(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	return kept(ctx, outcome);
}

static bool
end(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	uint64_t now = fnt_clock_read(&ctx.thread->clock);

	ctx.thread->now = now;
	set_outcome(ctx.call, outcome, fnt_call_since(ctx.call, now));
	return kept(ctx, outcome);
}

/* Enter for the last time. On a closed log nothing but our memory is left to be given back. */
static int
use_last(struct fnt_call_ctx *ctx, struct fnt_call *call)
{
	int rc = fnt_call_enter(ctx, call);

	if (rc == -ESHUTDOWN && call)
		fnt_private_calls_drop_late(call);
	return rc;
}

void
fnt_call_close_out(struct fnt_call *call, struct fnt_thread *thread)
{
	struct fnt_call_ctx ctx = {call, thread};
	uint64_t mark;

	thread->now = fnt_clock_read(&thread->clock);
	set_outcome(call, FNT_ABORTED, fnt_call_since(call, thread->now));
	call->record.payload_bytes = fnt_payload_used(call);
	mark = decide(ctx, FNT_ABORTED);
	if (mark)
		leave_out(ctx, mark);
	else
		enter(ctx);
}

/* With a value, or something odd. Inside the log's read-side critical section. */
static __attribute__((noinline)) int
end_more(struct fnt_call_ctx ctx, const struct fnt_value *value, uint64_t duration_ns,
	 uint64_t now)
{
	struct fnt_borrowed_value lent;
	int omitted, rc;

	ctx.thread->now = now;
	set_outcome(ctx.call, FNT_OK, duration_ns);
	if (!kept(ctx, FNT_OK))
		return FNT_DONE;
	omitted = write_value(ctx, value, &lent);
	rc = ctx.call->record.flags & FNT_RECORD_KEPT
		     ? fnt_finish_commit(ctx)
		     : commit(ctx, false, duration_ns, now);
	return rc == FNT_DONE ? omitted : rc;
}

static inline __attribute__((always_inline)) int
end_ok(struct fnt_call_ctx ctx, const struct fnt_value *value, uint64_t now)
{
	uint64_t duration_ns = fnt_call_since(ctx.call, now);

	return __builtin_expect(is_there(value) || ctx.call->slow.any != 0, 0)
		       ? end_more(ctx, value, duration_ns, now)
		       : commit(ctx, true, duration_ns, now);
}

static __attribute__((noinline)) int
finish_ok(struct fnt_call *call, const struct fnt_value *value)
{
	struct fnt_borrowed_value lent;
	struct fnt_call_ctx ctx;
	int omitted = FNT_DONE, rc = use_last(&ctx, call);

	if (rc)
		return rc;
	if (end(ctx, FNT_OK)) {
		omitted = write_value(ctx, value, &lent);
		rc = fnt_finish_commit(ctx);
	}
	fnt_leave();
	return rc == FNT_DONE ? omitted : rc;
}

static inline __attribute__((always_inline)) bool
finish_short(struct fnt_call *call, const struct fnt_value *value, bool counter,
	     int *rc)
{
	struct urcu_bp_reader *reader = fnt_call_enter_by(call, counter);
	struct fnt_call_ctx ctx;
	bool known;
	uint64_t now;

	if (__builtin_expect(!reader, 0))
		return false;
	ctx = (struct fnt_call_ctx){call, call->thread};
	known = fnt_clock_time(&ctx.thread->clock, counter, fnt_clock_sample(counter),
			       &now);
	if (__builtin_expect(known, 1))
		*rc = end_ok(ctx, value, now);
	fnt_rcu_exit(reader);
	return known;
}

static __attribute__((noinline)) int
finish_ok_otherwise(struct fnt_call *call, const struct fnt_value *value)
{
	int rc;

	if (fnt_thread_by_vdso() && finish_short(call, value, false, &rc))
		return rc;
	return finish_ok(call, value);
}

int
fnt_call_finish_ok(struct fnt_call *call, const struct fnt_value *value)
{
	int rc;

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	if (__builtin_expect(finish_short(call, value, true, &rc), 1))
		return rc;
	return finish_ok_otherwise(call, value);
}

static int
finish_bad(struct fnt_call *call, enum fnt_outcome outcome, const char *code,
	   const char *message)
{
	struct fnt_call_ctx ctx;
	int rc = use_last(&ctx, call);

	if (rc)
		return rc;
	if (end(ctx, outcome)) {
		fnt_finish_error(&ctx, code, message);
		rc = fnt_finish_commit(ctx);
	}
	fnt_leave();
	return rc;
}

int
fnt_call_finish_error(struct fnt_call *call, const char *code, const char *message)
{
	return finish_bad(call, FNT_ERROR, code, message);
}

int
fnt_call_finish_rolled_back(struct fnt_call *call, const char *code,
			    const char *message)
{
	return finish_bad(call, FNT_ROLLED_BACK, code, message);
}

int
fnt_call_abandon(struct fnt_call *call)
{
	struct fnt_call_ctx ctx;
	int rc = use_last(&ctx, call);

	if (rc)
		return rc;
	if (end(ctx, FNT_ABORTED))
		rc = fnt_finish_commit(ctx);
	fnt_leave();
	return rc;
}
