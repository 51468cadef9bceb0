/* SPDX-License-Identifier: MIT
 *
 * op.h: what op.c and op_timed.c share: an op as it is told, its short way, its
 * count.
 */
#ifndef FNT_PRODUCE_OP_H
#define FNT_PRODUCE_OP_H

#include "produce/call_use.h"

/* An op as its caller tells it: plain, so that it may stay in registers. */
struct op {
	uint32_t op;
	bool ok;
	const char *entity;
	const char *id;
	size_t id_len;
	uint64_t start_ns, duration_ns;
	int64_t row_count;
};

/* Is there room for so much in the tail, or, to be put `across` its end, at all? */
static inline __attribute__((always_inline)) bool
has_room(struct fnt_call_ctx ctx, size_t bytes, bool across)
{
	return fnt_payload_has(ctx.call, bytes) ||
	       (across && ctx.call->fast_end &&
		fnt_call_make_room(&ctx, (uint32_t)bytes));
}

/* Is there a short way for this op, its id's length by fnt_short_text_len(), if there is
 * room for it? `times`: all its times, or'ed, so that one look tells whether each fits
 * in 32 bits. `known`: its entity may be known by its text alone. Its entity, or NULL.
 */
static inline __attribute__((always_inline)) struct fnt_name_entry *
quick_entity(struct fnt_call_ctx ctx, struct op op, uint64_t times, bool known)
{
	struct fnt_name_entry *seen;

	if (__builtin_expect(op.id_len >= FNT_SHORT_TEXT, 0))
		return NULL;
	if (__builtin_expect(op.op >= FNT_OP_KINDS, 0))
		return NULL;
	if (__builtin_expect(times > UINT32_MAX, 0))
		return NULL;
	seen = fnt_name_by_address(&ctx.thread->names, op.entity);
	return known && !seen ? fnt_name_find(&ctx.thread->names, op.entity) : seen;
}

/* The same with room for `bound` bytes and its id in the tail, where the id was
 * measured by others, and may be no short text. */
static inline struct fnt_name_entry *
quick_entity_of(struct fnt_call_ctx ctx, struct op op, uint64_t times, size_t bound)
{
	if (op.id && fnt_short_text_len(op.id) >= FNT_SHORT_TEXT)
		return NULL;
	return has_room(ctx, bound + op.id_len, false)
		       ? quick_entity(ctx, op, times, true)
		       : NULL;
}

/* Array head to id: what an op and its beginning have in common. */
static inline char *
quick_start(char *at, struct op op, const struct fnt_name_entry *entity, uint32_t head)
{
	at = fnt_encode_op_fast(at, head | op.op << 16, entity->packed,
				entity->packed_len);
	return fnt_encode_text_fast(at, op.id, op.id_len);
}

/* The texts of an op. False: it can't fit, whatever else there is. */
static inline bool
name_op(struct fnt_call_ctx *ctx, struct fnt_event *event, struct op op)
{
	event->op.op = op.op;
	event->op.id.at = op.id;
	event->op.id.len = (uint32_t)op.id_len;
	event->op.start_ns = op.start_ns;
	fnt_call_name(ctx->thread, op.entity, &ctx->call->record.flags,
		      &event->op.entity);
	return op.id_len < ctx->call->op_limit;
}

static inline uint32_t
op_texts(const struct fnt_event *event)
{
	return fnt_name_ref_bytes(&event->op.entity) + event->op.id.len;
}

static inline struct fnt_op_done
ended(uint32_t entity, struct op op)
{
	return (struct fnt_op_done){.entity = entity,
				    .op = op.op,
				    .ns = op.duration_ns,
				    .rows = fnt_rows_of(op.row_count),
				    .ok = op.ok};
}

/* One that was recorded quickly, in a row that is at hand. */
static inline void
count_own(struct fnt_call *call, struct fnt_op_row *row, struct op op)
{
	struct fnt_op_done done = ended(0, op);

	call->extra.ops++;
	call->extra.rows += done.rows;
	if (FNT_COUNTED)
		fnt_op_row_count(row, done);
}

#endif
