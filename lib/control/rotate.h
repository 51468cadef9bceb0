/* SPDX-License-Identifier: MIT
 *
 * rotate.h: write the segments that are over to a region file of their own.
 *
 *   open:  create a file without a name, in the directory where it will get one
 *   write: copy the segments to the same offsets, then the sections without what
 *          belongs to running processes (slots, frames); sync; give the file its name
 *   close: remove a temporary name, close the file
 *
 * The holder of the control lock does this, after it has sealed the segments
 * (resize.h). The region itself is only read. An existing file is never replaced, and a
 * file with the name is always complete. Makes system calls, allocates, and waits for
 * the disk.
 */
#ifndef FNT_CONTROL_ROTATE_H
#define FNT_CONTROL_ROTATE_H

#include "region/unnamed.h"
#include "region/view.h"

struct fnt_rotation {
	const struct fnt_region *region; /* set by the caller, like `path` */
	const char *path;
	bool beside;	  /* set by the caller: `path` is in the region's directory */
	uint64_t records; /* written; set by fnt_rotate_write() */
	int dir_fd, fd;	  /* -1: not open */
	char file[NAME_MAX + 1];
	char temp[FNT_TEMP_NAME_SIZE]; /* "" or a temporary name: unnamed.h */
};

/* Is there a segment that is over and that readers still show? Wait-free. */
bool fnt_rotate_needed(const struct fnt_view *view);

/* Create the file, which has the region's group and mode, and if root creates it its
 * owner, before anything is in it. 0, or with a message: -EEXIST (a file has that
 * name), -ENOENT (no such directory; `beside`, and the region is not in it), -EINVAL,
 * -EPERM (this process can't give it to the region's group) or another -errno; there is
 * nothing to close then. */
int fnt_rotate_open(struct fnt_rotation *rotation, struct fnt_error *error);

/* Write the file, which has no name yet. 0, or with a message: -EAGAIN (no segment is
 * over), -ENOSPC, -ENOMEM or another -errno. */
int fnt_rotate_write(struct fnt_rotation *rotation, struct fnt_error *error);

/* Give the written file its name: what was copied was there until now. 0, or with a
 * message: -EEXIST or another -errno. */
int fnt_rotate_name(const struct fnt_rotation *rotation, struct fnt_error *error);

/* Close it, whether it was written or not. */
void fnt_rotate_close(struct fnt_rotation *rotation);

#endif
