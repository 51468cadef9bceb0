/* SPDX-License-Identifier: MIT
 *
 * reopen.h: open a log's region again, once it is lost (lost.h).
 *
 *   begin ──► rules_follow ──► fnt_reopen_follow ─┬─ once a second: fnt_region_open()
 *                                                 │  as fnt_log_open() did, and attach
 *                                                 └─ else: no call, which is counted
 *
 * Opening sets the remains aside, or finds the region that another process has made.
 *
 * Any thread; not in a signal handler. Makes system calls and allocates, once a second
 * at most; waits for no other thread, but a grace period.
 */
#ifndef FNT_PRODUCE_REOPEN_H
#define FNT_PRODUCE_REOPEN_H

#include "produce/attachment.h"

/* How a log was opened, to open it again. */
struct fnt_reopen;

/* Remember `options` for a log that has just been opened. Without memory for it, or
 * without a name, the log stays without a region once it has lost it. */
void fnt_reopen_remember(struct fnt_log *log, const struct fnt_options *options);

/* Inside a read-side section, of an attachment whose region is lost: leave it, and open
 * the region again if it is time. Returns the new attachment, entered; NULL, outside of
 * a section: there is none, and the call that was to begin has been counted. */
struct fnt_attachment *fnt_reopen_follow(struct fnt_log *log,
					 struct fnt_attachment *attachment);

#endif
