/* SPDX-License-Identifier: MIT
 *
 * map.h: mapping what a checked header describes. Makes system calls and allocates; the
 * caller has the view to itself.
 */
#ifndef FNT_REGION_MAP_H
#define FNT_REGION_MAP_H

#include "region/view.h"

#include <fntrace/fntrace.h>

/* Map the whole file `fd` and fill in `view`. The header must have passed
 * fnt_header_read(). `what` names the file in messages. `fd` stays the caller's. 0, or
 * -errno with a message: -EPROTO (damaged or truncated), -ENOMEM. */
int fnt_view_map(struct fnt_view *view, const struct fnt_header *header, int fd,
		 bool write, const char *what, struct fnt_error *error);

/* Undo that. A view that is not mapped is left alone. */
void fnt_view_unmap(struct fnt_view *view);

/* The bytes that the region uses: its sections and the newest segment of each ring. */
uint64_t fnt_view_bytes(const struct fnt_view *view);

#endif
