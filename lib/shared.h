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

/* Where 16-byte moves keep each of their 8-byte halves whole, and the compiler keeps
 * them in order with fences and release stores as it does any store, two words at a
 * time are a third of the instructions. Nobody relies on one word alone: readers look
 * at a state, or at a count of bytes, afterwards. ThreadSanitizer is given what the
 * rule above says. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define FNT_WORDS_IN_PAIRS 1
#elif !__has_feature(thread_sanitizer)
#define FNT_WORDS_IN_PAIRS 1
#endif
#endif

#ifdef FNT_WORDS_IN_PAIRS
typedef uint64_t fnt_word_pair __attribute__((vector_size(16), aligned(8), may_alias));
#endif

/* Looks at more than what there is to see, where that does no harm, are not for these.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FNT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||             \
	__has_feature(memory_sanitizer)
#define FNT_SANITIZED 1
#endif
#endif

/* Add to a counter that only the caller writes. */
static inline void
fnt_count(fnt_word *counter, uint64_t more)
{
	atomic_store_explicit(
		counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
		memory_order_relaxed);
}

/* `count` whole words. */
static inline void
fnt_words_put(fnt_word *words, const char *bytes, size_t count)
{
	size_t i = 0;

#ifdef FNT_WORDS_IN_PAIRS
	for (; i + 2 <= count; i += 2) {
		fnt_word_pair pair;

		memcpy(&pair, bytes + i * 8, 16);
		*(fnt_word_pair *)(void *)&words[i] = pair;
	}
#endif
	for (; i < count; i++) {
		uint64_t word;

		memcpy(&word, bytes + i * 8, 8);
		atomic_store_explicit(&words[i], word, memory_order_relaxed);
	}
}

/* Part of fnt_words_put_few(): `some` of them, if `count` has that bit. */
static inline __attribute__((always_inline)) uint32_t
fnt_words_put_bit(fnt_word *words, const char *bytes, uint32_t count, uint32_t some)
{
	if (count & some)
		fnt_words_put(words, bytes, some);
	return count & some;
}

/* The same, for less than 32, without a loop. */
static inline __attribute__((always_inline)) void
fnt_words_put_few(fnt_word *words, const char *bytes, uint32_t count)
{
	uint32_t done = fnt_words_put_bit(words, bytes, count, 16);

	done += fnt_words_put_bit(words + done, bytes + done * 8, count, 8);
	done += fnt_words_put_bit(words + done, bytes + done * 8, count, 4);
	done += fnt_words_put_bit(words + done, bytes + done * 8, count, 2);
	fnt_words_put_bit(words + done, bytes + done * 8, count, 1);
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
	size_t count = (len + 7) / 8, i = 0;
	char *to = bytes;

#ifdef FNT_WORDS_IN_PAIRS
	for (; i + 2 <= count; i += 2) {
		fnt_word_pair pair = *(const fnt_word_pair *)(const void *)&words[i];

		memcpy(to + i * 8, &pair, 16);
	}
#endif
	for (; i < count; i++) {
		uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

		memcpy(to + i * 8, &word, 8);
	}
	/* For the compiler: what is looked at from here on is the copy. */
	atomic_signal_fence(memory_order_acquire);
}

#endif
