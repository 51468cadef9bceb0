/* SPDX-License-Identifier: MIT
 *
 * attach.h: a process's side of a region: attachments, their threads, fork and exit.
 *
 *   struct fnt_log ──RCU──► struct fnt_attachment ──► mapping, slot, pool of calls
 *    (for ever)              (one per log and process)     └─ threads: lane, frames, names
 *
 * RCU: a log's attachment is read inside urcu-bp read-side critical sections (fnt_enter to
 * fnt_leave) and replaced by close and fork; it is unmapped after a grace period.
 *
 * Locks: one mutex for attachments, threads and slots, taken when a log is opened or
 * closed, a thread first uses one or ends, and around fork. Nobody waits for a grace period
 * with it in hand. Threads join urcu-bp before they take it.
 */
#ifndef FNT_PRODUCE_ATTACH_H
#define FNT_PRODUCE_ATTACH_H

#include "base/clock.h"
#include "metrics/count.h"
#include "produce/name_cache.h"
#include "base/rcu.h"
#include "region/view.h"
#include "ring/ring.h"

#define FNT_FRAMES_CACHED 8
#define FNT_CACHE_LINE 64 /* of private memory; see FNT_LINE */

struct fnt_call;
struct fnt_snapshot;
struct fnt_attachment;

/* A thread's private side of an attachment. */
struct fnt_thread {
	struct fnt_thread *next; /* of the attachment */
	struct fnt_attachment *attachment;
	const void *key; /* whose it is */
	int32_t tid;
	uint64_t pid_tid;	/* as a record has them … */
	uint64_t exe;		/* … and beside them, the attachment's */
	struct fnt_call *calls; /* the pool's */
	uint64_t trace_high;	/* first half of the trees that begin here */
	uint64_t now;		/* when the call that ends just now did */
	/* What each call writes to lies together, on one line. */
	_Alignas(FNT_CACHE_LINE) uint64_t random;
	uint32_t ready_count;
	uint32_t frame_hint;
	/* The pool's calls whose frames are CACHED and this thread's, the last used on
	 * top: each as a call begins, and for this thread. */
	struct fnt_call *ready[FNT_FRAMES_CACHED];
	_Alignas(FNT_CACHE_LINE) struct fnt_clock clock;
	struct fnt_ring_writer writer; /* lane NULL: none to be had */
	uint64_t lane_retry_ns;	       /* look for a lane again after this */
	uint64_t reap_after_ns;	       /* look for the dead again after this */
	uint32_t frames_wait;	       /* begins without a look for frames */
	struct fnt_meter meter;
	_Alignas(FNT_CACHE_LINE) struct fnt_name_cache names;
};

enum fnt_pool_state {
	FNT_POOL_NEVER =
		0,	   /* its call may be anything, in memory that is not touched */
	FNT_POOL_CLEARING, /* it is being cleared */
	FNT_POOL_TAKEN,
	FNT_POOL_RETURNED,
};

/* Calls, one for each frame of the region, so that beginning one allocates nothing. A pool
 * outlives its attachment while calls of it are open. */
struct fnt_call_pool {
	struct fnt_call_pool *next;
	uint32_t count;
	struct fnt_call *calls;
	_Atomic(struct fnt_call *) unframed; /* see private_calls.h */
	_Atomic uint32_t unframed_open, unframed_new;
	/* Frames that this process has, or has had, by its own account (enum fnt_pool_state):
	 * what the region says may be nonsense, and a frame given out twice would be
	 * two calls in the same memory. */
	atomic_uchar *had;
};

struct fnt_attachment {
	struct fnt_attachment *next; /* of the process */
	uint64_t id;		     /* never used again in the process */
	struct fnt_region region;
	uint32_t generation; /* fnt_fork_generation when made */
	uint32_t slot; /* FNT_SLOT_NONE: none to be had, nothing can be recorded */
	uint32_t exe;  /* name */
	int32_t pid;
	struct fnt_thread *threads;
	struct fnt_call_pool *pool;
	/* Settings (control.h). */
	fnt_word plain; /* the generation that has everything at its default, or none */
	_Atomic(struct fnt_snapshot *) snapshot; /* RCU */
	uint64_t hash_key[2];
};

struct fnt_log {
	struct fnt_log *next;			     /* of the process */
	_Atomic(struct fnt_attachment *) attachment; /* RCU; NULL: closed */
	fnt_word off; /* the region's generation, while nothing is enabled; else 0 */
	_Atomic(fnt_word *)
		generation; /* where it is to be read for ever; see disabled.h */
	char *path;
};

/* How many forks lie between this process and the first. Changes only in a child that
 * has one thread. */
extern uint32_t fnt_fork_generation;

/* The mutex of attachments, threads and slots; also inside a read-side section. */
void fnt_process_lock(void);
void fnt_process_unlock(void);
bool fnt_process_trylock(void); /* as far as it goes; inside a read-side section */

/* Those of logs that are open, with the mutex in hand. */
struct fnt_attachment *fnt_process_attachments(void);

/* A pool's next call that may be open, as the process has its frame, from number
 * `*next` on, 0 at first; NULL: there is none. Where no new ones can be missed, or that
 * does not matter. */
struct fnt_call *fnt_call_pool_next(struct fnt_call_pool *pool, uint32_t *next);

/* Open: makes the log of a mapped region, which is the log's now. -errno. */
int fnt_log_attach(struct fnt_log **log, struct fnt_region *region);

/* Close: unpublish, wait for a grace period, clear up, unmap. */
void fnt_log_detach(struct fnt_log *log);

/* The log's attachment, inside a read-side critical section; NULL, outside of one, if the
 * log is closed. In a forked child the first use attaches the child. */
struct fnt_attachment *fnt_enter_slow(struct fnt_log *log);

static inline struct fnt_attachment *
fnt_enter(struct fnt_log *log)
{
	struct fnt_attachment *attachment;

	if (!log)
		return NULL;
	fnt_rcu_read_lock();
	/* [R2] acquire: the attachment is whole. Pairs with [R1] in attach.c. */
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (__builtin_expect(
		    attachment && attachment->generation == fnt_fork_generation, 1))
		return attachment;
	fnt_rcu_read_unlock();
	return fnt_enter_slow(log);
}

static inline void
fnt_leave(void)
{
	fnt_rcu_read_unlock();
}

/* The calling thread's side; NULL if there is no memory. Inside fnt_enter. */
struct fnt_thread *fnt_thread_slow(struct fnt_attachment *attachment);

struct fnt_thread_entry {
	uint64_t id; /* of the attachment */
	struct fnt_thread *thread;
};

/* The one that was asked for last. */
extern _Thread_local struct fnt_thread_entry fnt_thread_last
	__attribute__((tls_model("initial-exec")));

/* As fnt_thread_cached(), where another was asked for last. */
struct fnt_thread *fnt_thread_other(const struct fnt_attachment *attachment);

/* NULL: it has to be looked for; so it is, too, in a child that has not used the log
 * yet. */
static inline struct fnt_thread *
fnt_thread_cached(const struct fnt_attachment *attachment)
{
	return __builtin_expect(fnt_thread_last.id == attachment->id, 1)
		       ? fnt_thread_last.thread
		       : fnt_thread_other(attachment);
}

static inline struct fnt_thread *
fnt_thread_get(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = fnt_thread_cached(attachment);

	return thread ? thread : fnt_thread_slow(attachment);
}

/* What segments that are over have left mapped: given up in `fnt_process_segments`, to be called outside
 * of read-side critical sections, if any attachment has something of the kind. Waits for a
 * grace period, but not if the host itself is in a read-side section. */
void fnt_process_segments(void);

/* Call `each` for all attachments of this process, with its mutex and the maps lock in hand.
 * Has one said true? */
bool fnt_process_each(bool (*each)(struct fnt_attachment *attachment));

/* A lane for a thread that has none, if there is one by now; at most ten looks a second. */
void fnt_thread_find_lane(struct fnt_thread *thread, uint64_t now_ns);

/* Look for dead owners in the way; at most ten looks a second. True: some were cleared. */
bool fnt_thread_recover_dead(struct fnt_thread *thread, uint64_t now_ns);

#endif
