/* SPDX-License-Identifier: MIT
 *
 * test_utf8.c: which sequences are characters is found by encoding all 1,112,064 of
 * them by the definition in RFC 3629 and recording every prefix. No table is shared
 * with utf8.c.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "base/utf8.h"

#define FFFD "\xEF\xBF\xBD"

/* prefixes[n]: sequences of n bytes that begin (or are) a character; whole[n]: those
 * that are one. One byte for each sequence. Of four bytes only three are recorded, as
 * any continuation byte may follow them. */
static uint8_t *prefixes[4], *whole[4];
static uint64_t seed = 0x9E3779B97F4A7C15u;

static unsigned
rnd(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static size_t
encode(uint32_t code, unsigned char *to)
{
	size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (size == 1) {
		to[0] = (unsigned char)code;
		return 1;
	}
	for (size_t i = size - 1; i > 0; i--, code >>= 6)
		to[i] = (unsigned char)(0x80 | (code & 0x3f));
	to[0] = (unsigned char)((0xf00u >> size & 0xf0) | code);
	return size;
}

static size_t
index_of(const unsigned char *s, size_t size)
{
	size_t index = 0;

	for (size_t i = 0; i < size; i++)
		index = index << 8 | s[i];
	return index;
}

static void
make_tables(void)
{
	unsigned char bytes[4];

	for (size_t n = 1; n <= 3; n++) {
		prefixes[n] = calloc((size_t)1 << 8 * n, 1);
		whole[n] = calloc((size_t)1 << 8 * n, 1);
	}
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		size_t size = encode(code, bytes);

		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		for (size_t n = 1; n <= 3 && n <= size; n++)
			prefixes[n][index_of(bytes, n)] = 1;
		if (size < 4)
			whole[size][index_of(bytes, size)] = 1;
	}
}

/* The longest prefix of `s` that begins a character, at least one byte (Unicode 15,
 * 3.9). */
static size_t
expect_piece(const unsigned char *s, size_t len, bool *valid)
{
	size_t size = 0;

	while (size < 3 && size < len && prefixes[size + 1][index_of(s, size + 1)]) {
		size++;
		*valid = whole[size][index_of(s, size)];
		if (*valid)
			return size;
	}
	*valid = size == 3 && len > 3 && (s[3] & 0xc0) == 0x80;
	return *valid ? 4 : size ? size : 1;
}

static size_t
expect_sanitized(char *to, const unsigned char *s, size_t len)
{
	size_t out = 0, size;
	bool valid;

	for (size_t at = 0; at < len; at += size) {
		size = expect_piece(s + at, len - at, &valid);
		valid = valid && s[at];
		memcpy(to + out, valid ? (const char *)s + at : FFFD, valid ? size : 3);
		out += valid ? size : 3;
	}
	return out;
}

static bool
expect_valid(const unsigned char *s, size_t len)
{
	bool valid = true;

	for (size_t at = 0; at < len && valid;) {
		valid = s[at] != 0;
		if (valid)
			at += expect_piece(s + at, len - at, &valid);
	}
	return valid;
}

static size_t
expect_cut(const unsigned char *s, size_t len, size_t max)
{
	size_t at = 0, size = 0;
	bool valid;

	for (; at < len; at += size) {
		size = expect_piece(s + at, len - at, &valid);
		if (at + size > max)
			break;
	}
	return at;
}

/* Check all that utf8.h promises for one string, in memory of exactly its size. */
static void
check_string(const unsigned char *bytes, size_t len)
{
	char *s = malloc(len ? len : 1), *out, *expected = malloc(3 * len + 1);
	size_t out_len = expect_sanitized(expected, bytes, len);

	if (len)
		memcpy(s, bytes, len);
	MUST(fnt_utf8_valid(s, len) == expect_valid(bytes, len));
	MUST(fnt_utf8_sanitized_len(s, len) == out_len);
	out = malloc(out_len ? out_len : 1);
	MUST(fnt_utf8_sanitize(out, s, len) == out_len);
	MUST(!memcmp(out, expected, out_len));
	MUST(fnt_utf8_valid(out, out_len));
	for (size_t max = 0; max <= len + 2; max++) {
		size_t cut = fnt_utf8_cut(s, len, max);

		MUST(cut == expect_cut(bytes, len, max));
		/* A sanitized prefix is a prefix of the sanitized whole. */
		MUST(fnt_utf8_sanitize(expected, s, cut) <= out_len);
		MUST(!memcmp(expected, out, fnt_utf8_sanitized_len(s, cut)));
	}
	free(s);
	free(out);
	free(expected);
}

START_TEST(every_character)
{
	unsigned char bytes[4];
	bool valid;

	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		size_t size = encode(code, bytes);
		bool good = code < 0xd800 || code > 0xdfff;
		const char *s = (const char *)bytes;

		MUST(fnt_utf8_valid(s, size) == (good && code != 0));
		MUST((fnt_utf8_piece(s, size, &valid) == size) == good);
		MUST(valid == good);
	}
}
END_TEST

/* All sequences of three bytes; of four bytes, every lead and second byte with a few of
 * each kind after them. */
START_TEST(every_sequence_start)
{
	static const unsigned char some[] = {0x00, 'a',	 0x7f, 0x80,
					     0xbf, 0xc0, 0xe2, 0xff};
	unsigned char s[4];
	bool valid, expected;

	for (uint32_t i = 0; i < 1u << 24; i++) {
		size_t len = 3 + (i % 8 == 0);

		s[0] = (unsigned char)(i >> 16);
		s[1] = (unsigned char)(i >> 8);
		s[2] = (unsigned char)i;
		s[3] = some[(i >> 3) % sizeof(some)];
		if (s[0] < 0x80)
			continue;
		for (size_t n = 1; n <= len; n++) {
			size_t size = expect_piece(s, n, &expected);

			if (fnt_utf8_piece((char *)s, n, &valid) != size ||
			    valid != expected)
				ck_abort_msg("%02x %02x %02x %02x, %zu", s[0], s[1],
					     s[2], s[3], n);
		}
	}
}
END_TEST

/* The examples of the Unicode standard, tables 3-8 to 3-11. */
START_TEST(examples_of_the_standard)
{
	static const struct {
		const char *in, *out;
	} examples[] = {
		{"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
		 FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
		{"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
		 FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
		{"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
		 FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"},
		{"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", FFFD FFFD FFFD FFFD "A"},
	};
	char out[64];

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		size_t len =
			fnt_utf8_sanitize(out, examples[i].in, strlen(examples[i].in));

		ck_assert_uint_eq(len, strlen(examples[i].out));
		ck_assert_mem_eq(out, examples[i].out, len);
	}
}
END_TEST

/* The path for eight ASCII bytes at once hands over to the general one at every offset.
 */
START_TEST(one_non_ascii_byte_at_every_offset)
{
	static const char *const odd[] = {
		"",	"\x80", "\xC3\xA4", "\xE2\x82", "\xF0\x9F\x98\x80",
		"\xFF", "\x01", "\x7F"};
	unsigned char s[48];

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		size_t size = strlen(odd[i]) + !*odd[i]; /* "" stands for a NUL */

		for (size_t len = size; len <= 40; len++) {
			for (size_t at = 0; at + size <= len; at++) {
				memset(s, 'x', sizeof(s));
				memcpy(s + at, odd[i], size);
				check_string(s, len);
			}
		}
	}
	check_string(s, 0);
}
END_TEST

START_TEST(random_strings)
{
	static const unsigned char likely[] = {
		0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf,
		0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff, 'a'};
	unsigned char s[40];

	for (int round = 0; round < 60000; round++) {
		size_t len = rnd(sizeof(s));

		for (size_t i = 0; i < len; i++)
			s[i] = round % 2 ? likely[rnd(sizeof(likely))]
					 : (unsigned char)rnd(256);
		check_string(s, len);
	}
}
END_TEST

int
main(void)
{
	int status;

	make_tables();
	status = SUITE_RUN("utf8", every_character, every_sequence_start,
			   examples_of_the_standard, one_non_ascii_byte_at_every_offset,
			   random_strings);
	for (size_t n = 1; n <= 3; n++) {
		free(prefixes[n]);
		free(whole[n]);
	}
	return status;
}
