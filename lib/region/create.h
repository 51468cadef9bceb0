/* SPDX-License-Identifier: MIT
 *
 * create.h: create a region: its file or memory, the header, and what it begins with.
 *
 * All of the file is allocated: later, a full file system would be a SIGBUS. The file
 * gets its name when it is complete and on the disk (unnamed.h). Makes system calls,
 * allocates, may block in the file system. Any thread.
 */
#ifndef FNT_REGION_CREATE_H
#define FNT_REGION_CREATE_H

#include "region/region.h"

/* A new region. */
struct fnt_contents {
	struct fnt_header header; /* filled in by the functions below */
	const struct fnt_options *options;
	fnt_region_init_fn *init; /* writes what the sections begin with */
	const char *notice;	  /* for the header; "": none */
};

/* Create the complete region, then give it the name `file` in `dir_fd`. `path` is for
 * messages. 0, or with a message in the options' error: -EEXIST, without a message
 * (another process has created a file of that name), or another -errno. */
int fnt_region_create_file(int dir_fd, const char *file, const char *path,
			   struct fnt_contents *contents);

/* Create a region in a memfd. Its descriptor, or -errno with a message. */
int fnt_region_create_memory(const char *label, struct fnt_contents *contents);

#endif
