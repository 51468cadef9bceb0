/* SPDX-License-Identifier: MIT
 *
 * cache_flush.h: lines of memory given back by who has read them.
 *
 * A line that another core has read is shared. When its producer comes to write it
 * again, a lap later, it has to be asked back from whatever cache still holds it, and a
 * producer waits for that: 50 to 310 ns a line, in a ring that fits into caches for
 * nearly each. In memory it belongs to nobody, and is fetched from there ahead of time.
 * So who reads a ring that is being written, from one end to the other, and will not
 * come back to what it has read, takes it out of all caches behind itself. That takes a
 * reader 1 to 3 ns a line, writes nothing, and needs no more than that it may read
 * there.
 *
 * A hint: where the processor can't do it, nothing happens.
 */
#ifndef FNT_BASE_CACHE_FLUSH_H
#define FNT_BASE_CACHE_FLUSH_H

#include <stdbool.h>
#include <stddef.h>

#define FNT_CACHE_FLUSH_LINE 64

#if defined(__x86_64__)

/* Is there clflushopt? The first call asks the processor; which takes long in a virtual
 * machine. */
bool fnt_cache_flush_available(void);

/* The lines that begin within `bytes` bytes from `at`, which is at the beginning of
 * one. Intel SDM 2, CLFLUSHOPT: as a read of a byte, as far as permissions go, and
 * coherent with all other accesses to the line. */
static inline void
fnt_cache_flush(const void *at, size_t bytes)
{
	if (!fnt_cache_flush_available())
		return;
	for (size_t i = 0; i < bytes; i += FNT_CACHE_FLUSH_LINE)
		__asm__ volatile("clflushopt %0"
				 :
				 : "m"(*((const char *)at + i))
				 : "memory");
}

#else

static inline void
fnt_cache_flush(const void *at, size_t bytes)
{
	(void)at;
	(void)bytes;
}

#endif
#endif
