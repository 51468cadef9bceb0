/* SPDX-License-Identifier: MIT
 *
 * test_json.c: strings, JSON text and the buffer. json_oracle.h judges the output.
 */
#include <stdio.h>
#include <string.h>

#include "json_suite.h"

#include <fntrace/fntrace.h>

/* ---- strings --------------------------------------------------------------------- */

static const char *
string(const char *s, size_t len)
{
	struct fnt_buf buf = {0};

	fnt_json_string(&buf, s, len);
	return taken(&buf);
}

START_TEST(strings_are_escaped)
{
	ck_assert_str_eq(string("", 0), "\"\"");
	ck_assert_str_eq(string("a\"b\\c/d", 7), "\"a\\\"b\\\\c/d\"");
	ck_assert_str_eq(string("\b\f\n\r\t\0\x01\x1f\x7f", 9),
			 "\"\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7f\"");
	ck_assert_str_eq(string("äöü € 😀", 15), "\"äöü € 😀\"");
	ck_assert_str_eq(string("\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA", 12),
			 "\"\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA\"");
	ck_assert_str_eq(string("a\xF1\x80\x80\xE1\x80\xC2z", 8), "\"a���z\"");
}
END_TEST

START_TEST(any_bytes_give_a_valid_string)
{
	char bytes[64];

	for (int round = 0; round < 50000; round++) {
		size_t len = rnd(sizeof(bytes));
		const char *json;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(rnd64() >> 40);
		json = string(bytes, len);
		MUST(oracle_is_output(json, strlen(json)));
		MUST(strlen(json) <= 6 * len + 2);
	}
}
END_TEST

START_TEST(stringify_escapes_once_more)
{
	struct fnt_buf buf = {0};

	fnt_buf_append_text(&buf, "[");
	fnt_buf_append_text(&buf, "{\"a\\\"\":[]}");
	fnt_json_stringify(&buf, 1);
	fnt_json_stringify(&buf, 1);
	ck_assert_str_eq(taken(&buf),
			 "[\"\\\"{\\\\\\\"a\\\\\\\\\\\\\\\"\\\\\\\":[]}\\\"\"");
	fnt_json_stringify(&buf, 0);
	ck_assert_str_eq(taken(&buf), "\"\"");
}
END_TEST

/* The examples of RFC 4648, section 10. */
START_TEST(base64)
{
	static const char *const expected[] = {
		"\"\"",		"\"Zg==\"",	"\"Zm8=\"",	"\"Zm9v\"",
		"\"Zm9vYg==\"", "\"Zm9vYmE=\"", "\"Zm9vYmFy\"",
	};
	struct fnt_buf buf = {0};

	for (size_t len = 0; len <= 6; len++) {
		fnt_json_base64(&buf, "foobar", len);
		ck_assert_str_eq(taken(&buf), expected[len]);
	}
	fnt_json_base64(&buf, "\xFB\xEF\xFF\x00", 4);
	ck_assert_str_eq(taken(&buf), "\"++//AA==\"");
}
END_TEST

/* ---- JSON text ------------------------------------------------------------------- */

static const char *
text(const char *s, size_t len)
{
	struct fnt_buf buf = {0};
	/* of exactly this size: ASan reports one byte too many */
	char *copy = malloc(len ? len : 1);

	if (len)
		memcpy(copy, s, len);
	fnt_buf_append_text(&buf, "");
	ck_assert_uint_eq(fnt_json_text(&buf, copy, len),
			  fnt_json_text(NULL, copy, len));
	free(copy);
	return taken(&buf);
}

static bool
is_marker(const char *json)
{
	return !strncmp(json, "\"<invalid JSON at byte ", 23);
}

START_TEST(text_is_compacted)
{
	static const char *const pairs[][2] = {
		{" { \"a\" :\t[ 1 ,\r\n2 ] , \"b\" : { } , \"c\" : [ ] } ",
		 "{\"a\":[1,2],\"b\":{},\"c\":[]}"},
		{"\n null ", "null"},
		{"\" a  b \"", "\" a  b \""},
		{"[-0, 1.50, 1E+2, 123456789012345678901234567890, 1e999]",
		 "[-0,1.50,1E+2,123456789012345678901234567890,1e999]"},
		{"\"\\/\\\"\\\\\\u00E9\\u0000\\b\"",
		 "\"\\/\\\"\\\\\\u00E9\\u0000\\b\""},
		{"\"\\uD83D\\uDE00\\ud800\\udc00\"",
		 "\"\\uD83D\\uDE00\\ud800\\udc00\""},
		{"\"\\ud800\"", "\"\\ufffd\""},
		{"\"\\udc00\\ud800\"", "\"\\ufffd\\ufffd\""},
		{"\"\\udc00\\udfff\"", "\"\\ufffd\\ufffd\""},
		{"\"\\ud83d\\ud83d\\ude00\\ud83d\\u0041\"",
		 "\"\\ufffd\\ud83d\\ude00\\ufffd\\u0041\""},
		{"\"a\xFFz\xE2\x82\"", "\"a�z�\""},
		{"\"\xE2\x80\xA8\x7f\"", "\"\\u2028\x7f\""},
		{"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		ck_assert_str_eq(text(pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
}
END_TEST

START_TEST(invalid_json_is_marked)
{
	static const char *const bad[] = {
		"",
		"  ",
		"nul",
		"True",
		"+1",
		"01",
		"-",
		"-a",
		"1.",
		".5",
		"1e",
		"1e+",
		"0x10",
		"NaN",
		"Infinity",
		"'a'",
		"\"a",
		"\"a\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\t\"",
		"[",
		"[1",
		"[1,]",
		"[,1]",
		"[1 2]",
		"]",
		"{",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{\"a\":1,}",
		"{1:1}",
		"{\"a\":1",
		"[}",
		"{]",
		"1 2",
		"{}}",
		"[]x",
		"\"a\"\"",
		"1,",
		"nulll",
		"/* */1",
		"\xEF\xBB\xBF"
		"1",
		"\"\\ud800\\u\"",
		"[1}",
		"\"\\ud800\\uxxxx\"",
		"\xC2\xA0"
		"1",
	};
	char nul[] = "\"a\0b\"";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *json = text(bad[i], strlen(bad[i]));

		if (!is_marker(json))
			ck_abort_msg("%s gave %s", bad[i], json);
		ck_assert(oracle_is_output(json, strlen(json)));
	}
	for (nul[2] = 0; nul[2] < 0x20; nul[2]++)
		ck_assert(is_marker(text(nul, sizeof(nul) - 1)));
	ck_assert_str_eq(text(nul, sizeof(nul) - 1), "\"a b\"");
	ck_assert(is_marker(text("1\0", 2)));
	ck_assert_str_eq(text("[1,\x1b[31m\xFF", 9),
			 "\"<invalid JSON at byte 3 of 9: [1,\\u001b[31m�>\"");
	ck_assert_str_eq(text("", 0), "\"<invalid JSON at byte 0 of 0: >\"");
}
END_TEST

START_TEST(excerpt_is_bounded)
{
	char bytes[4096];
	const char *json;

	memset(bytes, 1, sizeof(bytes));
	bytes[0] = '"';
	ck_assert_uint_lt(strlen(text(bytes, sizeof(bytes))), 400);
	/* Two-byte characters around the fault: the excerpt is cut between them. */
	for (size_t fault = 1000; fault < 1002; fault++) {
		memcpy(bytes, "[\"", 2);
		for (size_t i = 2; i < sizeof(bytes); i++)
			bytes[i] = i % 2 ? '\xA4' : '\xC3';
		bytes[fault] = '\n';
		json = text(bytes, sizeof(bytes));
		ck_assert_ptr_nonnull(strstr(json, ": …ä"));
		ck_assert_ptr_nonnull(strstr(json, "ä…>"));
	}
}
END_TEST

START_TEST(nesting_is_bounded)
{
	char bytes[2 * FNT_VALUE_DEPTH_MAX + 2];
	size_t depth = FNT_VALUE_DEPTH_MAX;

	memset(bytes, '[', depth);
	memset(bytes + depth, ']', depth);
	ck_assert_uint_eq(strlen(text(bytes, 2 * depth)), 2 * depth);
	memset(bytes, '[', depth + 1);
	memset(bytes + depth + 1, ']', depth + 1);
	ck_assert_str_eq(
		text(bytes, 2 * depth + 2),
		"\"<JSON nested deeper than 512 levels at byte 512 of 1026>\"");
	ck_assert_uint_eq(fnt_json_text(NULL, bytes, 2 * depth + 2),
			  FNT_TRACE_VALUE_TOO_DEEP);
	ck_assert_uint_eq(fnt_json_text(NULL, bytes + 1, 2 * depth), 0);
	ck_assert_uint_eq(fnt_json_text(NULL, bytes + 1, 2 * depth - 1),
			  FNT_TRACE_VALUE_INVALID);
}
END_TEST

static size_t
random_json(char *to, int depth)
{
	static const char *const leaves[] = {"null", "true", "false",	 "-0.5e-7",
					     "\"\"", "12",   "\"\\n{\"", "\"ä\"",
					     "[ ]",  "{}"};
	char *start = to;
	size_t count = rnd(4);
	bool object = rnd(2);

	if (depth == 0 || rnd(4) == 0)
		return (size_t)sprintf(to, "%s", leaves[rnd(10)]);
	*to++ = object ? '{' : '[';
	for (size_t i = 0; i < count; i++) {
		to += sprintf(to, "%s%s", i ? "," : "", rnd(3) ? "" : " \n\t");
		if (object)
			to += sprintf(to, "\"k%zu\\\"\" :", i);
		to += random_json(to, depth - 1);
	}
	*to++ = object ? '}' : ']';
	return (size_t)(to - start);
}

/* Valid JSON, and the same with some bytes changed: the oracle decides which is valid.
 */
START_TEST(text_agrees_with_oracle)
{
	char json[16384], compact[16384];
	size_t valid_count = 0;

	for (int round = 0; round < 30000; round++) {
		size_t len = random_json(json, 5);
		const char *out;
		bool plain, valid;

		for (int change = round % 4; change > 0; change--) {
			static const char bytes[] = "{}[],:\"\\eu01.-+ \n\x01\xC3";

			json[rnd(len)] = bytes[rnd(sizeof(bytes) - 1)];
		}
		valid = oracle_is_json(json, len, &plain);
		out = text(json, len);
		valid_count += valid;
		MUST(valid != is_marker(out));
		MUST(oracle_is_output(out, strlen(out)));
		if (plain) {
			compact[oracle_compact(compact, json, len)] = '\0';
			MUST(!strcmp(out, compact));
		}
	}
	ck_assert_uint_gt(valid_count, 7500);
	ck_assert_uint_lt(valid_count, 29000);
}
END_TEST

/* ---- the buffer ------------------------------------------------------------------ */

START_TEST(failed_buffer_stays_failed)
{
	struct fnt_buf buf;
	char *data = (char *)&buf;
	size_t len;

	for (size_t before = 0; before < 600; before += 299) {
		fnt_buf_init(&buf);
		for (size_t i = 0; i < before; i++)
			fnt_buf_append_char(&buf, 'x');
		ck_assert_ptr_null(fnt_buf_reserve(&buf, SIZE_MAX - before));
		fnt_buf_append_char(&buf, 'a');
		fnt_buf_append_text(&buf, "abc");
		fnt_json_string(&buf, "abc", 3);
		fnt_json_stringify(&buf, 0);
		ck_assert_uint_eq(buf.len, before);
		ck_assert_int_ne(fnt_buf_steal(&buf, &data, &len), 0);
		ck_assert_ptr_null(data);
	}
}
END_TEST

int
main(void)
{
	return SUITE_RUN("json", strings_are_escaped, any_bytes_give_a_valid_string,
			 stringify_escapes_once_more, base64, text_is_compacted,
			 invalid_json_is_marked, excerpt_is_bounded, nesting_is_bounded,
			 text_agrees_with_oracle, failed_buffer_stays_failed);
}
