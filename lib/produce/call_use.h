/* SPDX-License-Identifier: MIT
 *
 * call_use.h: using an open call: entering its log's read-side section, room for an
 * event, names, counts.
 *
 * Wait-free, but for a thread's first use of a log and the first use of a name.
 */
#ifndef FNT_PRODUCE_CALL_USE_H
#define FNT_PRODUCE_CALL_USE_H

#include "base/utf8.h"
#include "payload/read.h"
#include "metrics/count_ops.h"
#include "produce/payload_writer.h"
#include "produce/thread.h"

#include <errno.h>

/* A call in use by this thread, inside its log's read-side critical section. Passed by
 * value, so that it stays in registers. */
struct fnt_call_ctx {
	struct fnt_call *call;
	struct fnt_thread *thread;
};

/* ---- entering -------------------------------------------------------------------- */

/* fnt_call_enter() when another thread used the call last, or the call can't be
 * used. */
int fnt_call_enter_slow(struct fnt_call *call, struct fnt_thread **thread);

/* Enter the log's read-side section. 0; or, outside of one: -ESHUTDOWN (the log is
 * closed, or `call` is NULL), -EINVAL (the call has ended), -EPERM (begun before a
 * fork), -ENOMEM. One comparison, of the call's owner, says that the call is open, of
 * this process, and that call->thread is this thread's part. */
static inline int
fnt_call_enter(struct fnt_call_ctx *ctx, struct fnt_call *call)
{
	struct fnt_thread *thread;
	int rc;

	ctx->call = call;
	if (__builtin_expect(!call || fnt_call_owner(call) != fnt_thread_state.serial,
			     0)) {
		rc = fnt_call_enter_slow(call, &thread);
		ctx->thread = thread;
		return rc;
	}
	if (!fnt_rcu_read_lock())
		return -ENOMEM;
	ctx->thread = call->thread;
	/* [R2] acquire: as in fnt_enter(). */
	if (__builtin_expect(atomic_load_explicit(&call->log->attachment,
						  memory_order_acquire) !=
				     call->attachment,
			     0)) {
		fnt_leave();
		return -ESHUTDOWN; /* closed: what the call points to is gone */
	}
	return 0;
}

/* The same for a fast path; fnt_rcu_exit() leaves. NULL, outside of a section: this
 * thread may not take fast paths, did not use the call last, or the log is closed.
 * `serial`: fnt_thread_state.fast, or, to read the time stamp counter,
 * .fast_counter. */
static inline __attribute__((always_inline)) struct urcu_bp_reader *
fnt_call_enter_fast(struct fnt_call *call, uint64_t serial)
{
	struct urcu_bp_reader *reader;

	if (__builtin_expect(fnt_call_owner(call) != serial, 0))
		return NULL;
	reader = fnt_rcu_enter_fast();
	if (__builtin_expect(!reader, 0))
		return NULL;
	/* [R2] acquire: as in fnt_enter(). */
	if (__builtin_expect(atomic_load_explicit(&call->log->attachment,
						  memory_order_acquire) !=
				     call->attachment,
			     0)) {
		fnt_rcu_exit(reader);
		return NULL;
	}
	return reader;
}

/* The serial to pass for the clock that will be read; `counter` is a constant. */
static inline uint64_t
fnt_call_fast_serial(bool counter)
{
	return counter ? fnt_thread_state.fast_counter : fnt_thread_state.fast;
}

/* May the thread take fast paths, but not with the time stamp counter? */
static inline bool
fnt_thread_fast_vdso(void)
{
	return fnt_thread_state.fast && !fnt_thread_state.fast_counter;
}

/* ---- time ------------------------------------------------------------------------ */

/* ns since the call began; 0 if another thread, whose clock is a little ahead, began it
 * after `now`. */
static inline uint64_t
fnt_call_since(const struct fnt_call *call, uint64_t now)
{
	return now > call->record.started_mono ? now - call->record.started_mono : 0;
}

static inline uint64_t
fnt_call_elapsed(const struct fnt_call_ctx *ctx)
{
	return fnt_call_since(ctx->call, fnt_clock_read(&ctx->thread->clock));
}

/* ---- room ------------------------------------------------------------------------ */

/* Make room for an op's or schedule's event of `bytes` bytes, beside what pending ops
 * and the outcome still need. False: there is none. */
static inline bool
fnt_call_make_room(struct fnt_call_ctx *ctx, uint32_t bytes)
{
	struct fnt_call *call = ctx->call;

	if ((uint64_t)fnt_payload_used(call) + bytes + call->pending_bytes >
	    call->op_limit)
		return false;
	return fnt_payload_reserve(call, ctx->thread, bytes);
}

/* Release the payload length in the frame: readers now see the events so far. */
static inline void
fnt_call_publish(struct fnt_call *call, uint64_t now)
{
	uint32_t used = fnt_payload_used(call);

	if (call->frame && used <= call->framed)
		fnt_frame_publish(call->frame, used, now);
}

/* Copy word `i` of the record's head to the frame. */
static inline void
fnt_call_show_word(struct fnt_call *call, size_t i)
{
	uint64_t word;

	if (!call->frame)
		return;
	memcpy(&word, (const char *)&call->record + i * 8, 8);
	fnt_frame_set_word(call->frame, i, word);
}

/* Count an op that does not fit. */
static inline int
fnt_call_omit_op(struct fnt_call *call)
{
	call->record.ops_omitted++;
	call->slow.rare = true;
	fnt_call_show_word(call, FNT_RECORD_WORD(ops_omitted));
	return FNT_OMITTED;
}

/* ---- counts ---------------------------------------------------------------------- */

static inline uint64_t
fnt_rows_of(int64_t row_count)
{
	return row_count > 0 ? (uint64_t)row_count : 0;
}

/* An op has ended, recorded or omitted. */
static inline void
fnt_call_count_op(struct fnt_call_ctx ctx, struct fnt_op_done op)
{
	ctx.call->extra.rows += op.rows;
	fnt_meter_count_op(&ctx.thread->meter, op);
}

/* ---- names and texts ------------------------------------------------------------- */

/* A text in at most `max` bytes; a longer one is cut and `flag` set. NULL stays
 * NULL. */
static inline struct fnt_text
fnt_call_short_text(const char *text, uint32_t max, uint32_t *flags, uint32_t flag)
{
	size_t len;

	if (!text)
		return (struct fnt_text){NULL, 0};
	len = strlen(text);
	if (len > max) {
		len = fnt_utf8_cut(text, len, max);
		*flags |= flag;
	}
	return (struct fnt_text){text, (uint32_t)len};
}

/* An id or name of an event, cut at FNT_ID_MAX bytes or an eighth of the payload. */
static inline struct fnt_text
fnt_call_id_text(struct fnt_call *call, const char *text)
{
	uint32_t max = call->limit / 8 < FNT_ID_MAX ? call->limit / 8 : FNT_ID_MAX;

	return fnt_call_short_text(text, max, &call->record.flags, FNT_TRACE_ID_CUT);
}

static inline uint32_t
fnt_name_ref_bytes(const struct fnt_name_ref *name)
{
	return name->id == FNT_NAME_NONE ? name->text.len : 0;
}

/* A name's id in the region, interned if it is new; or, if the table is full, its text,
 * cut and flagged at FNT_ID_MAX bytes. NULL is "". */
void fnt_call_name(struct fnt_thread *thread, const char *name, uint32_t *flags,
		   struct fnt_name_ref *ref);

#endif
