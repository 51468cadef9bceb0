/* SPDX-License-Identifier: MIT */
#include "tap/jsonhash.h"
#include "support/suite.h"

#include <string.h>

static uint64_t
hash(const char *text)
{
	/* Memory of the exact size, so that sanitizers see reads past its end. */
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	uint64_t value;

	memcpy(exact, text, len);
	value = jsonhash(exact, len);
	free(exact);
	return value;
}

START_TEST(test_same)
{
	static const char *const pairs[][2] = {
		{"{\"a\":1,\"b\":[true,null]}",
		 " { \"b\" : [ true , null ] , \"a\" : 1 } "},
		{"1", "1.0"},
		{"1e2", "100"},
		{"-0", "0"},
		{"\"\\u00e4\\n\\ud83d\\ude00\\/\"",
		 "\"\xc3\xa4\\u000a\xf0\x9f\x98\x80/\""},
		{"{\"\\u0061\":{}}", "{\"a\":{}}"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		ck_assert_msg(hash(pairs[i][0]) == hash(pairs[i][1]), "%s and %s",
			      pairs[i][0], pairs[i][1]);
}
END_TEST

START_TEST(test_different)
{
	static const char *const texts[] = {
		"null",
		"true",
		"false",
		"0",
		"1",
		"\"1\"",
		"\"\"",
		"[]",
		"{}",
		"[[]]",
		"[1,2]",
		"[2,1]",
		"[12]",
		"{\"a\":1}",
		"{\"b\":1}",
		"{\"a\":2}",
		"{\"a\":\"b\"}",
		"{\"b\":\"a\"}",
		"{\"a\":1,\"b\":2}",
		"{\"a\":2,\"b\":1}",
		"[{\"a\":1},{\"b\":2}]",
		"1.5",
		"-1",
	};
	size_t count = sizeof(texts) / sizeof(texts[0]);

	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_ne(hash(texts[i]), 0);
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(hash(texts[i]) != hash(texts[j]), "%s and %s",
				      texts[i], texts[j]);
	}
}
END_TEST

/* What is no JSON, or too deep, ends all the same. */
START_TEST(test_anything)
{
	static const char alphabet[] = "{}[]\",:\\u01 eE.-tx";
	char deep[4096], bytes[32];
	unsigned seed = 7;

	memset(deep, '[', sizeof(deep));
	jsonhash(deep, sizeof(deep));
	for (int round = 0; round < 200000; round++) {
		size_t len;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = alphabet[seed / 65536 % (sizeof(alphabet) - 1)];
		}
		len = seed / 65536 % sizeof(bytes);
		bytes[len] = '\0';
		hash(bytes);
	}
}
END_TEST

int
main(void)
{
	return SUITE_RUN("jsonhash", test_same, test_different, test_anything);
}
