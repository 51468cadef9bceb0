/* SPDX-License-Identifier: MIT
 *
 * map.h: a new region's file and first contents; mapping what a header
 * describes. Within region only.
 */
#ifndef FNT_REGION_MAP_H
#define FNT_REGION_MAP_H

#include "region/region.h"

/* Write what a new region's control and settings begin with. -EINVAL where the options'
 * or the environment's settings are none, -errno, with a message. */
int fnt_region_start(int fd, const struct fnt_header *header,
		     const struct fnt_options *options);

/* Map what a checked header describes. */
int fnt_view_map(struct fnt_view *view, const struct fnt_header *header, int fd,
		 bool write, const char *what, struct fnt_error *error);
void fnt_view_unmap(struct fnt_view *view);

/* A file with no name yet in a directory, so that nothing is left of it if we die;
 * where the file system has no O_TMPFILE, one with a name that nobody looks for, left
 * in `temp` (else
 * ""), to be unlinked. Its descriptor, or -errno with a message. */
int fnt_region_create_unnamed(int dir_fd, char temp[64], const char *path,
			      struct fnt_error *error);

/* And give it one that is not there yet. -EEXIST, -errno. */
int fnt_region_link(int dir_fd, int fd, const char *temp, const char *file);

#endif
