/* SPDX-License-Identifier: MIT */
#include "acts.h"

#include "produce/call_events.h"
#include "produce/attach.h"

/* ---- preparations ---------------------------------------------------------------- */

void
prepare_nothing(struct actor *actor)
{
	(void)actor;
}

void
prepare_warm(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 3);
	actor_finish(actor, 3, FNT_OK, 0);
}

void
prepare_names(struct actor *actor)
{
	actor_open(actor);
	actor_begin(actor, 0);
	actor_op(actor, 0);
	actor_finish(actor, 0, FNT_OK, 0);
}

static void
many_ops(struct actor *actor, unsigned i, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		actor_op(actor, i);
}

void
prepare_begun(struct actor *actor)
{
	prepare_warm(actor);
	actor_begin(actor, 0);
}

void
prepare_begun_with_op(struct actor *actor)
{
	prepare_begun(actor);
	actor_op(actor, 0);
}

void
prepare_begun_with_ops(struct actor *actor)
{
	prepare_begun(actor);
	actor_op(actor, 0);
	actor_schedule(actor, 0);
	actor_op(actor, 0);
	actor_chunk(actor, 0);
	actor_op_begin(actor, 0);
}

void
prepare_begun_full(struct actor *actor)
{
	prepare_begun(actor);
	/* About 20 bytes each: to the end of the first frame. */
	many_ops(actor, 0, 41);
}

static struct fnt_thread *
thread_of(const struct actor *actor)
{
	struct fnt_attachment *attachment = atomic_load(&actor->log->attachment);

	return attachment->threads;
}

void
prepare_begun_full_cached(struct actor *actor)
{
	prepare_begun_full(actor);
	thread_of(actor)->clock.limit = UINT64_MAX;
}

void
prepare_begun_linked(struct actor *actor)
{
	prepare_begun(actor);
	many_ops(actor, 0, 100);
}

void
prepare_begun_again(struct actor *actor)
{
	prepare_names(actor);
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_chunk(actor, 1);
	actor_schedule(actor, 1);
}

/* Stop the clock as this thread sees it. Its tickets do not expire, and call `i` will
 * have taken no time. */
static void
stop_clock(struct actor *actor, unsigned i)
{
	struct fnt_thread *thread = thread_of(actor);

	thread->clock.limit = UINT64_MAX;
	for (unsigned ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_block *block = &thread->writer.handles[ring].block;

		/* The next block will have more than one ticket. */
		block->size = 4;
		block->size_max = 8;
		block->born_ns = thread->clock.last;
		if (block->next != block->end)
			block->until_ns = UINT64_MAX;
	}
	actor->calls[i]->record.started_mono = UINT64_MAX;
}

/* Call 0 is over; it has left in the caches what the end of call 1 needs. */
static void
cached_after(struct actor *actor, unsigned ops, enum fnt_outcome outcome, size_t len)
{
	actor_open(actor);
	actor_begin(actor, 0);
	many_ops(actor, 0, ops);
	stop_clock(actor, 0);
	actor_finish(actor, 0, outcome, len);
	actor_begin(actor, 1);
	many_ops(actor, 1, ops);
	stop_clock(actor, 1);
}

void
prepare_cached(struct actor *actor)
{
	cached_after(actor, 1, FNT_OK, 0);
}

void
prepare_cached_four(struct actor *actor)
{
	/* Four of the eight tickets are left. */
	cached_after(actor, 0, FNT_OK, ACT_VALUE_FOUR);
}

void
prepare_cached_error(struct actor *actor)
{
	cached_after(actor, 0, FNT_ERROR, 0);
}

void
prepare_cached_rare(struct actor *actor)
{
	prepare_cached(actor);
	actor_chunk(actor, 1);
	actor_chunk(actor, 1);
	actor_schedule(actor, 1);
}

void
prepare_cached_linked(struct actor *actor)
{
	prepare_cached(actor);
	many_ops(actor, 1, 100);
	stop_clock(actor, 1);
}

void
prepare_several(struct actor *actor)
{
	prepare_begun_linked(actor);
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_begin(actor, 2);
}

/* ---- acts ------------------------------------------------------------------------ */

void
act_begin_0(struct actor *actor)
{
	actor_begin(actor, 0);
}

void
act_begin_1(struct actor *actor)
{
	actor_begin(actor, 1);
}

void
act_begin_op_1(struct actor *actor)
{
	actor_begin(actor, 1);
	actor_op(actor, 1);
}

void
act_op(struct actor *actor)
{
	actor_op(actor, 0);
}

void
act_three_ops(struct actor *actor)
{
	many_ops(actor, 0, 3);
}

void
act_op_begin(struct actor *actor)
{
	actor_op_begin(actor, 0);
}

void
act_op_end(struct actor *actor)
{
	actor_op_end(actor, 0);
}

void
act_chunk(struct actor *actor)
{
	actor_chunk(actor, 0);
}

void
act_schedule(struct actor *actor)
{
	actor_schedule(actor, 0);
}

void
act_user(struct actor *actor)
{
	actor_user(actor, 0);
}

void
act_finish_0(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, 0);
}

void
act_finish_1(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 0);
}

void
act_finish_two_cells_1(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, 200);
}

void
act_finish_four_cells_1(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, ACT_VALUE_FOUR);
}

void
act_finish_many_cells_0(struct actor *actor)
{
	actor_finish(actor, 0, FNT_OK, ACT_VALUE_MANY);
}

void
act_finish_many_cells_1(struct actor *actor)
{
	actor_finish(actor, 1, FNT_OK, ACT_VALUE_MANY);
}

void
act_finish_error_0(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ERROR, 200);
}

void
act_finish_error_1(struct actor *actor)
{
	actor_finish(actor, 1, FNT_ERROR, 200);
}

void
act_finish_rolled_back_0(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ROLLED_BACK, 10);
}

void
act_abandon_0(struct actor *actor)
{
	actor_finish(actor, 0, FNT_ABORTED, 0);
}

void
act_push(struct actor *actor)
{
	actor_push(actor, 0);
}

void
act_whole_call(struct actor *actor)
{
	actor_begin(actor, 1);
	actor_op(actor, 1);
	actor_finish(actor, 1, FNT_OK, 0);
}
