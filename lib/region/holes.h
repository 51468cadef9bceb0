/* SPDX-License-Identifier: MIT
 *
 * holes.h: read a sparse region without filling it.
 *
 *   file      │ data │ ······ hole ······ │ data │ ····· hole ····· │
 *   mapping   │ file │ zeroes of our own  │ file │ zeroes ……        │   covered
 *
 * To read a hole of a mapped file allocates a page of it on tmpfs, and a header of a
 * few bytes can promise gigabytes. A sparse region is one that nobody writes to: a
 * rotated file, or a copy; a producer that opens one first allocates all of it
 * (file_space.h). So a reader maps zeroes of its own over the holes. Pages that it
 * touches are then bounded by the data that the file has. If the file is filled later,
 * the reader maps it again.
 *
 * Nothing here writes to the region. Everything makes system calls; one thread at a
 * time, and no other may use the view.
 */
#ifndef FNT_REGION_HOLES_H
#define FNT_REGION_HOLES_H

#include "region/view.h"

/* Cover the holes of what is in use, if the file `fd` is sparse and no process has
 * locked any part of it. The view is mapped for reading. */
void fnt_holes_cover(struct fnt_view *view, int fd);

/* Map the file again where it was covered, if it is not sparse any more: `blocks` is
 * its st_blocks. False: that failed, and the view is lost. */
bool fnt_holes_renew(struct fnt_view *view, int fd, uint64_t blocks);

#endif
