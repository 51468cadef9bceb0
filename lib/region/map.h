/* SPDX-License-Identifier: MIT
 *
 * map.h: map a region's file.
 *
 * Nothing here writes to the region. Mapping and unmapping make system calls and
 * allocate; no other thread may use the view meanwhile. fnt_view_bytes() is wait-free,
 * for any thread.
 */
#ifndef FNT_REGION_MAP_H
#define FNT_REGION_MAP_H

#include "region/view.h"

#include <fntrace/fntrace.h>

/* Check the header of the file `fd`, map the whole file, and fill in `view`. `what`
 * names the file in messages. `fd` stays the caller's. 0, or with a message: what
 * fnt_header_read() returns, -EPROTO (damaged or truncated), -ENOMEM, or another
 * -errno. */
int fnt_view_map(struct fnt_view *view, int fd, bool write, const char *what,
		 struct fnt_error *error);

/* Unmap the view and free its segment map. Does nothing if it is not mapped. */
void fnt_view_unmap(struct fnt_view *view);

/* Is the file `fd` as long as its mapping, and has it been all along? 0; or -EIO with a
 * message. Makes a system call. */
int fnt_view_check_file(const struct fnt_view *view, int fd, const char *what,
			struct fnt_error *error);

/* The bytes that the region uses: its sections and the newest segment of each ring. */
uint64_t fnt_view_bytes(const struct fnt_view *view);

#endif
