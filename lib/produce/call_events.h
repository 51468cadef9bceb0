/* SPDX-License-Identifier: MIT
 *
 * call_events.h: a call being built. Private memory of its process; what others may see of it is in
 * its frame.
 */
#ifndef FNT_PRODUCE_CALL_EVENTS_H
#define FNT_PRODUCE_CALL_EVENTS_H

#include "produce/rules.h"
#include "ring/record_write.h"

#define FNT_PENDING_FEW 4
#define FNT_CALL_NOBODY UINT64_MAX /* the owner of a call that is no more */

/* An op that has begun, in a table with a free list. */
struct fnt_pending_op {
	uint32_t serial; /* of this use; 0: not in use */
	uint32_t number; /* of its begin event */
	uint32_t next_free;
	uint32_t entity;
	uint8_t op;
	bool omitted; /* its begin did not fit */
	uint64_t start_ns;
	struct fnt_op_row *row; /* where thread `by` counts such ops; NULL: not known */
	uint64_t by;		/* a thread's serial */
};

/* What most calls have nothing of, each in a byte of its own: that there is none of it
 * is one look. */
union fnt_slow_flags {
	struct {
		bool ruled;	 /* it has a rule; else all is at its default */
		bool unframed;	 /* not visible in flight, or not all of it */
		bool linked;	 /* more than one extent */
		bool many_ops;	 /* pending_many */
		bool rare;	 /* see fnt_meter_place */
		bool keeps_none; /* its region */
	};
	uint64_t any;
};

/* What keeps a call from ending the shortest way: not a rule, nor that its region keeps
 * no records, which are looked at before. */
#define FNT_SLOW_COMMIT                                                                \
	(~((union fnt_slow_flags){.ruled = true, .keeps_none = true}).any)
/* The same of the ways that count what is rare. */
#define FNT_SLOW_LONG                                                                  \
	(~((union fnt_slow_flags){.ruled = true, .keeps_none = true, .rare = true}).any)
#define FNT_SLOW_LINKED (((union fnt_slow_flags){.linked = true}).any)

/* By lines of the cache: what each use of a call touches comes first. */
struct fnt_call {
	struct fnt_record record;
	uint32_t generation;	/* fnt_fork_generation at the beginning */
	_Atomic uint64_t owner; /* serial of the thread that used it last */

	struct fnt_thread *thread; /* that thread's side */
	struct fnt_attachment *attachment;
	struct fnt_log *log;
	struct fnt_frame *frame; /* NULL: not visible in flight */
	struct fnt_frame *shown; /* the same, or one that nobody sees */
	union fnt_slow_flags slow;
	/* The payload: of `room` bytes, those before `at` are written (payload_writer.h). */
	char *at;	    /* in the tail */
	uintptr_t fast_end; /* `at` up to which any short event fits in the tail */

	uintptr_t origin; /* `at` less the bytes of payload so far */
	struct fnt_extent own;
	uint64_t started_mono;
	struct fnt_extra extra;

	/* From here to `pending_free`, and in `extra`: all zeroes at first. */
	uint32_t begun;		 /* op begin events */
	uint32_t pending_bytes;	 /* what the ends of ops begun, in the payload, may take
				 */
	uint32_t pending_high;	 /* entries ever used */
	uint32_t pending_free;	 /* entry + 1; 0: none */
	struct fnt_extent *last; /* end of the list */
	struct fnt_extent *tail; /* being written */
	uint32_t room;
	uint32_t framed;       /* bytes of room that frames show */
	uint32_t limit;	       /* of the payload */
	uint32_t op_limit;     /* the same, less what the outcome may need */
	uint32_t serial;       /* of the last op begun */
	uint32_t pending_size; /* entries of pending_many */
	struct fnt_pending_op *pending_many;
	struct fnt_pending_op pending_few[FNT_PENDING_FEW];
	struct fnt_rule rule;

	bool allocated;	  /* not of the pool: free() it … */
	bool listed;	  /* … by way of the list of those */
	atomic_bool done; /* for that list */
	bool closed_out;  /* its log is closed, and it is recorded */
	bool left;	  /* by its owner, before that */
	struct fnt_call *next_unframed;
} __attribute__((aligned(FNT_CACHE_LINE)));
static_assert(offsetof(struct fnt_call, thread) == FNT_LINE &&
		      offsetof(struct fnt_call, begun) == 2 * FNT_LINE,
	      "as its lines say");

static inline void
fnt_call_own(struct fnt_call *call, uint64_t serial)
{
	atomic_store_explicit(&call->owner, serial, memory_order_relaxed);
}

/* The call is no more. The last access to it, but for who begins it anew. */
static inline void
fnt_call_disown(struct fnt_call *call)
{
	/* [Z1] release: the call is done with. Pairs with [Z2]. */
	atomic_store_explicit(&call->owner, FNT_CALL_NOBODY, memory_order_release);
}

static inline uint64_t
fnt_call_owner(const struct fnt_call *call)
{
	return atomic_load_explicit(&call->owner, memory_order_relaxed);
}

/* What is rare has been counted: the call is as its next use finds it. */
static inline void
fnt_call_forget_rare(struct fnt_call *call)
{
	call->slow.rare = false;
	call->extra.schedules = 0;
}

static inline bool
fnt_call_is_open(const struct fnt_call *call)
{
	/* [Z2] acquire: the finisher has done with it. Pairs with [Z1]. */
	uint64_t owner = atomic_load_explicit(&call->owner, memory_order_acquire);

	return owner && owner != FNT_CALL_NOBODY;
}

/* A call of the pool, where it is not yet, as its uses by the log find it (begin.c). */
void fnt_call_set_up(struct fnt_call *call, struct fnt_log *log,
		     struct fnt_attachment *attachment, uint32_t index);

#endif
