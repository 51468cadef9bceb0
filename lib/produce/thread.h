/* SPDX-License-Identifier: MIT
 *
 * thread.h: a thread's side of an attachment (struct fnt_thread, attach.h): made when
 * the thread first uses a log, given back when it ends or the log is closed. What is
 * here is attach.c's, and called with the process's mutex in hand.
 */
#ifndef FNT_PRODUCE_THREAD_H
#define FNT_PRODUCE_THREAD_H

#include "produce/attach.h"

/* Once, before any other: threads that end give back what they have. */
void fnt_threads_set_up(void);

/* The calling thread's side. NULL: no memory. */
struct fnt_thread *fnt_thread_make(struct fnt_attachment *attachment);

/* Of all threads: lanes and frames go back. Nobody uses the attachment any more. */
void fnt_threads_release(struct fnt_attachment *attachment);

/* The calling thread knows no log from here on. */
void fnt_thread_forget(void);

#endif
