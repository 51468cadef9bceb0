/* SPDX-License-Identifier: MIT
 *
 * Database operations that are timed here, and visible while they are pending.
 *
 *   fnt_call_op_begin ─► an entry in the table of pending ops, a begin event
 *   fnt_call_op_end   ─► the entry is free, an end event with the op's number
 *
 * Each has a fast path and a slow one, as in op.c.
 */
#include "produce/op.h"

#include "produce/capture.h"

#include <stdlib.h>

#define PENDING_MAX (1u << 20)

/* Room for the op's end is reserved with its beginning; from then on it is part of
 * call->pending_bytes. */
#define BEGIN_BOUND (FNT_FAST_OP_BEGIN_BOUND + FNT_OP_END_BOUND)
static_assert(BEGIN_BOUND >= FNT_FAST_OP_BOUND,
	      "writing a short id stores past its end by less than this");

/* ---- the table of pending ops ---------------------------------------------------- */

static inline struct fnt_pending_op *
pending_at(struct fnt_call *call, uint32_t i)
{
	return i < FNT_PENDING_INLINE ? &call->pending_inline[i]
				      : &call->pending_many[i - FNT_PENDING_INLINE];
}

static __attribute__((noinline)) bool
grow_pending(struct fnt_call *call)
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

/* Take a free entry, growing the table if need be; its number + 1, or 0: no memory. */
static inline uint32_t
take_pending_slow(struct fnt_call *call)
{
	uint32_t i = call->pending_free;

	if (i) {
		call->pending_free = pending_at(call, i - 1)->next_free;
		return i;
	}
	i = call->pending_high;
	if (i >= FNT_PENDING_INLINE && i - FNT_PENDING_INLINE == call->pending_size &&
	    !grow_pending(call))
		return 0;
	call->pending_high++;
	return i + 1;
}

/* A free entry among those in the call itself, not taken yet; NULL: there is none. */
static inline struct fnt_pending_op *
find_free_fast(struct fnt_call *call, uint32_t *entry)
{
	uint32_t i = call->pending_free;

	*entry = i ? i : call->pending_high + 1;
	return __builtin_expect(*entry <= FNT_PENDING_INLINE, 1)
		       ? &call->pending_inline[*entry - 1]
		       : NULL;
}

static inline void
take_pending_fast(struct fnt_call *call, const struct fnt_pending_op *pending)
{
	if (call->pending_free)
		call->pending_free = pending->next_free;
	else
		call->pending_high++;
}

/* The entry is taken: make it this op's. */
static inline __attribute__((always_inline)) void
start_pending(struct fnt_call *call, struct fnt_pending_op *pending,
	      struct fnt_op_args op)
{
	if (__builtin_expect(!++call->serial, 0))
		call->serial = 1;
	pending->serial = call->serial;
	pending->start_ns = op.start_ns;
	pending->op = (uint8_t)(op.op < FNT_OP_KINDS ? op.op : FNT_OP_OTHER);
}

/* Its begin event is written: number it, and keep room for its end. */
static inline __attribute__((always_inline)) void
number_pending(struct fnt_call *call, struct fnt_pending_op *pending, bool wait)
{
	pending->omitted = false;
	pending->wait = wait;
	pending->number = call->begun++;
	call->pending_bytes += FNT_OP_END_BOUND;
}

static inline __attribute__((always_inline)) void
free_pending(struct fnt_call *call, struct fnt_pending_op *pending, uint32_t entry)
{
	pending->serial = 0;
	pending->next_free = call->pending_free;
	call->pending_free = entry;
}

/* What the host gets for a pending op: 31 bits of the serial, and the entry. */
static inline int64_t
handle_of(const struct fnt_pending_op *pending, uint32_t entry)
{
	return (int64_t)((uint64_t)(pending->serial & 0x7fffffff) << 32 | entry);
}

/* The entry that a handle stands for; NULL: no such op is pending. */
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

/* How long the op has taken. Another thread, whose clock is ahead, may have begun
 * it. */
static inline uint64_t
pending_ns(const struct fnt_pending_op *pending, uint64_t now)
{
	return now > pending->start_ns ? now - pending->start_ns : 0;
}

/* ---- begin, slow ----------------------------------------------------------------- */

static bool
write_begin_slow(struct fnt_call_ctx ctx, struct fnt_op_args op,
		 struct fnt_pending_op *pending)
{
	struct fnt_event event = {.type = op.wait ? FNT_EVENT_WAIT_BEGIN
						  : FNT_EVENT_OP_BEGIN};
	bool fits = fnt_op_fill_event(ctx, &event, op);
	uint32_t bound;

	pending->entity = event.op.entity.id;
	if (!fits)
		return false;
	bound = FNT_OP_BEGIN_BOUND + fnt_op_text_bytes(&event);
	if (!fnt_call_make_room(&ctx, bound + FNT_OP_END_BOUND))
		return false;
	fnt_payload_event(ctx.call, &event, bound, fnt_encode_op_begin);
	fnt_call_publish(ctx.call, op.start_ns);
	return true;
}

static int64_t
begin_pending(struct fnt_call_ctx ctx, struct fnt_op_args op)
{
	struct fnt_name_entry *entity = fnt_name_find(&ctx.thread->names, op.entity);
	struct fnt_call *call = ctx.call;
	struct fnt_pending_op *pending;
	uint32_t entry = take_pending_slow(call);

	if (!entry) {
		fnt_call_omit_op(call);
		return -ENOMEM;
	}
	pending = pending_at(call, entry - 1);
	op.start_ns = fnt_call_elapsed(&ctx);
	start_pending(call, pending, op);
	pending->cache = NULL;
	if (write_begin_slow(ctx, op, pending)) {
		number_pending(call, pending, op.wait);
	} else {
		pending->omitted = true;
		pending->wait = op.wait;
		fnt_call_omit_op(call);
	}
	if (!op.word)
		fnt_op_cache_row(ctx, entity, pending->op);
	return handle_of(pending, entry);
}

static int64_t
op_begin_slow(struct fnt_call *call, struct fnt_op_args op)
{
	struct fnt_hashed hashed;
	struct fnt_call_ctx ctx;
	int64_t handle;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	op.id = fnt_capture_id(ctx, op.id, &hashed);
	op.id_len = op.id ? strlen(op.id) : 0;
	handle = begin_pending(ctx, op);
	fnt_leave();
	return handle;
}

/* ---- begin, fast ----------------------------------------------------------------- */

/* Make a free entry this op's, and write its begin event. The caller has checked that
 * there is room. */
static inline __attribute__((always_inline)) void
write_begin_fast(struct fnt_call *call, struct fnt_op_args op,
		 const struct fnt_name_entry *entity, struct fnt_pending_op *pending)
{
	char *at;

	take_pending_fast(call, pending);
	start_pending(call, pending, op);
	pending->entity = entity->id;
	pending->cache = entity->rows[op.op];
	if (FNT_COUNTED)
		pending->key = pending->cache->key;
	pending->by = fnt_call_owner(call);
	at = fnt_op_encode_start_fast(call->at, op, entity, FNT_HEAD_OP_BEGIN);
	fnt_payload_publish(call, fnt_encode_time_fast(at, op.start_ns), op.start_ns);
	number_pending(call, pending, false);
}

/* Constants as in op.c: `counter`; `common`: the entity is known by its address. The
 * handle; 0: it declines. */
static inline __attribute__((always_inline)) int64_t
op_begin_fast(struct fnt_call *call, struct fnt_op_args op, bool counter, bool common)
{
	struct urcu_bp_reader *reader =
		fnt_call_enter_fast(call, fnt_call_fast_serial(counter));
	const struct fnt_name_entry *entity;
	struct fnt_pending_op *pending;
	uint64_t now, clock;
	struct fnt_call_ctx ctx;
	int64_t handle = 0;
	uint32_t entry;

	if (__builtin_expect(!reader, 0))
		return 0;
	clock = fnt_clock_sample(counter);
	op.id_len = op.id ? fnt_short_text_len(op.id) : 0;
	ctx = (struct fnt_call_ctx){call, call->thread};
	entity = fnt_op_entity_fast(ctx, op, !common);
	pending = find_free_fast(call, &entry);
	if (__builtin_expect(!entity || !pending ||
				     !fnt_payload_has(call, BEGIN_BOUND + op.id_len),
			     0))
		goto leave;
	if (__builtin_expect(
		    !fnt_clock_time(&call->thread->clock, counter, clock, &now), 0))
		goto leave;
	op.start_ns = now - call->record.started_mono;
	if (__builtin_expect(op.start_ns > UINT32_MAX, 0))
		goto leave;
	write_begin_fast(call, op, entity, pending);
	handle = handle_of(pending, entry);
leave:
	fnt_rcu_exit(reader);
	return handle;
}

static __attribute__((noinline)) int64_t
op_begin_uncommon(struct fnt_call *call, enum fnt_op kind, const char *entity,
		  const char *id)
{
	struct fnt_op_args op = {.op = (uint32_t)kind, .entity = entity, .id = id};
	int64_t handle = 0;

	if (fnt_thread_state.fast_counter)
		handle = op_begin_fast(call, op, true, false);
	else if (fnt_thread_fast_vdso())
		handle = op_begin_fast(call, op, false, false);
	return handle ? handle : op_begin_slow(call, op);
}

int64_t
fnt_call_op_begin(struct fnt_call *call, enum fnt_op kind, const char *entity,
		  const char *id)
{
	struct fnt_op_args op = {.op = (uint32_t)kind, .entity = entity, .id = id};
	int64_t handle;

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	handle = op_begin_fast(call, op, true, true);
	return __builtin_expect(handle != 0, 1)
		       ? handle
		       : op_begin_uncommon(call, kind, entity, id);
}

/* An op that the enum has is recorded as that one. */
int64_t
fnt_call_op_begin_as(struct fnt_call *call, const char *word, const char *entity,
		     const char *id)
{
	int kind = fnt_op_parse(word, strlen(word));
	struct fnt_op_args op = {
		.op = FNT_OP_OTHER, .entity = entity, .id = id, .word = word};

	if (!call)
		return -ESHUTDOWN;
	if (kind >= 0 || !word[0])
		return fnt_call_op_begin(
			call, kind < 0 ? FNT_OP_OTHER : (enum fnt_op)kind, entity, id);
	return op_begin_slow(call, op);
}

int64_t
fnt_call_wait_begin(struct fnt_call *call, const char *word)
{
	struct fnt_op_args op = {.op = FNT_OP_OTHER, .word = word, .wait = true};

	return call ? op_begin_slow(call, op) : -ESHUTDOWN;
}

/* ---- end, slow ------------------------------------------------------------------- */

/* Room was kept for the event, but perhaps not in one piece. */
static int
write_end_slow(struct fnt_call_ctx ctx, const struct fnt_event *event, uint64_t now,
	       bool wait)
{
	struct fnt_call *call = ctx.call;

	if (!fnt_payload_reserve(call, ctx.thread, FNT_OP_END_BOUND))
		return fnt_call_omit_op(call);
	fnt_payload_event(call, event, FNT_OP_END_BOUND, fnt_encode_op_end);
	call->extra.ops += !wait;
	fnt_call_publish(call, now);
	return FNT_DONE;
}

static int
end_pending(struct fnt_call_ctx ctx, int64_t handle, int64_t row_count, bool ok)
{
	struct fnt_event event = {.type = FNT_EVENT_OP_END};
	struct fnt_call *call = ctx.call;
	struct fnt_pending_op *pending;
	uint64_t now, took;
	uint32_t entry;
	bool wait;

	pending = find_pending(call, handle, &entry);
	if (!pending)
		return -EINVAL;
	wait = pending->wait;
	free_pending(call, pending, entry);
	now = fnt_call_elapsed(&ctx);
	took = pending_ns(pending, now);
	if (!wait)
		fnt_call_count_op(ctx,
				  (struct fnt_op_done){.entity = pending->entity,
						       .op = pending->op,
						       .ns = took,
						       .rows = fnt_rows_of(row_count),
						       .ok = ok});
	if (pending->omitted)
		return FNT_OMITTED;
	call->pending_bytes -= FNT_OP_END_BOUND;
	event.end.number = pending->number;
	event.end.duration_ns = took;
	event.end.row_count = row_count;
	event.end.ok = ok;
	return write_end_slow(ctx, &event, now, wait);
}

/* ---- end, fast ------------------------------------------------------------------- */

/* Is it still known where the op is counted? */
static inline bool
is_cached(const struct fnt_call *call, const struct fnt_pending_op *pending)
{
	if (!FNT_COUNTED)
		return true;
	return pending->cache && pending->by == fnt_call_owner(call) &&
	       pending->cache->key == pending->key;
}

static inline __attribute__((always_inline)) bool
op_end_fast(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok,
	    bool counter)
{
	struct urcu_bp_reader *reader =
		fnt_call_enter_fast(call, fnt_call_fast_serial(counter));
	struct fnt_pending_op *pending;
	uint64_t now, clock, took;
	uint32_t entry;
	bool done = false;
	char *at;

	if (__builtin_expect(!reader, 0))
		return false;
	clock = fnt_clock_sample(counter);
	pending = find_pending(call, handle, &entry);
	if (__builtin_expect(!pending || entry > FNT_PENDING_INLINE, 0))
		goto leave;
	if (__builtin_expect(!is_cached(call, pending) || pending->omitted ||
				     !fnt_payload_has(call, 0),
			     0))
		goto leave;
	if (__builtin_expect(
		    !fnt_clock_time(&call->thread->clock, counter, clock, &now), 0))
		goto leave;
	now = fnt_call_since(call, now);
	took = pending_ns(pending, now);
	free_pending(call, pending, entry);
	call->pending_bytes -= FNT_OP_END_BOUND;
	at = fnt_encode_head(call->at, 5, FNT_EVENT_OP_END);
	at = fnt_encode_number(at, pending->number);
	at = fnt_encode_time(at, took);
	at = fnt_encode_optional(at, row_count);
	fnt_payload_publish(call, fnt_encode_bool(at, ok), now);
	fnt_op_count_fast(call, pending->cache, took, fnt_rows_of(row_count), ok);
	done = true;
leave:
	fnt_rcu_exit(reader);
	return done;
}

static __attribute__((noinline)) int
op_end_slow(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	struct fnt_call_ctx ctx;
	int rc;

	if (fnt_thread_fast_vdso() && op_end_fast(call, handle, row_count, ok, false))
		return FNT_DONE;
	rc = fnt_call_enter(&ctx, call);
	if (rc)
		return rc;
	rc = end_pending(ctx, handle, row_count, ok);
	fnt_leave();
	return rc;
}

int
fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	if (__builtin_expect(op_end_fast(call, handle, row_count, ok, true), 1))
		return FNT_DONE;
	return op_end_slow(call, handle, row_count, ok);
}
