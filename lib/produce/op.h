/* SPDX-License-Identifier: MIT
 *
 * op.h: what op.c and op_timed.c share: an op as its caller tells it, and the checks of
 * the fast paths. Wait-free.
 */
#ifndef FNT_PRODUCE_OP_H
#define FNT_PRODUCE_OP_H

#include "produce/call_use.h"

/* An op as its caller tells it. Plain, so that it may stay in registers. */
struct fnt_op_args {
	uint32_t op;
	bool ok;
	const char *entity;
	const char *id;
	size_t id_len;
	uint64_t start_ns, duration_ns;
	int64_t row_count;
	const char *word; /* of an op that the enum lacks; NULL: none */
	bool wait;
};

/* The op's entity, if the fast path can write the op: its id, measured by
 * fnt_short_text_len(), is short, and its entity's name and metrics row are cached.
 * Else NULL. `by_text`, a constant: look for the name by its text, too. */
static inline __attribute__((always_inline)) const struct fnt_name_entry *
fnt_op_entity_fast(struct fnt_call_ctx ctx, struct fnt_op_args op, bool by_text)
{
	struct fnt_name_cache *names = &ctx.thread->names;
	const struct fnt_name_entry *entity;

	if (__builtin_expect(op.id_len >= FNT_SHORT_TEXT || op.op >= FNT_OP_KINDS, 0))
		return NULL;
	entity = fnt_name_by_address(names, op.entity);
	if (by_text && !entity)
		entity = fnt_name_find(names, op.entity);
	if (__builtin_expect(!entity || (FNT_COUNTED && !entity->rows[op.op]), 0))
		return NULL;
	return entity;
}

/* The elements that an op and its beginning share: array head, event, op, entity,
 * id. */
static inline char *
fnt_op_encode_start_fast(char *at, struct fnt_op_args op,
			 const struct fnt_name_entry *entity, uint32_t head)
{
	at = fnt_encode_op_fast(at, head | op.op << 16, entity->packed,
				entity->packed_len);
	return fnt_encode_text_fast(at, op.id, op.id_len);
}

/* Bytes of a word that are recorded. */
static inline uint32_t
fnt_op_word_len(const char *word)
{
	return (uint32_t)fnt_utf8_cut(word, strnlen(word, FNT_WORD_MAX + 4),
				      FNT_WORD_MAX);
}

/* Fill in the event's op, id and entity. False: the id alone is too long for a
 * record. */
static inline bool
fnt_op_fill_event(struct fnt_call_ctx ctx, struct fnt_event *event,
		  struct fnt_op_args op)
{
	event->op.op = op.op;
	event->op.word.at = op.word;
	event->op.word.len = op.word ? fnt_op_word_len(op.word) : 0;
	event->op.id.at = op.id;
	event->op.id.len = (uint32_t)op.id_len;
	event->op.start_ns = op.start_ns;
	fnt_call_name(ctx.thread, op.entity, &ctx.call->record.flags,
		      &event->op.entity);
	return op.id_len < ctx.call->op_limit;
}

static inline uint32_t
fnt_op_text_bytes(const struct fnt_event *event)
{
	return fnt_name_ref_bytes(&event->op.entity) + event->op.id.len +
	       event->op.word.len;
}

/* Remember in a cached name where the thread counts ops of this entity and kind.
 * `entity`: from fnt_name_find(), once for each op, since a second find at a new
 * address copies the name to that address. NULL: the name is not cached. */
static inline void
fnt_op_cache_row(struct fnt_call_ctx ctx, struct fnt_name_entry *entity, uint32_t op)
{
	struct fnt_meter *meter = &ctx.thread->meter;

	if (__builtin_expect(fnt_meter_ops_crowded(meter), 0)) {
		fnt_meter_forget_ops(meter);
		fnt_name_cache_forget_rows(&ctx.thread->names);
	}
	if (entity)
		entity->rows[op] = fnt_meter_op_cache(meter, entity->id, op);
}

static inline struct fnt_op_done
fnt_op_done_of(uint32_t entity, struct fnt_op_args op)
{
	return (struct fnt_op_done){.entity = entity,
				    .op = op.op,
				    .ns = op.duration_ns,
				    .rows = fnt_rows_of(op.row_count),
				    .ok = op.ok};
}

/* Count an op in a row of this thread, whatever its duration. All arguments fit in
 * registers, so that the fast path needs no stack for them. */
void fnt_op_count_slow(struct fnt_call *call, struct fnt_op_cache *cache, uint64_t ns,
		       uint64_t rows, bool ok);

/* Count an op that a fast path has recorded, in its cached row. */
static inline void
fnt_op_count_fast(struct fnt_call *call, struct fnt_op_cache *cache, uint64_t ns,
		  uint64_t rows, bool ok)
{
	struct fnt_op_done done = {.ns = ns, .rows = rows, .ok = ok};

	call->extra.ops++;
	call->extra.rows += rows;
	if (FNT_COUNTED && __builtin_expect(!fnt_meter_add_op_fast(cache, done), 0))
		fnt_op_count_slow(call, cache, ns, rows, ok);
}

/* Write the event of an op that has ended, `now` ns after the call's start; FNT_DONE or
 * FNT_OMITTED. */
int fnt_op_write_event(struct fnt_call_ctx ctx, const struct fnt_event *event,
		       uint64_t now);

#endif
