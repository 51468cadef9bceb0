/* SPDX-License-Identifier: MIT
 *
 * What the scanner accepts as JSON, and what it reports. test_jsonscan_pieces.c tests
 * that the result does not depend on how the text is cut into pieces.
 */
#include "jsonscan_suite.h"

/* ---- what is JSON --------------------------------------------------------------- */

static const char *const valid[] = {
	"null",
	" true ",
	"false\r",
	"0",
	"-0",
	"10.5e+3",
	"1E9",
	"-1.0e-0",
	"\"\"",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\"",
	"[]",
	"{}",
	" [ 1 , [ ] , { } ] ",
	"{\"\":0}",
	"{\"a\":{\"a\":[{\"a\":1}]}}",
	"[true,false,null,\"x\",-1]",
	"\"\xff\xfe\"",
	"\"\x7f\"",
};

static const char *const invalid[] = {
	"",
	" ",
	"nul",
	"nulll",
	"True",
	"01",
	"-",
	"+1",
	"-a",
	".5",
	"1.",
	"1.e1",
	"1e",
	"1e+",
	"1 2",
	"\"",
	"\"\\x\"",
	"\"\\u12g4\"",
	"\"\\u12\"",
	"\"a\tb\"",
	"\"a\nb\"",
	"[",
	"]",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[1}",
	"{",
	"}",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,}",
	"{a:1}",
	"{\"a\" 1}",
	"{\"a\":1]",
	"{1:1}",
	"[1]]",
	"{}x",
	"'a'",
	"\xef\xbb\xbf{}",
	"NaN",
	"\v1",
};

START_TEST(test_valid)
{
	ck_assert_msg(feed(valid[_i]), "refused: %s", valid[_i]);
	ck_assert(!jsonscan_failed(&scan));
}
END_TEST

START_TEST(test_invalid)
{
	ck_assert_msg(!feed(invalid[_i]), "accepted: %s", invalid[_i]);
}
END_TEST

START_TEST(test_nul_and_control)
{
	for (int c = 0; c < 0x20; c++) {
		char text[] = "\"a?b\"";

		text[2] = (char)c;
		ck_assert_msg(!feed_all(text, 5), "control character %d in a string",
			      c);
	}
	ck_assert(!feed_all("{}\0", 3));
}
END_TEST

START_TEST(test_depth)
{
	static char text[3 * JSONSCAN_DEPTH_MAX];

	for (int depth = JSONSCAN_DEPTH_MAX - 1; depth <= JSONSCAN_DEPTH_MAX + 1;
	     depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		ck_assert(feed_all(text, 2 * (size_t)depth));
		ck_assert_int_eq(scan.too_deep, depth > JSONSCAN_DEPTH_MAX);
		ck_assert(!feed_all(text, 2 * (size_t)depth - 1));
		ck_assert(!feed_all(text, 2 * (size_t)depth + 1));
	}
}
END_TEST

/* What comes after a value that is too deep is read as ever, and its length counts. */
START_TEST(test_too_deep)
{
	static const char inside[] =
		"{\"[\":[\"]]\\\"]}\\\\\",true,{}],\"b\":-1e5 , \"\\u005d\":null}";
	static char text[8 * JSONSCAN_DEPTH_MAX];
	char *at = stpcpy(text, "{\"value\":"), *value = at;
	const int depth = JSONSCAN_DEPTH_MAX + 100;

	for (int i = 0; i < depth; i++)
		*at++ = '[';
	at = stpcpy(at, inside);
	for (int i = 0; i < depth; i++)
		*at++ = ']';
	*at = '\0';
	ck_assert_uint_eq(strlen(value), 2 * (size_t)depth + strlen(inside));
	strcpy(at, ",\"id\":\"x\",\"n\":7}");
	ck_assert(feed(text));
	ck_assert(scan.too_deep);
	ck_assert_uint_eq(scan.fields[VALUE].len, (size_t)(at - value));
	ck_assert_str_eq(scan.fields[ID].text, "x");
	ck_assert_int_eq(scan.fields[N].integer, 7);
	value[depth] = '\x01';
	ck_assert(!feed(text));
	ck_assert(feed("[]"));
	ck_assert(!scan.too_deep);
}
END_TEST

/* ---- what is reported ----------------------------------------------------------- */

START_TEST(test_strings)
{
	const struct jsonscan_field *type;

	type = field("{\"type\":\"a\\u00e4\\ud83d\\ude00\\n\"}", TYPE);
	ck_assert_int_eq(type->type, JSON_STRING);
	ck_assert_str_eq(type->text, "a\xc3\xa4\xf0\x9f\x98\x80\n");
	ck_assert_uint_eq(type->len, 8);
	type = field("{\"type\":\"\\ud83dx\\ude00\\ud83d\\ud83d\\u0041\"}", TYPE);
	ck_assert_str_eq(type->text, "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
				     "A");
	type = field("{\"type\":\"\\ud83d\"}", TYPE);
	ck_assert_str_eq(type->text, "\xef\xbf\xbd");
	type = field("{\"type\":\"\\ud83d\\n\"}", TYPE);
	ck_assert_str_eq(type->text, "\xef\xbf\xbd\n");
	type = field("{\"type\":\"\\u0000\"}", TYPE);
	ck_assert_str_eq(type->text, "\xef\xbf\xbd");
	ck_assert_uint_eq(type->len, 1);
	type = field("{\"type\":\"\\u07ff\\u0800\\uffff\\udbff\\udfff\"}", TYPE);
	ck_assert_str_eq(type->text,
			 "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf");
	type = field("{\"t\\u0079pe\":\"\"}", TYPE);
	ck_assert_int_eq(type->type, JSON_STRING);
	ck_assert_uint_eq(type->len, 0);
}
END_TEST

START_TEST(test_text_limit)
{
	const struct jsonscan_field *id;

	id = field("{\"id\":\"12345678\"}", ID);
	ck_assert(!id->text_cut);
	ck_assert_str_eq(id->text, "12345678");
	id = field("{\"id\":\"123456789\"}", ID);
	ck_assert(id->text_cut);
	ck_assert_str_eq(id->text, "12345678");
	ck_assert_uint_eq(id->len, 9);
	id = field("{\"id\":\"123456\\u20ac\"}", ID);
	ck_assert(id->text_cut);
	ck_assert_str_eq(id->text, "123456");
	ck_assert_uint_eq(id->len, 9);
	id = field("{\"id\":\"12345\xf0\x9f\x98\x80\"}", ID);
	ck_assert_str_eq(id->text, "12345");
	id = field("{\"id\":\"12345\xe2\x82\xac.\"}", ID);
	ck_assert_str_eq(id->text, "12345\xe2\x82\xac");
}
END_TEST

START_TEST(test_raw)
{
	const struct jsonscan_field *value;

	value = field("{\"value\": {\"a\" : [1, \"\\u0041]\"]} ,\"n\":1}", VALUE);
	ck_assert_str_eq(value->text, "{\"a\" : [1, \"\\u0041]\"]}");
	ck_assert_int_eq(value->type, JSON_OBJECT);
	ck_assert_int_eq((int)scan.fields[N].integer, 1);
	ck_assert_str_eq(field("{\"value\":12.5}", VALUE)->text, "12.5");
	ck_assert_str_eq(field("{\"value\":12.5 }", VALUE)->text, "12.5");
	ck_assert_str_eq(field("{\"value\":null}", VALUE)->text, "null");
	ck_assert_str_eq(field("{\"value\":\"\\\"\"}", VALUE)->text, "\"\\\"\"");
	ck_assert_str_eq(field("{\"value\":[]}", VALUE)->text, "[]");
	value = field("{\"value\":1,\"value\":[2]}", VALUE);
	ck_assert_str_eq(value->text, "[2]");
	ck_assert_uint_eq(value->len, 3);
	ck_assert_int_eq(field("{\"n\":{\"value\":1}}", VALUE)->type, JSON_ABSENT);
	value = field("{\"value\":\"0123456789012345678901234567890123456789"
		      "0123456789012345678901234567890123456789\"}",
		      VALUE);
	ck_assert(value->text_cut);
	ck_assert_uint_eq(value->len, 82);
}
END_TEST

START_TEST(test_counts)
{
	ck_assert_uint_eq(field("{\"data\":[]}", DATA)->item_count, 0);
	ck_assert_int_eq(scan.fields[DATA].type, JSON_ARRAY);
	ck_assert_uint_eq(
		field("{\"data\":[[1,2],{\"data\":[3]},\"x\",4 ]}", DATA)->item_count,
		4);
	ck_assert_uint_eq(field("{\"data\":{\"page\":[1,{},[]]}}", PAGE)->item_count,
			  3);
	ck_assert_uint_eq(field("{\"data\":{\"x\":{\"page\":[1]}}}", PAGE)->item_count,
			  0);
	ck_assert_uint_eq(field("{\"data\":[{\"page\":[1]}]}", PAGE)->item_count, 0);
	ck_assert_int_eq(field("{\"page\":[1]}", PAGE)->type, JSON_ABSENT);
	ck_assert_int_eq(field("[{\"data\":[1]}]", DATA)->type, JSON_ABSENT);
}
END_TEST

START_TEST(test_last_one_counts)
{
	const char *text = "{\"data\":{\"page\":[1,2]},\"data\":[1]}";

	ck_assert_uint_eq(field(text, DATA)->item_count, 1);
	ck_assert_int_eq(scan.fields[PAGE].type, JSON_ABSENT);
	ck_assert_int_eq(field("{\"id\":\"x\",\"id\":null}", ID)->type, JSON_NULL);
	ck_assert_int_eq(field("{\"a\":{\"b\":{\"c\":1}},\"a\":{}}", DEEP_C)->type,
			 JSON_ABSENT);
	ck_assert_int_eq(field("{\"a\":{\"b\":{\"c\":true}}}", DEEP_C)->type,
			 JSON_TRUE);
}
END_TEST

START_TEST(test_integers)
{
	static const struct {
		const char *text;
		bool known, exact;
		int64_t integer;
	} cases[] = {
		{"0", true, true, 0},
		{"-0", true, true, 0},
		{"9223372036854775807", true, true, INT64_MAX},
		{"-9223372036854775808", true, true, INT64_MIN},
		{"9223372036854775808", false, false, 0},
		{"-9223372036854775809", false, false, 0},
		{"18446744073709551616", false, false, 0},
		{"99999999999999999999999", false, false, 0},
		{"1795447202689", true, true, 1795447202689},
		{"1.75", true, false, 1},
		{"-1.75", true, false, -1},
		{"1e3", false, false, 0},
	};

	for (int i = 0; i < COUNT(cases); i++) {
		const struct jsonscan_field *n;
		char text[64];

		snprintf(text, sizeof(text), "{\"n\":%s}", cases[i].text);
		n = field(text, N);
		ck_assert_int_eq(n->type, JSON_NUMBER);
		ck_assert_int_eq(n->integer_known, cases[i].known);
		ck_assert_int_eq(n->integer_exact, cases[i].exact);
		ck_assert_int_eq(n->integer, cases[i].integer);
	}
}
END_TEST

/* ---- memory and wants ----------------------------------------------------------- */

/* Every byte value at every offset from a word's start: jsonscan_find_special() must
 * stop at the same byte whether it tests eight bytes at a time or one. */
START_TEST(test_every_byte_in_a_string)
{
	char text[40];

	for (int at = 9; at < 30; at++) {
		for (int c = 0; c < 256; c++) {
			bool plain = c >= 0x20 && c != '"' && c != '\\';

			memcpy(text, "{\"data\":\"", 9);
			memset(text + 9, 0x80, 24);
			memcpy(text + 32, "\"}", 2);
			text[at] = (char)c;
			ck_assert_int_eq(feed_all(text, 34), plain);
			if (plain)
				ck_assert_uint_eq(scan.fields[DATA].len, 23);
		}
	}
}
END_TEST

START_TEST(test_memory_is_bounded)
{
	char *big = malloc(1 << 20);

	memset(big, 'x', 1 << 20);
	jsonscan_reset(&scan);
	jsonscan_feed(&scan, "{\"value\":\"", 10);
	for (int i = 0; i < 64; i++)
		jsonscan_feed(&scan, big, 1 << 20);
	jsonscan_feed(&scan, "\"}", 2);
	free(big);
	ck_assert(jsonscan_end(&scan));
	ck_assert_uint_eq(scan.fields[VALUE].len, (64 << 20) + 2);
	ck_assert_uint_le(scan.fields[VALUE].text_room, 256);
}
END_TEST

/* The first item of an array, and members of it. */
START_TEST(test_first_item)
{
	ck_assert_str_eq(field("{\"data\":{\"page\":[\"x\",\"y\"]}}", FIRST)->text,
			 "x");
	ck_assert_str_eq(field("{\"data\":{\"page\":[ {\"text\":\"x\"},{\"text\":"
			       "\"y\"}]}}",
			       FIRST_TEXT)
				 ->text,
			 "x");
	ck_assert_uint_eq(scan.fields[PAGE].item_count, 2);
	ck_assert_int_eq(field("{\"data\":{\"page\":[]}}", FIRST)->type, JSON_ABSENT);
	ck_assert_int_eq(field("{\"data\":{\"page\":{\"\":1}}}", FIRST)->type,
			 JSON_ABSENT);
	ck_assert_int_eq(
		field("{\"data\":{\"page\":[[{\"text\":\"x\"}]]}}", FIRST_TEXT)->type,
		JSON_ABSENT);
	/* A member that occurs again replaces what was found in the first one. */
	ck_assert_int_eq(field("{\"data\":{\"page\":[{\"text\":\"x\"}],\"page\":[1]}}",
			       FIRST_TEXT)
				 ->type,
			 JSON_ABSENT);
}
END_TEST

START_TEST(test_number_text)
{
	ck_assert_str_eq(field("{\"id\":-1.50e3}", ID)->text, "-1.50e3");
	ck_assert_uint_eq(scan.fields[ID].text_len, 7);
	ck_assert_str_eq(field("{\"id\":0}", ID)->text, "0");
	field("{\"id\":123456789}", ID);
	ck_assert(scan.fields[ID].text_cut);
	ck_assert_int_eq(scan.fields[ID].integer, 123456789);
}
END_TEST

START_TEST(test_bad_wants)
{
	static const struct jsonscan_want self[] = {{"a", 0, 0, false}};
	static const struct jsonscan_want later[] = {{"a", 1, 0, false},
						     {"b", JSONSCAN_TOP, 0, false}};
	static const struct jsonscan_want name[] = {
		{"01234567890123456789012345678901", JSONSCAN_TOP, 0, false}};
	static const struct jsonscan_want deep[] = {{"a", JSONSCAN_TOP, 0, false},
						    {"b", 0, 0, false},
						    {"c", 1, 0, false},
						    {"d", 2, 0, false},
						    {"e", 3, 0, false}};
	struct jsonscan other;

	ck_assert_int_lt(jsonscan_init(&other, self, 1), 0);
	ck_assert_int_lt(jsonscan_init(&other, later, 2), 0);
	ck_assert_int_lt(jsonscan_init(&other, name, 1), 0);
	ck_assert_int_lt(jsonscan_init(&other, deep, 5), 0);
	ck_assert_int_eq(jsonscan_init(&other, deep, 4), 0);
	jsonscan_fini(&other);
}
END_TEST

int
main(void)
{
	SRunner *runner;
	TCase *tcase = suite_begin("jsonscan", SUITE_TIMEOUT, &runner);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_valid, 0, COUNT(valid));
	tcase_add_loop_test(tcase, test_invalid, 0, COUNT(invalid));
	tcase_add_test(tcase, test_nul_and_control);
	tcase_add_test(tcase, test_depth);
	tcase_add_test(tcase, test_too_deep);
	tcase_add_test(tcase, test_strings);
	tcase_add_test(tcase, test_text_limit);
	tcase_add_test(tcase, test_raw);
	tcase_add_test(tcase, test_counts);
	tcase_add_test(tcase, test_last_one_counts);
	tcase_add_test(tcase, test_integers);
	tcase_add_test(tcase, test_every_byte_in_a_string);
	tcase_add_test(tcase, test_memory_is_bounded);
	tcase_add_test(tcase, test_bad_wants);
	tcase_add_test(tcase, test_first_item);
	tcase_add_test(tcase, test_number_text);
	return suite_end(runner);
}
