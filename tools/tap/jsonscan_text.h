/* SPDX-License-Identifier: MIT
 *
 * jsonscan_text.h: the texts that a scanner keeps, and the content of strings. For
 * jsonscan.c and jsonscan_number.c only.
 */
#ifndef FNT_TAP_JSONSCAN_TEXT_H
#define FNT_TAP_JSONSCAN_TEXT_H

#include "tap/jsonscan.h"

/* In `scope`, `field` and `raw`: no wanted member. */
#define JSONSCAN_NONE (-2)

/* Make a field absent, but keep its memory. */
void jsonscan_clear_field(struct jsonscan_field *field);

/* Append bytes to the text of field `index`, up to its limit. */
void jsonscan_keep(struct jsonscan *scan, int index, const char *bytes, size_t len);

/* The text is complete. If the limit cut a character in two, remove the part of it. */
void jsonscan_trim(struct jsonscan_field *field);

/* Add content to the string or name being read: `len` bytes to keep. `content`: the
 * number of bytes that they count for in the string's length. */
void jsonscan_put(struct jsonscan *scan, const char *bytes, size_t len, size_t content);

/* Add a \uXXXX. A high surrogate waits for the low one; a lone one becomes U+FFFD. */
void jsonscan_put_utf16(struct jsonscan *scan, unsigned unit);

/* Something else than \uXXXX follows: a high surrogate that waits becomes U+FFFD. */
void jsonscan_flush(struct jsonscan *scan);

/* The first quote, backslash or control character from `p` on; `end`: none. */
const char *jsonscan_find_special(const char *p, const char *end);

#endif
