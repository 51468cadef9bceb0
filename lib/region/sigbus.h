/* SPDX-License-Identifier: MIT
 *
 * sigbus.h: survive the truncation of a mapped file.
 *
 *   fnt_reader_…() ─► check ─► read ─► check ─► answer, or -ESTALE
 *                                │
 *                                └ SIGBUS: the file was truncated. The handler
 *                                  maps zeroes in place of it and marks the range
 *
 * A reader relies on no byte of the file, so zeroes do no harm. Checking the file's
 * size before and after a read needs no handler, but does not cover the time in
 * between: only a SIGBUS handler does. The process decides whether to install it, by
 * fnt_reader_guard(). pread() or process_vm_readv() instead would cost a system call
 * for each cell and copy in no defined order; siglongjmp() would leak what the read has
 * allocated.
 *
 * Nothing here writes to the region. Adding and removing are lock-free, for any thread;
 * adding allocates. The handler is async-signal-safe. A range must be removed before it
 * is unmapped.
 */
#ifndef FNT_REGION_SIGBUS_H
#define FNT_REGION_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/* A registered mapping. */
struct fnt_sigbus_range;

/* Register the mapping of `size` bytes at `base`. NULL: no memory. */
struct fnt_sigbus_range *fnt_sigbus_add(void *base, size_t size);

/* Unregister it; NULL is ignored. */
void fnt_sigbus_remove(struct fnt_sigbus_range *range);

/* Has the handler replaced the mapping since it was added? */
bool fnt_sigbus_truncated(const struct fnt_sigbus_range *range);

/* Install the handler, once per process. SIGBUS outside registered ranges goes to the
 * handler that was there before. 0 or -errno, the same at every call. */
int fnt_sigbus_install(void);

#endif
