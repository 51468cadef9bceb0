/* SPDX-License-Identifier: MIT
 *
 * header.h: the first page of a region: laid out for options, read and held
 * against the file's size. What may be made and what is taken for sound are the same
 * numbers, in one table. Within region only.
 */
#ifndef FNT_REGION_HEADER_H
#define FNT_REGION_HEADER_H

#include "region/region.h"

/* Lay out a region for `options`: fills in the header. -EINVAL with a message. */
int fnt_header_make(struct fnt_header *header, const struct fnt_options *options);

/* Read the header of the file `fd` and check every number in it against the file's
 * size. `what` names the file in messages. */
int fnt_header_read(struct fnt_header *header, int fd, const char *what,
		    struct fnt_error *error);

/* Where the section table ends, in whole pages: areas lie behind it. */
uint64_t fnt_header_fixed(const struct fnt_header *header);

/* The heads of both rings, each with the segment that it begins with. */
void fnt_header_init_rings(const struct fnt_header *header,
			   struct fnt_ring_head heads[FNT_RINGS]);

/* So many bytes of areas, shared out. */
void fnt_segment_partition(uint64_t bytes, uint32_t kept_percent,
			   uint64_t cells[FNT_RINGS]);

#endif
