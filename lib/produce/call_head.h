/* SPDX-License-Identifier: MIT
 *
 * call_head.h: the head of a call that begins: who it is, and the record's words, here
 * and in the frame.
 */
#ifndef FNT_PRODUCE_CALL_HEAD_H
#define FNT_PRODUCE_CALL_HEAD_H

#include "produce/call_use.h"
#include "ring/frame.h"

/* ---- identity -------------------------------------------------------------------- */

/* A step of splitmix64 (Steele, Lea, Flood 2014), and half of its finalizer: a thread
 * goes through all numbers there are before one comes again. */
static inline uint64_t
fnt_head_random(struct fnt_thread *thread)
{
	uint64_t z = thread->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 32)) * 0xbf58476d1ce4e5b9u;
	return z ^ (z >> 29);
}

/* Never 0. */
static inline uint64_t
fnt_head_id(struct fnt_thread *thread)
{
	uint64_t id = fnt_head_random(thread);

	return __builtin_expect(id != 0, 1) ? id : fnt_head_random(thread);
}

/* Who a call is, and whose. */
struct fnt_call_ids {
	uint64_t uid, parent_uid;
	uint64_t trace_id[2];
};

/* A traceparent is not looked at. */
static inline __attribute__((always_inline)) struct fnt_call_ids
fnt_head_identify(struct fnt_thread *thread, const struct fnt_call_info *info)
{
	const struct fnt_call *parent = info->parent;
	struct fnt_call_ids who = {fnt_head_id(thread),
				   info->parent_uid,
				   {info->trace_id[0], info->trace_id[1]}};

	if (parent) {
		who.parent_uid = parent->record.uid;
		who.trace_id[0] = parent->record.trace_id[0];
		who.trace_id[1] = parent->record.trace_id[1];
	}
	return who;
}

/* A root names its tree: 64 random bits of the thread, 64 of the call. */
static inline __attribute__((always_inline)) void
fnt_head_name_trace(struct fnt_thread *thread, struct fnt_call_ids *who)
{
	if (!(who->trace_id[0] | who->trace_id[1])) {
		who->trace_id[0] = thread->trace_high;
		who->trace_id[1] = who->uid;
	}
}

/* ---- the record's head ----------------------------------------------------------- */

/* The head's words, by pairs: put together in registers, as a word that was stored in
 * parts can't be loaded for a while. Those that are not here are 0. */
struct fnt_head {
	fnt_pair uid_parent, trace, started, fn, pid_exe;
};

static inline __attribute__((always_inline)) struct fnt_head
fnt_head_make(const struct fnt_thread *thread, struct fnt_call_ids who, uint64_t now,
	      fnt_pair fn, uint8_t fn_type)
{
	return (struct fnt_head){
		.uid_parent = fnt_pair_make(who.uid, who.parent_uid),
		.trace = fnt_pair_make(who.trace_id[0], who.trace_id[1]),
		.started = fnt_pair_make(now + thread->clock.wall_offset, 0),
		.fn = fn,
		.pid_exe = fnt_pair_load(&thread->pid_tid) |
			   fnt_pair_make(0, (uint64_t)fn_type
						    << FNT_RECORD_SHIFT(fn_type))};
}

#define FNT_HEAD_AT(record, field) ((char *)(record) + FNT_RECORD_WORD(field) * 8)

/* Here … */
static inline __attribute__((always_inline)) void
fnt_head_store(struct fnt_record *record, const struct fnt_head *head)
{
	const fnt_pair none = fnt_pair_make(0, 0);

	fnt_pair_store(FNT_HEAD_AT(record, uid), head->uid_parent);
	fnt_pair_store(FNT_HEAD_AT(record, trace_id), head->trace);
	fnt_pair_store(FNT_HEAD_AT(record, started_at_ns), head->started);
	fnt_pair_store(FNT_HEAD_AT(record, seq), head->fn);
	fnt_pair_store(FNT_HEAD_AT(record, pid), head->pid_exe);
	fnt_pair_store(FNT_HEAD_AT(record, flags), none);
	fnt_pair_store(FNT_HEAD_AT(record, stream_bytes), none);
}

/* … and where others see it. */
static inline __attribute__((always_inline)) void
fnt_head_show(struct fnt_frame *frame, const struct fnt_head *head)
{
	const fnt_pair none = fnt_pair_make(0, 0);

	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(uid)], head->uid_parent);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(trace_id)], head->trace);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(started_at_ns)],
			      head->started);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(seq)], head->fn);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(pid)], head->pid_exe);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(flags)], none);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(stream_bytes)], none);
}
static_assert(
	FNT_RECORD_WORD(fn_name) == FNT_RECORD_WORD(payload_bytes) &&
		FNT_RECORD_WORD(pid) == FNT_RECORD_WORD(tid) &&
		FNT_RECORD_WORD(exe) == FNT_RECORD_WORD(fn_type) &&
		FNT_RECORD_SHIFT(exe) == 0 &&
		FNT_RECORD_WORD(exe) == FNT_RECORD_WORD(outcome) &&
		FNT_RECORD_WORD(exe) == FNT_RECORD_WORD(lane) &&
		FNT_RECORD_WORD(flags) == FNT_RECORD_WORD(op_count) &&
		FNT_RECORD_WORD(parent_uid) == FNT_RECORD_WORD(uid) + 1 &&
		FNT_RECORD_WORD(duration_ns) == FNT_RECORD_WORD(started_at_ns) + 1 &&
		FNT_RECORD_WORD(fn_name) == FNT_RECORD_WORD(seq) + 1 &&
		FNT_RECORD_WORD(exe) == FNT_RECORD_WORD(pid) + 1 &&
		FNT_RECORD_WORD(ops_omitted) == FNT_RECORD_WORD(flags) + 1 &&
		FNT_RECORD_WORD(stream_chunks) == FNT_RECORD_WORD(stream_bytes) + 1 &&
		FNT_RECORD_WORD(ops_omitted) == FNT_RECORD_WORD(schedules_omitted),
	"layout");

#endif
