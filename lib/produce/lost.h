/* SPDX-License-Identifier: MIT
 *
 * lost.h: what a producer does once the file that it writes to is gone from under it.
 *
 *   SIGBUS, or a look at the file's size ──► zeroes of our own (region/sigbus.h)
 *                                               │ the generation there is 0
 *                                               ▼
 *                                begin ──► rules_follow ──► reopen.h
 *
 * The file was truncated, or a page of it could not be allocated. Calls that are open
 * go on in private memory, and end without a record. What was lost is counted in the
 * region that the log gets next, as `refused`.
 *
 * Wait-free; any thread.
 */
#ifndef FNT_PRODUCE_LOST_H
#define FNT_PRODUCE_LOST_H

#include "produce/attachment.h"
#include "region/sigbus.h"

/* Has the process lost the region's mapping? Wait-free. */
static inline bool
fnt_lost_view(const struct fnt_view *view)
{
	return __builtin_expect(fnt_sigbus_lost(view->sigbus), 0);
}

/* Count calls that were lost: in the attachment's region, or, while that is lost
 * itself, in the log. Inside a read-side section. Wait-free. */
void fnt_lost_count_in(struct fnt_log *log, const struct fnt_attachment *attachment,
		       uint64_t calls);

/* Count a call of the log's that had begun in a region that was lost. Nothing if the
 * log is closed. Outside of a read-side section. Wait-free. */
void fnt_lost_count(struct fnt_log *log);

#endif
