/* SPDX-License-Identifier: MIT
 *
 * thread.h: a thread's part of an attachment: taken or made when the thread first uses
 * a log, left when the thread ends, freed when the log is closed.
 *
 *   make: push ─► owned ─thread ends: owner = NULL─► free ─compare-and-swap─► owned
 *
 * Who may write what: a struct fnt_thread belongs to its owner. An attachment's list of
 * them only grows.
 *
 * Finding the part again is wait-free, for any number of logs. Making it is lock-free,
 * allocates and makes system calls; it takes no lock, neither of ours nor of the
 * loader's. Any thread.
 */
#ifndef FNT_PRODUCE_THREAD_H
#define FNT_PRODUCE_THREAD_H

#include "produce/attachment.h"

/* ---- the calling thread ---------------------------------------------------------- */

/* The calling thread's part of one attachment, cached. */
struct fnt_thread_entry {
	uint64_t id; /* of the attachment; 0: the entry is empty */
	struct fnt_thread *thread;
};

/* The attachment that the calling thread used last. */
extern FNT_THREAD_LOCAL struct fnt_thread_entry fnt_thread_last;

/* fnt_thread_cached() for an attachment that is not the last one used. */
struct fnt_thread *fnt_thread_cached_other(const struct fnt_attachment *attachment);

/* fnt_thread_get() for a part that is not cached: look it up, or make it. NULL: no
 * memory. Inside fnt_enter. Allocates, and makes system calls. */
struct fnt_thread *fnt_thread_slow(struct fnt_attachment *attachment);

/* The calling thread's part, or NULL. Always NULL in a forked child that has not used
 * the log yet. */
static inline struct fnt_thread *
fnt_thread_cached(const struct fnt_attachment *attachment)
{
	return __builtin_expect(fnt_thread_last.id == attachment->id, 1)
		       ? fnt_thread_last.thread
		       : fnt_thread_cached_other(attachment);
}

/* The calling thread's part; NULL: no memory. Inside fnt_enter. */
static inline struct fnt_thread *
fnt_thread_get(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = fnt_thread_cached(attachment);

	return thread ? thread : fnt_thread_slow(attachment);
}

/* If the thread has no lane, look for one: one thread of the process at a time, at most
 * ten times a second. Makes system calls. */
void fnt_thread_find_lane(struct fnt_thread *thread, uint64_t now_ns);

/* Recover what dead processes hold, at most ten times a second, unless another thread
 * is doing so. True: something was recovered. Makes system calls. */
bool fnt_thread_recover_dead(struct fnt_thread *thread, uint64_t now_ns);

/* ---- for attach.c and close_calls.c ---------------------------------------------- */

/* Make ending threads release their parts. Before any other function. False: the
 * process has no pthread key left. */
bool fnt_threads_set_up(void);

/* A part for the calling thread, which has none. NULL: no memory. */
struct fnt_thread *fnt_thread_make(struct fnt_attachment *attachment);

/* A part that has an owner, any; NULL: there is none. */
struct fnt_thread *fnt_threads_any(struct fnt_attachment *attachment);

/* Free the parts of all threads, with their lanes and cached frames. Nobody uses the
 * attachment any more. */
void fnt_threads_release(struct fnt_attachment *attachment);

/* Clear what the calling thread has cached of every log: it ends, or it is in a forked
 * child. */
void fnt_thread_forget(void);

#endif
