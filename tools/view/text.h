/* SPDX-License-Identifier: MIT
 *
 * text.h: turning numbers and foreign strings into text that is fit to be shown.
 *
 * Strings that come from a region, a file name or the command line are foreign.
 * Whatever could act on a terminal or deceive who reads it (control characters,
 * bidirectional overrides, invisible characters, invalid UTF-8) is shown as an escape:
 * \n, \x1b, \u202e.
 */
#ifndef FNT_VIEW_TEXT_H
#define FNT_VIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Say once what the terminal can do: characters beyond ASCII, and colour. */
void text_init(bool utf8, bool colour);
void text_set_colour(bool colour);
bool text_is_utf8(void);

enum text_style {
	TEXT_PLAIN,
	TEXT_BOLD,
	TEXT_DIM,
	TEXT_GOOD,  /* green */
	TEXT_BAD,   /* red */
	TEXT_WARN,  /* yellow */
	TEXT_TITLE, /* underlined */
};

/* Begin a style, TEXT_PLAIN ends it; nothing is written where there is no colour. */
void text_style(FILE *out, enum text_style style);

/* The number of columns of the terminal that `out` writes to; 0 if it is not a terminal:
 * lines are not cut then. Taken from the terminal, else from $COLUMNS, else 80. */
size_t text_columns(FILE *out);

/* malloc(). Ends the program with a message if there is no memory. */
void *text_alloc(size_t size);

/* ---- foreign strings ------------------------------------------------------------ */

#define TEXT_INVALID UINT32_MAX

/* The character that `len` >= 1 bytes at `s` begin with, TEXT_INVALID for what is not
 * UTF-8. Returns the bytes that it takes, 1 of what is invalid. */
size_t text_decode(const char *s, size_t len, uint32_t *character);

/* Whether the character is to be shown as an escape. */
bool text_is_unsafe(uint32_t character);

/* A copy of `len` bytes at `s` with escapes, malloc'd: free() it. */
char *text_escape(const char *s, size_t len);

/* Terminal columns that an escaped string takes. */
size_t text_width(const char *escaped);

/* Bytes of `escaped` that fit into `columns`; *used: the columns that these take. */
size_t text_fit(const char *escaped, size_t columns, size_t *used);

/* Write `s` escaped. */
void text_put(FILE *out, const char *s);

/* Write `s` escaped, in at most `columns` (0: no limit); an ellipsis marks the cut. */
void text_put_cut(FILE *out, const char *s, size_t columns);

/* Write lines of ASCII, those longer than `columns` (0: no limit) broken at blanks.
 * Lines one after the other that do not begin with a blank are one paragraph; others go
 * on under what comes after their last two blanks in a row. */
void text_put_wrapped(FILE *out, const char *text, size_t columns);

/* The ellipsis that marks a cut: one column or three. */
const char *text_ellipsis(void);

/* ---- JSON ----------------------------------------------------------------------- */

/* Write a JSON text that the library made. What could act on a terminal is escaped
 * inside its strings, which changes no value. */
void text_put_json(FILE *out, const char *json);

/* Write `s` as a JSON string, quotes included; invalid UTF-8 becomes U+FFFD. */
void text_put_json_string(FILE *out, const char *s);

/* Write a JSON text over several lines of at most `columns` (0: no limit) and at most
 * `max_lines` (0: no limit), each begun by `indent` spaces, escaped for a human. One
 * that fits on one line stays on it. Returns whether all of it was shown. */
bool text_put_json_pretty(FILE *out, const char *json, size_t indent, size_t columns,
			  size_t max_lines);

/* ---- numbers and units ---------------------------------------------------------- */

/* Long enough for each function below, which return their first argument. */
#define TEXT_UNIT_MAX 48

/* 850 ns, 94.9 µs, 10.5 ms, 3.42 s, 2 min 05 s, 3 h 20 min, 4 d 02 h */
char *text_duration(char out[TEXT_UNIT_MAX], uint64_t ns);

/* 512 B, 1.5 KiB, 16 MiB */
char *text_bytes(char out[TEXT_UNIT_MAX], uint64_t bytes);

/* 1,234,567 */
char *text_count(char out[TEXT_UNIT_MAX], uint64_t count);

/* How long `then_ns` (Unix time) is before `now_ns`: now, 12 s, 3 min, 5 h, 4 d; "-"
 * for a time that has not come. */
char *text_age(char out[TEXT_UNIT_MAX], uint64_t then_ns, uint64_t now_ns);

/* The same in a sentence: just now, 12 s ago, in the future. */
char *text_ago(char out[TEXT_UNIT_MAX], uint64_t then_ns, uint64_t now_ns);

/* 2026-11-23 18:28:15.319 and 18:28:15.319, local time */
char *text_date(char out[TEXT_UNIT_MAX], uint64_t unix_ns);
char *text_clock(char out[TEXT_UNIT_MAX], uint64_t unix_ns);

/* Unix time now. */
uint64_t text_now_ns(void);

#endif
