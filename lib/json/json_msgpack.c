/* SPDX-License-Identifier: MIT
 *
 * json_msgpack.c: a msgpack object as JSON.
 *
 *      nil, bool, int        null, true, -5: integers exactly, uint64 too
 *      float32, float64      shortest digits for their width; NaN and infinities: null;
 *                            a float32 that is an integer, exactly: 2147483648.0
 *      str                   string, ill-formed UTF-8 replaced by U+FFFD
 *      bin                   {"$bin":"<base64>"}
 *      timestamp (ext -1)    "2023-11-14T22:13:20.5Z" (RFC 3339), years 0 to 9999
 *      ext                   {"$ext":<type>,"data":"<base64>"}
 *      array                 array
 *      map                   object; pairs in their order, equal keys are not merged; a
 *                            key that is not a str is its JSON as text: {"1":true}
 *      damaged               "<invalid msgpack at byte 3 of 7: dd ff ff …>"
 *
 * A container within a container that is a key becomes "<nested>": nested text would
 * double its backslashes at each level. So the output has at most 20 bytes per byte of
 * input, or about a hundred.
 *
 * The bytes are walked first (msgpack_walk.h), then written object by object. The open
 * containers are a stack of FNT_VALUE_DEPTH_MAX entries: no recursion, no allocation
 * but for the output.
 */
#include "json/json.h"

#include "json/msgpack_walk.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- timestamps ----------------------------------------------------------------- */

#define SECONDS_MIN INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DAY_SECONDS 86400

/* An unsigned integer in network order. */
static uint64_t
number(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | *bytes++;
	return value;
}

struct ext {
	int8_t type;
	size_t size;
	const uint8_t *data;
};

/* Decode a timestamp in one of the specification's three forms. False: it is in none,
 * or outside of the years 0 to 9999. */
static bool
read_timestamp(const struct ext *ext, int64_t *seconds, uint32_t *ns)
{
	uint64_t word;

	switch (ext->type == -1 ? ext->size : 0) {
	case 4:
		*ns = 0;
		*seconds = (int64_t)number(ext->data, 4);
		break;
	case 8:
		word = number(ext->data, 8);
		*ns = (uint32_t)(word >> 34);
		*seconds = (int64_t)(word & 0x3ffffffffu);
		break;
	case 12:
		*ns = (uint32_t)number(ext->data, 4);
		*seconds = (int64_t)number(ext->data + 4, 8);
		break;
	default:
		return false;
	}
	return *ns < 1000000000 && *seconds >= SECONDS_MIN && *seconds <= SECONDS_MAX;
}

/* Does not use gmtime_r(), which takes a lock and reads $TZ. The calendar repeats every
 * 400 years. Years begin in March here, so that a leap day is the last day of its
 * year. */
static void
write_timestamp(struct fnt_buf *buf, int64_t seconds, uint32_t ns)
{
	char text[48];
	int64_t from_0000 = seconds - SECONDS_MIN; /* not negative */
	int of_day = (int)(from_0000 % DAY_SECONDS);
	/* 0000-03-01 is 60 days after 0000-01-01. One cycle is added to stay above
	 * 0. */
	int days = (int)(from_0000 / DAY_SECONDS) - 60 + 146097;
	int cycle = days / 146097, of_cycle = days % 146097;
	int of_cycle_year =
		(of_cycle - of_cycle / 1460 + of_cycle / 36524 - of_cycle / 146096) /
		365;
	int of_year = of_cycle -
		      (365 * of_cycle_year + of_cycle_year / 4 - of_cycle_year / 100);
	int march_month = (5 * of_year + 2) / 153;
	int day = of_year - (153 * march_month + 2) / 5 + 1;
	int month = march_month < 10 ? march_month + 3 : march_month - 9;
	int year = (cycle - 1) * 400 + of_cycle_year + (month <= 2);
	int len = snprintf(text, sizeof(text), "\"%04d-%02d-%02dT%02d:%02d:%02d", year,
			   month, day, of_day / 3600, of_day / 60 % 60, of_day % 60);

	fnt_buf_append(buf, text, (size_t)len);
	if (ns) {
		len = snprintf(text, sizeof(text), ".%09u", ns);
		while (text[len - 1] == '0')
			len--;
		fnt_buf_append(buf, text, (size_t)len);
	}
	fnt_buf_append_text(buf, "Z\"");
}

/* ---- scalars -------------------------------------------------------------------- */

static void
write_ext(struct fnt_buf *buf, const struct ext *ext)
{
	int64_t seconds;
	uint32_t ns;

	if (read_timestamp(ext, &seconds, &ns)) {
		write_timestamp(buf, seconds, ns);
		return;
	}
	fnt_buf_append_text(buf, "{\"$ext\":");
	fnt_json_i64(buf, ext->type);
	fnt_buf_append_text(buf, ",\"data\":");
	fnt_json_base64(buf, ext->data, ext->size);
	fnt_buf_append_char(buf, '}');
}

static void
write_bin(struct fnt_buf *buf, const uint8_t *bytes, size_t len)
{
	fnt_buf_append_text(buf, "{\"$bin\":");
	fnt_json_base64(buf, bytes, len);
	fnt_buf_append_char(buf, '}');
}

/* The shortest digits of a float need not be those of its value: 2^31 would be
 * 2147483600.0. That is right for a fraction, and wrong for a count. */
static void
write_float32(struct fnt_buf *buf, uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	/* From 2^24 on every float is an integer. NaN and infinities: null in any
	 * case. */
	if (!(value > -16777216.0f && value < 16777216.0f) ||
	    value == (float)(int32_t)value)
		fnt_json_double(buf, (double)value);
	else
		fnt_json_float(buf, value);
}

static void
write_float64(struct fnt_buf *buf, uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	fnt_json_double(buf, value);
}

/* An object whose first byte is one of c0 to df, and no container. */
static void
write_long(struct fnt_buf *buf, const uint8_t *byte,
	   const struct fnt_msgpack_item *item)
{
	const uint8_t *body = byte + item->head;
	size_t len = (size_t)item->size - item->head;

	switch (byte[0]) {
	case 0xc0:
		fnt_buf_append_text(buf, "null");
		break;
	case 0xc2:
	case 0xc3:
		fnt_buf_append_text(buf, byte[0] == 0xc3 ? "true" : "false");
		break;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		write_bin(buf, body, len);
		break;
	case 0xca:
		write_float32(buf, (uint32_t)number(body, 4));
		break;
	case 0xcb:
		write_float64(buf, number(body, 8));
		break;
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		fnt_json_u64(buf, number(body, len));
		break;
	case 0xd0:
		fnt_json_i64(buf, (int8_t)body[0]);
		break;
	case 0xd1:
		fnt_json_i64(buf, (int16_t)number(body, 2));
		break;
	case 0xd2:
		fnt_json_i64(buf, (int32_t)number(body, 4));
		break;
	case 0xd3:
		fnt_json_i64(buf, (int64_t)number(body, 8));
		break;
	case 0xd9:
	case 0xda:
	case 0xdb:
		fnt_json_string(buf, (const char *)body, len);
		break;
	default: /* ext: its type, then its data */
		write_ext(buf, &(struct ext){(int8_t)body[0], len - 1, body + 1});
		break;
	}
}

static void
write_scalar(struct fnt_buf *buf, const uint8_t *byte,
	     const struct fnt_msgpack_item *item)
{
	if (byte[0] < 0x80)
		fnt_json_u64(buf, byte[0]);
	else if (byte[0] >= 0xe0)
		fnt_json_i64(buf, (int8_t)byte[0]);
	else if (byte[0] < 0xc0)
		fnt_json_string(buf, (const char *)byte + 1, (size_t)item->size - 1);
	else
		write_long(buf, byte, item);
}

/* ---- containers ----------------------------------------------------------------- */

struct level {
	uint64_t left; /* objects to come: two for each pair of a map */
	size_t mark;   /* where its output begins */
	bool is_map, is_first;
	bool is_key; /* it is a map's key … */
	bool in_key; /* … or part of one */
};

struct writer {
	struct fnt_buf *buf;
	unsigned depth;
	struct level levels[FNT_VALUE_DEPTH_MAX];
};

/* The object that is written next. */
struct place {
	bool is_key, in_key;
};

/* Write what comes before the next object of the innermost container. */
static struct place
begin_object(struct writer *writer)
{
	struct level *level = writer->depth ? &writer->levels[writer->depth - 1] : NULL;
	struct place place = {false, false};

	if (!level)
		return place;
	place.is_key = level->is_map && level->left % 2 == 0;
	place.in_key = place.is_key || level->in_key;
	if (level->is_map && !place.is_key)
		fnt_buf_append_char(writer->buf, ':');
	else if (!level->is_first)
		fnt_buf_append_char(writer->buf, ',');
	level->is_first = false;
	level->left--;
	return place;
}

/* A key's output begins at `mark`: make it a string. */
static void
end_key(struct fnt_buf *buf, size_t mark)
{
	if (!buf->error && buf->data[mark] != '"')
		fnt_json_stringify(buf, mark);
}

static bool
is_map(uint8_t first)
{
	return first < 0x90 || first >= 0xde;
}

static void
open_container(struct writer *writer, uint8_t first, uint64_t children,
	       struct place place)
{
	writer->levels[writer->depth++] = (struct level){
		.left = children,
		.mark = writer->buf->len,
		.is_map = is_map(first),
		.is_first = true,
		.is_key = place.is_key,
		.in_key = place.in_key,
	};
	fnt_buf_append_char(writer->buf, is_map(first) ? '{' : '[');
}

/* Close the innermost containers that have no objects to come. */
static void
close_containers(struct writer *writer)
{
	while (writer->depth && !writer->levels[writer->depth - 1].left) {
		struct level *level = &writer->levels[--writer->depth];

		fnt_buf_append_char(writer->buf, level->is_map ? '}' : ']');
		if (level->is_key)
			end_key(writer->buf, level->mark);
	}
}

/* Write the object at `byte`, or open it. Returns how many bytes it takes. */
static size_t
write_next(struct writer *writer, const uint8_t *byte, size_t len)
{
	struct fnt_msgpack_item item;
	bool nested = writer->depth && writer->levels[writer->depth - 1].in_key;
	struct place place = begin_object(writer);
	size_t mark = writer->buf->len, used;

	fnt_msgpack_read(&item, byte, len);
	if (!item.container) {
		write_scalar(writer->buf, byte, &item);
		if (place.is_key)
			end_key(writer->buf, mark);
	} else if (place.is_key && nested) {
		fnt_buf_append_text(writer->buf, "\"<nested>\"");
		fnt_msgpack_walk(byte, len, &used);
		item.size = used;
	} else {
		open_container(writer, byte[0], item.children, place);
	}
	close_containers(writer);
	return (size_t)item.size;
}

/* ---- the whole ------------------------------------------------------------------ */

#define EXCERPT_MAX 16u

static void
write_damaged(struct fnt_buf *buf, const void *data, size_t len, size_t at)
{
	const unsigned char *byte = data;
	char head[80];

	snprintf(head, sizeof(head), "\"<invalid msgpack at byte %zu of %zu:", at, len);
	fnt_buf_append_text(buf, head);
	for (size_t i = at; i < len && i - at < EXCERPT_MAX; i++) {
		fnt_buf_append_char(buf, ' ');
		fnt_json_hex(buf, byte[i], 2);
	}
	if (len - at > EXCERPT_MAX)
		fnt_buf_append_text(buf, " …");
	fnt_buf_append_text(buf, ">\"");
}

static void
write_all_objects(struct fnt_buf *buf, const uint8_t *byte, size_t len)
{
	struct writer writer;
	size_t at = 0;

	/* The levels are set as they are opened. */
	writer.buf = buf;
	writer.depth = 0;
	do
		at += write_next(&writer, byte + at, len - at);
	while (writer.depth && !buf->error);
}

uint32_t
fnt_json_msgpack(struct fnt_buf *buf, const void *data, size_t len)
{
	size_t used;
	enum fnt_msgpack_verdict is = fnt_msgpack_walk(data, len, &used);

	if (is == FNT_MSGPACK_VALID && used == len) {
		if (buf)
			write_all_objects(buf, data, len);
		return 0;
	}
	if (is == FNT_MSGPACK_TOO_DEEP) {
		if (buf)
			fnt_json_too_deep(buf, "msgpack", used, len);
		return FNT_TRACE_VALUE_TOO_DEEP;
	}
	if (buf)
		write_damaged(buf, data, len, used);
	return FNT_TRACE_VALUE_INVALID;
}
