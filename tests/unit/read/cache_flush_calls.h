/* SPDX-License-Identifier: MIT
 *
 * cache_flush_calls.h: included before all else where a suite wants to be told what is given
 * back: in place of lib/evict.h.
 */
#ifndef FNT_EVICT_H
#define FNT_EVICT_H

#include <stddef.h>

#define FNT_EVICT_LINE 64

/* The suite's. */
void evict_told(const void *at, size_t bytes);

static inline void
fnt_evict(const void *at, size_t bytes)
{
	evict_told(at, bytes);
}

#endif
