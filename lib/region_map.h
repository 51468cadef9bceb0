/* SPDX-License-Identifier: MIT
 *
 * region_map.h: the header: laid out, written, checked, mapped. Within region only.
 */
#ifndef FNT_REGION_MAP_H
#define FNT_REGION_MAP_H

#include "region.h"

/* Lay out a region for `options`: fills in the header. -EINVAL with a message. */
int fnt_header_make(struct fnt_header *header, const struct fnt_options *options);

/* Write what a new region's control and settings begin with. -EINVAL where the options' or
 * the environment's settings are none, -errno, with a message. */
int fnt_region_start(int fd, const struct fnt_header *header,
		     const struct fnt_options *options);

/* Read the header of the file `fd` and check every number in it against the file's size.
 * `what` names the file in messages. */
int fnt_header_read(struct fnt_header *header, int fd, const char *what,
		    struct fnt_error *error);

/* The heads of both rings, each with the era that it begins with. */
void fnt_rings_make(const struct fnt_header *header, struct fnt_ring_head heads[FNT_RINGS]);

/* So many bytes of areas, shared out. */
void fnt_share_cells(uint64_t bytes, uint32_t kept_percent, uint64_t cells[FNT_RINGS]);

/* Where the section table ends, in whole pages: areas lie behind it. */
uint64_t fnt_header_fixed(const struct fnt_header *header);

/* Map what a checked header describes. */
int fnt_view_map(struct fnt_view *view, const struct fnt_header *header, int fd, bool write,
		 const char *what, struct fnt_error *error);

/* A file with no name yet in a directory, so that nothing is left of it if we die; where the
 * file system has no O_TMPFILE, one with a name that nobody looks for, left in `temp` (else
 * ""), to be unlinked. Its descriptor, or -errno with a message. */
int fnt_region_unnamed(int dir_fd, char temp[64], const char *path, struct fnt_error *error);

/* And give it one that is not there yet. -EEXIST, -errno. */
int fnt_region_name(int dir_fd, int fd, const char *temp, const char *file);

void fnt_view_unmap(struct fnt_view *view);

#endif
