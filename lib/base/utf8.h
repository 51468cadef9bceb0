/* SPDX-License-Identifier: MIT
 *
 * utf8.h: check UTF-8, replace what is ill-formed, cut without breaking a character.
 *
 * Well-formed is defined by RFC 3629 and table 3-7 of the Unicode standard: no overlong
 * forms, no surrogates, nothing above U+10FFFF. U+0000 counts as ill-formed here, since
 * the strings of a trace end at a NUL.
 *
 * Every string is a sequence of pieces: a well-formed character, or a maximal subpart
 * of an ill-formed one (Unicode 15, section 3.9), which one U+FFFD replaces. A byte
 * below 0x80 or above 0xBF always begins a piece, and a piece has at most four bytes.
 * So the beginning of a piece is found from any byte by looking back at most three.
 *
 * All functions: any thread, async-signal-safe, wait-free; no allocation.
 */
#ifndef FNT_BASE_UTF8_H
#define FNT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD in UTF-8, and its length. */
#define FNT_UTF8_FFFD "\xEF\xBF\xBD"
#define FNT_UTF8_FFFD_SIZE 3u

/* Is `s` well-formed UTF-8 without a NUL? */
bool fnt_utf8_valid(const char *s, size_t len);

/* Returns the length of the first piece, 1 to 4; `len` must be > 0. Sets *valid if it
 * is a character. This is the only function here that takes NUL for a character. */
size_t fnt_utf8_piece(const char *s, size_t len, bool *valid);

/* Returns how many bytes fnt_utf8_sanitize() would write, at most 3 * len. It may equal
 * `len` even if something is replaced (a subpart of three bytes). */
size_t fnt_utf8_sanitized_len(const char *s, size_t len);

/* Copy `s` to `dst` with each ill-formed piece and each NUL replaced by U+FFFD. Does
 * not terminate `dst`. The two must not overlap. Returns the number of bytes
 * written. */
size_t fnt_utf8_sanitize(char *dst, const char *s, size_t len);

/* Returns the largest length <= `max` at which `s` can be cut between two pieces. The
 * sanitized prefix is then a prefix of the sanitized whole, for ill-formed input too.
 * Reads at most three bytes before and four after `max`. */
size_t fnt_utf8_cut(const char *s, size_t len, size_t max);

#endif
