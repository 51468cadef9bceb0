/* SPDX-License-Identifier: MIT
 *
 * A call's database operations that are timed here, and seen while they are pending.
 *
 *   fnt_call_op_begin ─► an entry in the table, a begin event
 *   fnt_call_op_end   ─► the entry is free, an end event with its number
 */
#include "produce/op.h"

#include "produce/begin_ruled.h"

#include <stdlib.h>

#define PENDING_MAX (1u << 20)

/* Room for the op's end is kept from the beginning: it is among call->pending_bytes
 * then. */
#define BEGIN_BOUND (FNT_FAST_OP_BEGIN_BOUND + FNT_OP_END_BOUND)
static_assert(BEGIN_BOUND >= FNT_FAST_OP_BOUND, "all that putting its id writes to");

static inline struct fnt_pending_op *
pending_at(struct fnt_call *call, uint32_t i)
{
	return i < FNT_PENDING_FEW ? &call->pending_few[i]
				   : &call->pending_many[i - FNT_PENDING_FEW];
}

static __attribute__((noinline)) bool
more_pending(struct fnt_call *call)
{
	uint32_t size = call->pending_size ? 2 * call->pending_size : 16;
	struct fnt_pending_op *many =
		size > PENDING_MAX ? NULL
				   : realloc(call->pending_many,
					     size * sizeof(*call->pending_many));

	if (!many)
		return false;
	call->pending_many = many;
	call->slow.many_ops = true;
	call->pending_size = size;
	return true;
}

/* An entry of the table, made larger if need be; its number + 1, or 0. */
static inline uint32_t
take_pending(struct fnt_call *call)
{
	uint32_t i = call->pending_free;

	if (i) {
		call->pending_free = pending_at(call, i - 1)->next_free;
		return i;
	}
	i = call->pending_high;
	if (i >= FNT_PENDING_FEW && i - FNT_PENDING_FEW == call->pending_size &&
	    !more_pending(call))
		return 0;
	call->pending_high++;
	return i + 1;
}

static __attribute__((noinline)) bool
write_long_op_begin(struct fnt_call_ctx ctx, struct op op,
		    struct fnt_pending_op *pending)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_BEGIN};
	bool fits = name_op(&ctx, &event, op);
	uint32_t bound;

	pending->entity = event.op.entity.id;
	if (!fits)
		return false;
	bound = FNT_OP_BEGIN_BOUND + op_texts(&event);
	if (!fnt_call_make_room(&ctx, bound + FNT_OP_END_BOUND))
		return false;
	fnt_payload_event(ctx.call, &event, bound, fnt_encode_op_begin);
	fnt_call_publish(ctx.call, op.start_ns);
	return true;
}

static inline __attribute__((always_inline)) void
write_quick_op_begin(struct fnt_call *call, struct op op,
		     const struct fnt_name_entry *entity)
{
	char *at = quick_start(call->at, op, entity, FNT_HEAD_OP_BEGIN);

	fnt_payload_publish(call, fnt_encode_time_fast(at, op.start_ns), op.start_ns);
}

static inline bool
write_op_begin(struct fnt_call_ctx ctx, struct op op, struct fnt_pending_op *pending)
{
	struct fnt_name_entry *entity =
		quick_entity_of(ctx, op, op.start_ns, BEGIN_BOUND);

	if (__builtin_expect(!entity, 0))
		return write_long_op_begin(ctx, op, pending);
	pending->entity = entity->id;
	entity->rows[op.op] = fnt_meter_own_op(&ctx.thread->meter, entity->id, op.op);
	write_quick_op_begin(ctx.call, op, entity);
	return true;
}

/* The entry is taken: a new op's. */
static inline __attribute__((always_inline)) void
start_pending(struct fnt_call *call, struct fnt_pending_op *pending, struct op op)
{
	if (__builtin_expect(!++call->serial, 0))
		call->serial = 1;
	pending->serial = call->serial;
	pending->start_ns = op.start_ns;
	pending->op = (uint8_t)(op.op < FNT_OP_KINDS ? op.op : FNT_OP_OTHER);
}

/* Its begin event is written. */
static inline __attribute__((always_inline)) void
number_pending(struct fnt_call *call, struct fnt_pending_op *pending)
{
	pending->omitted = false;
	pending->number = call->begun++;
	call->pending_bytes += FNT_OP_END_BOUND;
}

static inline int64_t
handle_of(const struct fnt_pending_op *pending, uint32_t entry)
{
	return (int64_t)((uint64_t)(pending->serial & 0x7fffffff) << 32 | entry);
}

static inline int64_t
begin_op(struct fnt_call_ctx ctx, struct op op)
{
	struct fnt_call *call = ctx.call;
	struct fnt_pending_op *pending;
	uint32_t entry = take_pending(call);

	if (!entry) {
		fnt_call_omit_op(call);
		return -ENOMEM;
	}
	pending = pending_at(call, entry - 1);
	op.start_ns = fnt_call_elapsed(&ctx);
	start_pending(call, pending, op);
	pending->row = NULL;
	if (write_op_begin(ctx, op, pending)) {
		number_pending(call, pending);
	} else {
		pending->omitted = true;
		fnt_call_omit_op(call);
	}
	return handle_of(pending, entry);
}

static __attribute__((noinline)) int64_t
call_op_begin(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id)
{
	struct fnt_hashed hashed;
	struct fnt_call_ctx ctx;
	int64_t handle;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	id = fnt_ruled_id(ctx, id, &hashed);
	handle = begin_op(ctx, (struct op){.op = (uint32_t)op,
					   .entity = entity,
					   .id = id,
					   .id_len = id ? strlen(id) : 0});
	fnt_leave();
	return handle;
}

/* An entry of those in the call itself, to be taken; or NULL. */
static inline struct fnt_pending_op *
pending_at_hand(struct fnt_call *call, uint32_t *entry)
{
	uint32_t i = call->pending_free;

	*entry = i ? i : call->pending_high + 1;
	return __builtin_expect(*entry <= FNT_PENDING_FEW, 1)
		       ? &call->pending_few[*entry - 1]
		       : NULL;
}

static inline void
take_at_hand(struct fnt_call *call, const struct fnt_pending_op *pending)
{
	if (call->pending_free)
		call->pending_free = pending->next_free;
	else
		call->pending_high++;
}

/* The handle; 0: it is not done. */
static inline __attribute__((always_inline)) int64_t
op_begin_short(struct fnt_call *call, struct op op, bool counter, bool known)
{
	struct urcu_bp_reader *reader = fnt_call_enter_by(call, counter);
	struct fnt_pending_op *pending;
	const struct fnt_name_entry *seen;
	uint64_t now, look;
	uint32_t entry;
	struct fnt_call_ctx ctx;

	if (__builtin_expect(!reader, 0))
		return 0;
	look = fnt_clock_sample(counter);
	op.id_len = op.id ? fnt_short_text_len(op.id) : 0;
	ctx = (struct fnt_call_ctx){call, call->thread};
	seen = quick_entity(ctx, op, 0, known);
	pending = pending_at_hand(call, &entry);
	if (__builtin_expect(!seen || !pending ||
				     !has_room(ctx, BEGIN_BOUND + op.id_len, false),
			     0))
		goto leave;
	if (__builtin_expect(
		    (FNT_COUNTED && !seen->rows[op.op]) ||
			    !fnt_clock_time(&call->thread->clock, counter, look, &now),
		    0))
		goto leave;
	op.start_ns = now - call->started_mono;
	if (__builtin_expect(op.start_ns > UINT32_MAX, 0))
		goto leave;
	take_at_hand(call, pending);
	start_pending(call, pending, op);
	pending->entity = seen->id;
	pending->row = seen->rows[op.op];
	pending->by = fnt_call_owner(call);
	write_quick_op_begin(call, op, seen);
	number_pending(call, pending);
	fnt_rcu_exit(reader);
	return handle_of(pending, entry);
leave:
	fnt_rcu_exit(reader);
	return 0;
}

static __attribute__((noinline)) int64_t
op_begin_by_other(struct fnt_call *call, enum fnt_op kind, const char *entity,
		  const char *id)
{
	struct op op = {.op = (uint32_t)kind, .entity = entity, .id = id};
	int64_t handle = 0;

	if (fnt_thread_state.fast_counter)
		handle = op_begin_short(call, op, true, true);
	else if (fnt_thread_by_vdso())
		handle = op_begin_short(call, op, false, true);

	return handle ? handle : call_op_begin(call, kind, entity, id);
}

int64_t
fnt_call_op_begin(struct fnt_call *call, enum fnt_op kind, const char *entity,
		  const char *id)
{
	struct op op = {.op = (uint32_t)kind, .entity = entity, .id = id};
	int64_t handle;

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	handle = op_begin_short(call, op, true, false);
	return __builtin_expect(handle != 0, 1)
		       ? handle
		       : op_begin_by_other(call, kind, entity, id);
}

/* The entry that a handle means, if it is one of an op that is pending. */
static inline struct fnt_pending_op *
find_pending(struct fnt_call *call, int64_t handle, uint32_t *entry)
{
	struct fnt_pending_op *pending;

	*entry = (uint32_t)handle;
	if (handle <= 0 || !*entry || *entry > call->pending_high)
		return NULL;
	pending = pending_at(call, *entry - 1);
	if (!pending->serial ||
	    (pending->serial & 0x7fffffff) != (uint64_t)handle >> 32)
		return NULL;
	return pending;
}

/* An op's end, as told. */
struct op_end {
	uint32_t number;
	bool ok;
	uint64_t duration_ns;
	int64_t row_count;
};

/* Room was kept for it, but perhaps not in one piece. */
static __attribute__((noinline)) int
write_long_op_end(struct fnt_call_ctx ctx, struct op_end end, uint64_t now)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_END};
	struct fnt_call *call = ctx.call;

	event.end.number = end.number;
	event.end.duration_ns = end.duration_ns;
	event.end.row_count = end.row_count;
	event.end.ok = end.ok;
	if (!fnt_payload_reserve(call, ctx.thread, FNT_OP_END_BOUND))
		return fnt_call_omit_op(call);
	fnt_payload_event(call, &event, FNT_OP_END_BOUND, fnt_encode_op_end);
	call->extra.ops++;
	fnt_call_publish(call, now);
	return FNT_DONE;
}

static inline __attribute__((always_inline)) void
write_quick_op_end(struct fnt_call *call, struct op_end end, uint64_t now)
{
	char *at = fnt_encode_head(call->at, 5, FNT_EVENT_OP_END);

	at = fnt_encode_number(at, end.number);
	at = fnt_encode_time(at, end.duration_ns);
	at = fnt_encode_optional(at, end.row_count);
	fnt_payload_publish(call, fnt_encode_bool(at, end.ok), now);
}

static inline int
write_op_end(struct fnt_call_ctx ctx, struct op_end end, uint64_t now)
{
	if (!fnt_payload_has(ctx.call, FNT_OP_END_BOUND))
		return write_long_op_end(ctx, end, now);
	write_quick_op_end(ctx.call, end, now);
	ctx.call->extra.ops++;
	return FNT_DONE;
}

/* How long it took by now. Another thread may have begun it, whose clock is a little
 * ahead. */
static inline uint64_t
pending_ns(const struct fnt_pending_op *pending, uint64_t now)
{
	return now > pending->start_ns ? now - pending->start_ns : 0;
}

/* It is over: its entry is free. */
static inline __attribute__((always_inline)) void
end_pending(struct fnt_call *call, struct fnt_pending_op *pending, uint32_t entry)
{
	pending->serial = 0;
	pending->next_free = call->pending_free;
	call->pending_free = entry;
}

static inline int
end_op(struct fnt_call_ctx ctx, int64_t handle, int64_t row_count, bool ok)
{
	struct fnt_call *call = ctx.call;
	struct fnt_pending_op *pending;
	uint64_t now, took;
	uint32_t entry;

	pending = find_pending(call, handle, &entry);
	if (!pending)
		return -EINVAL;
	end_pending(call, pending, entry);
	now = fnt_call_elapsed(&ctx);
	took = pending_ns(pending, now);
	fnt_call_count_op(ctx, (struct fnt_op_done){.entity = pending->entity,
						    .op = pending->op,
						    .ns = took,
						    .rows = fnt_rows_of(row_count),
						    .ok = ok});
	if (pending->omitted)
		return FNT_OMITTED;
	call->pending_bytes -= FNT_OP_END_BOUND;
	return write_op_end(ctx,
			    (struct op_end){.number = pending->number,
					    .ok = ok,
					    .duration_ns = took,
					    .row_count = row_count},
			    now);
}

static __attribute__((noinline)) int
call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	struct fnt_call_ctx ctx;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	rc = end_op(ctx, handle, row_count, ok);
	fnt_leave();
	return rc;
}

static inline __attribute__((always_inline)) bool
op_end_short(struct fnt_call *call, int64_t handle, struct op_end end, bool counter)
{
	struct urcu_bp_reader *reader = fnt_call_enter_by(call, counter);
	struct fnt_pending_op *pending;
	uint64_t now, look;
	uint32_t entry;

	if (__builtin_expect(!reader, 0))
		return false;
	look = fnt_clock_sample(counter);
	pending = find_pending(call, handle, &entry);
	if (__builtin_expect(!pending || entry > FNT_PENDING_FEW, 0))
		goto leave;
	if (__builtin_expect(!pending->row || pending->by != fnt_call_owner(call) ||
				     pending->omitted || !fnt_payload_has(call, 0),
			     0))
		goto leave;
	if (__builtin_expect(!fnt_clock_time(&call->thread->clock, counter, look, &now),
			     0))
		goto leave;
	now = fnt_call_since(call, now);
	end.number = pending->number;
	end.duration_ns = pending_ns(pending, now);
	end_pending(call, pending, entry);
	call->pending_bytes -= FNT_OP_END_BOUND;
	write_quick_op_end(call, end, now);
	count_own(call, pending->row,
		  (struct op){.duration_ns = end.duration_ns,
			      .row_count = end.row_count,
			      .ok = end.ok});
	fnt_rcu_exit(reader);
	return true;
leave:
	fnt_rcu_exit(reader);
	return false;
}

static __attribute__((noinline)) int
op_end_by_other(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	struct op_end end = {.ok = ok, .row_count = row_count};

	if (fnt_thread_by_vdso() && op_end_short(call, handle, end, false))
		return FNT_DONE;
	return call_op_end(call, handle, row_count, ok);
}

int
fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	struct op_end end = {.ok = ok, .row_count = row_count};

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	if (__builtin_expect(op_end_short(call, handle, end, true), 1))
		return FNT_DONE;
	return op_end_by_other(call, handle, row_count, ok);
}
