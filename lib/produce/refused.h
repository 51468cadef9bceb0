/* SPDX-License-Identifier: MIT
 *
 * refused.h: counts calls that could not be begun, in the region's `refused`: there was
 * no memory for the thread's or the process's part of the log, or no way to join
 * liburcu.
 *
 * A thread that can't enter the log's read-side section can't reach the region either.
 * It counts in the log, and the next thread that begins a call on a slow path, or
 * whoever closes the log, adds that to the region's count.
 *
 * Any thread. Wait-free.
 */
#ifndef FNT_PRODUCE_REFUSED_H
#define FNT_PRODUCE_REFUSED_H

#include "produce/attachment.h"

/* fnt_enter() has failed. Nothing is counted if the log is closed, or NULL. */
void fnt_refused_outside(struct fnt_log *log);

/* A call could not be begun. Inside fnt_enter. */
void fnt_refused_inside(struct fnt_attachment *attachment);

/* Add what was counted in the log. Inside fnt_enter, or while the log is closed. */
void fnt_refused_settle(struct fnt_log *log, struct fnt_attachment *attachment);

#endif
