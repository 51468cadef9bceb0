/* SPDX-License-Identifier: MIT
 *
 * fd.h: the region's file descriptor, which a host may close, and the locks taken
 * through it, which must outlive that.
 *
 * Daemons close every descriptor that they did not open themselves. The number may then
 * belong to another file, so each use first compares device and inode.
 * Open-file-description locks live as long as any descriptor *or mapping* of that
 * description: one page mapped through it (MADV_DONTFORK, so that no child inherits it)
 * keeps them until the process ends.
 *
 * Nothing here writes to the region. These functions make system calls and never wait
 * for another process. Those that take a const region may be called by any thread.
 * While another one runs, no other thread may use the region.
 */
#ifndef FNT_REGION_FD_H
#define FNT_REGION_FD_H

#include "region/view.h"

/* Does `fd` (or -1) refer to the region's file? */
bool fnt_region_owns_fd(const struct fnt_region *region, int fd);

/* Close the region's descriptor if it still refers to the region's file; it becomes
 * -1. */
void fnt_region_close_fd(struct fnt_region *region);

/* Open the region's file again, for writing, with an open file description of its own:
 * through the descriptor if that is still ours, else through /proc/self/map_files, else
 * by path. Returns a descriptor that the caller closes, or -errno; -ESTALE: the path is
 * another file's by now. */
int fnt_region_reopen(const struct fnt_region *region);

/* Open the directory that the region's file is in (O_PATH), and point *file at the
 * file's name there. The region's path alone does not say where that is: another
 * process may have chosen it, in another mount namespace, or have replaced a directory
 * of it by a symbolic link. So the name must be that of the region's inode. Whatever is
 * then created or removed through the descriptor is beside the region. A descriptor
 * that the caller closes; -ENOENT: it has no such name, or another -errno. */
int fnt_region_open_folder(const struct fnt_region *region, const char **file);

/* Seal a region without a name, so that nobody can make it shorter: that would be a
 * SIGBUS in whoever has it mapped. It may still grow, and give back space. Nothing
 * happens to a file that can't be sealed. */
void fnt_region_seal(const struct fnt_region *region);

/* Map a page through region->fd, so that locks taken through it stay when the
 * descriptor is closed. False: it could not be mapped, or both pins are in use. */
bool fnt_region_pin_locks(struct fnt_region *region);

/* Forget the pins without unmapping them. For a region that has just been opened, and
 * in a forked child, which has not inherited the pages. */
void fnt_region_forget_pins(struct fnt_region *region);

/* Unmap the pins: locks taken through descriptors that are closed are dropped. */
void fnt_region_unpin_locks(struct fnt_region *region);

/* If a host has closed our descriptor, open and pin another. True: region->fd is
 * usable. False: it could not be opened. Locks that belong to the first pin stay; while
 * this runs, nothing else may be locked. */
bool fnt_region_restore_fd(struct fnt_region *region);

#endif
