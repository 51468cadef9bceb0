/* SPDX-License-Identifier: MIT
 *
 * call_use.h: what begin.c, call_events.c, op.c and finish.c share.
 */
#ifndef FNT_PRODUCE_CALL_USE_H
#define FNT_PRODUCE_CALL_USE_H

#include "produce/frame_cache.h"
#include "region/name_table.h"
#include "produce/payload_writer.h"
#include "base/utf8.h"

#include <errno.h>

#define FNT_TEXT_MAX 4096u /* of an error's code and message */
#define FNT_ID_MAX 1024u   /* of call id, user, tenant */

/* A call in use, inside its log's read-side critical section, by this thread. */
struct fnt_call_ctx {
	struct fnt_call *call;
	struct fnt_thread *thread;
};

/* fnt_call_enter where another thread used the call last, or where it is not to be used at
 * all. */
int fnt_call_enter_slow(struct fnt_call *call, struct fnt_thread **thread);

/* 0 and inside the log's read-side critical section, or -errno and not. That the thread
 * is the one that used the call last says that the call is open, of this process, and
 * which side of the log is the thread's: one comparison for all three. */
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
	fnt_rcu_read_lock();
	ctx->thread = call->thread;
	/* [R2] acquire: as in fnt_enter(). */
	if (__builtin_expect(atomic_load_explicit(&call->log->attachment,
						  memory_order_acquire) !=
				     call->attachment,
			     0)) {
		fnt_leave();
		return -ESHUTDOWN; /* closed: all that the call points to is gone */
	}
	return 0;
}

/* fnt_call_enter() of the short ways: NULL, and nothing has happened, where the call was not
 * used by the thread of that serial last: fnt_thread_state.fast, or fnt_thread_state.fast_counter if
 * the counter will be read. Left by fnt_rcu_exit(). */
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

/* The same for one of the two clocks, as is known where this is compiled. */
static inline __attribute__((always_inline)) struct urcu_bp_reader *
fnt_call_enter_by(struct fnt_call *call, bool counter)
{
	return fnt_call_enter_fast(call, counter ? fnt_thread_state.fast_counter
						 : fnt_thread_state.fast);
}

/* May the thread take short ways, but not by the counter? */
static inline bool
fnt_thread_by_vdso(void)
{
	return fnt_thread_state.fast && !fnt_thread_state.fast_counter;
}

/* Threads' clocks may differ by a little: a call that another thread began did not begin
 * after now. */
static inline uint64_t
fnt_call_since(const struct fnt_call *call, uint64_t now)
{
	return now > call->started_mono ? now - call->started_mono : 0;
}

static inline uint64_t
fnt_call_elapsed(const struct fnt_call_ctx *ctx)
{
	return fnt_call_since(ctx->call, fnt_clock_read(&ctx->thread->clock));
}

/* ---- room ------------------------------------------------------------------------- */

/* Is there room for an op's or schedule's event, with what the pending ops and the outcome
 * will still need? */
static inline bool
fnt_call_make_room(struct fnt_call_ctx *ctx, uint32_t bytes)
{
	struct fnt_call *call = ctx->call;

	if ((uint64_t)fnt_payload_used(call) + bytes + call->pending_bytes >
	    call->op_limit)
		return false;
	return fnt_payload_reserve(call, ctx->thread, bytes);
}

/* Let others see what has been written. */
static inline void
fnt_call_publish(struct fnt_call *call, uint64_t now)
{
	uint32_t used = fnt_payload_used(call);

	if (call->frame && used <= call->framed)
		fnt_frame_publish(call->frame, used, now);
}

/* Bring a word of the record's head in the frame up to date. */
static inline void
fnt_call_show_word(struct fnt_call *call, size_t i)
{
	uint64_t word;

	if (!call->frame)
		return;
	memcpy(&word, (const char *)&call->record + i * 8, 8);
	fnt_frame_set(call->frame, i, word);
}

static inline int
fnt_call_omit_op(struct fnt_call *call)
{
	call->record.ops_omitted++;
	call->slow.rare = true;
	fnt_call_show_word(call, FNT_RECORD_WORD(ops_omitted));
	return FNT_OMITTED;
}

static inline uint64_t
fnt_rows_of(int64_t row_count)
{
	return row_count > 0 ? (uint64_t)row_count : 0;
}

/* An op has ended, whether there is room for it in the record or not. */
static inline void
fnt_call_count_op(struct fnt_call_ctx ctx, struct fnt_op_done op)
{
	ctx.call->extra.rows += op.rows;
	fnt_meter_op(&ctx.thread->meter, op);
}

/* A text of at most `max` bytes; what is longer is cut and `flag` set. */
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

/* ---- names ------------------------------------------------------------------------ */

/* A text of an event, or a name, in at most FNT_ID_MAX bytes. */
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

/* A name's id in the region, or its text, cut (and flagged) at FNT_ID_MAX bytes. */
void fnt_call_name(struct fnt_thread *thread, const char *name, uint32_t *flags,
		   struct fnt_name_ref *ref);

/* Begin in a thread's side of a log, visible in flight or not; NULL: no memory. */
struct fnt_call *fnt_call_start(struct fnt_log *log, struct fnt_thread *thread,
				const struct fnt_call_info *info, bool framed);

/* Write an op that has ended; FNT_DONE or FNT_OMITTED. `now` since the start. */
int fnt_call_write_op(struct fnt_call_ctx *ctx, const struct fnt_event *event,
		      uint64_t now);

int fnt_call_write_schedule(struct fnt_call_ctx *ctx, const char *fn_name,
			    int64_t delay_ms, int64_t run_at);

/* Record as aborted a call whose log is being closed; its owner still has it. */
void fnt_call_close_out(struct fnt_call *call, struct fnt_thread *thread);

/* Back where it came from. `thread` NULL: its log is closed. The last access to the call. */
void fnt_call_drop(struct fnt_call *call, struct fnt_thread *thread);

/* fnt_call_drop() for one that has nothing odd but a rule. */
static inline void
fnt_call_drop_short(struct fnt_call *call, struct fnt_thread *thread)
{
	fnt_frame_shut(call->frame);
	fnt_call_disown(call);
	fnt_thread_keep_frame(thread, call);
}

#endif
