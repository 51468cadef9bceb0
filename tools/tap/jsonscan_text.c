/* SPDX-License-Identifier: MIT */
#include "tap/jsonscan_text.h"

#include <stdlib.h>
#include <string.h>

void
jsonscan_clear_field(struct jsonscan_field *field)
{
	char *text = field->text;
	size_t room = field->text_room;

	memset(field, 0, sizeof(*field));
	field->text = text;
	field->text_room = room;
	if (text)
		text[0] = '\0';
}

/* Make room for `need` bytes and a NUL. Grows by doubling rather than to the limit, so
 * that short texts use little memory. Returns false if there is no memory. */
static bool
reserve(struct jsonscan_field *field, size_t need)
{
	size_t room = field->text_room ? field->text_room : 64;
	char *text;

	if (need < field->text_room)
		return true;
	while (room <= need)
		room *= 2;
	text = realloc(field->text, room);
	if (!text)
		return false;
	field->text = text;
	field->text_room = room;
	return true;
}

void
jsonscan_keep(struct jsonscan *scan, int index, const char *bytes, size_t len)
{
	struct jsonscan_field *field = &scan->fields[index];
	size_t left = scan->wants[index].keep_max - field->text_len;

	if (field->text_cut || !scan->wants[index].keep_max)
		return;
	if (len > left) {
		field->text_cut = true;
		len = left;
	}
	if (!reserve(field, field->text_len + len)) {
		field->text_cut = true;
		return;
	}
	memcpy(field->text + field->text_len, bytes, len);
	field->text_len += len;
	field->text[field->text_len] = '\0';
}

void
jsonscan_trim(struct jsonscan_field *field)
{
	size_t len = field->text_len, back = 0;
	unsigned char lead;

	if (!field->text_cut)
		return;
	while (back < len && back < 3 &&
	       ((unsigned char)field->text[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == len)
		return;
	lead = (unsigned char)field->text[len - 1 - back];
	if ((lead >= 0xc0 && back < 1) || (lead >= 0xe0 && back < 2) ||
	    (lead >= 0xf0 && back < 3)) {
		field->text_len = len - 1 - back;
		field->text[field->text_len] = '\0';
	}
}

void
jsonscan_put(struct jsonscan *scan, const char *bytes, size_t len, size_t content)
{
	if (scan->in_key) {
		if (scan->key_len + len > JSONSCAN_NAME_MAX) {
			scan->key_len = JSONSCAN_NAME_MAX + 1;
			return;
		}
		memcpy(scan->key + scan->key_len, bytes, len);
		scan->key_len += len;
	} else if (scan->field != JSONSCAN_NONE && !scan->wants[scan->field].raw) {
		scan->fields[scan->field].len += content;
		jsonscan_keep(scan, scan->field, bytes, len);
	}
}

static void
put_code_point(struct jsonscan *scan, unsigned code)
{
	char utf8[4];
	bool nul = !code;
	size_t len = 0;

	/* A C string cannot contain NUL. It counts as one byte of content. */
	if (nul)
		code = 0xfffd;
	if (code < 0x80) {
		utf8[len++] = (char)code;
	} else {
		int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

		utf8[len++] =
			(char)((0xff00 >> (more + 1) & 0xff) | code >> (6 * more));
		while (more--)
			utf8[len++] = (char)(0x80 | (code >> (6 * more) & 0x3f));
	}
	jsonscan_put(scan, utf8, len, nul ? 1 : len);
}

void
jsonscan_flush(struct jsonscan *scan)
{
	if (scan->high) {
		scan->high = 0;
		put_code_point(scan, 0xfffd);
	}
}

void
jsonscan_put_utf16(struct jsonscan *scan, unsigned unit)
{
	if (scan->high && unit >= 0xdc00 && unit <= 0xdfff) {
		unsigned code =
			0x10000 + ((scan->high - 0xd800) << 10) + (unit - 0xdc00);

		scan->high = 0;
		put_code_point(scan, code);
		return;
	}
	jsonscan_flush(scan);
	if (unit >= 0xd800 && unit <= 0xdbff)
		scan->high = unit;
	else
		put_code_point(scan, unit >= 0xdc00 && unit <= 0xdfff ? 0xfffd : unit);
}

/* Tests eight bytes at a time. A borrow can mark bytes above a marked one wrongly, but
 * the lowest marked byte is right. So when any is marked, the loop over single bytes
 * finds a special byte within the next eight. */
const char *
jsonscan_find_special(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;

	for (; end - p >= 8; p += 8) {
		uint64_t word, quote, escape;

		memcpy(&word, p, 8);
		quote = word ^ ones * '"';
		escape = word ^ ones * '\\';
		if ((((quote - ones) & ~quote) | ((escape - ones) & ~escape) |
		     ((word - ones * 0x20) & ~word)) &
		    highs)
			break;
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}
