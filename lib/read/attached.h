/* SPDX-License-Identifier: MIT
 *
 * attached.h: an open reader, and the checks that surround everything that it reads.
 *
 *   ensure_segments ─► read ─► ensure_fresh ─► answer, or -ESTALE
 *
 * A reader never writes to the region. Opening, closing and renewing allocate and make
 * system calls; ensure_fresh makes one (fstat), and more if the rings have changed.
 * None of them waits for a producer. One thread at a time for one reader; any number of
 * readers in a process.
 */
#ifndef FNT_READ_ATTACHED_H
#define FNT_READ_ATTACHED_H

#include "region/view.h"

#include <fntrace/reader.h>

struct fnt_reader {
	struct fnt_region region;
	bool stale; /* the file was truncated or overwritten; never cleared */
};

/* Is the file still as long as the mapping, and still the region that was opened? 0;
 * -ESTALE: it is not, and every later call returns that, too. */
int fnt_reader_ensure_fresh(struct fnt_reader *reader);

/* Map segments that resizing or rotating has added, and drop those that are gone. 0, or
 * -errno: the old ones stay in use, and the newest records can't be read. */
int fnt_reader_renew_segments(struct fnt_reader *reader);

/* Both of these, before records are read. -ESTALE, or the -errno of the second. */
int fnt_reader_ensure_segments(struct fnt_reader *reader);

/* Has the SIGBUS handler replaced any of the reader's mappings by zeroes? What was read
 * since the last check can't be relied on then. */
bool fnt_reader_mapping_lost(const struct fnt_reader *reader);

/* Is the region a copy, or of another boot, so that nothing is known of its processes
 * that are not alive here? */
bool fnt_reader_is_copied(const struct fnt_reader *reader);

/* Is the process that owns `slot` alive? False for a slot that does not exist. `lives`:
 * zeroed by the caller, one byte for each slot; remembers answers, as finding out makes
 * system calls. */
bool fnt_reader_owner_alive(const struct fnt_reader *reader, unsigned char *lives,
			    uint32_t slot);

#endif
