/* SPDX-License-Identifier: MIT
 *
 * populate.h: maps the ring's pages ahead of their use, so that no call of a process's
 * first lap waits for a page fault.
 *
 *   cells │ populated … │ step │ step │      not yet …
 *         └ where the    ▲
 *           process came │ the cursor: this step and the next are to be populated
 *
 * A step is FNT_POPULATE_BYTES of cells. A thread that has ended a call takes the next
 * step, if it is due, by compare-and-swap, and makes one system call for it. After one
 * lap, and when the system can't do it or refuses, it ends.
 *
 * Who may write what: struct fnt_populate, any thread of the process, by
 * compare-and-swap. The bytes of the region do not change.
 *
 * Makes a system call, at most once for each step and process; never waits for another
 * thread. Inside the log's read-side section.
 */
#ifndef FNT_PRODUCE_POPULATE_H
#define FNT_PRODUCE_POPULATE_H

#include "produce/attachment.h"

#define FNT_POPULATE_BYTES (256u << 10)

/* Populate the steps that are due, and set thread->populate_from. */
void fnt_populate_ahead(struct fnt_thread *thread);

/* The same after a call has ended, if it is time to look. */
static inline void
fnt_populate_if_due(struct fnt_thread *thread)
{
	if (__builtin_expect(thread->writer.handles[FNT_RING_MAIN].block.end >=
				     thread->populate_from,
			     0))
		fnt_populate_ahead(thread);
}

#endif
