/* SPDX-License-Identifier: MIT */
#include "tap/jsonhash.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 63 /* bytes of a number that count */

/* What a hash begins with, by the kind of value. */
enum kind {
	OF_STRING = 1,
	OF_NUMBER,
	OF_ARRAY,
	OF_OBJECT,
	OF_WORD,
};

struct input {
	const char *at, *end;
	unsigned depth;
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
	uint64_t hash =
		(a ^ (b + UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);

	return hash ^ hash >> 29;
}

static void
skip_spaces(struct input *in)
{
	while (in->at < in->end && strchr(" \t\r\n", *in->at) && *in->at)
		in->at++;
}

/* The next byte that is no space, which stays; 0: none. */
static char
peek(struct input *in)
{
	skip_spaces(in);
	return in->at < in->end ? *in->at : '\0';
}

/* ---- strings and numbers --------------------------------------------------------- */

static unsigned
hex_of(struct input *in)
{
	unsigned value = 0;

	for (int i = 0; i < 4 && in->at < in->end; i++) {
		char c = *in->at++;

		value = value << 4 | ((unsigned)(c & 0xf) + (c & 0x40 ? 9u : 0u));
	}
	return value;
}

static uint64_t
mix_code_point(uint64_t hash, unsigned code)
{
	if (code < 0x80)
		return mix(hash, code);
	if (code < 0x800)
		return mix(mix(hash, 0xc0 | code >> 6), 0x80 | (code & 0x3f));
	if (code >= 0x10000)
		hash = mix(mix(hash, 0xf0 | code >> 18), 0x80 | (code >> 12 & 0x3f));
	else
		hash = mix(hash, 0xe0 | code >> 12);
	return mix(mix(hash, 0x80 | (code >> 6 & 0x3f)), 0x80 | (code & 0x3f));
}

/* Behind a backslash. */
static uint64_t
mix_escape(struct input *in, uint64_t hash)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char c = in->at < in->end ? *in->at++ : '\0';
	const char *at = c ? strchr(from, c) : NULL;
	unsigned code;

	if (c != 'u')
		return mix(hash, (unsigned char)(at ? to[at - from] : c));
	code = hex_of(in);
	if (code >= 0xd800 && code < 0xdc00 && in->end - in->at >= 6 &&
	    in->at[0] == '\\' && in->at[1] == 'u') {
		in->at += 2;
		code = 0x10000 + ((code - 0xd800) << 10) + (hex_of(in) - 0xdc00);
	}
	return mix_code_point(hash, code);
}

/* Behind the first quote. */
static uint64_t
hash_string(struct input *in)
{
	uint64_t hash = OF_STRING;

	while (in->at < in->end && *in->at != '"') {
		unsigned char c = (unsigned char)*in->at++;

		hash = c == '\\' ? mix_escape(in, hash) : mix(hash, c);
	}
	in->at += in->at < in->end;
	return hash;
}

static uint64_t
hash_number(struct input *in)
{
	char text[NUMBER_MAX + 1];
	size_t len = 0;
	double value;
	uint64_t bits;

	while (in->at < in->end && *in->at && strchr("+-.0123456789eE", *in->at)) {
		if (len < NUMBER_MAX)
			text[len++] = *in->at;
		in->at++;
	}
	text[len] = '\0';
	value = strtod(text, NULL);
	if (value == 0)
		value = 0; /* -0 is 0 */
	memcpy(&bits, &value, sizeof(bits));
	return mix(OF_NUMBER, bits);
}

/* ---- values ---------------------------------------------------------------------- */

static uint64_t hash_value(struct input *in);

static uint64_t
hash_array(struct input *in)
{
	uint64_t hash = OF_ARRAY;

	while (peek(in) && *in->at != ']') {
		hash = mix(hash, hash_value(in));
		if (peek(in) == ',')
			in->at++;
	}
	in->at += in->at < in->end;
	return hash;
}

/* The members' hashes are added up, so their order makes no difference. */
static uint64_t
hash_object(struct input *in)
{
	uint64_t sum = 0;

	while (peek(in) == '"') {
		uint64_t name;

		in->at++;
		name = hash_string(in);
		if (peek(in) == ':')
			in->at++;
		sum += mix(mix(OF_OBJECT, name), hash_value(in));
		if (peek(in) == ',')
			in->at++;
	}
	in->at += in->at < in->end;
	return mix(OF_OBJECT, sum);
}

/* true, false, null; also one byte of what is not JSON, so that this ends. */
static uint64_t
hash_word(struct input *in)
{
	uint64_t hash = OF_WORD;

	do
		hash = mix(hash, (unsigned char)*in->at++);
	while (in->at < in->end && *in->at >= 'a' && *in->at <= 'z');
	return hash;
}

static uint64_t
hash_value(struct input *in)
{
	uint64_t hash = OF_WORD;
	char c = peek(in);

	if (!c || in->depth == JSONHASH_DEPTH_MAX) {
		in->at = in->end;
		return hash;
	}
	in->depth++;
	if (c == '-' || (c >= '0' && c <= '9')) {
		hash = hash_number(in);
	} else if (c == '"' || c == '{' || c == '[') {
		in->at++;
		hash = c == '"'	  ? hash_string(in)
		       : c == '{' ? hash_object(in)
				  : hash_array(in);
	} else {
		hash = hash_word(in);
	}
	in->depth--;
	return hash;
}

uint64_t
jsonhash(const char *text, size_t len)
{
	struct input in = {.at = text, .end = text + len};

	return hash_value(&in) | 1;
}
