/* SPDX-License-Identifier: MIT
 *
 * sigbus.h: survive the loss of a mapped file: it was truncated, or a page of it can't
 * be allocated as the file system is full.
 *
 *   fnt_reader_…() ─► check ─► read ─► check ─► answer, or -ESTALE
 *                                │
 *                                └ SIGBUS: the handler maps zeroes in place of
 *                                  the file and marks the range as lost
 *
 *   a producer ─► writes to memory of its own from then on; the generation there is 0,
 *                 so that its next call finds the loss (produce/lost.h)
 *
 * Nobody relies on any byte of the file, so zeroes do no harm. Checking the file's size
 * before and after a read needs no handler, but does not cover the time in between:
 * only a SIGBUS handler does. The process decides whether to install it, by
 * fnt_reader_guard() or fnt_log_guard(). pread() or process_vm_readv() instead would
 * cost a system call for each cell and copy in no defined order; siglongjmp() would
 * leak what the read has allocated.
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

/* Register the mapping of `size` bytes at `base`. `write`: it is mapped for writing.
 * `whole`: the range of the mapping of all of the region, if this one is of a part of
 * the same file; it is lost with this one. A range must be removed before its `whole`.
 * NULL: no memory. */
struct fnt_sigbus_range *fnt_sigbus_add(void *base, size_t size, bool write,
					struct fnt_sigbus_range *whole);

/* Unregister it; NULL is ignored. */
void fnt_sigbus_remove(struct fnt_sigbus_range *range);

/* Has the mapping been lost since it was added, or, of a part of it, been replaced?
 * Wait-free; NULL: false. */
bool fnt_sigbus_lost(const struct fnt_sigbus_range *range);

/* Replace the mapping as the handler does, where a truncated file is noticed before it
 * is touched. The range must stay registered meanwhile. Makes a system call. */
void fnt_sigbus_lose(struct fnt_sigbus_range *range);

/* Install the handler, once per process. SIGBUS outside registered ranges goes to the
 * handler that was there before. 0 or -errno, the same at every call. */
int fnt_sigbus_install(void);

#endif
