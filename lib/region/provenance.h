/* SPDX-License-Identifier: MIT
 *
 * provenance.h: is a region's file the one that its processes wrote to, or a copy?
 *
 * The header names the file, by device and inode, that it was written to, and the
 * control section names the boot. Where they are not those of the file that is open,
 * and no process that writes to it is alive, the calls in flight are as they were when
 * the copy was made: what became of them is not known here.
 *
 * Functions make system calls. Any thread.
 */
#ifndef FNT_REGION_PROVENANCE_H
#define FNT_REGION_PROVENANCE_H

#include "region/view.h"

#include <fntrace/reader.h>

/* Is the file another one than that which the header names? A device's number may
 * change from one boot to the next, so in a later boot only the inode counts. */
bool fnt_region_is_moved(const struct fnt_region *region);

/* Is the process of any slot but `except` (FNT_SLOT_NONE: none) alive? */
bool fnt_region_is_live(const struct fnt_region *region, uint32_t except);

/* What the region is, for a reader. */
enum fnt_region_state fnt_region_state(const struct fnt_region *region);

/* Name the file that is open, and the present boot, in the header: this process writes
 * to it from now on. For a region that is mapped for writing, once what dead processes
 * left in it is recovered. */
void fnt_region_adopt(const struct fnt_region *region);

#endif
