/* SPDX-License-Identifier: MIT
 *
 * encode_fast.h: encode the parts of common events with few branches.
 *
 * For events whose texts are all short (base/short_text.h), whose names are interned
 * and whose times are below 2^32 ns. The caller has checked that, and has made room for
 * FNT_FAST_…_BOUND bytes, and FNT_SHORT_TEXT more for each text. These functions store
 * whole words, so they may write past the end that they return; the bytes there are
 * garbage, to be overwritten or left unpublished. The bytes up to there are as encode.h
 * would write them. Only the thread that builds the call writes. Wait-free, no system
 * call.
 */
#ifndef FNT_PAYLOAD_ENCODE_FAST_H
#define FNT_PAYLOAD_ENCODE_FAST_H

#include "base/short_text.h"
#include "payload/encode.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* An op up to its id takes at most FNT_FAST_OP_HEAD bytes. The bounds have room for
 * what is stored past the end, too. */
#define FNT_FAST_OP_HEAD 8u
#define FNT_FAST_OP_BOUND (FNT_FAST_OP_HEAD + 1 + FNT_SHORT_TEXT_STORED)
#define FNT_FAST_OP_BEGIN_BOUND 18u
static_assert(FNT_FAST_OP_BOUND >= 33, "an op's other elements, in whole words");

/* A text with the length that fnt_short_text_len() returned; NULL: nil. */
static inline __attribute__((always_inline)) char *
fnt_encode_text_fast(char *at, const char *text, size_t len)
{
	if (!text) {
		fnt_bytes_store1(at, 0xc0);
		return at + 1;
	}
	if (__builtin_expect(len >= 32, 0))
		fnt_bytes_store1(at++, 0xd9);
	fnt_bytes_store1(at, (uint8_t)(len < 32 ? 0xa0 | len : len));
	return fnt_short_text_copy(at + 1, text, len, false);
}

/* The `count` lowest bytes of `before`, 0 to 2, and then a text. The bytes and the
 * text's head take one store. `more` as in fnt_short_text_copy(). */
static inline __attribute__((always_inline)) char *
fnt_encode_text_after_fast(char *at, uint32_t before, uint32_t count, const char *text,
			   size_t len, bool more)
{
	uint32_t head = before | (0xa0u | (uint32_t)len) << count * 8;

	if (__builtin_expect(len >= 32, 0)) {
		head = before | (0xd9u | (uint32_t)len << 8) << count * 8;
		count++;
	}
	fnt_bytes_store4(at, head);
	return fnt_short_text_copy(at + count + 1, text, len, more);
}

/* Encode a name's id into `packed`, from its byte 3 on. Returns the id's length: 1, 3
 * or 5 bytes. */
static inline uint32_t
fnt_encode_id_word(uint64_t *packed, uint32_t id)
{
	char bytes[sizeof(*packed)] = {0};
	uint32_t len = (uint32_t)(fnt_encode_number(bytes + 3, id) - (bytes + 3));

	memcpy(packed, bytes, sizeof(*packed));
	return len;
}

static inline char *
fnt_encode_time_fast(char *at, uint64_t ns)
{
	uint32_t big_endian = __builtin_bswap32((uint32_t)ns);

	fnt_bytes_store1(at, 0xce);
	fnt_bytes_store4(at + 1, big_endian);
	return at + 5;
}

/* A time below 2^32 ns in the 5 upper bytes of a word that is stored in big-endian
 * order. The elements after it go to the lower bits. */
static inline uint64_t
fnt_encode_time_word(uint64_t ns)
{
	return 0xceull << 56 | ns << 24;
}

/* Store a word in big-endian order. */
static inline void
fnt_encode_word_fast(char *at, uint64_t word)
{
	fnt_bytes_store8(at, __builtin_bswap64(word));
}

/* An op's last elements: times, rows, ok. Takes two stores if `rows` is below 128 or
 * FNT_NONE, and so takes one byte. */
static inline char *
fnt_encode_times_fast(char *at, uint64_t start_ns, uint64_t duration_ns, int64_t rows,
		      bool ok, uint64_t *known_rows)
{
	uint64_t tail = (uint64_t)rows << 16;

	*known_rows = (uint64_t)rows;

	fnt_encode_word_fast(at, fnt_encode_time_word(start_ns));
	at += 5;
	if (__builtin_expect((uint64_t)rows > 127, 0)) {
		tail = 0xc0u << 16;
		*known_rows = rows > 0 ? (uint64_t)rows : 0;
		if (__builtin_expect(rows != FNT_NONE, 0)) {
			fnt_encode_word_fast(at, fnt_encode_time_word(duration_ns));
			return fnt_encode_bool(fnt_encode_optional(at + 5, rows), ok);
		}
	}
	fnt_encode_word_fast(at, fnt_encode_time_word(duration_ns) | tail | 0xc200u |
					 (uint64_t)ok << 8);
	return at + 7;
}

/* The first two bytes of an event: array head and type. */
#define FNT_HEAD_CALL (0x95u | FNT_EVENT_CALL << 8)
#define FNT_HEAD_OP (0x98u | FNT_EVENT_OP << 8)
#define FNT_HEAD_OP_BEGIN (0x95u | FNT_EVENT_OP_BEGIN << 8)

/* An op up to its entity, in one store. `head`: FNT_HEAD_… | op << 16; `packed`: the
 * entity from fnt_encode_id_word(). */
static inline char *
fnt_encode_op_fast(char *at, uint32_t head, uint64_t packed, uint32_t packed_len)
{
	fnt_bytes_store8(at, packed | head);
	return at + 3 + packed_len;
}

#endif
