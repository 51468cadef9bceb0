/* SPDX-License-Identifier: MIT
 *
 * decode_text.h: what is being decoded, and the texts in it.
 *
 * The payload is copied into the set as it is, and texts are left where they are in it:
 * a NUL takes the place of the byte after each, which is the first of the next element,
 * once that has been read. Where that is the next event's, it waits for it.
 */
#ifndef FNT_READ_DECODE_TEXT_H
#define FNT_READ_DECODE_TEXT_H

#include "payload/read.h"
#include "region/region.h"
#include "read/trace_set.h"
#include "base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A failed allocation ends it. */
struct fnt_decoder {
	struct fnt_trace_set *set;
	const struct fnt_view *view;
	struct fnt_trace *trace;
	struct fnt_payload_reader reader;
	char *payload; /* the copy that the reader reads */
	char *nul;     /* where one waits; NULL: nowhere */
	struct fnt_trace_list ops, schedules;
	bool no_memory;
};

/* A copy of `len` bytes that are no UTF-8, made valid. */
const char *fnt_decode_sanitized(struct fnt_decoder *in, const char *from, size_t len);

/* fnt_decode_name() of one that is not where it is looked for first, or was no
 * UTF-8. */
const char *fnt_decode_name_slow(struct fnt_decoder *in, uint32_t id);

#ifdef __SSE2__

/* Is each of the first `len` <= 16 of these 16 bytes ASCII and not NUL? */
static inline bool
fnt_decode_ascii_16(const char *s, uint32_t len)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i plain = _mm_cmpgt_epi8(bytes, _mm_setzero_si128()); /* 1 to 127 */

	return ((uint32_t)_mm_movemask_epi8(plain) | UINT32_MAX << len) == UINT32_MAX;
}

/* Is it UTF-8 without a NUL? Most texts are short and ASCII: two looks, at bytes that
 * are there after any text in the copy. */
static inline bool
fnt_decode_text_valid(const char *s, uint32_t len)
{
	if (len <= 16 && fnt_decode_ascii_16(s, len))
		return true;
	if (len <= 32 && len > 16 && fnt_decode_ascii_16(s, 16) &&
	    fnt_decode_ascii_16(s + 16, len - 16))
		return true;
	return fnt_utf8_valid(s, len);
}

#else

static inline bool
fnt_decode_text_valid(const char *s, uint32_t len)
{
	return fnt_utf8_valid(s, len);
}

#endif

static inline const char *
fnt_decode_name(struct fnt_decoder *in, uint32_t id)
{
	const struct fnt_trace_set *set = in->set;
	uint32_t place = id % FNT_TRACE_SET_NAMES;

	if (__builtin_expect(set->name_keys[place] == id + 1, 1))
		return set->names[place];
	place = (place + 1) % FNT_TRACE_SET_NAMES;
	if (set->name_keys[place] == id + 1)
		return set->names[place];
	return fnt_decode_name_slow(in, id);
}

#endif
