/* SPDX-License-Identifier: MIT
 *
 * short_text.h: short texts, measured and copied without a branch for how short.
 *
 * Ids differ in length from call to call. Copied by moves that their length chooses, as
 * memcpy() does, each of them is a branch that a processor guesses wrong, and three
 * such texts were a fifth of a call whose ids are of 4 to 28 bytes. So 32 bytes are
 * looked at in one go, where a text ends or not, and 32 are written; what of them is
 * not the text's is written over by what comes next, or blanked: nothing of what a host
 * has behind a text gets into a region.
 *
 *      text  │ c _ 1 2 3 4 5 6 7 ∅ · · · · · · · · · · · · · · · · · · · · · · │
 *      put   │ c _ 1 2 3 4 5 6 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 │
 *                                ╰─ what comes next
 *
 * Looks past a text's end stay in its page. Memcheck does not like them: where it
 * looks on, as where a text lies across the end of a page, no text is short; where a
 * sanitizer does, they are copied by moves.
 */
#ifndef FNT_BASE_SHORT_TEXT_H
#define FNT_BASE_SHORT_TEXT_H

#include "base/shm_words.h"

#include <stdbool.h>

#if defined(__SSE2__) && !defined(FNT_SANITIZED)
#include <emmintrin.h>
#define FNT_TEXT_VECTORS 1
#endif

/* Short ones are shorter than this. */
#define FNT_SHORT_TEXT 48u
/* So many bytes are written, or FNT_SHORT_TEXT where a text is no shorter than this. */
#define FNT_SHORT_TEXT_STORED 32u

/* May texts be looked at past their ends? Before the first call of a process begins,
 * and as often as one likes; any thread. */
void fnt_short_text_init(void);
bool fnt_short_text_usable(void); /* they may */

/* Bytes of a text of less than FNT_SHORT_TEXT: moves that may overlap. */
static inline char *
fnt_short_text_copy_exact(char *at, const char *bytes, size_t len)
{
	unsigned __int128 first16, last16;
	uint64_t first, last;
	uint32_t first4, last4;

	if (len >= 16) {
		memcpy(&first16, bytes, 16);
		memcpy(&last16, bytes + len - 16, 16);
		if (len > 32)
			memcpy(at + 16, bytes + 16, 16);
		memcpy(at, &first16, 16);
		memcpy(at + len - 16, &last16, 16);
	} else if (len >= 8) {
		memcpy(&first, bytes, 8);
		memcpy(&last, bytes + len - 8, 8);
		memcpy(at, &first, 8);
		memcpy(at + len - 8, &last, 8);
	} else if (len >= 4) {
		memcpy(&first4, bytes, 4);
		memcpy(&last4, bytes + len - 4, 4);
		memcpy(at, &first4, 4);
		memcpy(at + len - 4, &last4, 4);
	} else {
		for (size_t i = 0; i < len; i++)
			at[i] = bytes[i];
	}
	return at + len;
}

#ifdef FNT_TEXT_VECTORS

/* Offsets in a page up to which texts may be looked at so: none, under Memcheck. */
extern uint32_t fnt_short_text_window;
/* 32 times 255, 32 times 0. */
extern const unsigned char fnt_short_text_mask[64];

static inline __m128i
fnt_short_text_load(const void *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

static inline void
fnt_short_text_store(char *at, __m128i bytes)
{
	_mm_storeu_si128((__m128i *)(void *)at, bytes);
}

/* A bit for each zero. */
static inline unsigned
fnt_short_text_zeroes(const char *at)
{
	return (unsigned)_mm_movemask_epi8(
		_mm_cmpeq_epi8(fnt_short_text_load(at), _mm_setzero_si128()));
}

#endif

/* The length of a text, if it is short, and may be put by fnt_short_text_copy(); else
 * FNT_SHORT_TEXT. */
static inline size_t
fnt_short_text_len(const char *text)
{
#ifdef FNT_TEXT_VECTORS
	const char *at = text;
	unsigned zeroes;

	/* What the compiler knows of the object does not hold for these looks. */
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

/* A text, its length by fnt_short_text_len(), at `at`; returns its end. What else is written
 * is 0, unless `more` is put there next: another text, or a blank. */
static inline __attribute__((always_inline)) char *
fnt_short_text_copy(char *at, const char *text, size_t len, bool more)
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
		fnt_short_text_store(at + 32, third);
	} else if (!more) {
		first = _mm_and_si128(first, fnt_short_text_load(mask - len));
		second = _mm_and_si128(second, fnt_short_text_load(mask - len + 16));
	}
	fnt_short_text_store(at, first);
	fnt_short_text_store(at + 16, second);
	return at + len;
#else
	(void)more;
	return fnt_short_text_copy_exact(at, text, len);
#endif
}

/* Where `more` was promised, and is not a text. */
static inline void
fnt_short_text_blank(char *at)
{
	memset(at, 0, FNT_SHORT_TEXT_STORED);
}

#endif
