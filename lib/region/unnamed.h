/* SPDX-License-Identifier: MIT
 *
 * unnamed.h: create a file without a name, and name it once it is complete.
 *
 *   unnamed ──► contents ──► synced ──► named ──► directory synced
 *
 * So no process ever opens an incomplete region, and none is found incomplete after a
 * power cut. A process that is killed before the file has its name leaves nothing
 * behind, unless it had to use a temporary name. It holds a lock (flock) on such a
 * file; the next process that creates a file in the directory removes those that are
 * not locked.
 *
 * Makes system calls, and may block in the file system. Any thread.
 */
#ifndef FNT_REGION_UNNAMED_H
#define FNT_REGION_UNNAMED_H

#include <fntrace/fntrace.h>

#define FNT_TEMP_NAME_SIZE 64

/* Create a file in the directory `dir_fd`, mode 0600, open for reading and writing. It
 * has no name (O_TMPFILE; `temp` is then ""), or, where the file system or a missing
 * /proc does not allow that, a temporary one, stored in `temp`, which the caller
 * unlinks. The file system is asked not to copy it on write. `path` names the file in
 * messages. A descriptor that the caller closes, or -errno with a message. */
int fnt_region_create_unnamed(int dir_fd, char temp[FNT_TEMP_NAME_SIZE],
			      const char *path, struct fnt_error *error);

/* Write the file `fd`, created with `temp`, to the disk, and give it the name `file` in
 * the same directory if no file has that name. 0, -EEXIST or another -errno. */
int fnt_region_link(int dir_fd, int fd, const char *temp, const char *file);

/* Remove the temporary names in the directory `dir_fd` that dead processes of this user
 * have left. Looks at no more than a few thousand files. */
void fnt_region_clear_leftovers(int dir_fd);

#endif
