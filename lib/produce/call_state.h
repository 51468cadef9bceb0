/* SPDX-License-Identifier: MIT
 *
 * call_state.h: a call that is being built.
 *
 * A struct fnt_call is private memory of its process. What other processes see of the
 * call is in its frame (frame.h). Who may write it: the thread that uses the call; the
 * owner word says which used it last. A call may be used by one thread at a time, and
 * handed on to another with the host's own synchronisation.
 */
#ifndef FNT_PRODUCE_CALL_STATE_H
#define FNT_PRODUCE_CALL_STATE_H

#include "produce/rules.h"
#include "ring/record_write.h"

#define FNT_TEXT_MAX 4096u /* bytes of an error's code, and of its message */
#define FNT_ID_MAX 1024u   /* bytes of a call id, user, tenant */

#define FNT_PENDING_INLINE 4
#define FNT_CALL_NOBODY UINT64_MAX /* the owner of a call that has ended */

#define FNT_CALL_CLOSED_OUT 1u /* it is recorded, or recovered from its frame */
#define FNT_CALL_LEFT 2u       /* its owner has finished it, too late */

/* An op that has begun: an entry of a table with a free list. */
struct fnt_pending_op {
	uint32_t serial; /* of this use of the entry; 0: not in use */
	uint32_t number; /* of its begin event, counted from 0 in the call */
	uint32_t next_free;
	uint32_t entity;
	uint8_t op;
	bool omitted; /* its begin event did not fit */
	bool wait;    /* a wait, no op */
	uint64_t start_ns;
	/* Where thread `by` counts such ops, while its key is `key`; NULL: unknown. */
	struct fnt_op_cache *cache;
	uint64_t key;
	uint64_t by; /* a thread's serial */
};

/* Rare properties of a call, one byte each, so that `any == 0` tests them all with one
 * compare. */
union fnt_slow_flags {
	struct {
		bool ruled; /* `rule` is set; else all settings are at their defaults */
		bool no_frame; /* it is not visible in flight: `frame` is NULL */
		bool linked;   /* its payload has more than one extent */
		bool many_ops; /* pending_many is in use */
		bool rare;     /* it changes rare counters, those from FNT_FN_RARE on */
		bool keeps_none; /* its region records nothing: FNT_KEEP_NONE */
	};
	uint64_t any;
};

/* The flags that a fast commit of a common record declines. Rules and regions that
 * record nothing are decided on before the commit. */
#define FNT_SLOW_COMMIT                                                                \
	(~((union fnt_slow_flags){.ruled = true, .keeps_none = true}).any)
/* The same for a commit that also changes rare counters. */
#define FNT_SLOW_COMMIT_RARE                                                           \
	(FNT_SLOW_COMMIT & ~((union fnt_slow_flags){.rare = true}).any)

/* Ordered by cache lines: what each use of a call touches comes first. */
struct fnt_call {
	struct fnt_record record;
	_Atomic uint64_t owner; /* serial of the thread that used it last */

	struct fnt_thread *thread; /* that thread's part of the attachment */
	struct fnt_attachment *attachment;
	struct fnt_log *log;
	struct fnt_frame *frame; /* NULL: not visible in flight */
	struct fnt_frame *shown; /* `frame`, or one in private memory */
	union fnt_slow_flags slow;
	/* The payload: of `room` bytes, those before `at` are written
	 * (payload_writer.h). */
	char *at;	    /* in the tail */
	uintptr_t fast_end; /* an event that ends before this may be written at `at` */

	uintptr_t origin; /* `at` minus the bytes of payload so far */
	struct fnt_extent own;
	struct fnt_extra extra;

	/* From here to `pending_free`, and `extra`: zero when a call begins. */
	uint32_t begun; /* op begin events */
	/* Bytes that the ends of ops that have begun in the payload may still take. */
	uint32_t pending_bytes;
	uint32_t pending_high;	 /* entries ever used */
	uint32_t pending_free;	 /* entry + 1; 0: none */
	struct fnt_extent *last; /* end of the list */
	struct fnt_extent *tail; /* being written */
	uint32_t room;
	uint32_t framed;       /* bytes of room that frames show */
	uint32_t limit;	       /* of the payload, in bytes */
	uint32_t op_limit;     /* the same, minus what the outcome may need */
	uint32_t serial;       /* of the last op begun */
	uint32_t pending_size; /* entries of pending_many */
	uint32_t generation;   /* fnt_fork_generation when it began */
	struct fnt_pending_op *pending_many;
	struct fnt_pending_op pending_inline[FNT_PENDING_INLINE];
	struct fnt_rule rule;

	/* For calls in private memory: see private_calls.h. */
	bool allocated;	  /* not of the pool … */
	bool listed;	  /* … and freed by the sweep of the pool's list */
	atomic_bool done; /* the sweep may free it */
	/* Its log is closed. Whoever sets the second of these two bits drops it. */
	atomic_uchar late;
	struct fnt_call *next_private;
} __attribute__((aligned(FNT_CACHE_LINE)));
static_assert(offsetof(struct fnt_call, owner) == FNT_LINE &&
		      offsetof(struct fnt_call, begun) == 2 * FNT_LINE,
	      "the lines that the order of fields stands for");

/* ---- owner ----------------------------------------------------------------------- */

static inline void
fnt_call_own(struct fnt_call *call, uint64_t serial)
{
	atomic_store_explicit(&call->owner, serial, memory_order_relaxed);
}

/* The call has ended. Its memory is not accessed after this, except to begin a call. */
static inline void
fnt_call_disown(struct fnt_call *call)
{
	/* [Z1] release: the finisher's accesses come before. Pairs with [Z2]. */
	atomic_store_explicit(&call->owner, FNT_CALL_NOBODY, memory_order_release);
}

static inline uint64_t
fnt_call_owner(const struct fnt_call *call)
{
	return atomic_load_explicit(&call->owner, memory_order_relaxed);
}

static inline bool
fnt_call_is_open(const struct fnt_call *call)
{
	/* [Z2] acquire: the finisher is done with the call. Pairs with [Z1]. */
	uint64_t owner = atomic_load_explicit(&call->owner, memory_order_acquire);

	return owner && owner != FNT_CALL_NOBODY;
}

/* The rare counters have been changed: reset this for the next call. */
static inline void
fnt_call_forget_rare(struct fnt_call *call)
{
	call->slow.rare = false;
	call->extra.schedules = 0;
}

/* Has the call anything that no frame shows? Then it is lost if the process dies. */
static inline bool
fnt_call_is_private(const struct fnt_call *call)
{
	return !call->frame || (uintptr_t)call->at - call->origin > call->framed;
}

/* ---- where the payload is written ------------------------------------------------ */

/* Set `fast_end`: the end of the tail, while others see the tail. 0, so that no event
 * is written the fast way, if ids are to be hashed or left out. */
static inline void
fnt_payload_set_fast(struct fnt_call *call)
{
	const struct fnt_extent *tail = call->tail;
	uintptr_t end = (uintptr_t)tail->bytes + tail->size;

	if (end > call->origin + call->op_limit)
		end = call->origin + call->op_limit;
	call->fast_end = end;
	if ((call->frame && tail->frame == FNT_FRAME_NONE) ||
	    (call->slow.ruled && call->rule.ids != FNT_CAPTURE_ON))
		call->fast_end = 0;
}

/* Begin at the start of the first extent. */
static inline void
fnt_payload_rewind(struct fnt_call *call)
{
	call->at = call->own.bytes;
	call->origin = (uintptr_t)call->at;
}

#endif
