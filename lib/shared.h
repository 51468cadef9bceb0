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

/* `count` whole words. */
static inline void
fnt_words_put(fnt_word *words, const char *bytes, size_t count)
{
#pragma GCC unroll 8
	for (size_t i = 0; i < count; i++) {
		uint64_t word;

		memcpy(&word, bytes + i * 8, 8);
		atomic_store_explicit(&words[i], word, memory_order_relaxed);
	}
}

/* `len` bytes, the last word filled up with zeroes. */
static inline void
fnt_words_store(fnt_word *words, const void *bytes, size_t len)
{
	size_t whole = len / 8;
	uint64_t word = 0;

	fnt_words_put(words, bytes, whole);
	if (len % 8) {
		memcpy(&word, (const char *)bytes + whole * 8, len % 8);
		atomic_store_explicit(&words[whole], word, memory_order_relaxed);
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
