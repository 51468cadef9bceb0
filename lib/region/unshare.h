/* SPDX-License-Identifier: MIT
 *
 * unshare.h: give a region's file blocks of its own.
 *
 * A file system that copies on write lets two files share their blocks: after
 * cp --reflink, or a snapshot. The first write to such a block allocates another one.
 * Through a mapping, on a full disk, that is a SIGBUS in the host. So the blocks are
 * copied when the region is opened for writing, where a full disk is an error.
 *
 * Makes system calls; where blocks are shared, it writes the file and waits for the
 * disk. Contents do not change, so other processes may use the region. Any thread.
 */
#ifndef FNT_REGION_UNSHARE_H
#define FNT_REGION_UNSHARE_H

#include "region/view.h"

#include <fntrace/fntrace.h>

/* Copy the blocks of the file `fd`, mapped for writing by `view`, that it shares with
 * other files. Looks at a few thousand extents at most; file systems that can't say
 * what they share, share nothing. `what` names the file in messages. 0, or with a
 * message: -ENOSPC, -EMLINK (they can't be copied here), or another -errno. */
int fnt_region_unshare(int fd, const struct fnt_view *view, const char *what,
		       struct fnt_error *error);

#endif
