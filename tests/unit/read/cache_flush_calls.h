/* SPDX-License-Identifier: MIT
 *
 * cache_flush_calls.h: included before all else where a suite wants to be told what is given
 * back: in place of lib/base/cache_flush.h.
 */
#ifndef FNT_BASE_CACHE_FLUSH_H
#define FNT_BASE_CACHE_FLUSH_H

#include <stddef.h>

#define FNT_CACHE_FLUSH_LINE 64

/* The suite's. */
void flush_told(const void *at, size_t bytes);

static inline void
fnt_cache_flush(const void *at, size_t bytes)
{
	flush_told(at, bytes);
}

#endif
