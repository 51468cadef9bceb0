/* SPDX-License-Identifier: MIT
 *
 * call_head.h: the head of a call that begins: its ids, and the first words of its
 * record, in the struct fnt_call and in the frame.
 *
 * Used by the thread that begins the call. Wait-free; no system call, no allocation.
 */
#ifndef FNT_PRODUCE_CALL_HEAD_H
#define FNT_PRODUCE_CALL_HEAD_H

#include "produce/sampling.h"
#include "ring/frame.h"

/* ---- ids ------------------------------------------------------------------------- */

/* A step of splitmix64 (Steele, Lea, Flood 2014), and half of its finalizer. A thread
 * gets each 64-bit number once before any comes again. */
static inline uint64_t
fnt_head_random(struct fnt_thread *thread)
{
	uint64_t z = thread->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 32)) * 0xbf58476d1ce4e5b9u;
	return z ^ (z >> 29);
}

/* A random number that is not 0. */
static inline uint64_t
fnt_head_id(struct fnt_thread *thread)
{
	uint64_t id = fnt_head_random(thread);

	return __builtin_expect(id != 0, 1) ? id : fnt_head_random(thread);
}

/* A call's uid, its caller's (0: none), its trace's id and its W3C flags, as in
 * a record. */
struct fnt_call_ids {
	uint64_t uid, parent_uid;
	uint64_t trace_id[2];
	uint32_t flags;
};

/* FNT_W3C_* as they are in a record's flags. */
#define FNT_HEAD_SAMPLED (FNT_W3C_SAMPLED * FNT_RECORD_W3C)
#define FNT_HEAD_RANDOM (FNT_W3C_RANDOM * FNT_RECORD_W3C)

/* The ids of a call that begins: those of its parent or of `info`, all 0 if there are
 * none. info->traceparent is not parsed here. */
static inline __attribute__((always_inline)) struct fnt_call_ids
fnt_head_make_ids(struct fnt_thread *thread, const struct fnt_call_info *info)
{
	const struct fnt_call *parent = info->parent;
	struct fnt_call_ids ids = {fnt_head_id(thread),
				   info->parent_uid,
				   {info->trace_id[0], info->trace_id[1]},
				   FNT_HEAD_SAMPLED};

	if (parent) {
		ids.parent_uid = parent->record.uid;
		ids.trace_id[0] = parent->record.trace_id[0];
		ids.trace_id[1] = parent->record.trace_id[1];
		ids.flags = parent->record.flags & FNT_RECORD_W3C_FLAGS;
	}
	return ids;
}

/* If the call belongs to no trace, begin one: its id is 64 random bits of the thread,
 * and the call's uid. `rule`: the call's; NULL: all settings are at their defaults. */
static inline __attribute__((always_inline)) void
fnt_head_start_trace(struct fnt_thread *thread, struct fnt_call_ids *ids,
		     const struct fnt_rule *rule)
{
	if (ids->trace_id[0] | ids->trace_id[1])
		return;
	ids->trace_id[0] = thread->trace_high;
	ids->trace_id[1] = ids->uid;
	ids->flags = FNT_HEAD_SAMPLED | FNT_HEAD_RANDOM;
	if (__builtin_expect(rule && !fnt_sampling_keeps(rule, ids->trace_id), 0))
		ids->flags = FNT_HEAD_RANDOM;
}

/* ---- the record's head ----------------------------------------------------------- */

/* The first words of a record, in pairs; those that are not here are 0. They are
 * composed in registers: a word that was stored in parts can't be loaded for a
 * while. */
struct fnt_head {
	fnt_pair uid_parent, trace, started, fn, pid_exe, flags, mono;
};

/* The head of a call of the function `fn`, a pair as of fnt_name_pair(), that begins at
 * `now` (region time). */
static inline __attribute__((always_inline)) struct fnt_head
fnt_head_make(const struct fnt_thread *thread, struct fnt_call_ids ids, uint64_t now,
	      fnt_pair fn, uint8_t fn_type)
{
	return (struct fnt_head){
		.uid_parent = fnt_pair_make(ids.uid, ids.parent_uid),
		.trace = fnt_pair_make(ids.trace_id[0], ids.trace_id[1]),
		.started = fnt_pair_make(now + thread->clock.wall_offset, 0),
		.fn = fn,
		.pid_exe = fnt_pair_load(&thread->pid_tid) |
			   fnt_pair_make(0, (uint64_t)fn_type
						    << FNT_RECORD_SHIFT(fn_type)),
		.flags = fnt_pair_make(ids.flags, 0),
		.mono = fnt_pair_make(now, thread->origin)};
}

/* The address of the pair of words that begins with a field's. */
#define FNT_HEAD_AT(record, field) ((char *)(record) + FNT_RECORD_WORD(field) * 8)

/* Store the head in a record in private memory. */
static inline __attribute__((always_inline)) void
fnt_head_store(struct fnt_record *record, const struct fnt_head *head)
{
	const fnt_pair none = fnt_pair_make(0, 0);

	fnt_pair_store(FNT_HEAD_AT(record, uid), head->uid_parent);
	fnt_pair_store(FNT_HEAD_AT(record, trace_id), head->trace);
	fnt_pair_store(FNT_HEAD_AT(record, started_at_ns), head->started);
	fnt_pair_store(FNT_HEAD_AT(record, seq), head->fn);
	fnt_pair_store(FNT_HEAD_AT(record, pid), head->pid_exe);
	fnt_pair_store(FNT_HEAD_AT(record, flags), head->flags);
	fnt_pair_store(FNT_HEAD_AT(record, stream_bytes), none);
	fnt_pair_store(FNT_HEAD_AT(record, started_mono), head->mono);
}

/* Store the head in a frame, where readers see it once the frame is open. */
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
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(flags)], head->flags);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(stream_bytes)], none);
	fnt_pair_store_shared(&frame->record[FNT_RECORD_WORD(started_mono)],
			      head->mono);
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
		FNT_RECORD_WORD(pid_ns) == FNT_RECORD_WORD(started_mono) + 1 &&
		FNT_RECORD_WORD(origin) == FNT_RECORD_WORD(pid_ns) &&
		FNT_RECORD_SHIFT(pid_ns) == 0 && FNT_RECORD_SHIFT(origin) == 32 &&
		FNT_RECORD_WORD(ops_omitted) == FNT_RECORD_WORD(schedules_omitted),
	"layout");

#endif
