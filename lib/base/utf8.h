/* SPDX-License-Identifier: MIT
 *
 * utf8.h: is it UTF-8, make it UTF-8, cut it without breaking a character.
 *
 * Well-formed is what RFC 3629 and table 3-7 of the Unicode standard say: no overlong
 * forms, no surrogates, nothing above U+10FFFF. U+0000 counts as ill-formed here, since
 * the strings of a trace end at it.
 *
 * Every string is a sequence of pieces: a well-formed character, or a maximal subpart
 * of an ill-formed one (Unicode 15, section 3.9), which is what one U+FFFD stands for.
 * A byte below 0x80 or above 0xBF always begins a piece, and a piece has at most four
 * bytes: that is why one can start in the middle and look back at most three.
 *
 * All functions: any thread, any time, async-signal-safe, wait-free; no allocation.
 */
#ifndef FNT_BASE_UTF8_H
#define FNT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD in UTF-8, and its length. */
#define FNT_UTF8_FFFD "\xEF\xBF\xBD"
#define FNT_UTF8_FFFD_SIZE 3u

/* Is it UTF-8 without a NUL? */
bool fnt_utf8_valid(const char *s, size_t len);

/* The length of the first piece, 1 to 4; `len` > 0. *valid: whether it is a character.
 * The only function here for which NUL is one. */
size_t fnt_utf8_piece(const char *s, size_t len, bool *valid);

/* The length that fnt_utf8_sanitize would write, at most 3 * len. It can equal `len`
 * though something is replaced (a subpart of three bytes): fnt_utf8_valid says whether.
 */
size_t fnt_utf8_sanitized_len(const char *s, size_t len);

/* Copy `s` to `dst`, each ill-formed piece and each NUL replaced by U+FFFD. No NUL is
 * put at the end. They must not overlap. Returns the bytes written. */
size_t fnt_utf8_sanitize(char *dst, const char *s, size_t len);

/* The largest length <= `max` at which `s` can be cut between two pieces. So the
 * sanitized prefix is a prefix of the sanitized whole, for ill-formed input too. Looks
 * at no more than three bytes before and four after `max`. */
size_t fnt_utf8_cut(const char *s, size_t len, size_t max);

#endif
