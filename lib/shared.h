/* SPDX-License-Identifier: MIT
 *
 * shared.h: bytes in and out of shared words.
 *
 * Shared memory that may change under a reader is touched by relaxed atomic words only:
 * plain copies would be data races, whatever is checked afterwards. Order is the
 * callers' business. Wait-free, no system call.
 */
#ifndef FNT_SHARED_H
#define FNT_SHARED_H

#include "layout.h"

#include <string.h>

/* `len` bytes, the last word filled up with zeroes. */
static inline void
fnt_words_store(fnt_word *words, const void *bytes, size_t len)
{
	const char *from = bytes;
	uint64_t word;

	for (; len >= 8; len -= 8, from += 8, words++) {
		memcpy(&word, from, 8);
		atomic_store_explicit(words, word, memory_order_relaxed);
	}
	if (len) {
		word = 0;
		memcpy(&word, from, len);
		atomic_store_explicit(words, word, memory_order_relaxed);
	}
}

/* `len` bytes, rounded up to whole words: `bytes` has room for up to 7 more. */
static inline void
fnt_words_load(void *bytes, const fnt_word *words, size_t len)
{
	char *to = bytes;
	uint64_t word;

	for (size_t at = 0; at < len; at += 8, words++) {
		word = atomic_load_explicit(words, memory_order_relaxed);
		memcpy(to + at, &word, 8);
	}
}

#endif
