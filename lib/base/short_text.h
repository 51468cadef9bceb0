/* SPDX-License-Identifier: MIT
 *
 * short_text.h: strlen() and copy of strings of less than 48 bytes, without a branch
 * that depends on their length.
 *
 * Ids differ in length from call to call, so a branch on the length, as in memcpy(), is
 * mispredicted each time. Instead 32 bytes are always loaded and 32 are always stored.
 * The bytes after the text are zeroed, or overwritten by what the caller stores next,
 * so that nothing of what the host has behind its string gets into a region.
 *
 *      text    │ c _ 1 2 3 4 5 6 7 ∅ · · · · · · · · · · · · · · · · · · · · · · │
 *      stored  │ c _ 1 2 3 4 5 6 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 │
 *                                  ╰─ the returned end: the next element goes here
 *
 * Loads may pass the terminating NUL but never a page boundary. A string that straddles
 * one, and every string under Valgrind's Memcheck, is reported as not short, and the
 * caller takes a path that handles any string. Builds with a sanitizer, or without
 * SSE2, copy exactly.
 *
 * Wait-free, no system call; any thread.
 */
#ifndef FNT_BASE_SHORT_TEXT_H
#define FNT_BASE_SHORT_TEXT_H

#include "base/shm_words.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__) && !defined(FNT_SANITIZED)
#include <emmintrin.h>
#define FNT_TEXT_VECTORS 1
#endif

/* A short text has fewer bytes than this. */
#define FNT_SHORT_TEXT 48u
/* Bytes stored for a text of up to 31 bytes; for a longer one it is FNT_SHORT_TEXT. */
#define FNT_SHORT_TEXT_STORED 32u

/* Detect Memcheck. To be called before the process begins its first call; may be called
 * again, by any thread. */
void fnt_short_text_init(void);

/* Can fnt_short_text_len() find any text short? False under Memcheck. */
bool fnt_short_text_usable(void);

/* Copy `len` bytes, less than FNT_SHORT_TEXT, to `at` without storing more. Uses moves
 * that may overlap. Returns the end. */
static inline char *
fnt_short_text_copy_exact(char *at, const char *bytes, size_t len)
{
	uint64_t first, last;
	uint32_t first4, last4;

	if (len >= 16) {
		fnt_bytes_store16(at, fnt_pair_load(bytes));
		if (len > 32)
			fnt_bytes_store16(at + 16, fnt_pair_load(bytes + 16));
		fnt_bytes_store16(at + len - 16, fnt_pair_load(bytes + len - 16));
	} else if (len >= 8) {
		memcpy(&first, bytes, 8);
		memcpy(&last, bytes + len - 8, 8);
		fnt_bytes_store8(at, first);
		fnt_bytes_store8(at + len - 8, last);
	} else if (len >= 4) {
		memcpy(&first4, bytes, 4);
		memcpy(&last4, bytes + len - 4, 4);
		fnt_bytes_store4(at, first4);
		fnt_bytes_store4(at + len - 4, last4);
	} else {
		for (size_t i = 0; i < len; i++)
			fnt_bytes_store1(&at[i], (uint8_t)bytes[i]);
	}
	return at + len;
}

#ifdef FNT_TEXT_VECTORS

/* 48 bytes may be loaded from page offsets below this. 0 under Memcheck. Written by
 * fnt_short_text_init(). */
extern uint32_t fnt_short_text_window;
/* 32 bytes of 255, then 32 bytes of 0. */
extern const unsigned char fnt_short_text_mask[64];

static inline __m128i
fnt_short_text_load(const void *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

/* `shared`, a constant: to memory that readers load meanwhile. */
static inline __attribute__((always_inline)) void
fnt_short_text_store(char *at, __m128i bytes, bool shared)
{
	if (shared)
		fnt_bytes_store16(at, (fnt_pair)bytes);
	else
		_mm_storeu_si128((__m128i *)(void *)at, bytes);
}

/* A bit for each of 16 bytes: set if it is zero. */
static inline unsigned
fnt_short_text_zeroes(const char *at)
{
	return (unsigned)_mm_movemask_epi8(
		_mm_cmpeq_epi8(fnt_short_text_load(at), _mm_setzero_si128()));
}

#endif

/* The length of a text if it is short and may be given to fnt_short_text_copy(), else
 * FNT_SHORT_TEXT. */
static inline size_t
fnt_short_text_len(const char *text)
{
#ifdef FNT_TEXT_VECTORS
	const char *at = text;
	unsigned zeroes;

	/* Hides the object from the compiler: these loads may pass its end. */
	__asm__("" : "+r"(at));
	if (__builtin_expect(((uint32_t)(uintptr_t)at & (FNT_PAGE - 1)) >=
				     fnt_short_text_window,
			     0))
		return FNT_SHORT_TEXT;
	zeroes = fnt_short_text_zeroes(at) | fnt_short_text_zeroes(at + 16) << 16;
	if (__builtin_expect(zeroes != 0, 1))
		return (unsigned)__builtin_ctz(zeroes);
	zeroes = fnt_short_text_zeroes(at + 32);
	return zeroes ? 32 + (unsigned)__builtin_ctz(zeroes) : FNT_SHORT_TEXT;
#else
	return strnlen(text, FNT_SHORT_TEXT);
#endif
}

/* Copy a text, with the length that fnt_short_text_len() returned, to `at`, which must
 * have room for FNT_SHORT_TEXT_STORED bytes, or FNT_SHORT_TEXT if `len` is more than
 * 31. Returns the end of the text. The other bytes stored are 0; with `more` they are
 * anything, and the caller must overwrite them next: with another text, or by
 * fnt_short_text_blank(). */
static inline __attribute__((always_inline)) char *
fnt_short_text_copy_to(char *at, const char *text, size_t len, bool more, bool shared)
{
#ifdef FNT_TEXT_VECTORS
	const unsigned char *mask = fnt_short_text_mask + 32;
	__m128i first, second, third;

	__asm__("" : "+r"(text));
	first = fnt_short_text_load(text);
	second = fnt_short_text_load(text + 16);
	if (__builtin_expect(len >= 32, 0)) {
		third = fnt_short_text_load(text + 32);
		third = _mm_and_si128(third, fnt_short_text_load(mask - len % 16));
		fnt_short_text_store(at + 32, third, shared);
	} else if (!more) {
		first = _mm_and_si128(first, fnt_short_text_load(mask - len));
		second = _mm_and_si128(second, fnt_short_text_load(mask - len + 16));
	}
	fnt_short_text_store(at, first, shared);
	fnt_short_text_store(at + 16, second, shared);
	return at + len;
#else
	(void)more, (void)shared;
	return fnt_short_text_copy_exact(at, text, len);
#endif
}

/* The same to a frame's payload, … */
static inline __attribute__((always_inline)) char *
fnt_short_text_copy(char *at, const char *text, size_t len, bool more)
{
	return fnt_short_text_copy_to(at, text, len, more, true);
}

/* … and to private memory: the compiler may keep what it stores in registers. The bytes
 * after the text are 0. */
static inline __attribute__((always_inline)) char *
fnt_short_text_copy_private(char *at, const char *text, size_t len)
{
	return fnt_short_text_copy_to(at, text, len, false, false);
}

/* Clear what a copy with `more` has stored past the text's end, `at`. */
static inline void
fnt_short_text_blank(char *at)
{
#ifdef FNT_TEXT_VECTORS
	fnt_short_text_store(at, _mm_setzero_si128(), true);
	fnt_short_text_store(at + 16, _mm_setzero_si128(), true);
#else
	fnt_bytes_zero(at, FNT_SHORT_TEXT_STORED);
#endif
}

#endif
