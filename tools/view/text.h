/* SPDX-License-Identifier: MIT
 *
 * text.h: text for a terminal: untrusted strings, JSON, numbers with units, colour.
 *
 * Strings from a region, a file name or the command line are untrusted. Characters that
 * could control the terminal or mislead the reader (control characters, bidirectional
 * overrides, invisible characters, invalid UTF-8) are printed as escapes: \n, \x1b,
 * \u202e.
 *
 * Threads: one at a time. Functions that allocate end the program if there is no
 * memory.
 */
#ifndef FNT_VIEW_TEXT_H
#define FNT_VIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Set, once, what the terminal can show: characters beyond ASCII, and colour. */
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

/* Switch to a style; TEXT_PLAIN ends it. Writes nothing if colour is off. */
void text_style(FILE *out, enum text_style style);

/* The number of columns of the terminal that `out` writes to; 0 if it is not a
 * terminal: lines are not cut then. Taken from the terminal, else from $COLUMNS, else
 * 80. */
size_t text_columns(FILE *out);

/* malloc(). Ends the program with a message if there is no memory. */
void *text_alloc(size_t size);

/* ---- untrusted strings ---------------------------------------------------------- */

#define TEXT_INVALID UINT32_MAX

/* Decode the first character of the `len` (at least 1) bytes at `s`. *character:
 * TEXT_INVALID if they are not UTF-8. Returns the number of bytes it takes, 1 if it is
 * invalid. */
size_t text_decode(const char *s, size_t len, uint32_t *character);

/* Whether the character is printed as an escape. */
bool text_is_unsafe(uint32_t character);

/* A copy of the `len` bytes at `s`, escaped; free() it. */
char *text_escape(const char *s, size_t len);

/* The terminal columns that an escaped string takes. */
size_t text_width(const char *escaped);

/* The number of bytes of `escaped` that fit in `columns`. *used: the columns they
 * take. */
size_t text_fit(const char *escaped, size_t columns, size_t *used);

/* Print `s`, escaped. */
void text_put(FILE *out, const char *s);

/* Print `s`, escaped, in at most `columns` (0: no limit). An ellipsis ends it if it was
 * cut. */
void text_put_cut(FILE *out, const char *s, size_t columns);

/* Print ASCII text, its lines wrapped at blanks so that they fit in `columns` (0: no
 * limit). Successive lines that do not begin with a blank are one paragraph. Other
 * lines are wrapped one by one, with a hanging indent at the column that follows their
 * last two successive blanks. */
void text_put_wrapped(FILE *out, const char *text, size_t columns);

/* The ellipsis that marks a cut: "…", or "..." without UTF-8. */
const char *text_ellipsis(void);

/* ---- JSON ----------------------------------------------------------------------- */

/* Print a JSON text made by the library. Unsafe characters in its strings are written
 * as JSON escapes, which changes no value. */
void text_put_json(FILE *out, const char *json);

/* Print `s` as a JSON string, with quotes. Invalid UTF-8 becomes U+FFFD. */
void text_put_json_string(FILE *out, const char *s);

/* The same, or null if `s` is "". */
void text_put_json_string_or_null(FILE *out, const char *s);

/* Print a JSON text for people: on one line if it fits, else indented by its nesting on
 * at most `max_lines` (0: no limit), each cut at `columns` (0: no limit) and preceded
 * by `indent` spaces. Returns false if lines were left out. */
bool text_put_json_pretty(FILE *out, const char *json, size_t indent, size_t columns,
			  size_t max_lines);

/* ---- numbers and units ---------------------------------------------------------- */

/* Size of the buffer `out` of the functions below, which return `out`. */
#define TEXT_UNIT_MAX 48

/* 850 ns, 94.9 µs, 10.5 ms, 3.42 s, 2 min 05 s, 3 h 20 min, 4 d 02 h */
char *text_duration(char out[TEXT_UNIT_MAX], uint64_t ns);

/* 512 B, 1.5 KiB, 16 MiB */
char *text_bytes(char out[TEXT_UNIT_MAX], uint64_t bytes);

/* 1,234,567 */
char *text_count(char out[TEXT_UNIT_MAX], uint64_t count);

/* The time from `then_ns` to `now_ns`, both Unix time: now, 12 s, 3 min, 5 h, 4 d; "-"
 * if `then_ns` is in the future. */
char *text_age(char out[TEXT_UNIT_MAX], uint64_t then_ns, uint64_t now_ns);

/* The same for use in a sentence: just now, 12 s ago, in the future. */
char *text_ago(char out[TEXT_UNIT_MAX], uint64_t then_ns, uint64_t now_ns);

/* 2026-11-23 18:28:15.319 and 18:28:15.319, local time */
char *text_date(char out[TEXT_UNIT_MAX], uint64_t unix_ns);
char *text_clock(char out[TEXT_UNIT_MAX], uint64_t unix_ns);

/* The current time, Unix time. */
uint64_t text_now_ns(void);

#endif
