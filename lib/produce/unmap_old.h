/* SPDX-License-Identifier: MIT
 *
 * unmap_old.h: unmap the segments of rings that no thread of the process uses any more.
 *
 * One thread of the process at a time; others leave it to that one. It may wait for a
 * grace period.
 */
#ifndef FNT_PRODUCE_UNMAP_OLD_H
#define FNT_PRODUCE_UNMAP_OLD_H

/* Unmap what resized and rotated rings have left mapped in this process, in all its
 * attachments. Outside of read-side sections. Waits for a grace period if there is any,
 * unless the host is in a read-side section: then it does nothing. */
void fnt_process_unmap_old(void);

/* In a forked child. */
void fnt_unmap_old_after_fork(void);

#endif
