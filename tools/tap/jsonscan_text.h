/* SPDX-License-Identifier: MIT
 *
 * jsonscan_text.h: what a scanner keeps, and the content of strings. For jsonscan.c
 * only.
 */
#ifndef FNT_TAP_JSONSCAN_TEXT_H
#define FNT_TAP_JSONSCAN_TEXT_H

#include "tap/jsonscan.h"

/* In `scope`, `field` and `raw`: nobody asked for it. */
#define JSONSCAN_NONE (-2)

/* Forget what was found; keep its memory. */
void jsonscan_clear_field(struct jsonscan_field *field);

/* Append to field `index` what its bound has room for. */
void jsonscan_keep(struct jsonscan *scan, int index, const char *bytes, size_t len);

/* The text is complete: a character that the bound went through is taken away whole. */
void jsonscan_trim(struct jsonscan_field *field);

/* Content of the string or name being read: `bytes` to keep, which stand for `content`
 * bytes in UTF-8. */
void jsonscan_put(struct jsonscan *scan, const char *bytes, size_t len, size_t content);

/* The same for one \uXXXX: two that make a pair are one character, one alone is U+FFFD.
 */
void jsonscan_put_utf16(struct jsonscan *scan, unsigned unit);

/* What comes next is no \uXXXX: a first half that still waits is alone. */
void jsonscan_flush(struct jsonscan *scan);

/* The first byte from `p` that means something in a string, or `end`. */
const char *jsonscan_find_special(const char *p, const char *end);

#endif
