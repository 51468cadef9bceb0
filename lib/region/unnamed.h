/* SPDX-License-Identifier: MIT
 *
 * unnamed.h: create a file without a name, and name it once it is complete.
 *
 * So no process ever opens an incomplete region, and a process that is killed before
 * the file has its name leaves nothing behind, unless it had to use a temporary name.
 * Makes system calls, and may block in the file system. Any thread.
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

/* Give the file `fd`, created with `temp`, the name `file` in the same directory, if no
 * file has that name. 0, -EEXIST or another -errno. */
int fnt_region_link(int dir_fd, int fd, const char *temp, const char *file);

#endif
