/* SPDX-License-Identifier: MIT
 *
 * decode_text.h: the state of decoding one record, and the strings in it.
 *
 * The payload is copied into the trace set once, and strings are terminated in place.
 * The byte after a string is the first of the next element, so its NUL is stored only
 * after that element has been parsed. Behind an event's last string that is the next
 * event's type: that NUL is deferred to `pending_nul`.
 *
 * Private memory of one thread. No system call except by malloc(), as the set grows.
 */
#ifndef FNT_READ_DECODE_TEXT_H
#define FNT_READ_DECODE_TEXT_H

#include "base/utf8.h"
#include "payload/read.h"
#include "read/trace_set.h"
#include "region/view.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct fnt_decoder {
	struct fnt_trace_set *set;
	const struct fnt_view *view;
	struct fnt_trace *trace;
	struct fnt_payload_reader reader; /* of `payload` */
	char *payload;			  /* the set's copy */
	uint64_t committed_ns;		  /* of event 9; 0: none */
	char *pending_nul; /* to be overwritten by a NUL; NULL: nothing */
	struct fnt_trace_list ops, waits, schedules;
	bool no_memory; /* an allocation has failed: the trace is dropped */
};

/* A valid copy of `len` bytes that are not UTF-8, in the set; flags the trace. "": no
 * memory. */
const char *fnt_decode_sanitized(struct fnt_decoder *in, const char *from, size_t len);

/* fnt_decode_name() of a name that is not in the first two of its slots. */
const char *fnt_decode_name_slow(struct fnt_decoder *in, uint32_t id);

/* The text of name `id`, which lives as long as the set; "" if there is none, or no
 * memory for it. */
static inline const char *
fnt_decode_name(struct fnt_decoder *in, uint32_t id)
{
	const struct fnt_trace_set *set = in->set;
	uint32_t slot = id % FNT_TRACE_SET_NAMES;

	if (__builtin_expect(set->name_keys[slot] == id + 1, 1))
		return set->names[slot];
	slot = (slot + 1) % FNT_TRACE_SET_NAMES;
	if (set->name_keys[slot] == id + 1)
		return set->names[slot];
	return fnt_decode_name_slow(in, id);
}

#ifdef __SSE2__

/* Are the first `len` bytes, at most 16, all ASCII other than NUL? Loads 16. */
static inline bool
fnt_decode_ascii_16(const char *s, uint32_t len)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i ascii = _mm_cmpgt_epi8(bytes, _mm_setzero_si128()); /* 1 to 127 */

	return ((uint32_t)_mm_movemask_epi8(ascii) | UINT32_MAX << len) == UINT32_MAX;
}

/* Is it UTF-8 without a NUL? Most texts are short and ASCII, which takes one or two
 * loads of 16 bytes. They may pass the text's end: the payload's slack is behind it. */
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

/* The byte after `text`, which lies in the payload: where its NUL goes. */
static inline char *
fnt_decode_text_end(struct fnt_decoder *in, struct fnt_text text)
{
	return in->payload + (text.at - in->payload) + text.len;
}

#endif
