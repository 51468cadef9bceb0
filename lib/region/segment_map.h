/* SPDX-License-Identifier: MIT
 *
 * segment_map.h: a process's copy of the region's segment table, and its mappings of
 * the segments.
 *
 *   table in the region ──update──► fnt_segment_table (checked copy) ──► current
 *                                                                           │ replaced
 *        free ◄──reclaim── [grace period] ◄──retire── list of replaced ◄────┘
 *
 * A copy is checked against the file's size and never changed once it is published; an
 * update replaces it. Segments that lie within the mapping made at open need no mapping
 * of their own; segments that were added to the file later get one each (map_part.h).
 *
 * A producer may be unable to map a segment. It stays in the copy without cells, and
 * the copy is incomplete: nothing is written to that segment, and no record of it is
 * read. A reader then keeps its old copy, and its queries fail.
 *
 * Who may do what: nothing here writes to the region. Update, retire and reclaim make
 * system calls and allocate, and need exclusion: for a reader, the thread that uses it;
 * for a producer, fnt_segment_map_lock(). Looking at the current table (view.h) is
 * wait-free and needs no lock.
 */
#ifndef FNT_REGION_SEGMENT_MAP_H
#define FNT_REGION_SEGMENT_MAP_H

#include "region/view.h"

/* Fill in `table` from the region's table. Segments that do not lie within `file_bytes`
 * are left out; those outside the view's own mapping are without cells. Wait-free. */
void fnt_segment_table_read(struct fnt_segment_table *table,
			    const struct fnt_view *view, uint64_t file_bytes);

/* Create the segment map of a view that is otherwise filled in. `write`: segments are
 * mapped for writing. 0, -ENOMEM, or -EPROTO: the main ring has no valid segment. */
int fnt_segment_map_init(struct fnt_view *view, uint64_t file_bytes, bool write);

/* Unmap and free everything. No thread may use the view any more. */
void fnt_segment_map_fini(struct fnt_view *view);

/* Is the region's table still the one that the current copy was made of? Wait-free. */
bool fnt_segment_map_is_current(const struct fnt_view *view);

/* Is it, and are all of its segments mapped? Wait-free. */
bool fnt_segment_map_is_complete(const struct fnt_view *view);

/* Copy the region's table again, map segments that are new, and publish the copy. 0; or
 * -errno: a segment could not be mapped, or there is no memory. The old copy is then
 * still in use, or for a producer an incomplete one. */
int fnt_segment_map_update(const struct fnt_region *region);

/* If the copy is not complete, update it, with fnt_segment_map_lock(). Replaced tables
 * and mappings stay until they are reclaimed. Returns as the update does. */
int fnt_segment_map_follow(const struct fnt_region *region);

/* The same for a thread that records calls: within a second of a failure it does not
 * try again, and returns -EAGAIN. */
int fnt_segment_map_follow_sometimes(const struct fnt_region *region);

/* Map `segment`, which is not in the region's table yet, and set its cells and mapping.
 * After that it can be published without fear that this process can't follow. By the
 * holder of the control lock. 0 or -errno. The mapping stays until it is reclaimed. */
int fnt_segment_map_prepare(const struct fnt_region *region,
			    struct fnt_segment *segment);

/* In a forked child, for each view that it has inherited, before anything else: leave
 * out what the child has not inherited. */
void fnt_segment_map_forked(const struct fnt_view *view);

/* For a producer: look at the file's size, and if it was cut short, give up all
 * mappings before what is gone is touched (sigbus.h). Makes a system call. */
void fnt_segment_map_check_file(const struct fnt_region *region);

/* Before a grace period: note which tables and mappings are no longer current. False:
 * none, so there is nothing to reclaim. */
bool fnt_segment_map_retire(const struct fnt_view *view);

/* After the grace period: free what retire() noted, except mappings that have become
 * current again and those for which `used` (may be NULL) returns true. */
void fnt_segment_map_reclaim(const struct fnt_view *view,
			     bool (*used)(void *arg,
					  const struct fnt_segment_mapping *mapping),
			     void *arg);

/* retire() and reclaim() at once, where no other thread uses the view. */
void fnt_segment_map_reclaim_all(const struct fnt_view *view);

/* One lock for all segment maps of the process. False: another thread has held it for
 * a fifth of a second. It is the innermost lock: its holder takes no other. */
bool fnt_segment_map_lock(void);
void fnt_segment_map_unlock(void);

/* In a forked child. */
void fnt_segment_map_after_fork(void);

#endif
