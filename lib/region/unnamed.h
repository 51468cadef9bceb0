/* SPDX-License-Identifier: MIT
 *
 * unnamed.h: a file that gets its name once it is complete.
 *
 * Nobody ever opens an incomplete region, and a process that is killed before the file
 * has its name leaves nothing behind. Makes system calls. Any thread.
 */
#ifndef FNT_REGION_UNNAMED_H
#define FNT_REGION_UNNAMED_H

#include <fntrace/fntrace.h>

#define FNT_TEMP_NAME_SIZE 64

/* Create a file in the directory `dir_fd`, mode 0600, open for reading and writing. It
 * has no name (O_TMPFILE; `temp` is then ""), or, where the file system or a missing
 * /proc does not allow that, a temporary one, stored in `temp`, which the caller
 * unlinks. `path` names the file in messages. A descriptor that the caller closes, or
 * -errno with a message. */
int fnt_region_create_unnamed(int dir_fd, char temp[FNT_TEMP_NAME_SIZE],
			      const char *path, struct fnt_error *error);

/* Give it the name `file` in the same directory, if no file has that name. 0, -EEXIST
 * or another -errno. */
int fnt_region_link(int dir_fd, int fd, const char *temp, const char *file);

#endif
