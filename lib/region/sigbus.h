/* SPDX-License-Identifier: MIT
 *
 * sigbus.h: a region's file that is cut short or written anew under its reader.
 *
 *   fnt_reader_…() ─► fresh? ─► read ─► fresh? ─► answer, else -ESTALE
 *                               │
 *                               └ SIGBUS (file cut meanwhile) ─► zeroes in place of the
 *                                 mapping, `gone` set: the read ends as over any bytes
 *
 * A reader believes no byte anyway, so that zeroes are as good as any. Looking at the file's
 * size before and after costs 0.2 µs and needs nothing of the process; it leaves the
 * moments in between, which only a handler of SIGBUS can cover. That is the process's own
 * to install: fnt_reader_guard(). What was turned down: copying by pread or
 * process_vm_readv (a system call for each look at a cell, and kernels copy in no order
 * that the cells' protocol could rely on), and siglongjmp (leaks what the read had taken,
 * and unwinds through callbacks).
 */
#ifndef FNT_REGION_SIGBUS_H
#define FNT_REGION_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/* A mapping under guard. */
struct fnt_sigbus_range;

/* Name a mapping; NULL: no memory. Any thread. */
struct fnt_sigbus_range *fnt_sigbus_add(void *base, size_t size);

/* Before it is unmapped. NULL is ignored. */
void fnt_sigbus_remove(struct fnt_sigbus_range *guard);

/* Has the mapping been replaced? */
bool fnt_sigbus_truncated(const struct fnt_sigbus_range *guard);

#endif
