/* SPDX-License-Identifier: MIT
 *
 * payload_pack_quick.h: the commonest events, put together quicker still than in
 * payload_pack.h.
 */
#ifndef FNT_PAYLOAD_PACK_QUICK_H
#define FNT_PAYLOAD_PACK_QUICK_H

#include "payload_pack.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Events of which every text is shorter than this, every name interned, and every time
 * less than 2^32 ns: bounded by FNT_QUICK_…_BOUND and the text, and put together
 * without a branch for what they are not. */
#define FNT_QUICK_TEXT 48u
#define FNT_QUICK_OP_BOUND 33u
#define FNT_QUICK_OP_BEGIN_BOUND 18u

#ifdef __SSE2__
static inline unsigned
fnt_zeroes_16(const char *at)
{
	return (unsigned)_mm_movemask_epi8(
		_mm_cmpeq_epi8(_mm_load_si128((const __m128i *)(const void *)at),
			       _mm_setzero_si128()));
}
#endif

/* The length of a text, where it is less than FNT_QUICK_TEXT; else at least that. As
 * strnlen(), at a third of its cost: 16 bytes are looked at in one go, and as those are
 * aligned, they lie in one page, and Memcheck knows what is meant. */
static inline size_t
fnt_quick_len(const char *text)
{
#if defined(__SSE2__) && !defined(FNT_SANITIZED)
	const char *at = (const char *)((uintptr_t)text & ~(uintptr_t)15);
	unsigned skip = (unsigned)((uintptr_t)text & 15), len = 0;
	unsigned zeroes;

	/* What the compiler may know of the object does not hold for these looks at it.
	 */
	__asm__("" : "+r"(at));
	zeroes = fnt_zeroes_16(at) >> skip;
	if (!zeroes) {
		len = 16 - skip;
		zeroes = fnt_zeroes_16(at + 16);
	}
	if (__builtin_expect(!zeroes, 0)) {
		len += 16;
		zeroes = fnt_zeroes_16(at + 32);
	}
	if (__builtin_expect(!zeroes, 0)) {
		len += 16;
		zeroes = len < FNT_QUICK_TEXT ? fnt_zeroes_16(at + 48) : 1;
	}
	return zeroes ? len + (unsigned)__builtin_ctz(zeroes) : FNT_QUICK_TEXT;
#else
	return strnlen(text, FNT_QUICK_TEXT);
#endif
}

/* Bytes of a text of less than FNT_QUICK_TEXT: moves that may overlap. */
static inline char *
fnt_quick_bytes(char *at, const char *bytes, size_t len)
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

static inline char *
fnt_quick_text(char *at, const char *text, size_t len)
{
	if (!text) {
		*at = (char)0xc0;
		return at + 1;
	}
	if (__builtin_expect(len >= 32, 0))
		*at++ = (char)0xd9;
	*at = (char)(len < 32 ? 0xa0 | len : len);
	return fnt_quick_bytes(at + 1, text, len);
}

/* The same after the `some` bytes of `before`, up to 2. */
static inline char *
fnt_quick_text_after(char *at, uint32_t before, uint32_t some, const char *text,
		     size_t len)
{
	uint32_t head = before | (0xa0u | (uint32_t)len) << some * 8;

	if (__builtin_expect(len >= 32, 0)) {
		head = before | (0xd9u | (uint32_t)len << 8) << some * 8;
		some++;
	}
	memcpy(at, &head, 4);
	return fnt_quick_bytes(at + some + 1, text, len);
}

static inline char *
fnt_quick_time(char *at, uint64_t ns)
{
	uint32_t big_endian = __builtin_bswap32((uint32_t)ns);

	*at = (char)0xce;
	memcpy(at + 1, &big_endian, 4);
	return at + 5;
}

/* A time, less than 2^32 ns, as the first 5 of 8 bytes; big-endian, so that what comes
 * after it is the lower bits. */
static inline uint64_t
fnt_quick_time_word(uint64_t ns)
{
	return 0xceull << 56 | ns << 24;
}

static inline void
fnt_quick_put_word(char *at, uint64_t word)
{
	word = __builtin_bswap64(word);
	memcpy(at, &word, 8);
}

/* An op's times, and what comes after them where that is a byte each: rows, less than
 * 128 or none, and ok. In two stores; what is not filled is written over. */
static inline char *
fnt_quick_times(char *at, uint64_t start_ns, uint64_t duration_ns, int64_t rows,
		bool ok)
{
	uint64_t tail = (uint64_t)rows << 16;

	fnt_quick_put_word(at, fnt_quick_time_word(start_ns));
	at += 5;
	if (__builtin_expect((uint64_t)rows > 127, 0)) {
		tail = 0xc0u << 16;
		if (__builtin_expect(rows != FNT_NONE, 0)) {
			fnt_quick_put_word(at, fnt_quick_time_word(duration_ns));
			return fnt_put_bool(fnt_put_rows(at + 5, rows), ok);
		}
	}
	fnt_quick_put_word(at, fnt_quick_time_word(duration_ns) | tail | 0xc200u |
				       (uint64_t)ok << 8);
	return at + 7;
}

/* An op's head: array, event, op; and in the same word the entity, of at most 5 bytes,
 * whose place in it `packed` has. What it does not fill is written over. */
#define FNT_QUICK_CALL (0x95u | FNT_EVENT_CALL << 8)
#define FNT_QUICK_OP (0x98u | FNT_EVENT_OP << 8)
#define FNT_QUICK_OP_BEGIN (0x95u | FNT_EVENT_OP_BEGIN << 8)

static inline char *
fnt_quick_op(char *at, uint32_t head, uint64_t packed, uint32_t packed_len)
{
	packed |= head;
	memcpy(at, &packed, 8);
	return at + 3 + packed_len;
}

#endif
