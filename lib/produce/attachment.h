/* SPDX-License-Identifier: MIT
 *
 * attachment.h: what a process has of a region that it records into.
 *
 *   struct fnt_log ──RCU──► struct fnt_attachment ──► mapping, slot, pool of calls
 *    (never freed)          (one per log and process)   └─ threads: lane, frames, names
 *
 * A log's attachment is read inside urcu-bp read-side critical sections (fnt_enter to
 * fnt_leave). Closing the log and forking replace it; it is unmapped after a grace
 * period.
 *
 * Who may write what: the list of attachments, and an attachment's slot, belong to
 * whoever holds the process's lock; anybody may walk the list inside a read-side
 * section. An attachment's list of threads only grows, by compare-and-swap; a part that
 * its thread has left is taken by another one, by compare-and-swap of its owner. A
 * struct fnt_thread belongs to its owner. The snapshot of rules is replaced by
 * compare-and-swap (rules.h).
 *
 * The lock is taken when a log is opened or closed, and with an end to the wait by the
 * first use of a log in a forked child. No call of the host's waits for it, no thread
 * that begins or ends, and no fork. Nobody waits for a grace period while holding it.
 */
#ifndef FNT_PRODUCE_ATTACHMENT_H
#define FNT_PRODUCE_ATTACHMENT_H

#include "base/clock.h"
#include "base/owned_lock.h"
#include "base/rcu.h"
#include "metrics/count.h"
#include "produce/name_cache.h"
#include "region/view.h"
#include "ring/ring.h"

#define FNT_FRAMES_CACHED 8
#define FNT_CACHE_LINE 64 /* bytes, of private memory; see FNT_LINE for shared memory */

struct fnt_call;
struct fnt_reopen;
struct fnt_snapshot;
struct fnt_attachment;

/* How far this process has mapped the main ring's pages (populate.h). */
struct fnt_populate {
	fnt_word segment; /* its first ticket */
	fnt_word progress;
};

/* A thread's private part of an attachment. */
struct fnt_thread {
	struct fnt_thread *next; /* of the attachment; does not change */
	struct fnt_attachment *attachment;
	_Atomic(const void *) owner; /* fnt_self() of the thread; NULL: free */
	int32_t tid;
	uint64_t pid_tid;	/* two words of a record's head: pid and tid, … */
	uint64_t exe;		/* … and the attachment's program name; */
	uint64_t origin;	/* and its last word: pid_ns and origin */
	struct fnt_call *calls; /* the pool's */
	uint64_t trace_high;	/* first half of the ids of traces that begin here */
	uint64_t now;		/* region time at which the call that ends now ended */
	/* Everything that each call writes to lies on the same line. */
	_Alignas(FNT_CACHE_LINE) uint64_t random;
	uint32_t ready_count;
	uint32_t frame_hint;
	/* Calls of the pool whose frames are CACHED and belong to this thread, the last
	 * used on top. Each is reset already. */
	struct fnt_call *ready[FNT_FRAMES_CACHED];
	_Alignas(FNT_CACHE_LINE) struct fnt_clock clock;
	struct fnt_ring_writer
		writer;		   /* its lane is NULL if the region had none left */
	bool no_lane_wanted;	   /* it never looks for a lane again */
	uint64_t recover_after_ns; /* do not look for dead processes before this */
	uint32_t frames_wait;	/* calls to begin before the next search for a frame */
	uint64_t populate_from; /* a ticket of the main ring; see populate.h */
	struct fnt_meter meter;
	_Alignas(FNT_CACHE_LINE) struct fnt_name_cache names;
};

/* The process's own state of a frame. It overrides the region, whose bytes may be
 * damaged: a frame that is claimed twice would put two calls into the same memory. */
enum fnt_pool_state {
	FNT_POOL_NEVER = 0, /* never used here; the call's memory is uninitialised */
	FNT_POOL_CLEARING,
	FNT_POOL_TAKEN,
	FNT_POOL_RETURNED,
};

/* One call for each frame of the region, so that beginning a call allocates nothing. A
 * pool outlives its attachment while calls of it are open. */
struct fnt_call_pool {
	struct fnt_call_pool *next;
	uint32_t count;
	struct fnt_call *calls;
	/* Calls in private memory: see private_calls.h. */
	_Atomic(struct fnt_call *) private_calls;
	_Atomic uint32_t private_open, private_new;
	atomic_uchar *states; /* enum fnt_pool_state, by frame */
};

struct fnt_attachment {
	_Atomic(struct fnt_attachment *) next; /* of the process; RCU */
	struct fnt_attachment *next_closing;
	uint64_t id; /* never used again in the process */
	struct fnt_region region;
	uint32_t generation; /* fnt_fork_generation when it was made */
	/* FNT_SLOT_NONE: none was free, and nothing can be recorded: enter_region.h. */
	_Atomic uint32_t slot;
	uint32_t exe; /* id of the program's name */
	int32_t pid;
	uint64_t origin;     /* the last word of the record of any call */
	uint64_t time_shift; /* from this process's CLOCK_MONOTONIC to region time */
	_Atomic(struct fnt_thread *) threads; /* a list that only grows */
	_Atomic uint32_t threads_free;	      /* parts of it without an owner */
	/* Who looks for dead processes, or for a slot, holds it. */
	struct fnt_owned_lock recovering;
	uint64_t slot_retry_ns;		/* do not look for a slot before this */
	_Atomic uint64_t lane_retry_ns; /* do not look for a lane before this */
	struct fnt_call_pool *pool;
	/* The generation of the region's settings whose rules are all at their
	 * defaults; FNT_GENERATION_NEVER if the last known one's are not. See
	 * rules.h. */
	fnt_word plain;
	_Atomic(struct fnt_snapshot *) snapshot; /* RCU */
	uint64_t hash_key[2];
	struct fnt_populate populate;
};

struct fnt_log {
	struct fnt_log *next;			     /* of the process */
	_Atomic(struct fnt_attachment *) attachment; /* RCU; NULL: closed */
	fnt_word attach_retry_ns; /* a forked child does not attach before this */
	/* While nothing is enabled: the generation of the settings that say so, else 0;
	 * and where that generation can always be read. See disabled.h. */
	fnt_word off;
	_Atomic(fnt_word *) generation;
	_Atomic uint64_t refused; /* calls; see refused.h */
	char *path;
	char *notice; /* fnt_log_notice(); NULL: "" */
	/* See reopen.h: how to open the region again, or NULL; when to; and calls that
	 * were lost with a region, and are counted in none yet. */
	struct fnt_reopen *reopen;
	_Atomic uint64_t reopen_ns;
	_Atomic uint64_t lost;
};

/* The number of forks between the first process and this one. Changes only in a child
 * that has one thread. */
extern uint32_t fnt_fork_generation;

/* The process's lock: owned_lock.h. */
extern struct fnt_owned_lock fnt_process_lock;

/* The first attachment of the process, and the one after another. Inside a read-side
 * section, or with the process's lock held. */
struct fnt_attachment *fnt_process_first(void);

static inline struct fnt_attachment *
fnt_process_next(struct fnt_attachment *attachment)
{
	/* [D4] acquire: the attachment is complete. Pairs with [D3] in attachment.c. */
	return atomic_load_explicit(&attachment->next, memory_order_acquire);
}

/* Add an attachment to the process's, or remove it; it may be freed after a grace
 * period. With the process's lock held. */
void fnt_process_add(struct fnt_attachment *attachment);
void fnt_process_remove(struct fnt_attachment *attachment);

/* In a forked child: take all attachments of the parent's out of the list. They are
 * linked as they were. */
struct fnt_attachment *fnt_process_take_all(void);

/* End the read-side section that fnt_enter() or fnt_call_enter() began. */
static inline void
fnt_leave(void)
{
	fnt_rcu_read_unlock();
}

#endif
