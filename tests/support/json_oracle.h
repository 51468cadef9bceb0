/* SPDX-License-Identifier: MIT
 *
 * json_oracle.h: a second implementation of JSON and UTF-8, for tests and fuzzing. It
 * is written to be plainly right, by recursive descent along the grammar of RFC 8259,
 * and shares no line with the code under test.
 */
#ifndef FNT_TEST_JSON_ORACLE_H
#define FNT_TEST_JSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct oracle {
	const unsigned char *at, *end;
	unsigned depth, depth_max;
	bool spaces;	/* allow white space between tokens */
	bool strict;	/* strings must be UTF-8, surrogates paired, lines unbroken */
	bool surrogate; /* found: an escaped surrogate, U+2028 or U+2029 */
};

/* Decode the code point at `s` by the formulas of RFC 3629. Returns its size, or 0. */
static inline int
oracle_utf8(const unsigned char *s, const unsigned char *end, unsigned *code)
{
	static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	int size = *s < 0x80		 ? 1
		   : (*s & 0xe0) == 0xc0 ? 2
		   : (*s & 0xf0) == 0xe0 ? 3
		   : (*s & 0xf8) == 0xf0 ? 4
					 : 0;

	if (!size || end - s < size)
		return 0;
	*code = size == 1 ? *s : *s & (0x7fu >> size);
	for (int i = 1; i < size; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*code = *code << 6 | (s[i] & 0x3fu);
	}
	if (*code < smallest[size] || *code > 0x10ffff)
		return 0;
	return *code >= 0xd800 && *code <= 0xdfff ? 0 : size;
}

static inline bool
oracle_is_utf8(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + len;
	unsigned code;
	int size;

	for (; at < end; at += size) {
		size = oracle_utf8(at, end, &code);
		if (!size)
			return false;
	}
	return true;
}

static inline void
oracle_space(struct oracle *o)
{
	while (o->spaces && o->at < o->end && *o->at && strchr(" \t\r\n", *o->at))
		o->at++;
}

static inline bool
oracle_take(struct oracle *o, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(o->end - o->at) < len || memcmp(o->at, text, len))
		return false;
	o->at += len;
	return true;
}

static inline bool
oracle_digits(struct oracle *o)
{
	const unsigned char *start = o->at;

	while (o->at < o->end && *o->at >= '0' && *o->at <= '9')
		o->at++;
	return o->at > start;
}

static inline bool
oracle_number(struct oracle *o)
{
	oracle_take(o, "-");
	if (!oracle_take(o, "0") && !oracle_digits(o))
		return false;
	if (oracle_take(o, ".") && !oracle_digits(o))
		return false;
	if (oracle_take(o, "e") || oracle_take(o, "E")) {
		if (!oracle_take(o, "+"))
			oracle_take(o, "-");
		return oracle_digits(o);
	}
	return true;
}

/* The UTF-16 unit after `\u`, or -1. */
static inline int
oracle_hex4(struct oracle *o)
{
	int unit = 0;

	for (int i = 0; i < 4; i++, o->at++) {
		const char *hex = "0123456789abcdef0123456789ABCDEF", *found;

		found = o->at < o->end && *o->at ? strchr(hex, *o->at) : NULL;
		if (!found)
			return -1;
		unit = unit * 16 + (int)(found - hex) % 16;
	}
	return unit;
}

static inline bool
oracle_escape(struct oracle *o)
{
	int unit;

	if (!oracle_take(o, "u")) {
		bool known = o->at < o->end && *o->at && strchr("\"\\/bfnrt", *o->at);

		o->at += known;
		return known;
	}
	unit = oracle_hex4(o);
	if (unit < 0xd800 || unit > 0xdfff)
		return unit >= 0;
	o->surrogate = true;
	if (!o->strict)
		return true;
	if (unit > 0xdbff || !oracle_take(o, "\\u"))
		return false;
	unit = oracle_hex4(o);
	return unit >= 0xdc00 && unit <= 0xdfff;
}

static inline bool
oracle_string(struct oracle *o)
{
	unsigned code;
	int size;

	if (!oracle_take(o, "\""))
		return false;
	while (o->at < o->end) {
		if (oracle_take(o, "\""))
			return true;
		if (*o->at < 0x20)
			return false;
		if (oracle_take(o, "\\")) {
			if (!oracle_escape(o))
				return false;
			continue;
		}
		size = oracle_utf8(o->at, o->end, &code);
		if (size && (code == 0x2028 || code == 0x2029)) {
			o->surrogate = true;
			if (o->strict)
				return false;
		}
		if (!size && o->strict)
			return false;
		o->at += size ? size : 1;
	}
	return false;
}

static inline bool oracle_value(struct oracle *o);

static inline bool
oracle_members(struct oracle *o, bool object, const char *close)
{
	oracle_space(o);
	if (oracle_take(o, close))
		return true;
	for (;;) {
		if (object) {
			oracle_space(o);
			if (!oracle_string(o))
				return false;
			oracle_space(o);
			if (!oracle_take(o, ":"))
				return false;
		}
		if (!oracle_value(o))
			return false;
		if (oracle_take(o, close))
			return true;
		if (!oracle_take(o, ","))
			return false;
	}
}

static inline bool
oracle_value(struct oracle *o)
{
	bool good, object;

	oracle_space(o);
	if (o->at < o->end && (*o->at == '{' || *o->at == '[')) {
		object = *o->at++ == '{';
		if (o->depth++ == o->depth_max)
			return false;
		good = oracle_members(o, object, object ? "}" : "]");
		o->depth--;
	} else if (o->at < o->end && *o->at == '"') {
		good = oracle_string(o);
	} else {
		good = oracle_take(o, "null") || oracle_take(o, "true") ||
		       oracle_take(o, "false") || oracle_number(o);
	}
	if (good)
		oracle_space(o);
	return good;
}

static inline bool
oracle_run(struct oracle *o, const char *text, size_t len)
{
	o->at = (const unsigned char *)text;
	o->end = o->at + len;
	return oracle_value(o) && o->at == o->end;
}

/* True if the text is what the library may print: one value of compact JSON, on one
 * line, in UTF-8, with no unpaired surrogate. */
static inline bool
oracle_is_output(const char *text, size_t len)
{
	struct oracle o = {.depth_max = 1000, .strict = true};

	return oracle_is_utf8(text, len) && oracle_run(&o, text, len);
}

/* True if the text is JSON by the grammar, nested at most 512 deep. *plain: the library
 * replaces nothing in it, so that it must print the same text without white space. */
static inline bool
oracle_is_json(const char *text, size_t len, bool *plain)
{
	struct oracle o = {.depth_max = 512, .spaces = true};
	bool good = oracle_run(&o, text, len);

	*plain = good && !o.surrogate && oracle_is_utf8(text, len);
	return good;
}

/* Drop the white space between the tokens of valid JSON. Returns the length. */
static inline size_t
oracle_compact(char *to, const char *text, size_t len)
{
	bool quoted = false;
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (!quoted && strchr(" \t\r\n", text[i]))
			continue;
		to[out++] = text[i];
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '\\')
			to[out++] = text[++i];
	}
	return out;
}

#endif
