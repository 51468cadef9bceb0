/* SPDX-License-Identifier: MIT
 *
 * json.c: strings and integers. Floating point is in json_float.c.
 */
#include "json/json.h"

#include "base/utf8.h"

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

/* ---- strings -------------------------------------------------------------------- */

static bool
is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static void
write_ascii_escape(struct fnt_buf *buf, unsigned char byte)
{
	static const char short_form[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	fnt_buf_append_char(buf, '\\');
	if (byte >= 0x20) {
		fnt_buf_append_char(buf, (char)byte);
	} else if (short_form[byte]) {
		fnt_buf_append_char(buf, short_form[byte]);
	} else {
		fnt_buf_append_text(buf, "u00");
		fnt_json_hex(buf, byte, 2);
	}
}

/* Append a piece (base/utf8.h) that is not a plain byte. Returns its length. */
static size_t
write_piece(struct fnt_buf *buf, const char *s, size_t len)
{
	bool valid;
	size_t size = fnt_utf8_piece(s, len, &valid);

	if (!valid)
		fnt_buf_append(buf, FNT_UTF8_FFFD, FNT_UTF8_FFFD_SIZE);
	else if (size == 1)
		write_ascii_escape(buf, (unsigned char)*s);
	else if (size == 3 && !memcmp(s, "\xE2\x80\xA8", 3))
		fnt_buf_append_text(buf, "\\u2028");
	else if (size == 3 && !memcmp(s, "\xE2\x80\xA9", 3))
		fnt_buf_append_text(buf, "\\u2029");
	else
		fnt_buf_append(buf, s, size);
	return size;
}

void
fnt_json_escape(struct fnt_buf *buf, const char *s, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t plain = at;

		while (at < len && is_plain((unsigned char)s[at]))
			at++;
		fnt_buf_append(buf, s + plain, at - plain);
		if (at < len)
			at += write_piece(buf, s + at, len - at);
	}
}

void
fnt_json_string(struct fnt_buf *buf, const char *s, size_t len)
{
	fnt_buf_append_char(buf, '"');
	fnt_json_escape(buf, s, len);
	fnt_buf_append_char(buf, '"');
}

void
fnt_json_stringify(struct fnt_buf *buf, size_t mark)
{
	size_t from, to, extra = 2;

	for (size_t i = mark; i < buf->len; i++)
		extra += buf->data[i] == '"' || buf->data[i] == '\\';
	if (!fnt_buf_reserve(buf, extra))
		return;
	/* In place, from the end: bytes only move towards it. */
	from = buf->len;
	to = buf->len += extra;
	buf->data[--to] = '"';
	while (from > mark) {
		char byte = buf->data[--from];

		buf->data[--to] = byte;
		if (byte == '"' || byte == '\\')
			buf->data[--to] = '\\';
	}
	buf->data[--to] = '"';
}

void
fnt_json_too_deep(struct fnt_buf *buf, const char *format, size_t at, size_t len)
{
	char text[96];

	snprintf(text, sizeof(text),
		 "\"<%s nested deeper than %u levels at byte %zu of %zu>\"", format,
		 FNT_VALUE_DEPTH_MAX, at, len);
	fnt_buf_append_text(buf, text);
}

/* ---- integers and bytes --------------------------------------------------------- */

void
fnt_json_u64(struct fnt_buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	fnt_buf_append(buf, digits + at, sizeof(digits) - at);
}

void
fnt_json_i64(struct fnt_buf *buf, int64_t value)
{
	if (value < 0)
		fnt_buf_append_char(buf, '-');
	/* Negated as unsigned, since -INT64_MIN does not fit in int64_t. */
	fnt_json_u64(buf, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void
fnt_json_hex(struct fnt_buf *buf, uint64_t value, unsigned digits)
{
	while (digits--)
		fnt_buf_append_char(buf, hex_digits[value >> (4 * digits) & 0xf]);
}

void
fnt_json_base64(struct fnt_buf *buf, const void *bytes, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *byte = bytes;

	fnt_buf_append_char(buf, '"');
	for (size_t at = 0; at < len; at += 3) {
		size_t left = len - at;
		uint32_t group = (uint32_t)byte[at] << 16;

		if (left > 1)
			group |= (uint32_t)byte[at + 1] << 8;
		if (left > 2)
			group |= byte[at + 2];
		fnt_buf_append_char(buf, letters[group >> 18]);
		fnt_buf_append_char(buf, letters[group >> 12 & 63]);
		fnt_buf_append_char(buf, left > 1 ? letters[group >> 6 & 63] : '=');
		fnt_buf_append_char(buf, left > 2 ? letters[group & 63] : '=');
	}
	fnt_buf_append_char(buf, '"');
}
