/* SPDX-License-Identifier: MIT
 *
 * The end of a call: outcome, record, ring.
 *
 *   finish_ok_fast ─┬─► commit_fast: ok, main ring, at most four cells
 *                   └─► finish_uncommon: a value, or a slow flag is set
 *   finish_slow    ───► fnt_finish_commit ─┬─► commit_fast: any outcome and ring
 *                                          └─► commit_slow
 *   is it recorded at all? ─no─► skip_fast or skip_slow: it is counted only
 */
#include "produce/finish.h"

#include "produce/begin_ruled.h"
#include "produce/call_end.h"
#include "produce/lost.h"
#include "produce/populate.h"
#include "produce/sampling.h"

static inline bool
has_value(const struct fnt_value *value)
{
	return value && value->kind != FNT_VALUE_NONE;
}

static inline int
write_value(struct fnt_call_ctx ctx, const struct fnt_value *value,
	    struct fnt_borrowed_value *borrowed)
{
	return has_value(value) ? fnt_finish_value(ctx, value, borrowed) : FNT_DONE;
}

/* ---- slow ------------------------------------------------------------------------ */

#define SEGMENT_MOVES 4 /* to new segments, while one record is written */

/* Write the record. If the ring has got new segments meanwhile, move to the latest one
 * and try again. */
static enum fnt_claim_result
write_in_new_segments(struct fnt_call_ctx ctx, struct fnt_ending *ending, uint64_t now)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	enum fnt_claim_result is = fnt_record_write_slow(writer, ending, now);

	for (int i = 0;
	     i < SEGMENT_MOVES && __builtin_expect(is == FNT_CLAIM_NEW_SEGMENT, 0);
	     i++) {
		int saved = errno;
		bool moved =
			fnt_ring_writer_move(writer, &ctx.thread->attachment->region);

		ctx.thread->populate_from = 0;
		errno = saved;
		if (!moved)
			break;
		is = fnt_record_write_slow(writer, ending, now);
	}
	return is;
}

/* Write the record; if a dead process holds the cells, recover them and try again. */
static enum fnt_claim_result
write_record(struct fnt_call_ctx ctx, struct fnt_ending *ending)
{
	struct fnt_thread *thread = ctx.thread;
	uint64_t now = thread->now;
	enum fnt_claim_result is;

	if (!thread->writer.lane)
		return FNT_CLAIM_BUSY;
	is = write_in_new_segments(ctx, ending, now);
	if (is == FNT_CLAIM_BUSY && fnt_thread_recover_dead(thread, now))
		is = write_in_new_segments(ctx, ending, now);
	return is;
}

/* The region's counter of calls that end without a record, for threads without a
 * lane. */
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
	case FNT_MARK_UNMAPPED:
		return &control->unmapped;
	default:
		return &control->dropped;
	}
}

static void
prepare_ending(struct fnt_call_ctx ctx, struct fnt_ending *ending)
{
	struct fnt_thread *thread = ctx.thread;
	struct fnt_call *call = ctx.call;

	if (!thread->writer.lane)
		fnt_thread_find_lane(thread, thread->now);
	call->record.op_count = (uint32_t)call->extra.ops;
	ending->record = &call->record;
	ending->payload = &call->own;
	ending->frame = call->frame;
	ending->meter = &thread->meter;
	ending->place = fnt_meter_place_slow(&thread->meter, &call->record,
					     &call->extra, call->slow.rare);
}

static void
count_skipped(struct fnt_call_ctx ctx, struct fnt_ending *ending, uint64_t mark)
{
	struct fnt_thread *thread = ctx.thread;

	if (thread->writer.lane) {
		fnt_record_skip_slow(&thread->writer, ending, mark);
		return;
	}
	atomic_fetch_add_explicit(
		region_counter_of(thread->attachment->region.view.control, mark), 1,
		memory_order_relaxed);
	fnt_journal_apply_slow(&ending->place, fnt_journal_end_of(mark));
}

/* Commit the complete record, or count it as dropped: false. */
static bool
write_or_drop(struct fnt_call_ctx ctx)
{
	struct fnt_ending ending;
	enum fnt_claim_result is;

	prepare_ending(ctx, &ending);
	is = write_record(ctx, &ending);
	if (is == FNT_CLAIMED)
		return true;
	count_skipped(ctx, &ending, fnt_record_lost_mark(is));
	return false;
}

static void
skip(struct fnt_call_ctx ctx, uint64_t mark)
{
	struct fnt_ending ending;

	prepare_ending(ctx, &ending);
	count_skipped(ctx, &ending, mark);
}

static __attribute__((noinline)) void
skip_slow(struct fnt_call_ctx ctx, uint64_t mark)
{
	skip(ctx, mark);
	fnt_call_drop(ctx.call, ctx.thread);
}

static __attribute__((noinline)) int
commit_slow(struct fnt_call_ctx ctx)
{
	bool written = write_or_drop(ctx);

	if (!written && fnt_lost_view(&ctx.thread->attachment->region.view))
		atomic_fetch_add_explicit(&ctx.call->log->lost, 1,
					  memory_order_relaxed);
	fnt_call_drop(ctx.call, ctx.thread);
	return written ? FNT_DONE : FNT_DROPPED;
}

/* ---- fast ------------------------------------------------------------------------ */

/* Fill in `ending`, if the call's row and bucket of metrics are cached. The call has no
 * slow flags but `ruled` and `rare`. */
static inline __attribute__((always_inline)) bool
prepare_ending_fast(struct fnt_call_ctx ctx, struct fnt_ending_fast *ending,
		    uint64_t duration_ns)
{
	struct fnt_meter *meter = &ctx.thread->meter;
	struct fnt_call *call = ctx.call;

	ending->record = &call->record;
	ending->payload = call->own.bytes;
	ending->frame = call->frame;
	return __builtin_expect(fnt_meter_place_fast(meter, &ending->place,
						     &call->record, &call->extra,
						     duration_ns),
				1) ||
	       (fnt_meter_switch_octave(meter, call->record.fn_name, duration_ns) &&
		fnt_meter_place_fast(meter, &ending->place, &call->record, &call->extra,
				     duration_ns));
}

/* Commit a record whose payload is in one frame, and drop the call. False: it declines.
 * `one`, a constant: the record is known to take one cell. `common`, a constant: the
 * call was ok, is not for the kept ring and changes no rare counters; see
 * fnt_record_write_fast(). */
static inline __attribute__((always_inline)) bool
commit_fast(struct fnt_call_ctx ctx, uint64_t duration_ns, uint64_t now, bool one,
	    bool common)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	struct fnt_call *call = ctx.call;
	struct fnt_ending_fast ending;

	if (!common && (!writer->lane || (call->slow.any & FNT_SLOW_COMMIT_RARE)))
		return false;
	ending.bytes = fnt_payload_used(call);
	ending.rare = !common && call->slow.rare;
	/* Without a lane there are no tickets, so that a common record is declined. */
	if (!prepare_ending_fast(ctx, &ending, duration_ns) ||
	    !fnt_record_write_fast(writer, &ending, now,
				   one ? 1 : fnt_cells_for(ending.bytes), common))
		return false;
	if (ending.rare)
		fnt_call_forget_rare(call);
	fnt_call_drop_fast(call, ctx.thread);
	return true;
}

/* The record's head is complete, but for what is set here. */
__attribute__((noinline)) int
fnt_finish_commit(struct fnt_call_ctx ctx)
{
	struct fnt_call *call = ctx.call;

	int rc = FNT_DONE;

	call->record.payload_bytes = fnt_payload_used(call);
	call->record.op_count = (uint32_t)call->extra.ops;
	if (call->record.outcome == FNT_ABORTED ||
	    !commit_fast(ctx, call->record.duration_ns, ctx.thread->now, false, false))
		rc = commit_slow(ctx);
	/* The call has ended. This is reached whenever a block of tickets is taken. */
	fnt_populate_if_due(ctx.thread);
	return rc;
}

static inline void
set_outcome(struct fnt_call *call, enum fnt_outcome outcome, uint64_t duration_ns)
{
	call->record.outcome = (uint8_t)outcome;
	call->record.duration_ns = duration_ns;
}

static __attribute__((noinline)) bool
commit_cells(struct fnt_call_ctx ctx, uint64_t duration_ns, uint64_t now)
{
	return commit_fast(ctx, duration_ns, now, false, true);
}

/* Commit a call that was ok and is not for the kept ring. */
static inline __attribute__((always_inline)) int
commit_ok(struct fnt_call_ctx ctx, uint64_t duration_ns, uint64_t now)
{
	if (__builtin_expect(fnt_payload_used(ctx.call) <= FNT_HEAD_BYTES, 1)
		    ? commit_fast(ctx, duration_ns, now, true, true)
		    : commit_cells(ctx, duration_ns, now))
		return FNT_DONE;
	set_outcome(ctx.call, FNT_OK, duration_ns);
	ctx.thread->now = now;
	return fnt_finish_commit(ctx);
}

static inline __attribute__((always_inline)) void
skip_fast(struct fnt_call_ctx ctx, uint64_t mark)
{
	struct fnt_ring_writer *writer = &ctx.thread->writer;
	struct fnt_ending_fast ending;

	if (__builtin_expect(!writer->lane || (ctx.call->slow.any & FNT_SLOW_COMMIT) ||
				     !prepare_ending_fast(ctx, &ending,
							  ctx.call->record.duration_ns),
			     0)) {
		skip_slow(ctx, mark);
		return;
	}
	fnt_record_skip_fast(writer, &ending, mark);
	fnt_call_drop_fast(ctx.call, ctx.thread);
}

/* ---- is it recorded? ------------------------------------------------------------- */

/* Why the call is not to be recorded, or 0. The record's head says how it ended, and is
 * flagged if it goes to the kept ring. */
static inline __attribute__((always_inline)) uint64_t
decide(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	if (fnt_record_outcome_is_kept((uint8_t)outcome))
		ctx.call->record.flags |= FNT_RECORD_KEPT;
	if (__builtin_expect(ctx.call->slow.keeps_none, 0))
		return FNT_MARK_NOT_KEPT;
	if (__builtin_expect(ctx.call->slow.ruled, 0))
		return fnt_sampling_decide(ctx.call, ctx.thread);
	return 0;
}

static __attribute__((noinline)) void
skip_any_mark(struct fnt_call_ctx ctx, uint64_t mark)
{
	skip_fast(ctx, mark);
}

/* Is the call to be recorded? If not, it is counted and has ended. */
static inline __attribute__((always_inline)) bool
kept(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	uint64_t mark = decide(ctx, outcome);

	if (__builtin_expect(!mark, 1))
		return true;
	/* With a constant mark the compiler knows which counters it is about. */
	if (__builtin_expect(outcome == FNT_ABORTED, 0))
		skip_slow(ctx, mark);
	else if (mark == FNT_MARK_SAMPLED)
		skip_fast(ctx, FNT_MARK_SAMPLED);
	else
		skip_any_mark(ctx, mark);
	return false;
}

bool
fnt_finish_is_kept(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	return kept(ctx, outcome);
}

void
fnt_finish_aborted(struct fnt_call *call, struct fnt_thread *thread)
{
	struct fnt_call_ctx ctx = {call, thread};
	uint64_t mark;

	thread->now = fnt_clock_read(&thread->clock);
	set_outcome(call, FNT_ABORTED, fnt_call_since(call, thread->now));
	call->record.payload_bytes = fnt_payload_used(call);
	mark = decide(ctx, FNT_ABORTED);
	if (mark)
		skip(ctx, mark);
	else
		write_or_drop(ctx);
}

/* ---- fnt_call_finish_ok ---------------------------------------------------------- */

/* A value, or a slow flag: inside the log's read-side critical section. */
static __attribute__((noinline)) int
finish_uncommon(struct fnt_call_ctx ctx, const struct fnt_value *value,
		uint64_t duration_ns, uint64_t now)
{
	struct fnt_borrowed_value borrowed;
	int omitted, rc;

	ctx.thread->now = now;
	set_outcome(ctx.call, FNT_OK, duration_ns);
	if (!kept(ctx, FNT_OK))
		return FNT_DONE;
	omitted = write_value(ctx, value, &borrowed);
	if (ctx.call->record.flags & FNT_RECORD_KEPT ||
	    ctx.call->slow.any & FNT_SLOW_COMMIT)
		rc = fnt_finish_commit(ctx);
	else
		rc = commit_ok(ctx, duration_ns, now);
	return rc == FNT_DONE ? omitted : rc;
}

/* `counter`, a constant: with the time stamp counter, else the vDSO's clock. False: it
 * declines. */
static inline __attribute__((always_inline)) bool
finish_ok_fast(struct fnt_call *call, const struct fnt_value *value, bool counter,
	       int *rc)
{
	struct urcu_bp_reader *reader =
		fnt_call_enter_fast(call, fnt_call_fast_serial(counter));
	struct fnt_call_ctx ctx;
	uint64_t now, duration_ns;
	bool known;

	if (__builtin_expect(!reader, 0))
		return false;
	ctx = (struct fnt_call_ctx){call, call->thread};
	known = fnt_clock_time(&ctx.thread->clock, counter, fnt_clock_sample(counter),
			       &now);
	if (__builtin_expect(known, 1)) {
		duration_ns = fnt_call_since(call, now);
		*rc = __builtin_expect(has_value(value) || call->slow.any != 0, 0)
			      ? finish_uncommon(ctx, value, duration_ns, now)
			      : commit_ok(ctx, duration_ns, now);
	}
	fnt_rcu_exit(reader);
	return known;
}

/* ---- slow ends ------------------------------------------------------------------- */

/* Enter for the last time. If the log is closed, the call's memory is all that is
 * left. */
static int
enter_last(struct fnt_call_ctx *ctx, struct fnt_call *call)
{
	int rc = fnt_call_enter(ctx, call);

	if (rc == -ESHUTDOWN && call) {
		fnt_lost_count(call->log);
		fnt_call_drop_late(call);
	}
	return rc;
}

/* The time and the outcome; is the call to be recorded? */
static bool
end(struct fnt_call_ctx ctx, enum fnt_outcome outcome)
{
	uint64_t now = fnt_clock_read(&ctx.thread->clock);

	ctx.thread->now = now;
	set_outcome(ctx.call, outcome, fnt_call_since(ctx.call, now));
	return kept(ctx, outcome);
}

static __attribute__((noinline)) int
finish_ok_slow(struct fnt_call *call, const struct fnt_value *value)
{
	struct fnt_borrowed_value borrowed;
	struct fnt_call_ctx ctx;
	int omitted = FNT_DONE, rc;

	if (fnt_thread_fast_vdso() && finish_ok_fast(call, value, false, &rc))
		return rc;
	rc = enter_last(&ctx, call);
	if (rc)
		return rc;
	if (end(ctx, FNT_OK)) {
		omitted = write_value(ctx, value, &borrowed);
		rc = fnt_finish_commit(ctx);
	}
	fnt_leave();
	return rc == FNT_DONE ? omitted : rc;
}

int
fnt_call_finish_ok(struct fnt_call *call, const struct fnt_value *value)
{
	int rc;

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	if (__builtin_expect(finish_ok_fast(call, value, true, &rc), 1))
		return rc;
	return finish_ok_slow(call, value);
}

static int
finish_failed(struct fnt_call *call, enum fnt_outcome outcome, const char *code,
	      const char *message)
{
	struct fnt_call_ctx ctx;
	int rc = enter_last(&ctx, call);

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
	return finish_failed(call, FNT_ERROR, code, message);
}

int
fnt_call_finish_rolled_back(struct fnt_call *call, const char *code,
			    const char *message)
{
	return finish_failed(call, FNT_ROLLED_BACK, code, message);
}

int
fnt_call_abandon(struct fnt_call *call)
{
	struct fnt_call_ctx ctx;
	int rc = enter_last(&ctx, call);

	if (rc)
		return rc;
	if (end(ctx, FNT_ABORTED))
		rc = fnt_finish_commit(ctx);
	fnt_leave();
	return rc;
}
