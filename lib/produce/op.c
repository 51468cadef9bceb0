/* SPDX-License-Identifier: MIT
 *
 * Database operations that have ended.
 *
 *   fnt_call_op ─► op_fast: cached name and row, short id, room in the frame
 *                     │ declines
 *                     └─► op_slow
 */
#include "produce/op.h"

#include "produce/capture.h"

/* ---- slow ------------------------------------------------------------------------ */

int
fnt_op_write_event(struct fnt_call_ctx ctx, const struct fnt_event *event, uint64_t now)
{
	uint32_t bound = FNT_OP_BOUND + fnt_op_text_bytes(event);

	if (!fnt_call_make_room(&ctx, bound))
		return fnt_call_omit_op(ctx.call);
	fnt_payload_event(ctx.call, event, bound, fnt_encode_op);
	ctx.call->extra.ops += event->type == FNT_EVENT_OP;
	fnt_call_publish(ctx.call, now);
	return FNT_DONE;
}

static int
write_op_slow(struct fnt_call_ctx ctx, struct fnt_op_args op, uint64_t now)
{
	struct fnt_name_entry *entity = fnt_name_find(&ctx.thread->names, op.entity);
	struct fnt_event event = {.type = FNT_EVENT_OP};
	int rc;

	event.op.duration_ns = op.duration_ns;
	event.op.row_count = op.row_count;
	event.op.ok = op.ok;
	rc = fnt_op_fill_event(ctx, &event, op) ? fnt_op_write_event(ctx, &event, now)
						: fnt_call_omit_op(ctx.call);
	if (op.op >= FNT_OP_KINDS)
		op.op = FNT_OP_OTHER;
	fnt_call_count_op(ctx, fnt_op_done_of(event.op.entity.id, op));
	fnt_op_cache_row(ctx, entity, op.op);
	return rc;
}

static int
op_slow(struct fnt_call *call, struct fnt_op_args op)
{
	struct fnt_hashed hashed;
	struct fnt_call_ctx ctx;
	uint64_t now;
	int rc = fnt_call_enter(&ctx, call);

	if (rc)
		return rc;
	op.id = fnt_capture_id(ctx, op.id, &hashed);
	op.id_len = op.id ? strlen(op.id) : 0;
	now = fnt_call_elapsed(&ctx);
	op.start_ns = op.duration_ns < now ? now - op.duration_ns : 0;
	rc = write_op_slow(ctx, op, now);
	fnt_leave();
	return rc;
}

__attribute__((noinline)) void
fnt_op_count_slow(struct fnt_call *call, struct fnt_op_cache *cache, uint64_t ns,
		  uint64_t rows, bool ok)
{
	fnt_meter_add_op_slow(&call->thread->meter, cache,
			      (struct fnt_op_done){.ns = ns, .rows = rows, .ok = ok});
}

/* ---- fast ------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) char *
encode_op_fast(char *at, struct fnt_op_args op, const struct fnt_name_entry *entity,
	       uint64_t *rows)
{
	at = fnt_op_encode_start_fast(at, op, entity, FNT_HEAD_OP);
	return fnt_encode_times_fast(at, op.start_ns, op.duration_ns, op.row_count,
				     op.ok, rows);
}

/* The event goes over the end of a frame, and there is room for it: put together apart,
 * and copied in two pieces. */
static inline __attribute__((always_inline)) void
write_op_split(struct fnt_call *call, struct fnt_op_args op,
	       const struct fnt_name_entry *entity, uint64_t now, uint64_t *rows)
{
	char bytes[FNT_FAST_OP_BOUND + FNT_SHORT_TEXT];

	fnt_payload_event_copy(
		call, bytes, (size_t)(encode_op_fast(bytes, op, entity, rows) - bytes));
	fnt_call_publish(call, now);
}

/* Everything is checked before anything is changed; false: it declines. Constants:
 * `counter`: with the time stamp counter, else the vDSO's clock. `common`: the entity
 * is known by its address, and the event ends in the frame; else the entity may be
 * known by its text, and the event may go on in another frame. */
static inline __attribute__((always_inline)) bool
op_fast(struct fnt_call *call, struct fnt_op_args op, bool counter, bool common)
{
	struct urcu_bp_reader *reader =
		fnt_call_enter_fast(call, fnt_call_fast_serial(counter));
	const struct fnt_name_entry *entity;
	struct fnt_call_ctx ctx;
	bool fits, done = false;
	uint64_t now, rows;

	if (__builtin_expect(!reader, 0))
		return false;
	ctx = (struct fnt_call_ctx){call, call->thread};
	op.id_len = op.id ? fnt_short_text_len(op.id) : 0;
	entity = fnt_op_entity_fast(ctx, op, !common);
	if (__builtin_expect(!entity, 0))
		goto leave;
	fits = fnt_payload_has(call, FNT_FAST_OP_BOUND + op.id_len);
	if (__builtin_expect(!fits, 0) &&
	    (common || !call->fast_end ||
	     !fnt_call_make_room(&ctx, (uint32_t)(FNT_FAST_OP_BOUND + op.id_len))))
		goto leave;
	if (__builtin_expect(!fnt_clock_time(&call->thread->clock, counter,
					     fnt_clock_sample(counter), &now),
			     0))
		goto leave;
	/* If another thread, whose clock is ahead, began the call, this wraps around,
	 * and does not fit in 32 bits. */
	now -= call->record.started_mono;
	if (__builtin_expect((now | op.duration_ns) > UINT32_MAX, 0))
		goto leave;
	op.start_ns = op.duration_ns < now ? now - op.duration_ns : 0;
	if (common || fits)
		fnt_payload_publish(call, encode_op_fast(call->at, op, entity, &rows),
				    now);
	else
		write_op_split(call, op, entity, now, &rows);
	fnt_op_count_fast(call, entity->rows[op.op], op.duration_ns, rows, op.ok);
	done = true;
leave:
	fnt_rcu_exit(reader);
	return done;
}

/* op_fast() when it is not the common case, or the slow path. */
static __attribute__((noinline)) int
op_uncommon(struct fnt_call *call, uint64_t kind, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count)
{
	struct fnt_op_args op = {.op = (uint32_t)kind,
				 .ok = kind >> 32,
				 .entity = entity,
				 .id = id,
				 .duration_ns = duration_ns,
				 .row_count = row_count};
	bool done = false;

	if (fnt_thread_state.fast_counter)
		done = op_fast(call, op, true, false);
	else if (fnt_thread_fast_vdso())
		done = op_fast(call, op, false, true) ||
		       op_fast(call, op, false, false);
	return done ? FNT_DONE : op_slow(call, op);
}

/* Kind and outcome in one argument, so that all six are passed in registers. */
int
fnt_call_op_packed(struct fnt_call *call, uint64_t kind, const char *entity,
		   const char *id, uint64_t duration_ns, int64_t row_count)
{
	struct fnt_op_args op = {.op = (uint32_t)kind,
				 .ok = kind >> 32,
				 .entity = entity,
				 .id = id,
				 .duration_ns = duration_ns,
				 .row_count = row_count};

	if (__builtin_expect(!call, 0))
		return -ESHUTDOWN;
	if (__builtin_expect(op_fast(call, op, true, true), 1))
		return FNT_DONE;
	return op_uncommon(call, kind, entity, id, duration_ns, row_count);
}

int
fnt_call_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count, bool ok)
{
	return fnt_call_op_packed(call, (uint32_t)op | (uint64_t)ok << 32, entity, id,
				  duration_ns, row_count);
}
