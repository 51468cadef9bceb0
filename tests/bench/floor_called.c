/* SPDX-License-Identifier: MIT
 *
 * The floor's code in functions that are not inlined, as a program calls a library:
 * each finds its thread's state in a thread-local, has a read-side section, and
 * measures its texts (without use). In a long call no function knows in advance how
 * full a frame is, so each op checks once.
 */
#include "floor_primitives.h"

#include "base/rcu.h"

static _Thread_local struct floor *called;
static _Thread_local struct floor_writer writer; /* of a long call */

/* ---- what they do --------------------------------------------------------------- */

FLOOR_INLINE int
begin(struct floor_call *call, struct floor_variant variant)
{
	fnt_rcu_read_lock();
	use_value(strlen(call->call_id) + strlen(call->user_id));
	floor_begin(called, call, variant);
	fnt_rcu_read_unlock();
	return 0;
}

FLOOR_INLINE int
get(struct floor_call *call, const char *entity, const char *id,
    struct floor_variant variant)
{
	fnt_rcu_read_lock();
	use_value(strlen(id) + (uint64_t)(uintptr_t)entity);
	if (variant.ops == 2)
		floor_first_op(called, call, FLOOR_BEGUN, variant);
	else if (floor_writer_room(&writer) >= FLOOR_GET)
		floor_next_get(called, call, &writer, variant);
	else
		floor_get_across(called, call, &writer, variant);
	fnt_rcu_read_unlock();
	return 0;
}

FLOOR_INLINE int
insert(struct floor_call *call, const char *entity, const char *id,
       struct floor_variant variant)
{
	fnt_rcu_read_lock();
	use_value((uint64_t)(uintptr_t)entity + (uint64_t)(uintptr_t)id);
	if (variant.ops == 2)
		floor_second_op(called, call, FLOOR_BEGUN + FLOOR_GET, variant);
	else if (floor_writer_room(&writer) >= FLOOR_INSERT)
		floor_next_insert(called, call, &writer, variant);
	else
		floor_insert_across(called, call, &writer, variant);
	fnt_rcu_read_unlock();
	return 0;
}

FLOOR_INLINE bool
finish(struct floor_call *call, struct floor_variant variant)
{
	bool claimed;

	fnt_rcu_read_lock();
	claimed = floor_finish(called, call, variant);
	fnt_rcu_read_unlock();
	return claimed;
}

FLOOR_INLINE bool
sample_out(struct floor_call *call, struct floor_variant variant)
{
	fnt_rcu_read_lock();
	floor_sample_out(called, call, variant);
	fnt_rcu_read_unlock();
	return true;
}

FLOOR_INLINE bool
finish_long(struct floor_call *call, struct floor_variant variant)
{
	bool claimed;

	fnt_rcu_read_lock();
	claimed = floor_finish_long(called, call, writer, variant);
	fnt_rcu_read_unlock();
	return claimed;
}

/* ---- the functions -------------------------------------------------------------- */

#define CALLED static __attribute__((noinline))
#define SHORT(by_vdso)                                                                 \
	((struct floor_variant){.vdso = (by_vdso), .counted = true, .ops = 2})
/* `count` 0: not known before the end of the call. */
#define LONG(by_vdso, count)                                                           \
	((struct floor_variant){.vdso = (by_vdso), .counted = true, .ops = (count)})

#define FUNCTIONS(name, variant)                                                       \
	CALLED int name##_begin(struct floor_call *call)                               \
	{                                                                              \
		return begin(call, variant);                                           \
	}                                                                              \
	CALLED int name##_get(struct floor_call *call, const char *entity,             \
			      const char *id)                                          \
	{                                                                              \
		return get(call, entity, id, variant);                                 \
	}                                                                              \
	CALLED int name##_insert(struct floor_call *call, const char *entity,          \
				 const char *id)                                       \
	{                                                                              \
		return insert(call, entity, id, variant);                              \
	}

FUNCTIONS(tsc, SHORT(false))
FUNCTIONS(vdso, SHORT(true))
FUNCTIONS(long_call, LONG(false, 0))
FUNCTIONS(long_call_vdso, LONG(true, 0))

CALLED bool
tsc_finish(struct floor_call *call)
{
	return finish(call, SHORT(false));
}

CALLED bool
tsc_sample_out(struct floor_call *call)
{
	return sample_out(call, SHORT(false));
}

CALLED bool
vdso_finish(struct floor_call *call)
{
	return finish(call, SHORT(true));
}

CALLED bool
long_call_finish(struct floor_call *call, uint32_t ops)
{
	return finish_long(call, LONG(false, ops));
}

CALLED bool
long_call_vdso_finish(struct floor_call *call, uint32_t ops)
{
	return finish_long(call, LONG(true, ops));
}

/* The count so far is read from the record, which only this thread writes. */
CALLED int
add_chunk(fnt_word *record, uint64_t bytes)
{
	uint64_t chunks;

	fnt_rcu_read_lock();
	chunks = floor_load(&record[offsetof(struct fnt_record, stream_chunks) / 8]);
	floor_chunk(record, chunks, floor_load(floor_streamed(record, chunks)) + bytes);
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
		floor_require(claimed);                                                \
	}

#define TWO_OPS(name, end)                                                             \
	do {                                                                           \
		OPS(name);                                                             \
		claimed &= end(&call);                                                 \
	} while (0)

#define LONG_OPS(name)                                                                 \
	do {                                                                           \
		writer = floor_writer(called);                                         \
		for (uint32_t op = 0; op < p->ops; op += 2)                            \
			OPS(name);                                                     \
		claimed &= name##_finish(&call, p->ops);                               \
		floor_skip_ring_end(called, p->cells);                                 \
	} while (0)

PROGRAM(called_run, tsc, TWO_OPS(tsc, tsc_finish))
PROGRAM(called_run_vdso, vdso, TWO_OPS(vdso, vdso_finish))
PROGRAM(called_run_sampled_out, tsc, TWO_OPS(tsc, tsc_sample_out))
PROGRAM(called_run_long, long_call, LONG_OPS(long_call))
PROGRAM(called_run_long_vdso, long_call_vdso, LONG_OPS(long_call_vdso))

void
called_run_chunks(void *state, uint64_t chunks)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < chunks; i++)
		add_chunk(p->floor.frame->record, 100);
}
