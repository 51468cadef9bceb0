/* SPDX-License-Identifier: MIT
 *
 * time_namespace.h: the offset of this process's CLOCK_MONOTONIC to that of the initial
 * time namespace (time_namespaces(7)).
 *
 * Makes system calls. Any thread.
 */
#ifndef FNT_BASE_TIME_NAMESPACE_H
#define FNT_BASE_TIME_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>

/* Sets *ns to what this process's CLOCK_MONOTONIC shows more than that of the initial
 * namespace; may be negative. False: it can't be found out, and *ns is 0. Either /proc
 * can't be read, or the process has called unshare(CLONE_NEWTIME): the kernel then only
 * shows the offsets that its children will have. */
bool fnt_time_namespace_offset(int64_t *ns);

#endif
