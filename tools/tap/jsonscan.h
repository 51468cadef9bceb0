/* SPDX-License-Identifier: MIT
 *
 * jsonscan.h: a JSON text read as it passes by, in pieces of any size.
 *
 *      bytes ──► jsonscan_feed ──► … ──► jsonscan_end ──► fields[i]
 *                (any chunking)          (whole? valid?)
 *
 * A 50 MB line must not need 50 MB: the scanner keeps nothing but the members that were
 * asked for, each up to a bound, and one bit for each level of nesting. What it reports
 * is the same whatever pieces the text came in.
 *
 * It accepts what RFC 8259 calls a JSON text, with three marks of its own: nesting
 * deeper than JSONSCAN_DEPTH_MAX is refused; bytes that are no UTF-8 are taken as they
 * are; of members with the same name the last one counts.
 *
 * Threads: one at a time for a scanner. No function blocks.
 */
#ifndef FNT_TAP_JSONSCAN_H
#define FNT_TAP_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONSCAN_DEPTH_MAX 512
/* How deep a member may lie that is asked for: 4 is {"a":{"b":{"c":{"here":…}}}}. */
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

/* A member that is asked for. */
struct jsonscan_want {
	const char *name; /* as decoded; at most JSONSCAN_NAME_MAX bytes */
	int parent;	  /* index of the want whose object it is in; JSONSCAN_TOP */
	size_t keep_max;  /* bytes of text to keep; 0: none, text_cut stays false */
	bool raw;	  /* keep the JSON text of the value, not a string's content */
};

/* What was found. Numbers have no text unless raw. */
struct jsonscan_field {
	enum json_type type;
	bool text_cut;	     /* text is the beginning only, cut between characters */
	bool integer_known;  /* a number without exponent, in range */
	bool integer_exact;  /* and without fraction */
	int64_t integer;     /* cut towards zero */
	uint64_t len;	     /* string: bytes of its content in UTF-8; raw: of JSON */
	uint64_t item_count; /* array: how many */
	/* NUL-terminated, or NULL: none kept. A string's text has neither NUL nor lone
	 * surrogates: U+FFFD stands for them. */
	char *text;
	size_t text_len;
	size_t text_room; /* the scanner's own */
};

/* All of it is the scanner's own but `fields`. Of a text that is no object they are all
 * absent. */
struct jsonscan {
	const struct jsonscan_want *wants;
	int want_count;
	struct jsonscan_field *fields; /* one for each want */

	int state;
	unsigned depth;
	uint64_t object_bits[JSONSCAN_DEPTH_MAX / 64 +
			     1];	    /* by level: is it an object? */
	int scope[JSONSCAN_WANT_DEPTH + 1]; /* by level: whose value it is */
	int field;			    /* whose value comes or is being read */
	int raw;			    /* whose text is being kept */
	unsigned raw_depth;

	bool in_key;
	char key[JSONSCAN_NAME_MAX + 1];
	size_t key_len; /* JSONSCAN_NAME_MAX + 1: longer */
	unsigned hex, hex_digits, high;

	const char *literal; /* what is still to come of true, false, null */
	int number;	     /* how far one has come: jsonscan_number.c */
	bool negative, too_large, fraction;
	uint64_t magnitude;
};

/* Make a scanner of `wants`, which must outlive it. 0, -ENOMEM, -EINVAL (a name too
 * long, a parent that does not come before its member, or too deep). */
int jsonscan_init(struct jsonscan *scan, const struct jsonscan_want *wants, int count);
void jsonscan_fini(struct jsonscan *scan);

/* Begin a new text. The fields of the last one are gone; their memory is used again. */
void jsonscan_reset(struct jsonscan *scan);

/* The next `len` bytes. Bytes after an error cost nothing. */
void jsonscan_feed(struct jsonscan *scan, const char *bytes, size_t len);

/* No more comes. True if it was one JSON text; else the fields mean nothing. */
bool jsonscan_end(struct jsonscan *scan);

/* True once it is known that this is no JSON text, whatever may come. */
bool jsonscan_failed(const struct jsonscan *scan);

#endif
