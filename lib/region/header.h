/* SPDX-License-Identifier: MIT
 *
 * header.h: the first page of a region: laid out from options, or read and checked
 * against the file's size. One table in header.c holds the limits that both use.
 *
 * The region's creator writes the header once; it never changes. Any thread.
 * fnt_header_make() reads the clock and random bytes, fnt_header_read() the file.
 */
#ifndef FNT_REGION_HEADER_H
#define FNT_REGION_HEADER_H

#include "format/layout_rings.h"

#include <fntrace/fntrace.h>

#define FNT_REGION_SIZE_MIN (256ull << 10)
#define FNT_REGION_SIZE_MAX (64ull << 30)

/* Are all options in range, all flags known and all reserved words 0? 0, or -EINVAL
 * with a message in options->error. */
int fnt_header_check_options(const struct fnt_options *options);

/* Lay out a new region for `options`, which have been checked, and $FNTRACE_SIZE. */
void fnt_header_make(struct fnt_header *header, const struct fnt_options *options);

/* Note in the header the file `fd` that it is to be written to, so that a copy of the
 * file is known as one. */
void fnt_header_note_file(struct fnt_header *header, int fd);

/* Fill in the heads of a new region's rings, each with its first segment. */
void fnt_header_init_rings(const struct fnt_header *header,
			   struct fnt_ring_head heads[FNT_RINGS]);

/* Read the header of the file `fd` and check every number in it against the file's
 * size. `what` names the file in messages. 0, or with a message: -EPROTO (not a region,
 * damaged or truncated), -ENOTSUP (another byte order, version, or unknown required
 * feature), or another -errno. */
int fnt_header_read(struct fnt_header *header, int fd, const char *what,
		    struct fnt_error *error);

/* The end of the last section, rounded up to whole pages: the rings' cells lie behind
 * it. */
uint64_t fnt_header_fixed(const struct fnt_header *header);

#endif
