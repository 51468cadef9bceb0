/* SPDX-License-Identifier: MIT
 *
 * file_space.h: room in a region's file.
 *
 *   ┌────────────┬───────────┬ ─ ─ ─ ─ ┬───────────┬───────────┐
 *   │ fixed part │ area      │  gap    │ area      │ area      │
 *   └────────────┴───────────┴ ─ ─ ─ ─ ┴───────────┴───────────┘
 *
 * Areas are those of segments that are held (layout_rings.h); what lies between them is
 * free. The file only grows: who has mapped it must not meet its end. A gap's blocks are
 * given back to the file system by punching a hole, and taken again before the gap is
 * used: a file system that is full is then an error here, and no SIGBUS in a producer.
 *
 * Whoever finds, fills or punches holds the control lock. Makes system calls.
 */
#ifndef FNT_REGION_FILE_SPACE_H
#define FNT_REGION_FILE_SPACE_H

#include "region/view.h"

/* Give `bytes` at `off` of the file their blocks, for good. `what` is named in
 * messages. */
int fnt_file_space_allocate(int fd, uint64_t off, uint64_t bytes, const char *what,
			    struct fnt_error *error);

/* A copy of a region may have holes where it was zero: its sections and areas get
 * blocks. */
int fnt_file_space_allocate_all(int fd, const struct fnt_view *view, const char *what,
				struct fnt_error *error);

/* The first place for `bytes`, whole pages, that no area takes; perhaps past the end.
 * `other` (NULL: none) is taken, too. */
uint64_t fnt_file_space_find(const struct fnt_view *view, uint64_t bytes,
			     const struct fnt_segment *other);

/* Give back the blocks of all gaps, as far as the file system can; their bytes. */
uint64_t fnt_file_space_punch(const struct fnt_region *region);

#endif
