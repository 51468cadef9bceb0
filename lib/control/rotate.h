/* SPDX-License-Identifier: MIT
 *
 * rotate.h: the records of segments that are over, in a region of their own.
 *
 *   open: a file without a name, in the directory of the name that it is to get
 *   write: sections without what is in use (processes, calls in flight), the areas at
 *          their places; then, synced, it gets its name: never that of another file
 *
 * The holder of the control lock does it, with the segments sealed (resize.h).
 */
#ifndef FNT_CONTROL_ROTATE_H
#define FNT_CONTROL_ROTATE_H

#include "region/view.h"

struct fnt_rotation {
	const struct fnt_region *region;
	const char *path;
	uint64_t records; /* in it */
	int dir_fd, fd;
	char file[NAME_MAX + 1];
	char temp[64]; /* its name until then, where it must have one */
};

/* Is there anything over, and still shown? */
bool fnt_rotate_needed(const struct fnt_view *view);

/* -EEXIST, -ENOENT (the directory), -EACCES, …: nothing has been done. */
int fnt_rotate_open(struct fnt_rotation *freeze, struct fnt_error *error);

/* -ENOSPC, -EEXIST, -ENOMEM: there is no file. */
int fnt_rotate_write(struct fnt_rotation *freeze, struct fnt_error *error);

void fnt_rotate_close(struct fnt_rotation *freeze);

#endif
