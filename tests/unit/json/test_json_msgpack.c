/* SPDX-License-Identifier: MIT
 *
 * test_json_msgpack.c: msgpack as JSON. Random objects are packed while the expected
 * JSON is written beside them. Then each is damaged in many ways.
 */
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json_suite.h"
#include "json/msgpack_walk.h"

/* Valid until the next call. */
static const char *
json_of(const void *data, size_t len)
{
	struct fnt_buf buf = {0};
	/* Of exactly this size, so that ASan reports a read behind it. */
	char *copy = calloc(1, len ? len : 1);

	if (len)
		memcpy(copy, data, len);
	MUST(fnt_json_msgpack(&buf, copy, len) == fnt_json_msgpack(NULL, copy, len));
	free(copy);
	return taken(&buf);
}

#define JSON_OF(literal) json_of(literal, sizeof(literal) - 1)

static bool
is_marker(const char *json)
{
	return !strncmp(json, "\"<invalid msgpack at byte ", 26) ||
	       !strncmp(json, "\"<msgpack nested deeper than ", 29);
}

START_TEST(scalars)
{
	ck_assert_str_eq(JSON_OF("\xC0"), "null");
	ck_assert_str_eq(JSON_OF("\x92\xC2\xC3"), "[false,true]");
	ck_assert_str_eq(JSON_OF("\x94\x7F\xE0\xD0\x80\xCC\xFF"), "[127,-32,-128,255]");
	ck_assert_str_eq(JSON_OF("\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
			 "18446744073709551615");
	ck_assert_str_eq(JSON_OF("\xD3\x80\0\0\0\0\0\0\0"), "-9223372036854775808");
	ck_assert_str_eq(JSON_OF("\xD3\x00\0\0\0\0\0\0\1"), "1");
	ck_assert_str_eq(JSON_OF("\xCA\x3D\xCC\xCC\xCD"), "0.1");
	ck_assert_str_eq(JSON_OF("\xCB\x3F\xB9\x99\x99\x99\x99\x99\x9A"), "0.1");
	ck_assert_str_eq(JSON_OF("\xCB\x80\0\0\0\0\0\0\0"), "-0.0");
	ck_assert_str_eq(JSON_OF("\x92\xCA\x7F\x80\0\0\xCB\x7F\xF8\0\0\0\0\0\1"),
			 "[null,null]");
	ck_assert_str_eq(JSON_OF("\xA5"
				 "a\"\0\xFFz"),
			 "\"a\\\"\\u0000�z\"");
}
END_TEST

START_TEST(bytes_and_extensions)
{
	ck_assert_str_eq(JSON_OF("\xC4\x03"
				 "foo"),
			 "{\"$bin\":\"Zm9v\"}");
	ck_assert_str_eq(JSON_OF("\xC6\0\0\0\0"), "{\"$bin\":\"\"}");
	ck_assert_str_eq(JSON_OF("\xD4\x80\x00"), "{\"$ext\":-128,\"data\":\"AA==\"}");
	ck_assert_str_eq(JSON_OF("\xC7\x00\x05"), "{\"$ext\":5,\"data\":\"\"}");
	/* Extension type -1, with a size that no timestamp has. */
	ck_assert_str_eq(JSON_OF("\xD4\xFF\x00"), "{\"$ext\":-1,\"data\":\"AA==\"}");
}
END_TEST

static size_t
pack_time(char *to, int64_t seconds, uint32_t ns)
{
	memcpy(to, "\xC7\x0C\xFF", 3);
	for (int i = 0; i < 4; i++)
		to[3 + i] = (char)(ns >> (24 - 8 * i));
	for (int i = 0; i < 8; i++)
		to[7 + i] = (char)((uint64_t)seconds >> (56 - 8 * i));
	return 15;
}

START_TEST(timestamps)
{
	char bytes[16];

	ck_assert_str_eq(JSON_OF("\xD6\xFF\0\0\0\0"), "\"1970-01-01T00:00:00Z\"");
	ck_assert_str_eq(JSON_OF("\xD6\xFF\xFF\xFF\xFF\xFF"),
			 "\"2106-02-07T06:28:15Z\"");
	/* 30 bits of nanoseconds, 34 bits of seconds. */
	ck_assert_str_eq(JSON_OF("\xD7\xFF\x77\x35\x94\x03\xFF\xFF\xFF\xFF"),
			 "\"2514-05-30T01:53:03.5Z\"");
	pack_time(bytes, -1, 1);
	ck_assert_str_eq(json_of(bytes, 15), "\"1969-12-31T23:59:59.000000001Z\"");
	pack_time(bytes, -62167219200, 0);
	ck_assert_str_eq(json_of(bytes, 15), "\"0000-01-01T00:00:00Z\"");
	pack_time(bytes, 253402300799, 999999999);
	ck_assert_str_eq(json_of(bytes, 15), "\"9999-12-31T23:59:59.999999999Z\"");
	pack_time(bytes, 253402300800, 0);
	ck_assert_str_eq(json_of(bytes, 15),
			 "{\"$ext\":-1,\"data\":\"AAAAAAAAADr/9EGA\"}");
	pack_time(bytes, INT64_MIN, 0);
	ck_assert(!strncmp(json_of(bytes, 15), "{\"$ext\":-1", 10));
	pack_time(bytes, 0, 1000000000);
	ck_assert(!strncmp(json_of(bytes, 15), "{\"$ext\":-1", 10));
}
END_TEST

START_TEST(timestamps_agree_with_gmtime)
{
	for (int round = 0; round < 200000; round++) {
		/* Days near multiples of 1461 are at the ends of months and years. */
		int64_t day = round % 2 ? (int64_t)rnd(3652425)
					: (int64_t)rnd(2499) * 1461 + (int64_t)rnd(62);
		int64_t seconds = -62167219200 + day * 86400 + (int64_t)rnd(86400);
		time_t when = (time_t)seconds;
		struct tm tm;
		char bytes[16], expected[80], form[64];

		ck_assert_ptr_nonnull(gmtime_r(&when, &tm));
		strftime(form, sizeof(form), "-%m-%dT%H:%M:%SZ\"", &tm);
		snprintf(expected, sizeof(expected), "\"%04d%s", tm.tm_year + 1900,
			 form);
		pack_time(bytes, seconds, 0);
		MUST(!strcmp(json_of(bytes, 15), expected));
	}
}
END_TEST

START_TEST(keys_are_strings)
{
	ck_assert_str_eq(JSON_OF("\x84\xA1"
				 "a\x01\x02\x03\xC0\xC2\xFF\xA0"),
			 "{\"a\":1,\"2\":3,\"null\":false,\"-1\":\"\"}");
	ck_assert_str_eq(JSON_OF("\x81\x92\x01\xA1"
				 "x\x00"),
			 "{\"[1,\\\"x\\\"]\":0}");
	ck_assert_str_eq(JSON_OF("\x81\xC4\x01\x00\x00"),
			 "{\"{\\\"$bin\\\":\\\"AA==\\\"}\":0}");
	ck_assert_str_eq(JSON_OF("\x81\xD6\xFF\0\0\0\0\x00"),
			 "{\"1970-01-01T00:00:00Z\":0}");
	/* A map as a key, then arrays as keys. */
	ck_assert_str_eq(JSON_OF("\x81\x81\x05\x06\x00"), "{\"{\\\"5\\\":6}\":0}");
	ck_assert_str_eq(JSON_OF("\x81\x81\x90\x06\x00"),
			 "{\"{\\\"<nested>\\\":6}\":0}");
	ck_assert_str_eq(JSON_OF("\x81\x81\x01\x81\x90\x06\x00"),
			 "{\"{\\\"1\\\":{\\\"<nested>\\\":6}}\":0}");
	ck_assert_str_eq(JSON_OF("\x81\x91\x81\x90\x06\x00"),
			 "{\"[{\\\"<nested>\\\":6}]\":0}");
	ck_assert_str_eq(JSON_OF("\x82\x01\x02\x01\x03"), "{\"1\":2,\"1\":3}");
}
END_TEST

/* ---- random objects -------------------------------------------------------------- */

static void
random_leaf(msgpack_packer *pk, struct fnt_buf *json)
{
	static const char *const strings[] = {"", "a", "ä€😀", "\"\\\n",
					      "long enough for str8:"
					      "................................"};
	const char *s = strings[rnd(5)];
	uint64_t bits = rnd64() >> rnd(64);

	switch (rnd(6)) {
	case 0:
		msgpack_pack_nil(pk);
		fnt_buf_append_text(json, "null");
		break;
	case 1:
		msgpack_pack_uint64(pk, bits);
		fnt_json_u64(json, bits);
		break;
	case 2:
		msgpack_pack_int64(pk, -(int64_t)(bits >> 1));
		fnt_json_i64(json, -(int64_t)(bits >> 1));
		break;
	case 3:
		msgpack_pack_double(pk, (double)bits / 3);
		fnt_json_double(json, (double)bits / 3);
		break;
	case 4:
		msgpack_pack_float(pk, (float)bits / 3);
		if ((float)bits / 3 == truncf((float)bits / 3))
			fnt_json_double(json, (double)((float)bits / 3));
		else
			fnt_json_float(json, (float)bits / 3);
		break;
	default:
		msgpack_pack_str(pk, strlen(s));
		msgpack_pack_str_body(pk, s, strlen(s));
		fnt_json_string(json, s, strlen(s));
		break;
	}
}

static void
random_object(msgpack_packer *pk, struct fnt_buf *json, int depth)
{
	size_t count =
		rnd(20) ? rnd(5) : 14 + rnd(5); /* around the limit of fixarray */
	bool map = rnd(2);
	char key[16];

	if (!depth || !rnd(4)) {
		random_leaf(pk, json);
		return;
	}
	if (map)
		msgpack_pack_map(pk, count);
	else
		msgpack_pack_array(pk, count);
	fnt_buf_append_char(json, map ? '{' : '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			fnt_buf_append_char(json, ',');
		if (map) {
			size_t len = (size_t)snprintf(key, sizeof(key), "k%zu", i);

			msgpack_pack_str(pk, len);
			msgpack_pack_str_body(pk, key, len);
			fnt_json_string(json, key, len);
			fnt_buf_append_char(json, ':');
		}
		random_object(pk, json, depth - 1);
	}
	fnt_buf_append_char(json, map ? '}' : ']');
}

/* Every prefix is reported as damaged, and so is the whole with one more byte. Any
 * bytes give JSON of bounded size. */
static void
damage(char *bytes, size_t len)
{
	const char *json;
	size_t used;

	for (size_t cut = 0; cut < len; cut++) {
		MUST(fnt_msgpack_walk(bytes, cut, &used) && used <= cut);
		if (cut % 16 == 0)
			MUST(is_marker(json_of(bytes, cut)));
	}
	MUST(!fnt_msgpack_walk(bytes, len + 1, &used) && used == len);
	MUST(is_marker(json_of(bytes, len + 1)));
	for (int change = 0; change < 20; change++) {
		bytes[rnd(len)] = (char)rnd64();
		json = json_of(bytes, len);
		MUST(oracle_is_output(json, strlen(json)));
		MUST(strlen(json) <= 20 * len + 200);
	}
}

START_TEST(random_objects)
{
	for (int round = 0; round < 3000; round++) {
		msgpack_sbuffer packed;
		msgpack_packer pk;
		struct fnt_buf expected = {0};

		msgpack_sbuffer_init(&packed);
		msgpack_packer_init(&pk, &packed, msgpack_sbuffer_write);
		random_object(&pk, &expected, 5);
		fnt_buf_append_char(&expected, '\0');
		MUST(!strcmp(json_of(packed.data, packed.size), expected.data));
		free(expected.data);
		if (packed.size < 1000) {
			size_t len = packed.size;

			msgpack_pack_nil(&pk);
			damage(packed.data, len);
		}
		msgpack_sbuffer_destroy(&packed);
	}
}
END_TEST

/* Each first byte, followed by nothing, by too little and by enough: our walk and
 * msgpack-c agree on whether that is an object, and on its size. */
START_TEST(walk_agrees_with_msgpack_c)
{
	char bytes[512];

	for (int round = 0; round < 256 * 600; round++) {
		size_t len = rnd(rnd(8) ? 40 : sizeof(bytes)) + 1, used, at = 0;
		msgpack_unpacked unpacked;
		msgpack_unpack_return result;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(rnd(3) ? rnd(3) : rnd64());
		bytes[0] = (char)round;
		msgpack_unpacked_init(&unpacked);
		if (!fnt_msgpack_walk(bytes, len, &used)) {
			/* It unpacks no deeper nesting, and says that memory is
			 * short. */
			result = msgpack_unpack_next(&unpacked, bytes, len, &at);
			MUST((result == MSGPACK_UNPACK_SUCCESS && at == used) ||
			     (result == MSGPACK_UNPACK_NOMEM_ERROR && len > 32));
		} else {
			MUST(used <= len && is_marker(json_of(bytes, len)));
			/* msgpack-c would allocate for a count of millions. */
			if (memchr(bytes, 0xDD, len) || memchr(bytes, 0xDF, len))
				continue;
			result = msgpack_unpack_next(&unpacked, bytes, len, &at);
			MUST(result != MSGPACK_UNPACK_SUCCESS);
		}
		msgpack_unpacked_destroy(&unpacked);
	}
}
END_TEST

/* What a value of so many nested containers is: `deep` levels, and one more in the
 * innermost. */
static uint32_t
flags_of_depth(size_t deep)
{
	return deep > FNT_VALUE_DEPTH_MAX ? FNT_TRACE_VALUE_TOO_DEEP : 0;
}

static uint32_t
flags_of(const char *bytes, size_t len)
{
	return fnt_value_flags(&(struct fnt_value){FNT_VALUE_MSGPACK, bytes, len});
}

START_TEST(depth)
{
	static char bytes[2 * FNT_VALUE_DEPTH_MAX + 64];

	for (size_t deep = 0; deep <= FNT_VALUE_DEPTH_MAX + 8; deep++) {
		/* Nested arrays of one element; the innermost holds a number, or an
		 * empty array. */
		memset(bytes, '\x91', deep);
		bytes[deep] = 1;
		ck_assert_uint_eq(flags_of(bytes, deep + 1), flags_of_depth(deep));
		ck_assert(is_marker(json_of(bytes, deep + 1)) ==
			  (deep > FNT_VALUE_DEPTH_MAX));
		bytes[deep] = '\x90';
		ck_assert_uint_eq(flags_of(bytes, deep + 1), flags_of_depth(deep + 1));
		/* What is cut short is damaged, however deep it is. */
		if (deep && deep <= FNT_VALUE_DEPTH_MAX)
			ck_assert_uint_eq(flags_of(bytes, deep),
					  FNT_TRACE_VALUE_INVALID);
		/* Maps as keys of maps give the largest output. */
		memset(bytes, '\x81', deep);
		memset(bytes + deep, '\x80', deep + 1);
		ck_assert_uint_eq(flags_of(bytes, 2 * deep + 1),
				  flags_of_depth(deep + 1));
		ck_assert_uint_lt(strlen(json_of(bytes, 2 * deep + 1)),
				  20 * deep + 200);
	}
	memset(bytes, '\x91', FNT_VALUE_DEPTH_MAX + 1);
	ck_assert_str_eq(json_of(bytes, FNT_VALUE_DEPTH_MAX + 2),
			 "\"<msgpack nested deeper than 512 levels at byte 512 of "
			 "514>\"");
}
END_TEST

START_TEST(float32_integers)
{
	static const struct {
		float value;
		const char *json;
	} floats[] = {
		{0.0f, "0.0"},
		{-0.0f, "-0.0"},
		{16777216.0f, "16777216.0"},
		{2147483648.0f, "2147483648.0"},
		{-4294967296.0f, "-4294967296.0"},
		{9007199254740992.0f, "9007199254740992.0"},
		{0.1f, "0.1"},
		{16777.217f, "16777.217"},
	};

	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		msgpack_sbuffer packed;
		msgpack_packer pk;

		msgpack_sbuffer_init(&packed);
		msgpack_packer_init(&pk, &packed, msgpack_sbuffer_write);
		msgpack_pack_float(&pk, floats[i].value);
		ck_assert_str_eq(json_of(packed.data, packed.size), floats[i].json);
		msgpack_sbuffer_destroy(&packed);
	}
}
END_TEST

START_TEST(false_counts_are_marked)
{
	ck_assert_str_eq(JSON_OF(""), "\"<invalid msgpack at byte 0 of 0:>\"");
	ck_assert_str_eq(JSON_OF("\xDD\xFF\xFF\xFF\xFF\x01"),
			 "\"<invalid msgpack at byte 0 of 6: dd ff ff ff ff 01>\"");
	ck_assert_str_eq(JSON_OF("\x92\x01\xC1"),
			 "\"<invalid msgpack at byte 2 of 3: c1>\"");
	ck_assert_str_eq(JSON_OF("\x01\x02"),
			 "\"<invalid msgpack at byte 1 of 2: 02>\"");
	ck_assert(is_marker(JSON_OF("\xDF\xFF\xFF\xFF\xFF")));
	ck_assert(is_marker(JSON_OF("\xDF\x80\x00\x00\x00\x01\x01")));
	ck_assert(is_marker(JSON_OF("\xDB\xFF\xFF\xFF\xFF\x01")));
	ck_assert(is_marker(JSON_OF("\xC9\xFF\xFF\xFF\xFF\x01\x01")));
	ck_assert(is_marker(JSON_OF("\xC8\x00\x02\x01\x01")));
	/* Enough bytes for each array alone, but not for both. */
	ck_assert(is_marker(JSON_OF("\x92\x92\x01\x02")));
	ck_assert_str_eq(
		JSON_OF("\xC1"
			"0123456789abcdef"),
		"\"<invalid msgpack at byte 0 of 17: c1 30 31 32 33 34 35 36 37 38 "
		"39 61 62 63 64 65 …>\"");
}
END_TEST

int
main(void)
{
	return SUITE_RUN("json_msgpack", scalars, bytes_and_extensions, timestamps,
			 timestamps_agree_with_gmtime, keys_are_strings, random_objects,
			 walk_agrees_with_msgpack_c, depth, float32_integers,
			 false_counts_are_marked);
}
