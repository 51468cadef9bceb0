/* SPDX-License-Identifier: MIT
 *
 * json_text.c: check JSON text and remove its white space, in one pass.
 *
 * A state machine over tokens. For each level of nesting it remembers whether that is
 * an object or an array. Each scan_ function begins at scan->at. It appends what it
 * accepts to scan->out and advances scan->at; or it returns false, with scan->at where
 * the text stops being JSON.
 */
#include "json/json.h"

#include "base/utf8.h"

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum expect {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* after [ */
	EXPECT_KEY,
	EXPECT_KEY_OR_END, /* after { */
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING, /* the outermost value is complete */
};

struct scan {
	const char *text;
	size_t len, at;
	struct fnt_buf *out; /* NULL: only check */
	enum expect expect;
	bool too_deep; /* why it was not accepted */
	unsigned depth;
	bool is_object[FNT_VALUE_DEPTH_MAX];
};

static void
put(struct scan *scan, const char *bytes, size_t len)
{
	if (scan->out)
		fnt_buf_append(scan->out, bytes, len);
}

static void
put_char(struct scan *scan, char byte)
{
	if (scan->out)
		fnt_buf_append_char(scan->out, byte);
}

/* The byte at scan->at; -1 at the end. */
static int
peek(const struct scan *scan)
{
	return scan->at < scan->len ? (unsigned char)scan->text[scan->at] : -1;
}

static bool
is_digit(int byte)
{
	return byte >= '0' && byte <= '9';
}

static void
skip_space(struct scan *scan)
{
	int byte = peek(scan);

	while (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
		scan->at++;
		byte = peek(scan);
	}
}

/* ---- numbers and words ---------------------------------------------------------- */

static bool
skip_digits(struct scan *scan)
{
	if (!is_digit(peek(scan)))
		return false;
	while (is_digit(peek(scan)))
		scan->at++;
	return true;
}

static bool
scan_number(struct scan *scan)
{
	size_t start = scan->at;

	if (peek(scan) == '-')
		scan->at++;
	if (peek(scan) == '0')
		scan->at++; /* if a digit follows, the next token is wrong */
	else if (!skip_digits(scan))
		return false;
	if (peek(scan) == '.') {
		scan->at++;
		if (!skip_digits(scan))
			return false;
	}
	if (peek(scan) == 'e' || peek(scan) == 'E') {
		scan->at++;
		if (peek(scan) == '+' || peek(scan) == '-')
			scan->at++;
		if (!skip_digits(scan))
			return false;
	}
	put(scan, scan->text + start, scan->at - start);
	return true;
}

static bool
scan_word(struct scan *scan, const char *word)
{
	put(scan, word, strlen(word));
	for (; *word; word++, scan->at++) {
		if (peek(scan) != *word)
			return false;
	}
	return true;
}

/* ---- strings -------------------------------------------------------------------- */

/* Returns the value of four hexadecimal digits; -1: there are no four. */
static int
scan_hex4(struct scan *scan)
{
	int unit = 0;

	for (int i = 0; i < 4; i++) {
		int byte = peek(scan), lower = byte | 0x20;

		if (is_digit(byte))
			unit = unit * 16 + (byte - '0');
		else if (lower >= 'a' && lower <= 'f')
			unit = unit * 16 + (lower - 'a' + 10);
		else
			return -1;
		scan->at++;
	}
	return unit;
}

/* What follows `\u`. A surrogate is copied only in a pair: many readers refuse one
 * alone, and UTF-8 has no form for it. */
static bool
scan_unicode_escape(struct scan *scan)
{
	size_t start = scan->at;
	int unit = scan_hex4(scan), low = -1;

	if (unit < 0)
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff && scan->len - scan->at >= 6 &&
	    !memcmp(scan->text + scan->at, "\\u", 2)) {
		size_t end = scan->at;

		scan->at += 2;
		low = scan_hex4(scan);
		if (low < 0xdc00 || low > 0xdfff)
			scan->at = end; /* no pair: this escape is another character */
	}
	put(scan, "\\u", 2);
	if (unit >= 0xd800 && unit <= 0xdfff && scan->at - start == 4)
		put(scan, "fffd", 4);
	else
		put(scan, scan->text + start, scan->at - start);
	return true;
}

static bool
scan_escape(struct scan *scan)
{
	int byte;

	scan->at++;
	byte = peek(scan);
	if (byte < 0 || !byte || !strchr("\"\\/bfnrtu", byte))
		return false;
	scan->at++;
	if (byte == 'u')
		return scan_unicode_escape(scan);
	put_char(scan, '\\');
	put_char(scan, (char)byte);
	return true;
}

static bool
scan_string(struct scan *scan)
{
	put_char(scan, '"');
	scan->at++;
	for (;;) {
		size_t start = scan->at;
		int byte = peek(scan);

		while (byte >= 0x20 && byte != '"' && byte != '\\') {
			scan->at++;
			byte = peek(scan);
		}
		/* Of these bytes only ill-formed UTF-8, U+2028 and U+2029 change. */
		if (scan->out)
			fnt_json_escape(scan->out, scan->text + start,
					scan->at - start);
		if (byte == '"')
			break;
		if (byte != '\\' || !scan_escape(scan))
			return false;
	}
	scan->at++;
	put_char(scan, '"');
	return true;
}

/* ---- structure ------------------------------------------------------------------ */

static void
value_done(struct scan *scan)
{
	scan->expect = scan->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static bool
scan_open(struct scan *scan, bool is_object)
{
	scan->too_deep = scan->depth == FNT_VALUE_DEPTH_MAX;
	if (scan->too_deep)
		return false;
	put_char(scan, is_object ? '{' : '[');
	scan->is_object[scan->depth++] = is_object;
	scan->expect = is_object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
	scan->at++;
	return true;
}

static bool
scan_close(struct scan *scan)
{
	char close = scan->is_object[scan->depth - 1] ? '}' : ']';

	if (peek(scan) != close)
		return false;
	put_char(scan, close);
	scan->depth--;
	scan->at++;
	value_done(scan);
	return true;
}

static bool
scan_key(struct scan *scan)
{
	if (peek(scan) != '"' || !scan_string(scan))
		return false;
	skip_space(scan);
	if (peek(scan) != ':')
		return false;
	put_char(scan, ':');
	scan->at++;
	scan->expect = EXPECT_VALUE;
	return true;
}

static bool
scan_comma_or_end(struct scan *scan)
{
	if (peek(scan) != ',')
		return scan_close(scan);
	put_char(scan, ',');
	scan->expect = scan->is_object[scan->depth - 1] ? EXPECT_KEY : EXPECT_VALUE;
	scan->at++;
	return true;
}

static bool
scan_scalar(struct scan *scan)
{
	switch (peek(scan)) {
	case '"':
		return scan_string(scan);
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case 'n':
		return scan_word(scan, "null");
	default:
		return scan_number(scan);
	}
}

static bool
scan_value(struct scan *scan)
{
	int byte = peek(scan);

	if (byte == '{' || byte == '[')
		return scan_open(scan, byte == '{');
	if (!scan_scalar(scan))
		return false;
	value_done(scan);
	return true;
}

static bool
scan_token(struct scan *scan)
{
	switch (scan->expect) {
	case EXPECT_VALUE_OR_END:
		return peek(scan) == ']' ? scan_close(scan) : scan_value(scan);
	case EXPECT_VALUE:
		return scan_value(scan);
	case EXPECT_KEY_OR_END:
		return peek(scan) == '}' ? scan_close(scan) : scan_key(scan);
	case EXPECT_KEY:
		return scan_key(scan);
	default:
		return scan_comma_or_end(scan);
	}
}

static bool
scan_text(struct scan *scan)
{
	do {
		skip_space(scan);
		if (!scan_token(scan))
			return false;
	} while (scan->expect != EXPECT_NOTHING);
	skip_space(scan);
	return scan->at == scan->len;
}

/* ---- text that is not JSON ------------------------------------------------------ */

#define EXCERPT_BEFORE 16u
#define EXCERPT_AFTER 32u

static void
write_invalid(struct fnt_buf *out, const char *text, size_t len, size_t at)
{
	char head[80];
	size_t start = at > EXCERPT_BEFORE ? at - EXCERPT_BEFORE : 0, end;

	start = fnt_utf8_cut(text, len, start);
	end = start +
	      fnt_utf8_cut(text + start, len - start, at - start + EXCERPT_AFTER);
	snprintf(head, sizeof(head), "\"<invalid JSON at byte %zu of %zu: ", at, len);
	fnt_buf_append_text(out, head);
	if (start)
		fnt_buf_append_text(out, "…");
	fnt_json_escape(out, text + start, end - start);
	if (end < len)
		fnt_buf_append_text(out, "…");
	fnt_buf_append_text(out, ">\"");
}

uint32_t
fnt_json_text(struct fnt_buf *buf, const char *text, size_t len)
{
	struct scan scan = {.text = text, .len = len, .out = buf};
	size_t mark = buf ? buf->len : 0;

	if (scan_text(&scan))
		return 0;
	if (buf) {
		fnt_buf_truncate(buf, mark);
		if (scan.too_deep)
			fnt_json_too_deep(buf, "JSON", scan.at, len);
		else
			write_invalid(buf, text, len, scan.at);
	}
	return scan.too_deep ? FNT_TRACE_VALUE_TOO_DEEP : FNT_TRACE_VALUE_INVALID;
}
