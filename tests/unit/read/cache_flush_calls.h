/* SPDX-License-Identifier: MIT
 *
 * cache_flush_calls.h: included before all else, in place of lib/base/cache_flush.h, so
 * that a suite is told what is flushed.
 */
#ifndef FNT_BASE_CACHE_FLUSH_H
#define FNT_BASE_CACHE_FLUSH_H

#include <stddef.h>

#define FNT_CACHE_FLUSH_LINE 64

/* Defined by the suite. */
void note_flush(const void *at, size_t bytes);

static inline void
fnt_cache_flush(const void *at, size_t bytes)
{
	note_flush(at, bytes);
}

#endif
