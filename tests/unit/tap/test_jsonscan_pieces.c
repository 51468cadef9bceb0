/* SPDX-License-Identifier: MIT
 *
 * The scanner's result must not depend on how the text is cut into pieces. Each text is
 * fed whole, at every split into three, byte by byte and in random pieces, and every
 * field is compared.
 */
#include "jsonscan_suite.h"

static const char *const samples[] = {
	"{\"type\":\"call\",\"id\":\"c_1\",\"auth\":{\"user_id\":\"\\u00e4x\",\"z\":[1]"
	"},"
	"\"n\":-12.5,\"data\":[1,\"a\\\\\",{\"data\":1},[]],\"value\": [1, "
	"{\"x\":null}] }",
	"{\"value\":\"\\ud83d\\ude00 "
	"\\ud83dx\\udE00\\u0000\",\"type\":\"\\ud83d\\ude00\\ud83d"
	"\\ude00\\ud83d\\ude00\\ud83d\\ude00\\ud83d\\ude00\"}",
	"{\"data\":{\"page\":[1,2,3],\"page\":[1]},\"value\":12345,\"n\":"
	"18446744073709551615}",
	"{\"id\":\"0123456\xe2\x82\xac\",\"a\":{\"b\":{\"c\":\"deepdeepdeep\"}},"
	"\"value\":"
	"true}",
	"{\"value\":\"a text that is longer than sixty-four bytes, so that it will be "
	"cut "
	"somewhere\",\"id\":\"a\\u20ac\\u20ac\\u20ac\"}",
	"{\"type\":\"a\",\"type\":[],\"value\":{},\"value\":{\"a\":}",
	"{\"a name far longer than any that is asked "
	"for\":{\"type\":1},\"t\\u0079pe\":\"\\u\"}",
	" [1,2,{\"type\":\"x\"}] ",
	"{\"n\":1} {\"n\":2}",
};

struct result {
	bool valid;
	struct jsonscan_field fields[WANTS];
};

static void
take_result(struct result *result)
{
	result->valid = jsonscan_end(&scan);
	for (int i = 0; i < WANTS; i++) {
		result->fields[i] = scan.fields[i];
		result->fields[i].text =
			strdup(scan.fields[i].text ? scan.fields[i].text : "");
	}
}

static void
drop_result(struct result *result)
{
	for (int i = 0; i < WANTS; i++)
		free(result->fields[i].text);
}

static void
check_same(const struct result *whole, const char *text)
{
	struct result now;

	take_result(&now);
	ck_assert_msg(now.valid == whole->valid, "%s", text);
	for (int i = 0; i < WANTS && whole->valid; i++) {
		const struct jsonscan_field *a = &whole->fields[i], *b = &now.fields[i];

		ck_assert_msg(a->type == b->type && a->text_cut == b->text_cut &&
				      a->integer_known == b->integer_known &&
				      a->integer_exact == b->integer_exact &&
				      a->integer == b->integer && a->len == b->len &&
				      a->item_count == b->item_count &&
				      a->text_len == b->text_len &&
				      !strcmp(a->text, b->text),
			      "%s differs in %s", wants[i].name, text);
	}
	drop_result(&now);
}

/* Pieces are copied to memory of exactly their size, so that ASan and Valgrind notice a
 * read past the end. */
static void
feed_piece(const char *bytes, size_t len)
{
	char *piece = malloc(len ? len : 1);

	memcpy(piece, bytes, len);
	jsonscan_feed(&scan, piece, len);
	free(piece);
}

START_TEST(test_every_split)
{
	const char *text = samples[_i];
	size_t len = strlen(text);
	struct result whole;

	feed_all(text, len);
	take_result(&whole);
	for (size_t a = 0; a <= len; a++) {
		for (size_t b = a; b <= len; b++) {
			jsonscan_reset(&scan);
			feed_piece(text, a);
			feed_piece(text + a, b - a);
			feed_piece(text + b, len - b);
			check_same(&whole, text);
		}
	}
	drop_result(&whole);
}
END_TEST

START_TEST(test_random_pieces)
{
	const char *text = samples[_i];
	size_t len = strlen(text);
	struct result whole;

	srand(1);
	feed_all(text, len);
	take_result(&whole);
	for (int round = 0; round < 2000; round++) {
		size_t most = 1 + (size_t)rand() % 12;

		jsonscan_reset(&scan);
		for (size_t at = 0, step; at < len; at += step) {
			step = round ? (size_t)rand() % (most + 1) : 1;
			step = step > len - at ? len - at : step;
			feed_piece(text + at, step);
		}
		check_same(&whole, text);
	}
	drop_result(&whole);
}
END_TEST

/* A damaged text must not crash the scanner, and the result is the same in pieces. */
START_TEST(test_damaged)
{
	srand(2);
	for (int round = 0; round < 20000; round++) {
		const char *sample = samples[rand() % COUNT(samples)];
		size_t len = strlen(sample), at;
		char *text = strdup(sample);
		struct result whole;

		for (int hits = 1 + rand() % 3; hits > 0; hits--)
			text[(size_t)rand() % len] = "\"\\{}[],:0u\x80 \n"[rand() % 13];
		feed_all(text, len);
		take_result(&whole);
		at = (size_t)rand() % len;
		jsonscan_reset(&scan);
		feed_piece(text, at);
		feed_piece(text + at, len - at);
		check_same(&whole, text);
		drop_result(&whole);
		free(text);
	}
}
END_TEST

int
main(void)
{
	SRunner *runner;
	TCase *tcase = suite_begin("jsonscan_pieces", SUITE_TIMEOUT, &runner);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_every_split, 0, COUNT(samples));
	tcase_add_loop_test(tcase, test_random_pieces, 0, COUNT(samples));
	tcase_add_test(tcase, test_damaged);
	return suite_end(runner);
}
