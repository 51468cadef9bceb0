/* SPDX-License-Identifier: MIT */
#include "produce/call_pool.h"

#include "payload/encode.h"

#include <stdlib.h>

/* ---- the pool -------------------------------------------------------------------- */

struct fnt_call_pool *
fnt_call_pool_create(uint32_t count)
{
	struct fnt_call_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->count = count;
	pool->states = calloc(count, sizeof(*pool->states));
	/* Not calloc(), which would touch all of it: 9 MiB for a large region. Each
	 * call is cleared when it is used first. Not mmap() either: a host's
	 * LeakSanitizer looks for pointers in allocated memory only, and calls hold
	 * some. */
	pool->calls = aligned_alloc(FNT_CACHE_LINE, count * sizeof(*pool->calls));
	if (!pool->calls || !pool->states) {
		fnt_call_pool_destroy(pool);
		return NULL;
	}
	return pool;
}

void
fnt_call_pool_destroy(struct fnt_call_pool *pool)
{
	free(pool->calls);
	free(pool->states);
	free(pool);
}

struct fnt_call *
fnt_call_pool_next(struct fnt_call_pool *pool, uint32_t *next)
{
	for (uint32_t i = *next; i < pool->count; i++) {
		/* [B2] acquire: the call is cleared. Pairs with [B1] in
		 * frame_cache.c. */
		if (atomic_load_explicit(&pool->states[i], memory_order_acquire) !=
		    FNT_POOL_TAKEN)
			continue;
		*next = i + 1;
		return &pool->calls[i];
	}
	return NULL;
}

bool
fnt_call_pool_in_use(struct fnt_call_pool *pool)
{
	uint32_t next = 0;

	for (struct fnt_call *call; (call = fnt_call_pool_next(pool, &next));)
		if (fnt_call_is_open(call))
			return true;
	return false;
}

/* ---- a call ---------------------------------------------------------------------- */

static void
set_limits(struct fnt_call *call, const struct fnt_view *view)
{
	uint32_t outcome;

	call->limit = view->max_record_bytes - (uint32_t)sizeof(struct fnt_record);
	outcome = 2 * FNT_TEXT_MAX + FNT_ERROR_BOUND;
	if (outcome > call->limit / 4)
		outcome = call->limit / 4;
	call->op_limit = call->limit - outcome;
}

void
fnt_call_reset_room(struct fnt_call *call)
{
	uint32_t room = FNT_FRAME_PAYLOAD_BYTES;

	call->own.next = NULL;
	call->own.size = room;
	call->last = call->tail = &call->own;
	call->room = room;
	fnt_payload_rewind(call);
	call->framed = call->frame ? room : 0;
	fnt_payload_set_fast(call);
}

static void
set_up_call(struct fnt_call *call, struct fnt_log *log,
	    struct fnt_attachment *attachment, uint32_t index)
{
	call->own.bytes = fnt_frame_bytes(call->shown);
	call->own.frame = index;
	call->generation = fnt_fork_generation;
	call->attachment = attachment;
	call->slow.keeps_none = attachment->region.view.flags & FNT_KEEP_NONE;
	call->log = log;
	set_limits(call, &attachment->region.view);
	fnt_call_reset_room(call);
}

void
fnt_call_set_up(struct fnt_call *call, struct fnt_log *log,
		struct fnt_attachment *attachment, uint32_t index)
{
	if (call->log == log)
		return;
	call->shown = call->frame = &attachment->region.view.frames[index];
	set_up_call(call, log, attachment, index);
}

void
fnt_call_set_up_private(struct fnt_call *call, struct fnt_log *log,
			struct fnt_attachment *attachment)
{
	call->shown = (struct fnt_frame *)(call + 1);
	set_up_call(call, log, attachment, FNT_FRAME_NONE);
}
