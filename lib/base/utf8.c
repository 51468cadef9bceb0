/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define LOW_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Are all eight bytes ASCII and not NUL? With every high bit clear the addition carries
 * into no other byte, and sets a byte's high bit exactly if the byte is not 0. */
static inline bool
is_ascii_word(uint64_t word)
{
	return !(word & HIGH_BITS) && ((word + LOW_BITS) & HIGH_BITS) == HIGH_BITS;
}

/* Length of a prefix of ASCII without NUL, found eight bytes at a time. */
static size_t
ascii_prefix(const char *s, size_t len)
{
	size_t at = 0;
	uint64_t word;

	for (; len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, s + at, sizeof(word));
		if (!is_ascii_word(word))
			break;
	}
	return at;
}

/* Are all bytes ASCII and not NUL? The last eight are tested as one word, which may
 * overlap the words before. */
static bool
is_ascii(const char *s, size_t len)
{
	uint64_t word = 0;
	uint32_t first, last;

	if (len >= 8) {
		if (ascii_prefix(s, len) < len - 7)
			return false;
		memcpy(&word, s + len - 8, 8);
	} else if (len >= 4) {
		memcpy(&first, s, 4);
		memcpy(&last, s + len - 4, 4);
		word = (uint64_t)last << 32 | first;
	} else if (len) {
		word = 0x0101010101010101u * (unsigned char)s[0];
		word ^= (uint64_t)((unsigned char)(s[len / 2] ^ s[0])) << 8;
		word ^= (uint64_t)((unsigned char)(s[len - 1] ^ s[0])) << 16;
	} else {
		return true;
	}
	return is_ascii_word(word);
}

/* Length of the character that begins with `lead`, and the range of its second byte;
 * further bytes are 80..BF. 0 if no character begins so. Unicode standard, table
 * 3-7. */
static size_t
lead_size(unsigned char lead, unsigned char *second_min, unsigned char *second_max)
{
	*second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t
fnt_utf8_piece(const char *s, size_t len, bool *valid)
{
	const unsigned char *byte = (const unsigned char *)s;
	unsigned char min, max;
	size_t size, at;

	*valid = byte[0] < 0x80;
	if (*valid)
		return 1;
	size = lead_size(byte[0], &min, &max);
	for (at = 1; at < size && at < len; at++) {
		if (byte[at] < min || byte[at] > max)
			break;
		min = 0x80;
		max = 0xbf;
	}
	*valid = at == size;
	return at;
}

bool
fnt_utf8_valid(const char *s, size_t len)
{
	size_t at = 0;
	bool valid;

	if (is_ascii(s, len))
		return true;
	while (at < len) {
		at += ascii_prefix(s + at, len - at);
		/* Eight pieces before the next search for ASCII, which costs more than
		 * a piece where most characters have several bytes. */
		for (int i = 0; i < 8 && at < len; i++) {
			if (s[at] == '\0')
				return false;
			at += fnt_utf8_piece(s + at, len - at, &valid);
			if (!valid)
				return false;
		}
	}
	return true;
}

size_t
fnt_utf8_sanitized_len(const char *s, size_t len)
{
	size_t at = 0, out = 0, size;
	bool valid;

	while (at < len) {
		size = ascii_prefix(s + at, len - at);
		at += size;
		out += size;
		for (int i = 0; i < 8 && at < len; i++) {
			size = fnt_utf8_piece(s + at, len - at, &valid);
			valid = valid && s[at] != '\0';
			at += size;
			out += valid ? size : FNT_UTF8_FFFD_SIZE;
		}
	}
	return out;
}

size_t
fnt_utf8_sanitize(char *dst, const char *s, size_t len)
{
	size_t at = 0, out = 0, size;
	bool valid;

	while (at < len) {
		size = ascii_prefix(s + at, len - at);
		memcpy(dst + out, s + at, size);
		at += size;
		out += size;
		for (int i = 0; i < 8 && at < len; i++) {
			size = fnt_utf8_piece(s + at, len - at, &valid);
			valid = valid && s[at] != '\0';
			memcpy(dst + out, valid ? s + at : FNT_UTF8_FFFD,
			       valid ? size : FNT_UTF8_FFFD_SIZE);
			at += size;
			out += valid ? size : FNT_UTF8_FFFD_SIZE;
		}
	}
	return out;
}

size_t
fnt_utf8_cut(const char *s, size_t len, size_t max)
{
	bool valid;

	if (len <= max)
		return len;
	for (size_t back = 1; back <= 3 && back <= max; back++) {
		size_t at = max - back;

		if (((unsigned char)s[at] & 0xc0) == 0x80)
			continue; /* a continuation byte: the piece began earlier */
		return fnt_utf8_piece(s + at, len - at, &valid) > back ? at : max;
	}
	return max;
}
