/* SPDX-License-Identifier: MIT
 *
 * jsonscan_suite.h: a scanner with a set of wanted members, shared by its suites.
 */
#ifndef FNT_TEST_JSONSCAN_SUITE_H
#define FNT_TEST_JSONSCAN_SUITE_H

#include "tap/jsonscan.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum {
	TYPE,
	ID,
	DATA,
	PAGE,
	VALUE,
	AUTH,
	USER,
	N,
	DEEP_A,
	DEEP_B,
	DEEP_C,
	FIRST,
	FIRST_TEXT,
	WANTS
};

static const struct jsonscan_want wants[WANTS] = {
	[TYPE] = {"type", JSONSCAN_TOP, 16, false},
	[ID] = {"id", JSONSCAN_TOP, 8, false},
	[DATA] = {"data", JSONSCAN_TOP, 0, false},
	[PAGE] = {"page", DATA, 0, false},
	[VALUE] = {"value", JSONSCAN_TOP, 64, true},
	[AUTH] = {"auth", JSONSCAN_TOP, 0, false},
	[USER] = {"user_id", AUTH, 16, false},
	[N] = {"n", JSONSCAN_TOP, 0, false},
	[DEEP_A] = {"a", JSONSCAN_TOP, 0, false},
	[DEEP_B] = {"b", DEEP_A, 0, false},
	[DEEP_C] = {"c", DEEP_B, 8, false},
	[FIRST] = {NULL, PAGE, 8, false},
	[FIRST_TEXT] = {"text", FIRST, 8, false},
};

static struct jsonscan scan;

static inline void
setup(void)
{
	ck_assert_int_eq(jsonscan_init(&scan, wants, WANTS), 0);
}

static inline void
teardown(void)
{
	jsonscan_fini(&scan);
}

/* Scan a text. Returns whether it is valid JSON. */
static inline bool
feed_all(const char *text, size_t len)
{
	jsonscan_reset(&scan);
	jsonscan_feed(&scan, text, len);
	return jsonscan_end(&scan);
}

static inline bool
feed(const char *text)
{
	return feed_all(text, strlen(text));
}

/* Scan a valid text; the field of want `index`. */
static inline const struct jsonscan_field *
field(const char *text, int index)
{
	ck_assert_msg(feed(text), "refused: %s", text);
	return &scan.fields[index];
}

#endif
