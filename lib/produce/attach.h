/* SPDX-License-Identifier: MIT
 *
 * attach.h: open and close a log, fork, and enter a log's attachment.
 *
 * Opening and closing make system calls and block. Entering is wait-free, except for a
 * thread's first, which registers it, and a forked child's first use of a log, which
 * attaches the child: these wait at most for a second.
 */
#ifndef FNT_PRODUCE_ATTACH_H
#define FNT_PRODUCE_ATTACH_H

#include "produce/attachment.h"

/* Make the log of a mapped region, and attach this process. 0: the region belongs to
 * the log now. -ENOMEM; -EUSERS: all process slots are taken; -EAGAIN: the process has
 * no pthread key left. Any thread. */
int fnt_log_attach(struct fnt_log **log, struct fnt_region *region);

/* Attach a log, whose region is lost, to another region, which belongs to it then; the
 * old attachment is given up as by closing the log. Not inside a read-side section.
 * False: there is no memory, no slot, or another thread is at it. Any thread. */
bool fnt_log_reattach(struct fnt_log *log, struct fnt_region *region);

/* Close a log: unpublish its attachment, wait for a grace period, record open calls as
 * aborted, unmap. Not inside a read-side section. Any thread. */
void fnt_log_detach(struct fnt_log *log);

/* fnt_enter() when the attachment is not this process's. */
struct fnt_attachment *fnt_enter_slow(struct fnt_log *log);

/* The log's attachment, inside a read-side critical section that fnt_leave() ends.
 * NULL, outside of one: the log is closed, NULL, a forked child could not attach, or
 * the thread could not join urcu-bp. */
static inline struct fnt_attachment *
fnt_enter(struct fnt_log *log)
{
	struct fnt_attachment *attachment;

	if (!log)
		return NULL;
	if (!fnt_rcu_read_lock())
		return NULL;
	/* [R2] acquire: the attachment is complete. Pairs with [R1] in attach.c. */
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (__builtin_expect(
		    attachment && attachment->generation == fnt_fork_generation, 1))
		return attachment;
	fnt_rcu_read_unlock();
	return fnt_enter_slow(log);
}

#endif
