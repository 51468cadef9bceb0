/* SPDX-License-Identifier: MIT
 *
 * head.h: the head of a call that begins: who it is, and the record's words, here and
 * in the frame.
 */
#ifndef FNT_HEAD_H
#define FNT_HEAD_H

#include "call_use.h"

/* ---- identity ------------------------------------------------------------------- */

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
struct fnt_identity {
	uint64_t uid, parent_uid;
	uint64_t trace_id[2];
};

/* A traceparent is not looked at. */
static inline __attribute__((always_inline)) struct fnt_identity
fnt_head_identify(struct fnt_thread *thread, const struct fnt_call_info *info)
{
	const struct fnt_call *parent = info->parent;
	struct fnt_identity who = {fnt_head_id(thread),
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
fnt_head_name_tree(struct fnt_thread *thread, struct fnt_identity *who)
{
	if (!(who->trace_id[0] | who->trace_id[1])) {
		who->trace_id[0] = thread->trace_high;
		who->trace_id[1] = who->uid;
	}
}

/* ---- the record's head ---------------------------------------------------------- */

#define FNT_HEAD_WORD(field) (offsetof(struct fnt_record, field) / 8)
#define FNT_HEAD_SHIFT(field) (offsetof(struct fnt_record, field) % 8 * 8)

/* A word of the head, here and where others see it: put together in a register, as a
 * word that was stored in parts can't be loaded for a while. */
static inline __attribute__((always_inline)) void
fnt_head_put_word(struct fnt_record *record, struct fnt_frame *shown, size_t i,
		  uint64_t word)
{
	memcpy((char *)record + i * 8, &word, 8);
	fnt_frame_set(shown, i, word);
}

/* Two of them. */
static inline __attribute__((always_inline)) void
fnt_head_clear(struct fnt_record *record, struct fnt_frame *shown, size_t i)
{
	static const uint64_t zeroes[2];

	memset((char *)record + i * 8, 0, sizeof(zeroes));
	fnt_words_put(&shown->record[i], (const char *)zeroes, 2);
}

static inline __attribute__((always_inline)) void
fnt_head_put(struct fnt_call *call, struct fnt_thread *thread, struct fnt_identity who,
	     uint32_t fn_name, uint8_t fn_type)
{
	struct fnt_record *record = &call->record;
	struct fnt_frame *shown = call->shown;

	fnt_head_put_word(record, shown, FNT_HEAD_WORD(uid), who.uid);
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(parent_uid), who.parent_uid);
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(trace_id), who.trace_id[0]);
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(trace_id) + 1, who.trace_id[1]);
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(started_at_ns),
			  call->started_mono + thread->clock.wall_offset);
	fnt_head_clear(record, shown, FNT_HEAD_WORD(duration_ns));
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(fn_name),
			  (uint64_t)fn_name << FNT_HEAD_SHIFT(fn_name));
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(pid), thread->pid_tid);
	fnt_head_put_word(record, shown, FNT_HEAD_WORD(exe),
			  thread->exe | (uint64_t)fn_type << FNT_HEAD_SHIFT(fn_type));
	fnt_head_clear(record, shown, FNT_HEAD_WORD(flags));
	fnt_head_clear(record, shown, FNT_HEAD_WORD(stream_bytes));
}
static_assert(FNT_HEAD_WORD(fn_name) == FNT_HEAD_WORD(payload_bytes) &&
		      FNT_HEAD_WORD(pid) == FNT_HEAD_WORD(tid) &&
		      FNT_HEAD_WORD(exe) == FNT_HEAD_WORD(fn_type) &&
		      FNT_HEAD_SHIFT(exe) == 0 &&
		      FNT_HEAD_WORD(exe) == FNT_HEAD_WORD(outcome) &&
		      FNT_HEAD_WORD(exe) == FNT_HEAD_WORD(lane) &&
		      FNT_HEAD_WORD(flags) == FNT_HEAD_WORD(op_count) &&
		      FNT_HEAD_WORD(seq) == FNT_HEAD_WORD(duration_ns) + 1 &&
		      FNT_HEAD_WORD(ops_omitted) == FNT_HEAD_WORD(flags) + 1 &&
		      FNT_HEAD_WORD(stream_chunks) == FNT_HEAD_WORD(stream_bytes) + 1 &&
		      FNT_HEAD_WORD(ops_omitted) == FNT_HEAD_WORD(schedules_omitted),
	      "layout");

#endif
