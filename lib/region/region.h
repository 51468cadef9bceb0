/* SPDX-License-Identifier: MIT
 *
 * region.h: open, create and close a region.
 *
 *   name ──resolve──► path ──open──► fd ──check──► header ──map──► struct fnt_region
 *                      │              ▲
 *         no such file │              └──────────────── open again ────────┐
 *                      └─► unnamed file ─► header and contents ─► gets its name
 *
 * A region gets its name only once it is complete, so no process ever opens an
 * incomplete one. Every number in its header is checked against the file's size before
 * it is used.
 *
 * Creating writes the region's first bytes, before anybody else can see it. Opening for
 * reading never writes.
 *
 * Everything here makes system calls, may allocate, and may block in the file system,
 * but waits for no other process, except for one that sets the same file aside
 * (set_aside.h). A struct fnt_region belongs to one thread until it is
 * open.
 */
#ifndef FNT_REGION_REGION_H
#define FNT_REGION_REGION_H

#include "region/view.h"

#include <fntrace/fntrace.h>

/* Writes the first contents of a new region's other sections, which are zero so far;
 * the header and the ring heads are written already. Called before the region has a
 * name. 0, or -errno with a message in options->error. */
typedef int fnt_region_init_fn(int fd, const struct fnt_header *header,
			       const struct fnt_options *options);

/* Open the region `name` for writing; NULL: a new one without a name, in a memfd. If
 * there is none and the options do not forbid it, it is created, and `init` called.
 * `options` and errors as for fnt_log_open(). 0, or -errno with a message; then
 * `region` is undefined. Close it with fnt_region_close(). */
int fnt_region_open(struct fnt_region *region, const char *name,
		    const struct fnt_options *options, fnt_region_init_fn *init);

/* Open for reading, mapped read-only; `name` and errors as for fnt_reader_open(). */
int fnt_region_open_read(struct fnt_region *region, const char *name,
			 struct fnt_error *error);

/* Open for reading the region that process `pid` has mapped (by_pid.c). Errors as for
 * fnt_reader_open_pid(). */
int fnt_region_open_pid(struct fnt_region *region, pid_t pid, struct fnt_error *error);

/* Map for writing what was opened for reading. 0; -EACCES (no permission) or another
 * -errno, with a message: the region is still open for reading. */
int fnt_region_make_writable(struct fnt_region *region, struct fnt_error *error);

/* Unmap and close. Locks that this process has taken through the region are dropped. */
void fnt_region_close(struct fnt_region *region);

/* The region's path for messages; "region without a name" if it has none. */
static inline const char *
fnt_region_label(const struct fnt_region *region)
{
	return *region->path ? region->path : "region without a name";
}

/* The directory of named regions: `dir`, else $FNTRACE_DIR, else the user's default,
 * which need not exist. 0 or -ENAMETOOLONG with a message. */
int fnt_region_dir(char path[PATH_MAX], const char *dir, struct fnt_error *error);

#endif
