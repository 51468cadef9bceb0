/* SPDX-License-Identifier: MIT
 *
 * map_part.h: map a part of the region's file that lies outside the view's mapping, in
 * a process that may have lost the right, or the room, to open files.
 *
 *   1  duplicate the view's own mapping, further into the file: no descriptor needed
 *   2  open the file again, and map through that
 *   3  map through the descriptor that the process holds, not for forked children
 *
 * A mapping keeps the open file description that it was made through, and a forked
 * child inherits the mapping. The locks by which a process is known to be alive belong
 * to the description of region->fd. So a child must not inherit a mapping of that one:
 * it would keep its parent's locks.
 *
 * Nothing here writes to the region. Makes system calls; waits for no other process.
 * Any thread.
 */
#ifndef FNT_REGION_MAP_PART_H
#define FNT_REGION_MAP_PART_H

#include "region/view.h"

/* A mapping of a part of the file. */
struct fnt_map_part {
	unsigned char *base;
	bool not_forked; /* a forked child has not inherited it */
};

/* Map `bytes` from `off` on, both multiples of FNT_PAGE, readable, and writable if
 * `write`. `off` is below 2^63. 0; or -errno: it can't be mapped, or the file ends
 * before it does. */
int fnt_map_part(const struct fnt_region *region, bool write, uint64_t off,
		 uint64_t bytes, struct fnt_map_part *part);

#endif
