/* SPDX-License-Identifier: MIT
 *
 * A call's database operations.
 *
 *   fnt_call_op ──────────────────┬─► quick: name at hand, short id, room in the first extent
 *   op_begin ─► pending ─► op_end ┘└─► long: all others
 */
#include "call_use.h"

#include "ruled.h"

#include <stdlib.h>

#define PENDING_MAX (1u << 20)

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

/* Is there a short way for this op? `times`: all its times, or'ed, so that one look tells
 * whether each fits in 32 bits. Its entity, or NULL. */
static inline struct fnt_name_seen *
quick_entity(struct use use, struct op op, uint64_t times)
{
	if (__builtin_expect(op.id_len >= FNT_QUICK_TEXT, 0))
		return NULL;
	if (__builtin_expect(op.op >= FNT_OP_KINDS, 0))
		return NULL;
	if (__builtin_expect(times > UINT32_MAX, 0) || !fnt_pen_is_quick(use.call))
		return NULL;
	return name_at_hand(use.thread, op.entity);
}

/* Array head to start: what an op and its beginning have in common. */
static inline char *
quick_start(char *at, struct op op, const struct fnt_name_seen *entity, uint32_t head)
{
	at = fnt_quick_op(at, head, op.op);
	at = fnt_quick_name(at, entity->packed, entity->packed_len);
	at = fnt_quick_text(at, op.id, op.id_len);
	return fnt_quick_time(at, op.start_ns);
}

/* The texts of an op. False: it can't fit, whatever else there is. */
static bool
name_op(struct use *use, struct fnt_event *event, struct op op)
{
	event->op.op = op.op;
	event->op.id.at = op.id;
	event->op.id.len = (uint32_t)op.id_len;
	event->op.start_ns = op.start_ns;
	fnt_call_name(use->thread, op.entity, &use->call->record.flags,
		      &event->op.entity);
	return op.id_len < use->call->op_limit;
}

static inline uint32_t
op_texts(const struct fnt_event *event)
{
	return name_bytes(&event->op.entity) + event->op.id.len;
}

/* ---- ops that have ended ---------------------------------------------------------- */

int
fnt_call_write_op(struct use *use, const struct fnt_event *event, uint64_t now)
{
	struct fnt_call *call = use->call;
	uint32_t bound = FNT_OP_BOUND + op_texts(event);

	if (!make_room(use, bound))
		return omit_op(call);
	fnt_pen_event(call, event, bound, fnt_put_op);
	call->record.op_count++;
	publish(call, now);
	return FNT_DONE;
}

static inline struct fnt_op_done
ended(uint32_t entity, struct op op)
{
	return (struct fnt_op_done){.entity = entity,
				    .op = op.op,
				    .ns = op.duration_ns,
				    .rows = rows_of(op.row_count),
				    .ok = op.ok};
}

/* In a row that is at hand. */
static inline void
count_own(struct fnt_call *call, struct fnt_op_row *row, struct op op)
{
	struct fnt_op_done done = ended(0, op);

	call->extra.rows += done.rows;
	if (FNT_COUNTED)
		fnt_op_row_count(row, done);
}

static inline void
count_ended(struct use use, uint32_t entity, struct op op)
{
	count_op(use, ended(entity, op));
}

static __attribute__((noinline)) int
write_long_op(struct use use, struct op op, uint64_t now)
{
	struct fnt_event event = {.type = FNT_EVENT_OP};
	int rc;

	event.op.duration_ns = op.duration_ns;
	event.op.row_count = op.row_count;
	event.op.ok = op.ok;
	rc = name_op(&use, &event, op) ? fnt_call_write_op(&use, &event, now)
				       : omit_op(use.call);
	if (op.op >= FNT_OP_KINDS)
		op.op = FNT_OP_OTHER;
	count_ended(use, event.op.entity.id, op);
	return rc;
}

static inline __attribute__((always_inline)) void
write_quick_op(struct fnt_call *call, struct op op, const struct fnt_name_seen *entity,
	       uint64_t now)
{
	char *at = quick_start(call->at, op, entity, FNT_QUICK_OP);

	at = fnt_quick_time(at, op.duration_ns);
	at = fnt_put_rows(at, op.row_count);
	at = fnt_put_bool(at, op.ok);
	fnt_pen_publish(call, at, now);
	call->record.op_count++;
}

static inline int
write_op(struct use use, struct op op, uint64_t now)
{
	struct fnt_name_seen *entity = quick_entity(use, op, op.duration_ns | now);

	if (__builtin_expect(!entity, 0))
		return write_long_op(use, op, now);
	write_quick_op(use.call, op, entity, now);
	count_ended(use, entity->id, op);
	entity->rows[op.op] = fnt_meter_own_op(&use.thread->meter, entity->id, op.op);
	return FNT_DONE;
}

/* The functions below have a short way, for what most ops are, which calls nothing and
 * leaves for the other before it has done anything; that is also where a NULL call
 * ends. */

static __attribute__((noinline)) int
call_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	uint64_t duration_ns, int64_t row_count, bool ok)
{
	struct fnt_hashed hashed;
	struct use use;
	uint64_t now;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	id = fnt_ruled_id(use, id, &hashed);
	now = since_start(&use);
	rc = write_op(use,
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

int
fnt_call_op(struct fnt_call *call, enum fnt_op kind, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count, bool ok)
{
	struct urcu_bp_reader *reader = fnt_use_quick(call);
	struct op op = {.op = (uint32_t)kind,
			.ok = ok,
			.entity = entity,
			.id = id,
			.duration_ns = duration_ns,
			.row_count = row_count};
	struct fnt_op_row *row;
	const struct fnt_name_seen *seen;
	uint64_t now;

	if (__builtin_expect(!reader, 0))
		goto slow;
	op.id_len = id ? fnt_quick_len(id) : 0;
	seen = quick_entity((struct use){call, call->thread}, op, duration_ns);
	if (__builtin_expect(!seen, 0))
		goto leave;
	row = seen->rows[op.op];
	if (__builtin_expect((FNT_COUNTED && !row) ||
				     !fnt_clock_quick(&call->thread->clock,
						      fnt_clock_ticks(), &now),
			     0))
		goto leave;
	now = fnt_call_since(call, now);
	if (__builtin_expect(now > UINT32_MAX, 0))
		goto leave;
	op.start_ns = duration_ns < now ? now - duration_ns : 0;
	write_quick_op(call, op, seen, now);
	count_own(call, row, op);
	fnt_rcu_exit(reader);
	return FNT_DONE;
leave:
	fnt_rcu_exit(reader);
slow:
	return call_op(call, kind, entity, id, duration_ns, row_count, ok);
}

/* ---- ops that are pending --------------------------------------------------------- */

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
write_long_op_begin(struct use use, struct op op, struct fnt_pending_op *pending)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_BEGIN};
	bool fits = name_op(&use, &event, op);
	uint32_t bound;

	pending->entity = event.op.entity.id;
	if (!fits)
		return false;
	bound = FNT_OP_BEGIN_BOUND + op_texts(&event);
	if (!make_room(&use, bound + FNT_OP_END_BOUND))
		return false;
	fnt_pen_event(use.call, &event, bound, fnt_put_op_begin);
	publish(use.call, op.start_ns);
	return true;
}

static inline bool
write_op_begin(struct use use, struct op op, struct fnt_pending_op *pending)
{
	const struct fnt_name_seen *entity = quick_entity(use, op, op.start_ns);
	char *at;

	if (__builtin_expect(!entity, 0))
		return write_long_op_begin(use, op, pending);
	pending->entity = entity->id;
	at = quick_start(use.call->at, op, entity, FNT_QUICK_OP_BEGIN);
	fnt_pen_publish(use.call, at, op.start_ns);
	return true;
}

static inline int64_t
begin_op(struct use use, struct op op)
{
	struct fnt_call *call = use.call;
	struct fnt_pending_op *pending;
	uint32_t entry = take_pending(call);

	if (!entry) {
		omit_op(call);
		return -ENOMEM;
	}
	pending = pending_at(call, entry - 1);
	op.start_ns = since_start(&use);
	if (!++call->serial)
		call->serial = 1;
	pending->serial = call->serial;
	pending->start_ns = op.start_ns;
	pending->op = (uint8_t)(op.op < FNT_OP_KINDS ? op.op : FNT_OP_OTHER);
	pending->omitted = !write_op_begin(use, op, pending);
	if (pending->omitted) {
		omit_op(call);
	} else {
		pending->number = call->begun++;
		call->pending_bytes += FNT_OP_END_BOUND;
	}
	return (int64_t)((uint64_t)(pending->serial & 0x7fffffff) << 32 | entry);
}

static __attribute__((noinline)) int64_t
call_op_begin(struct fnt_call *call, enum fnt_op op, const char *entity,
		  const char *id)
{
	struct fnt_hashed hashed;
	struct use use;
	int64_t handle;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	id = fnt_ruled_id(use, id, &hashed);
	handle = begin_op(use, (struct op){.op = (uint32_t)op,
					   .entity = entity,
					   .id = id,
					   .id_len = id ? strlen(id) : 0});
	fnt_leave();
	return handle;
}

int64_t
fnt_call_op_begin(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id)
{
	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	return call_op_begin(call, op, entity, id);
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
write_long_op_end(struct use use, struct op_end end, uint64_t now)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_END};
	struct fnt_call *call = use.call;

	event.end.number = end.number;
	event.end.duration_ns = end.duration_ns;
	event.end.row_count = end.row_count;
	event.end.ok = end.ok;
	if (!fnt_pen_reserve(call, use.thread, FNT_OP_END_BOUND))
		return omit_op(call);
	fnt_pen_event(call, &event, FNT_OP_END_BOUND, fnt_put_op_end);
	call->record.op_count++;
	publish(call, now);
	return FNT_DONE;
}

static inline int
write_op_end(struct use use, struct op_end end, uint64_t now)
{
	struct fnt_call *call = use.call;
	char *at;

	if (!fnt_pen_is_quick(call))
		return write_long_op_end(use, end, now);
	at = fnt_put_head(call->at, 5, FNT_EVENT_OP_END);
	at = fnt_put_number(at, end.number);
	at = fnt_put_time(at, end.duration_ns);
	at = fnt_put_rows(at, end.row_count);
	fnt_pen_publish(call, fnt_put_bool(at, end.ok), now);
	call->record.op_count++;
	return FNT_DONE;
}

static inline int
end_op(struct use use, int64_t handle, int64_t row_count, bool ok)
{
	struct fnt_call *call = use.call;
	struct fnt_pending_op *pending;
	uint64_t now;
	uint32_t entry;

	pending = find_pending(call, handle, &entry);
	if (!pending)
		return -EINVAL;
	pending->serial = 0;
	pending->next_free = call->pending_free;
	call->pending_free = entry;
	now = since_start(&use);
	count_op(use, (struct fnt_op_done){.entity = pending->entity,
					   .op = pending->op,
					   .ns = now - pending->start_ns,
					   .rows = rows_of(row_count),
					   .ok = ok});
	if (pending->omitted)
		return FNT_OMITTED;
	call->pending_bytes -= FNT_OP_END_BOUND;
	return write_op_end(use,
			    (struct op_end){.number = pending->number,
					    .ok = ok,
					    .duration_ns = now - pending->start_ns,
					    .row_count = row_count},
			    now);
}

static __attribute__((noinline)) int
call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	struct use use;
	int rc = use_call(&use, call);

	if (rc)
		return rc;
	rc = end_op(use, handle, row_count, ok);
	fnt_leave();
	return rc;
}

int
fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	return call_op_end(call, handle, row_count, ok);
}
