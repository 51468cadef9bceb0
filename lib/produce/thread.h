/* SPDX-License-Identifier: MIT
 *
 * thread.h: a thread's part of an attachment: made when the thread first uses a log,
 * freed when the thread ends or the log is closed.
 *
 * Who may write what: a struct fnt_thread belongs to its thread; the list of an
 * attachment's threads, to the holder of the process's mutex.
 *
 * Finding the part again is wait-free. Making it takes the process's mutex, allocates
 * and makes system calls. Any thread.
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
extern _Thread_local struct fnt_thread_entry fnt_thread_last
	__attribute__((tls_model("initial-exec")));

/* fnt_thread_cached() for an attachment that is not the last one used. */
struct fnt_thread *fnt_thread_cached_other(const struct fnt_attachment *attachment);

/* fnt_thread_get() for a part that is not cached: look it up, or make it. NULL: no
 * memory. Inside fnt_enter. Blocks. */
struct fnt_thread *fnt_thread_slow(struct fnt_attachment *attachment);

/* The calling thread's part, if it is one of the last few that the thread used; else
 * NULL. Always NULL in a forked child that has not used the log yet. */
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

/* If the thread has no lane, look for one, at most ten times a second. Blocks. */
void fnt_thread_find_lane(struct fnt_thread *thread, uint64_t now_ns);

/* Recover what dead processes hold, at most ten times a second, unless another thread
 * holds the process's mutex. True: something was recovered. Makes system calls. */
bool fnt_thread_recover_dead(struct fnt_thread *thread, uint64_t now_ns);

/* ---- for attach.c and close_calls.c, with the process's mutex held --------------- */

/* Make ending threads release their parts. Once, before any other function. */
void fnt_threads_set_up(void);

/* Make a part for the calling thread, which has none. NULL: no memory. */
struct fnt_thread *fnt_thread_make(struct fnt_attachment *attachment);

/* Free the parts of all threads, with their lanes and cached frames. Nobody uses the
 * attachment any more. */
void fnt_threads_release(struct fnt_attachment *attachment);

/* Clear what the calling thread has cached of every log: it ends, or it is in a forked
 * child. */
void fnt_thread_forget(void);

#endif
