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
struct use {
	struct fnt_call *call;
	struct fnt_thread *thread;
};

/* use_call where another thread used the call last, or where it is not to be used at
 * all. */
int fnt_use_slow(struct fnt_call *call, struct fnt_thread **thread);

/* 0 and inside the log's read-side critical section, or -errno and not. That the thread
 * is the one that used the call last says that the call is open, of this process, and
 * which side of the log is the thread's: one comparison for all three. */
static inline int
use_call(struct use *use, struct fnt_call *call)
{
	struct fnt_thread *thread;
	int rc;

	use->call = call;
	if (__builtin_expect(!call || fnt_call_owner(call) != fnt_at_hand.serial, 0)) {
		rc = fnt_use_slow(call, &thread);
		use->thread = thread;
		return rc;
	}
	fnt_rcu_read_lock();
	use->thread = call->thread;
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

/* use_call() of the short ways: NULL, and nothing has happened, where the call was not
 * used by the thread of that serial last: fnt_at_hand.quick, or fnt_at_hand.counts if
 * the counter will be read. Left by fnt_rcu_exit(). */
static inline __attribute__((always_inline)) struct urcu_bp_reader *
fnt_use_quick(struct fnt_call *call, uint64_t serial)
{
	struct urcu_bp_reader *reader;

	if (__builtin_expect(fnt_call_owner(call) != serial, 0))
		return NULL;
	reader = fnt_rcu_enter_quick();
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
fnt_use_by(struct fnt_call *call, bool counter)
{
	return fnt_use_quick(call, counter ? fnt_at_hand.counts : fnt_at_hand.quick);
}

/* May the thread take short ways, but not by the counter? */
static inline bool
fnt_thread_by_vdso(void)
{
	return fnt_at_hand.quick && !fnt_at_hand.counts;
}

/* Threads' clocks may differ by a little: a call that another thread began did not begin
 * after now. */
static inline uint64_t
fnt_call_since(const struct fnt_call *call, uint64_t now)
{
	return now > call->started_mono ? now - call->started_mono : 0;
}

static inline uint64_t
since_start(const struct use *use)
{
	return fnt_call_since(use->call, fnt_clock_read(&use->thread->clock));
}

/* ---- room ------------------------------------------------------------------------- */

/* Is there room for an op's or schedule's event, with what the pending ops and the outcome
 * will still need? */
static inline bool
make_room(struct use *use, uint32_t bytes)
{
	struct fnt_call *call = use->call;

	if ((uint64_t)fnt_pen_used(call) + bytes + call->pending_bytes > call->op_limit)
		return false;
	return fnt_pen_reserve(call, use->thread, bytes);
}

/* Let others see what has been written. */
static inline void
publish(struct fnt_call *call, uint64_t now)
{
	uint32_t used = fnt_pen_used(call);

	if (call->frame && used <= call->framed)
		fnt_frame_publish(call->frame, used, now);
}

/* Bring a word of the record's head in the frame up to date. */
static inline void
show_word(struct fnt_call *call, size_t i)
{
	uint64_t word;

	if (!call->frame)
		return;
	memcpy(&word, (const char *)&call->record + i * 8, 8);
	fnt_frame_set(call->frame, i, word);
}

static inline int
omit_op(struct fnt_call *call)
{
	call->record.ops_omitted++;
	call->odd.rare = true;
	show_word(call, FNT_RECORD_WORD(ops_omitted));
	return FNT_OMITTED;
}

static inline uint64_t
rows_of(int64_t row_count)
{
	return row_count > 0 ? (uint64_t)row_count : 0;
}

/* An op has ended, whether there is room for it in the record or not. */
static inline void
count_op(struct use use, struct fnt_op_done op)
{
	use.call->extra.rows += op.rows;
	fnt_meter_op(&use.thread->meter, op);
}

/* A text of at most `max` bytes; what is longer is cut and `flag` set. */
static inline struct fnt_text
short_text(const char *text, uint32_t max, uint32_t *flags, uint32_t flag)
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
id_text(struct fnt_call *call, const char *text)
{
	uint32_t max = call->limit / 8 < FNT_ID_MAX ? call->limit / 8 : FNT_ID_MAX;

	return short_text(text, max, &call->record.flags, FNT_TRACE_ID_CUT);
}

static inline uint32_t
name_bytes(const struct fnt_name_ref *name)
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
int fnt_call_write_op(struct use *use, const struct fnt_event *event, uint64_t now);

int fnt_call_write_schedule(struct use *use, const char *fn_name, int64_t delay_ms,
			    int64_t run_at);

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
