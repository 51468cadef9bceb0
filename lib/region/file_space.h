/* SPDX-License-Identifier: MIT
 *
 * file_space.h: allocate and free space in a region's file.
 *
 *   ┌────────────┬───────────┬ ─ ─ ─ ─ ┬───────────┬───────────┐
 *   │ fixed part │ segment   │  free   │ segment   │ segment   │
 *   └────────────┴───────────┴ ─ ─ ─ ─ ┴───────────┴───────────┘
 *
 * The fixed part (header and sections) and the segments that are held (layout_rings.h)
 * are in use; everything between them is free. The file only grows, because a process
 * that has it mapped must not reach its end. Free space is returned to the file system
 * by punching a hole, and allocated again before it is used: a full file system then
 * makes the allocation fail, and is no SIGBUS in a producer.
 *
 * Once the region has a name, only the holder of the control lock calls those that
 * change the file. They make system calls, and may block in the file system.
 */
#ifndef FNT_REGION_FILE_SPACE_H
#define FNT_REGION_FILE_SPACE_H

#include "region/view.h"

#include <fntrace/fntrace.h>

/* Allocate `bytes` at `off`, growing the file if need be. `what` names the file in
 * messages. 0, or -errno with a message: -ENOSPC, -EFBIG (RLIMIT_FSIZE). */
int fnt_file_space_allocate(int fd, uint64_t off, uint64_t bytes, const char *what,
			    struct fnt_error *error);

/* If the file is in memory (tmpfs, memfd): have the kernel clear its first `bytes` now,
 * at most 1 GiB, rather than page by page when they are first used. What the kernel
 * refuses is left to be cleared then. */
void fnt_file_space_clear(int fd, uint64_t bytes);

/* Allocate the holes within the fixed part and the segments: a copy of a region may be
 * sparse. 0, or -errno with a message. */
int fnt_file_space_allocate_all(int fd, const struct fnt_view *view, const char *what,
				struct fnt_error *error);

/* A range of the file that is in use. */
struct fnt_file_extent {
	uint64_t first, end;
};

#define FNT_FILE_EXTENTS_MAX (FNT_RINGS * FNT_SEGMENTS + 2)

/* List what is in use, by offset. Returns how many there are. Reads memory only. */
uint32_t fnt_file_space_list(const struct fnt_view *view,
			     struct fnt_file_extent used[FNT_FILE_EXTENTS_MAX]);

/* The bytes in use. Reads memory only. */
uint64_t fnt_file_space_used(const struct fnt_view *view);

/* The lowest offset at which `bytes` (whole pages) are free; perhaps at or past the end
 * of the file. `other`, unless NULL, is a segment that counts as held. Reads memory
 * only. */
uint64_t fnt_file_space_find(const struct fnt_view *view, uint64_t bytes,
			     const struct fnt_segment *other);

/* Punch holes where the file is free. Returns the bytes returned to the file system, 0
 * if it can't punch holes. */
uint64_t fnt_file_space_punch(const struct fnt_region *region);

#endif
