/* SPDX-License-Identifier: MIT
 *
 * shm_words.h: words of shared memory, and copying bytes to and from them.
 *
 * Shared memory that may change under a reader is accessed by relaxed atomic words
 * only: a plain copy would be a data race, whatever is checked afterwards. Callers add
 * the ordering that they need, except in functions that say `release` or `acquire`.
 *
 * Everything here is wait-free and makes no system call; any thread.
 */
#ifndef FNT_BASE_SHM_WORDS_H
#define FNT_BASE_SHM_WORDS_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* A word of shared memory. Every access to one is atomic. */
typedef _Atomic uint64_t fnt_word;

/* Bytes between the words of different writers: two cache lines, since the
 * adjacent-line prefetcher moves lines in pairs. */
#define FNT_LINE 128
/* Bytes; sections, and the cells of a segment, begin on such a boundary. */
#define FNT_PAGE 4096

/* Copy two words with one 16-byte move where the processor does not tear its 8-byte
 * halves; it takes a third of the instructions. The compiler orders these moves with
 * fences and release stores like any other access. No reader relies on a copied word
 * alone: it checks a state or a length afterwards. ThreadSanitizer does not know that
 * the halves are atomic, so its builds copy word by word. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define FNT_WORDS_IN_PAIRS 1
#elif !__has_feature(thread_sanitizer)
#define FNT_WORDS_IN_PAIRS 1
#endif
#endif

/* Two words as a value, for arithmetic; and as they lie in shared memory. */
typedef uint64_t fnt_pair __attribute__((vector_size(16)));
typedef uint64_t fnt_word_pair __attribute__((vector_size(16), aligned(8), may_alias));

/* Sanitizers reject loads past the end of an object, even those that can't fault. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FNT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||             \
	__has_feature(memory_sanitizer)
#define FNT_SANITIZED 1
#endif
#endif

/* One instruction that adds to memory is a third of the work of a load, an addition and
 * a store, and its store is no less atomic. Sanitizers do not instrument assembly. */
#if defined(__x86_64__) && !defined(FNT_SANITIZED)
#define FNT_ADD_IN_PLACE 1
#endif

/* Add to a counter that only the calling thread writes. Relaxed. */
static inline void
fnt_count(fnt_word *counter, uint64_t more)
{
#ifdef FNT_ADD_IN_PLACE
	__asm__("addq %1, %0" : "+m"(*counter) : "er"(more) : "cc");
#else
	atomic_store_explicit(
		counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
		memory_order_relaxed);
#endif
}

/* The same with release order: what was written before is visible before the sum. */
static inline void
fnt_count_release(fnt_word *counter, uint64_t more)
{
#ifdef FNT_ADD_IN_PLACE
	/* x86 keeps stores in order, so only the compiler needs to know. */
	__asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(more) : "cc", "memory");
#else
	atomic_store_explicit(
		counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
		memory_order_release);
#endif
}

static inline uint64_t
fnt_word_relaxed(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline uint64_t
fnt_word_acquire(const fnt_word *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static inline void
fnt_word_store(fnt_word *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* ---- two words ------------------------------------------------------------------- */

/* Two adjacent words become one store (FNT_WORDS_IN_PAIRS). That matters because a call
 * is bound by its stores: a processor buffers only so many that have not reached its
 * cache yet (64 in a Zen 4, a third of a call's). */
static inline fnt_pair
fnt_pair_make(uint64_t a, uint64_t b)
{
	return (fnt_pair){a, b};
}

/* From and to private memory. */
static inline fnt_pair
fnt_pair_load(const void *at)
{
	fnt_pair pair;

	memcpy(&pair, at, sizeof(pair));
	return pair;
}

static inline void
fnt_pair_store(void *at, fnt_pair pair)
{
	memcpy(at, &pair, sizeof(pair));
}

/* From and to two shared words anywhere. Relaxed. */
static inline fnt_pair
fnt_pair_of(const fnt_word *a, const fnt_word *b)
{
	return fnt_pair_make(atomic_load_explicit(a, memory_order_relaxed),
			     atomic_load_explicit(b, memory_order_relaxed));
}

static inline void
fnt_pair_split(fnt_word *a, fnt_word *b, fnt_pair pair)
{
	atomic_store_explicit(a, pair[0], memory_order_relaxed);
	atomic_store_explicit(b, pair[1], memory_order_relaxed);
}

/* From and to two adjacent shared words. Each is written whole; relaxed. */
static inline fnt_pair
fnt_pair_load_shared(const fnt_word *words)
{
#ifdef FNT_WORDS_IN_PAIRS
	return *(const fnt_word_pair *)(const void *)words;
#else
	return fnt_pair_of(&words[0], &words[1]);
#endif
}

static inline void
fnt_pair_store_shared(fnt_word *words, fnt_pair pair)
{
#ifdef FNT_WORDS_IN_PAIRS
	*(fnt_word_pair *)(void *)words = pair;
#else
	fnt_pair_split(&words[0], &words[1], pair);
#endif
}

/* The same with release order: what was written before is visible before either word,
 * and the second word no later than the first. */
static inline void
fnt_pair_release(fnt_word *words, fnt_pair pair)
{
	atomic_thread_fence(memory_order_release);
#ifdef FNT_WORDS_IN_PAIRS
	fnt_pair_store_shared(words, pair);
#else
	atomic_store_explicit(&words[1], pair[1], memory_order_relaxed);
	atomic_store_explicit(&words[0], pair[0], memory_order_release);
#endif
}

/* ---- any number of words --------------------------------------------------------- */

/* Copy `count` words from private memory. */
static inline void
fnt_words_write(fnt_word *words, const char *bytes, size_t count)
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

/* Part of fnt_words_write_unrolled(): copy `bit` words if `count` has that bit set. */
static inline __attribute__((always_inline)) uint32_t
fnt_words_write_bit(fnt_word *words, const char *bytes, uint32_t count, uint32_t bit)
{
	if (count & bit)
		fnt_words_write(words, bytes, bit);
	return count & bit;
}

/* As fnt_words_write(), for less than 32 words, without a loop. */
static inline __attribute__((always_inline)) void
fnt_words_write_unrolled(fnt_word *words, const char *bytes, uint32_t count)
{
	uint32_t done = fnt_words_write_bit(words, bytes, count, 16);

	done += fnt_words_write_bit(words + done, bytes + done * 8, count, 8);
	done += fnt_words_write_bit(words + done, bytes + done * 8, count, 4);
	done += fnt_words_write_bit(words + done, bytes + done * 8, count, 2);
	fnt_words_write_bit(words + done, bytes + done * 8, count, 1);
}

/* Copy `len` bytes from private memory; the last word is filled up with zeroes. */
static inline void
fnt_words_store(fnt_word *words, const void *bytes, size_t len)
{
	size_t whole = len / 8;
	uint64_t word = 0;

	fnt_words_write(words, bytes, whole);
	if (len % 8) {
		memcpy(&word, (const char *)bytes + whole * 8, len % 8);
		atomic_store_explicit(&words[whole], word, memory_order_relaxed);
	}
}

/* Copy `len` bytes, rounded up to whole words, to private memory: `bytes` must have
 * room for up to 7 bytes more. */
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
	/* The compiler must not load the words again instead of reading the copy. */
	atomic_signal_fence(memory_order_acquire);
}

/* ---- bytes ----------------------------------------------------------------------- */

/* A frame's payload is written at any byte. Readers copy whole words of it and discard
 * the bytes past the published length, so all they need is that each byte is stored
 * atomically. These stores are relaxed. On x86-64 each is one instruction of assembly,
 * which the compiler can neither tear nor repeat. `at` need not be aligned. */
#if defined(__x86_64__) && !defined(FNT_SANITIZED)
#define FNT_BYTES_STORE(suffix, size, type, op)                                        \
	static inline void fnt_bytes_store##suffix(char *at, type value)               \
	{                                                                              \
		__asm__(op " %1, %0" : "=m"(*(char(*)[size])at) : "r"(value));         \
	}
#else
#define FNT_BYTES_STORE(suffix, size, type, op)                                        \
	static inline void fnt_bytes_store##suffix(char *at, type value)               \
	{                                                                              \
		char bytes[size];                                                      \
                                                                                       \
		memcpy(bytes, &value, size);                                           \
		for (int i = 0; i < size; i++)                                         \
			atomic_store_explicit((_Atomic char *)&at[i], bytes[i],        \
					      memory_order_relaxed);                   \
	}
#endif

FNT_BYTES_STORE(1, 1, uint8_t, "movb")
FNT_BYTES_STORE(2, 2, uint16_t, "movw")
FNT_BYTES_STORE(4, 4, uint32_t, "movl")
FNT_BYTES_STORE(8, 8, uint64_t, "movq")

/* 16 bytes: two words, each as by fnt_bytes_store8(). */
static inline void
fnt_bytes_store16(char *at, fnt_pair value)
{
#if defined(__x86_64__) && !defined(FNT_SANITIZED)
	__asm__("movups %1, %0" : "=m"(*(char(*)[16])at) : "x"(value));
#else
	fnt_bytes_store8(at, value[0]);
	fnt_bytes_store8(at + 8, value[1]);
#endif
}

/* Copy `len` bytes from private memory. */
static inline void
fnt_bytes_copy(char *at, const char *bytes, size_t len)
{
	uint64_t word;

	for (; len >= 32; len -= 32, at += 32, bytes += 32) {
		fnt_bytes_store16(at, fnt_pair_load(bytes));
		fnt_bytes_store16(at + 16, fnt_pair_load(bytes + 16));
	}
	if (len >= 16) {
		fnt_bytes_store16(at, fnt_pair_load(bytes));
		len -= 16, at += 16, bytes += 16;
	}
	if (len >= 8) {
		memcpy(&word, bytes, 8);
		fnt_bytes_store8(at, word);
		len -= 8, at += 8, bytes += 8;
	}
	for (; len; len--)
		fnt_bytes_store1(at++, (uint8_t)*bytes++);
}

static inline void
fnt_bytes_zero(char *at, size_t len)
{
	for (; len >= 8; len -= 8, at += 8)
		fnt_bytes_store8(at, 0);
	for (; len; len--)
		fnt_bytes_store1(at++, 0);
}

#endif
