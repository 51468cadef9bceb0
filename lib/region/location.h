/* SPDX-License-Identifier: MIT
 *
 * location.h: where a region's file is: the directory, and the name in it.
 *
 *   "app"           ──► $FNTRACE_DIR or /dev/shm/fntrace-UID, app.fnt    ours
 *   "dir/file.fnt"  ──► dir, file.fnt                                    not ours
 *
 * A directory of ours is made if need be, and must be private: other users who could
 * write to it could put regions there, or replace ours.
 *
 * Makes system calls, and may block in the file system. Any thread.
 */
#ifndef FNT_REGION_LOCATION_H
#define FNT_REGION_LOCATION_H

#include <fntrace/fntrace.h>

#include <limits.h>

#define FNT_REGION_SUFFIX ".fnt"

struct fnt_location {
	char dir[PATH_MAX];
	char file[NAME_MAX + 1];
	bool ours; /* fntrace's own directory: created if need be, must be private */
};

/* Find out where the region `name` is: its directory, and its path for messages. `dir`:
 * as for fnt_region_dir(). 0; -EINVAL or -ENAMETOOLONG with a message. */
int fnt_location_resolve(struct fnt_location *location, char path[PATH_MAX],
			 const char *name, const char *dir, struct fnt_error *error);

/* Open its directory (O_PATH). `options` NULL: the region is only read, and the
 * directory is not created. A descriptor that the caller closes, or -errno with a
 * message. */
int fnt_location_open(const struct fnt_location *location,
		      const struct fnt_options *options, struct fnt_error *error);

#endif
