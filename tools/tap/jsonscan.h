/* SPDX-License-Identifier: MIT
 *
 * jsonscan.h: reads chosen members of a JSON text that comes in pieces of any size.
 *
 *      bytes ──► jsonscan_feed ──► … ──► jsonscan_end ──► fields[i]
 *                (pieces of any size)    (complete and valid?)
 *
 * Memory does not grow with the text: the scanner keeps only the wanted members, each
 * up to a limit, and one bit for each level of nesting. The result does not depend on
 * how the text was cut into pieces.
 *
 * It accepts a JSON text as RFC 8259 defines it, except that bytes that are not UTF-8
 * are accepted as they are, and of members with the same name the last one counts. What
 * lies deeper than JSONSCAN_DEPTH_MAX is not checked, but for strings and the number of
 * brackets: `too_deep` is set, and the rest of the text is read as ever.
 *
 * Threads: one at a time for a scanner. No function blocks.
 */
#ifndef FNT_TAP_JSONSCAN_H
#define FNT_TAP_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONSCAN_DEPTH_MAX 512
/* The greatest depth of a wanted member: 4 is {"a":{"b":{"c":{"here":…}}}}. */
#define JSONSCAN_WANT_DEPTH 4
#define JSONSCAN_NAME_MAX 31

#define JSONSCAN_TOP (-1)

enum json_type {
	JSON_ABSENT = 0,
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* A wanted member. */
struct jsonscan_want {
	/* Without escapes; at most JSONSCAN_NAME_MAX bytes. NULL: not a member but the
	 * first item of `parent`, an array. */
	const char *name;
	int parent;	 /* index of the want that is its object; JSONSCAN_TOP: none */
	size_t keep_max; /* bytes of text to keep; 0: none, text_cut stays false */
	bool raw;	 /* keep the value as JSON text, not a string's content */
};

/* What was found of a wanted member. */
struct jsonscan_field {
	enum json_type type;
	bool text_cut;	    /* text is only the beginning, cut between characters */
	bool integer_known; /* a number without an exponent that fits `integer` */
	bool integer_exact; /* and without a fraction */
	int64_t integer;    /* rounded towards zero */
	uint64_t len;	    /* bytes of a string's content in UTF-8; raw: of the JSON */
	uint64_t item_count; /* of an array */
	/* The content of a string, the digits of a number, or JSON (raw).
	 * NUL-terminated; NULL: nothing kept. In a string's text U+FFFD replaces NUL
	 * and lone surrogates. */
	char *text;
	size_t text_len;
	size_t text_room; /* bytes allocated; private */
};

/* A scanner. Only `fields` may be read from outside. If the text is not an object, all
 * fields are absent. */
struct jsonscan {
	const struct jsonscan_want *wants;
	int want_count;
	struct jsonscan_field *fields; /* one for each want */

	bool too_deep; /* may be read from outside, too */
	int state;
	unsigned depth;
	uint64_t below; /* brackets that are open below JSONSCAN_DEPTH_MAX */
	/* By level: 1 for an object, 0 for an array. */
	uint64_t object_bits[JSONSCAN_DEPTH_MAX / 64 + 1];
	int scope[JSONSCAN_WANT_DEPTH + 1]; /* by level: the want whose value it is */
	int field; /* the want whose value comes next or is being read */
	int raw;   /* the want whose JSON text is being kept */
	unsigned raw_depth;

	bool in_key;
	char key[JSONSCAN_NAME_MAX + 1];
	size_t key_len; /* JSONSCAN_NAME_MAX + 1: longer */
	unsigned hex, hex_digits, high;

	const char *literal; /* the expected rest of true, false or null */
	int number;	     /* state within a number: jsonscan_number.c */
	bool negative, too_large, fraction;
	uint64_t magnitude;
};

/* Make a scanner for `wants`, which must outlive it. Returns 0, -ENOMEM, or -EINVAL if
 * a name is too long, a parent does not come before its member, or a member is too
 * deep. */
int jsonscan_init(struct jsonscan *scan, const struct jsonscan_want *wants, int count);

/* Free the scanner's memory. */
void jsonscan_fini(struct jsonscan *scan);

/* Begin a new text. All fields become absent; their memory is reused. */
void jsonscan_reset(struct jsonscan *scan);

/* Scan the next `len` bytes. After an error they are ignored. */
void jsonscan_feed(struct jsonscan *scan, const char *bytes, size_t len);

/* End the text. Returns true if it was one valid JSON text. If not, the fields are
 * meaningless. */
bool jsonscan_end(struct jsonscan *scan);

/* Whether an error was found: the text cannot become valid any more. */
bool jsonscan_failed(const struct jsonscan *scan);

#endif
