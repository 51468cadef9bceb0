/* SPDX-License-Identifier: MIT
 *
 * The floor's lines as a program calls a library: through functions that are not
 * inlined, a thread's side found by a thread-local, a read-side section in each,
 * lengths of texts found (and not used). How full a frame is no function knows
 * beforehand: the ops of a call of many look once each.
 */
#include "floor_acts.h"

#include "base/rcu.h"

static _Thread_local struct floor *called;
static _Thread_local struct floor_pen pen; /* of the call of many ops */

/* ---- what they do --------------------------------------------------------------- */

FLOOR_INLINE int
begin(struct floor_call *call, struct floor_way way)
{
	fnt_rcu_read_lock();
	use_value(strlen(call->call_id) + strlen(call->user_id));
	floor_begin(called, call, way);
	fnt_rcu_read_unlock();
	return 0;
}

FLOOR_INLINE int
get(struct floor_call *call, const char *entity, const char *id, struct floor_way way)
{
	fnt_rcu_read_lock();
	use_value(strlen(id) + (uint64_t)(uintptr_t)entity);
	if (way.ops == 2)
		floor_first_op(called, call, FLOOR_BEGUN, way);
	else if (floor_pen_room(&pen) >= FLOOR_GET)
		floor_next_get(called, call, &pen, way);
	else
		floor_get_across(called, call, &pen, way);
	fnt_rcu_read_unlock();
	return 0;
}

FLOOR_INLINE int
insert(struct floor_call *call, const char *entity, const char *id,
       struct floor_way way)
{
	fnt_rcu_read_lock();
	use_value((uint64_t)(uintptr_t)entity + (uint64_t)(uintptr_t)id);
	if (way.ops == 2)
		floor_second_op(called, call, FLOOR_BEGUN + FLOOR_GET, way);
	else if (floor_pen_room(&pen) >= FLOOR_INSERT)
		floor_next_insert(called, call, &pen, way);
	else
		floor_insert_across(called, call, &pen, way);
	fnt_rcu_read_unlock();
	return 0;
}

FLOOR_INLINE bool
finish(struct floor_call *call, struct floor_way way)
{
	bool claimed;

	fnt_rcu_read_lock();
	claimed = floor_finish(called, call, way);
	fnt_rcu_read_unlock();
	return claimed;
}

FLOOR_INLINE bool
lose(struct floor_call *call, struct floor_way way)
{
	fnt_rcu_read_lock();
	floor_lose(called, call, way);
	fnt_rcu_read_unlock();
	return true;
}

FLOOR_INLINE bool
finish_many(struct floor_call *call, struct floor_way way)
{
	bool claimed;

	fnt_rcu_read_lock();
	claimed = floor_finish_many(called, call, pen, way);
	fnt_rcu_read_unlock();
	return claimed;
}

/* ---- the functions -------------------------------------------------------------- */

#define CALLED static __attribute__((noinline))
#define SHORT(by_vdso)                                                                 \
	((struct floor_way){.vdso = (by_vdso), .counted = true, .ops = 2})
/* 0: as many as there are; how many is asked of the producer at the end. */
#define LONG(by_vdso, count)                                                           \
	((struct floor_way){.vdso = (by_vdso), .counted = true, .ops = (count)})

#define FUNCTIONS(name, way)                                                           \
	CALLED int name##_begin(struct floor_call *call)                               \
	{                                                                              \
		return begin(call, way);                                               \
	}                                                                              \
	CALLED int name##_get(struct floor_call *call, const char *entity,             \
			      const char *id)                                          \
	{                                                                              \
		return get(call, entity, id, way);                                     \
	}                                                                              \
	CALLED int name##_insert(struct floor_call *call, const char *entity,          \
				 const char *id)                                       \
	{                                                                              \
		return insert(call, entity, id, way);                                  \
	}

FUNCTIONS(tsc, SHORT(false))
FUNCTIONS(vdso, SHORT(true))
FUNCTIONS(many, LONG(false, 0))
FUNCTIONS(many_vdso, LONG(true, 0))

CALLED bool
tsc_finish(struct floor_call *call)
{
	return finish(call, SHORT(false));
}

CALLED bool
tsc_lose(struct floor_call *call)
{
	return lose(call, SHORT(false));
}

CALLED bool
vdso_finish(struct floor_call *call)
{
	return finish(call, SHORT(true));
}

CALLED bool
many_finish(struct floor_call *call, uint32_t ops)
{
	return finish_many(call, LONG(false, ops));
}

CALLED bool
many_vdso_finish(struct floor_call *call, uint32_t ops)
{
	return finish_many(call, LONG(true, ops));
}

/* What there is so far is read where it is shown: nobody else writes there. */
CALLED int
add_chunk(fnt_word *record, uint64_t bytes)
{
	uint64_t chunks;

	fnt_rcu_read_lock();
	chunks = floor_get(&record[offsetof(struct fnt_record, stream_chunks) / 8]);
	floor_chunk(record, chunks, floor_get(floor_streamed(record, chunks)) + bytes);
	fnt_rcu_read_unlock();
	return 0;
}

/* ---- programs ------------------------------------------------------------------- */

#define OPS(name)                                                                      \
	(name##_get(&call, "Lot", call.row_id), name##_insert(&call, "Bid", NULL))

#define PROGRAM(run, name, rest)                                                       \
	void run(void *state, uint64_t calls)                                          \
	{                                                                              \
		struct floor_producer *p = state;                                      \
		bool claimed = true;                                                   \
                                                                                       \
		called = &p->floor;                                                    \
		for (uint64_t i = p->done; i < p->done + calls; i++) {                 \
			struct floor_call call = floor_call_number(p, i);              \
                                                                                       \
			name##_begin(&call);                                           \
			rest;                                                          \
		}                                                                      \
		p->done += calls;                                                      \
		floor_must_have(claimed);                                              \
	}

#define TWO_OPS(name, end)                                                             \
	do {                                                                           \
		OPS(name);                                                             \
		claimed &= end(&call);                                                 \
	} while (0)

#define MANY_OPS(name)                                                                 \
	do {                                                                           \
		pen = floor_pen(called);                                               \
		for (uint32_t op = 0; op < p->ops; op += 2)                            \
			OPS(name);                                                     \
		claimed &= name##_finish(&call, p->ops);                               \
		floor_turn_ring(called, p->cells);                                     \
	} while (0)

PROGRAM(called_run, tsc, TWO_OPS(tsc, tsc_finish))
PROGRAM(called_run_vdso, vdso, TWO_OPS(vdso, vdso_finish))
PROGRAM(called_run_sampled, tsc, TWO_OPS(tsc, tsc_lose))
PROGRAM(called_run_many, many, MANY_OPS(many))
PROGRAM(called_run_many_vdso, many_vdso, MANY_OPS(many_vdso))

void
called_run_chunks(void *state, uint64_t chunks)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < chunks; i++)
		add_chunk(p->floor.frame->record, 100);
}
