/* SPDX-License-Identifier: MIT
 *
 * json_msgpack.c: a msgpack object as JSON.
 *
 *      nil, bool, int        null, true, -5: integers exactly, uint64 too
 *      float32, float64      shortest digits for their width; NaN and infinities: null
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
 */
#include "json/json.h"

#include "json/msgpack_walk.h"

#include <msgpack.h>

#include <stdbool.h>
#include <stdio.h>

/* ---- timestamps ----------------------------------------------------------------- */

#define SECONDS_MIN INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DAY_SECONDS 86400

static uint64_t
ext_number(const char *bytes, size_t len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | (unsigned char)*bytes++;
	return value;
}

/* Decode a timestamp in one of the specification's three forms. False: it is in none,
 * or outside of the years 0 to 9999. */
static bool
read_timestamp(const msgpack_object_ext *ext, int64_t *seconds, uint32_t *ns)
{
	uint64_t word;

	switch (ext->type == -1 ? ext->size : 0) {
	case 4:
		*ns = 0;
		*seconds = (int64_t)ext_number(ext->ptr, 4);
		break;
	case 8:
		word = ext_number(ext->ptr, 8);
		*ns = (uint32_t)(word >> 34);
		*seconds = (int64_t)(word & 0x3ffffffffu);
		break;
	case 12:
		*ns = (uint32_t)ext_number(ext->ptr, 4);
		*seconds = (int64_t)ext_number(ext->ptr + 4, 8);
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

/* ---- objects -------------------------------------------------------------------- */

static void write_object(struct fnt_buf *buf, const msgpack_object *object,
			 bool in_key);

static void
write_ext(struct fnt_buf *buf, const msgpack_object_ext *ext)
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
	fnt_json_base64(buf, ext->ptr, ext->size);
	fnt_buf_append_char(buf, '}');
}

static void
write_key(struct fnt_buf *buf, const msgpack_object *key, bool in_key)
{
	bool container =
		key->type == MSGPACK_OBJECT_ARRAY || key->type == MSGPACK_OBJECT_MAP;
	size_t mark = buf->len;

	if (container && in_key) {
		fnt_buf_append_text(buf, "\"<nested>\"");
		return;
	}
	write_object(buf, key, true);
	if (!buf->error && buf->data[mark] != '"')
		fnt_json_stringify(buf, mark);
}

static void
write_array(struct fnt_buf *buf, const msgpack_object_array *array, bool in_key)
{
	fnt_buf_append_char(buf, '[');
	for (uint32_t i = 0; i < array->size; i++) {
		if (i)
			fnt_buf_append_char(buf, ',');
		write_object(buf, &array->ptr[i], in_key);
	}
	fnt_buf_append_char(buf, ']');
}

static void
write_map(struct fnt_buf *buf, const msgpack_object_map *map, bool in_key)
{
	fnt_buf_append_char(buf, '{');
	for (uint32_t i = 0; i < map->size; i++) {
		if (i)
			fnt_buf_append_char(buf, ',');
		write_key(buf, &map->ptr[i].key, in_key);
		fnt_buf_append_char(buf, ':');
		write_object(buf, &map->ptr[i].val, in_key);
	}
	fnt_buf_append_char(buf, '}');
}

/* Recursive, at most FNT_MSGPACK_DEPTH_MAX deep, as msgpack-c unpacks no more.
 * `in_key`: the object is, or is part of, a map's key. */
static void
write_object(struct fnt_buf *buf, const msgpack_object *object, bool in_key)
{
	switch (object->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		fnt_buf_append_text(buf, object->via.boolean ? "true" : "false");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		fnt_json_u64(buf, object->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		fnt_json_i64(buf, object->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
		fnt_json_float(buf, (float)object->via.f64);
		break;
	case MSGPACK_OBJECT_FLOAT64:
		fnt_json_double(buf, object->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		fnt_json_string(buf, object->via.str.ptr, object->via.str.size);
		break;
	case MSGPACK_OBJECT_BIN:
		fnt_buf_append_text(buf, "{\"$bin\":");
		fnt_json_base64(buf, object->via.bin.ptr, object->via.bin.size);
		fnt_buf_append_char(buf, '}');
		break;
	case MSGPACK_OBJECT_EXT:
		write_ext(buf, &object->via.ext);
		break;
	case MSGPACK_OBJECT_ARRAY:
		write_array(buf, &object->via.array, in_key);
		break;
	case MSGPACK_OBJECT_MAP:
		write_map(buf, &object->via.map, in_key);
		break;
	default:
		fnt_buf_append_text(buf, "null");
		break;
	}
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

void
fnt_json_msgpack(struct fnt_buf *buf, const void *data, size_t len)
{
	msgpack_unpacked unpacked;
	msgpack_unpack_return result;
	size_t used, at = 0;

	if (!fnt_msgpack_walk(data, len, &used) || used != len) {
		write_damaged(buf, data, len, used);
		return;
	}
	msgpack_unpacked_init(&unpacked);
	result = msgpack_unpack_next(&unpacked, data, len, &at);
	if (result == MSGPACK_UNPACK_SUCCESS)
		write_object(buf, &unpacked.data, false);
	else if (result == MSGPACK_UNPACK_NOMEM_ERROR)
		fnt_buf_fail(buf);
	else
		write_damaged(buf, data, len, 0);
	msgpack_unpacked_destroy(&unpacked);
}
