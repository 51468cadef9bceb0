/* SPDX-License-Identifier: MIT
 *
 * A call's database operations that have ended.
 *
 *   fnt_call_op ─┬─► op_short: name and row at hand, short id, room in the tail
 *                ├─► the same, its name known, or over the end of the tail
 *                └─► call_op ─┬─► the same, its name or row to be found
 *                             └─► long: all others
 */
#include "produce/op.h"

#include "produce/begin_ruled.h"

int
fnt_call_write_op(struct fnt_call_ctx *ctx, const struct fnt_event *event, uint64_t now)
{
	struct fnt_call *call = ctx->call;
	uint32_t bound = FNT_OP_BOUND + op_texts(event);

	if (!fnt_call_make_room(ctx, bound))
		return fnt_call_omit_op(call);
	fnt_payload_event(call, event, bound, fnt_encode_op);
	call->extra.ops++;
	fnt_call_publish(call, now);
	return FNT_DONE;
}

static inline void
count_ended(struct fnt_call_ctx ctx, uint32_t entity, struct op op)
{
	fnt_call_count_op(ctx, ended(entity, op));
}

static __attribute__((noinline)) int
write_long_op(struct fnt_call_ctx ctx, struct op op, uint64_t now)
{
	struct fnt_event event = {.type = FNT_EVENT_OP};
	int rc;

	event.op.duration_ns = op.duration_ns;
	event.op.row_count = op.row_count;
	event.op.ok = op.ok;
	rc = name_op(&ctx, &event, op) ? fnt_call_write_op(&ctx, &event, now)
				       : fnt_call_omit_op(ctx.call);
	if (op.op >= FNT_OP_KINDS)
		op.op = FNT_OP_OTHER;
	count_ended(ctx, event.op.entity.id, op);
	return rc;
}

static inline __attribute__((always_inline)) char *
put_quick_op(char *at, struct op op, const struct fnt_name_entry *entity)
{
	at = quick_start(at, op, entity, FNT_HEAD_OP);
	return fnt_encode_times_fast(at, op.start_ns, op.duration_ns, op.row_count,
				     op.ok);
}

static inline __attribute__((always_inline)) void
write_quick_op(struct fnt_call *call, struct op op, const struct fnt_name_entry *entity,
	       uint64_t now)
{
	fnt_payload_publish(call, put_quick_op(call->at, op, entity), now);
}

/* The same where it may end in the next frame: room for it is reserved. */
static inline __attribute__((always_inline)) void
write_op_across(struct fnt_call *call, struct op op,
		const struct fnt_name_entry *entity, uint64_t now)
{
	char room[FNT_FAST_OP_BOUND + FNT_SHORT_TEXT];

	fnt_payload_event_copy(call, room,
			       (size_t)(put_quick_op(room, op, entity) - room));
	fnt_call_publish(call, now);
}

static inline int
write_op(struct fnt_call_ctx ctx, struct op op, uint64_t now)
{
	struct fnt_name_entry *entity =
		quick_entity_of(ctx, op, op.duration_ns | now, FNT_FAST_OP_BOUND);

	if (__builtin_expect(!entity, 0))
		return write_long_op(ctx, op, now);
	write_quick_op(ctx.call, op, entity, now);
	ctx.call->extra.ops++;
	count_ended(ctx, entity->id, op);
	entity->rows[op.op] = fnt_meter_own_op(&ctx.thread->meter, entity->id, op.op);
	return FNT_DONE;
}

static __attribute__((noinline)) int
call_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	uint64_t duration_ns, int64_t row_count, bool ok)
{
	struct fnt_hashed hashed;
	struct fnt_call_ctx ctx;
	uint64_t now;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	id = fnt_ruled_id(ctx, id, &hashed);
	now = fnt_call_elapsed(&ctx);
	rc = write_op(ctx,
		      (struct op){.op = (uint32_t)op,
				  .ok = ok,
				  .entity = entity,
				  .id = id,
				  .id_len = id ? strlen(id) : 0,
				  .start_ns = duration_ns < now ? now - duration_ns : 0,
				  .duration_ns = duration_ns,
				  .row_count = row_count},
		      now);
	fnt_leave();
	return rc;
}

/* What most ops are; `wide`: also where its entity is known by its text alone, and
 * where it goes over the end of a frame. All that is looked at is looked at before
 * anything is done; false: it wasn't. `seen_at`: 0, or what the vDSO has shown when
 * this was tried before. */
static inline __attribute__((always_inline)) bool
op_short(struct fnt_call *call, struct op op, bool counter, bool wide,
	 uint64_t *seen_at)
{
	struct urcu_bp_reader *reader = fnt_call_enter_by(call, counter);
	const struct fnt_name_entry *seen;
	uint64_t now, look = *seen_at;
	struct fnt_call_ctx ctx;

	if (__builtin_expect(!reader, 0))
		return false;
	if (!counter && !look)
		*seen_at = look = fnt_clock_sample(counter);
	op.id_len = op.id ? fnt_short_text_len(op.id) : 0;
	ctx = (struct fnt_call_ctx){call, call->thread};
	seen = quick_entity(ctx, op, 0, wide);
	if (__builtin_expect(
		    !seen || !has_room(ctx, FNT_FAST_OP_BOUND + op.id_len, wide), 0))
		goto leave;
	if (__builtin_expect(FNT_COUNTED && !seen->rows[op.op], 0))
		goto leave;
	if (counter)
		look = fnt_clock_sample(counter);
	if (__builtin_expect(!fnt_clock_time(&call->thread->clock, counter, look, &now),
			     0))
		goto leave;
	/* Before the start, by another thread's clock: that is not short, either. */
	now -= call->started_mono;
	if (__builtin_expect((now | op.duration_ns) > UINT32_MAX, 0))
		goto leave;
	op.start_ns = op.duration_ns < now ? now - op.duration_ns : 0;
	if (wide && !fnt_payload_has(call, FNT_FAST_OP_BOUND + op.id_len))
		write_op_across(call, op, seen, now);
	else
		write_quick_op(call, op, seen, now);
	count_own(call, seen->rows[op.op], op);
	fnt_rcu_exit(reader);
	return true;
leave:
	fnt_rcu_exit(reader);
	return false;
}

static __attribute__((noinline)) int
op_by_other(struct fnt_call *call, uint64_t kind, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count)
{
	struct op op = {.op = (uint32_t)kind,
			.ok = kind >> 32,
			.entity = entity,
			.id = id,
			.duration_ns = duration_ns,
			.row_count = row_count};
	uint64_t seen_at = 0;

	if (fnt_thread_state.fast_counter
		    ? op_short(call, op, true, true, &seen_at)
		    : fnt_thread_by_vdso() &&
			      (op_short(call, op, false, false, &seen_at) ||
			       op_short(call, op, false, true, &seen_at)))
		return FNT_DONE;
	return call_op(call, (enum fnt_op)(uint32_t)kind, entity, id, duration_ns,
		       row_count, kind >> 32);
}

/* Kind and outcome in one, so that all of an op is passed in registers. */
int
fnt_call_op_packed(struct fnt_call *call, uint64_t kind, const char *entity,
		   const char *id, uint64_t duration_ns, int64_t row_count)
{
	struct op op = {.op = (uint32_t)kind,
			.ok = kind >> 32,
			.entity = entity,
			.id = id,
			.duration_ns = duration_ns,
			.row_count = row_count};
	uint64_t seen_at = 0;

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	if (__builtin_expect(op_short(call, op, true, false, &seen_at), 1))
		return FNT_DONE;
	return op_by_other(call, kind, entity, id, duration_ns, row_count);
}

int
fnt_call_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count, bool ok)
{
	return fnt_call_op_packed(call, (uint32_t)op | (uint64_t)ok << 32, entity, id,
				  duration_ns, row_count);
}
