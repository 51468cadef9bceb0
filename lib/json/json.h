/* SPDX-License-Identifier: MIT
 *
 * json.h: writing JSON (RFC 8259) into a buffer: strings, numbers, values.
 *
 *      json_trace.c ──► json (strings, numbers)
 *           │      ╲──► json_text     (a value that is JSON text)
 *           ╰─────────► msgpack_json  (a value that is msgpack)
 *
 * All output is valid UTF-8, has no white space between tokens and no line break of any
 * kind, U+2028 and U+2029 included, so that one value is one line for whoever reads it.
 * Failures stick in the buffer (buf.h). Any thread; nothing depends on the locale;
 * errno is left as it was, but for ENOMEM's doing.
 */
#ifndef FNT_JSON_JSON_H
#define FNT_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A JSON string. Control characters (NUL too) are escaped; each ill-formed piece of
 * UTF-8 (utf8.h) becomes U+FFFD. At most 6 * len + 2 bytes. */
void fnt_json_string(struct fnt_buf *buf, const char *s, size_t len);

/* Its inside: no quotes. To put one string together from several: each must end at the
 * end of a character. */
void fnt_json_escape(struct fnt_buf *buf, const char *s, size_t len);

/* One more `"` and `\` level for what has been put since `mark`, which must be JSON
 * made here: it becomes a JSON string that holds that JSON as text. At most 2 * len
 * + 2. */
void fnt_json_stringify(struct fnt_buf *buf, size_t mark);

void fnt_json_u64(struct fnt_buf *buf, uint64_t value);
void fnt_json_i64(struct fnt_buf *buf, int64_t value);

/* The fewest digits that read back as the same double (or float), the nearest to it
 * among those; written as 1.5, 100.0, 1e-7, 1.5e300: always with a point or an
 * exponent, so that it reads back as a floating-point number, -0.0 too. NaN and
 * infinities: null. */
void fnt_json_double(struct fnt_buf *buf, double value);
void fnt_json_float(struct fnt_buf *buf, float value);

/* Nanoseconds as milliseconds: what fnt_json_double((double)ns / 1e6) puts, but fast.
 */
void fnt_json_ns_as_ms(struct fnt_buf *buf, uint64_t ns);

/* `digits` hexadecimal digits, 1 to 16, the lowest of `value`. No quotes. */
void fnt_json_hex(struct fnt_buf *buf, uint64_t value, unsigned digits);

/* Base64 (RFC 4648 section 4, padded) in quotes. */
void fnt_json_base64(struct fnt_buf *buf, const void *bytes, size_t len);

/* The deepest nesting of arrays and objects that is taken for JSON. What is read back
 * must fit the depth of its readers, most of which bear 1000, some of them 128. */
#define FNT_JSON_DEPTH_MAX 512u

/* JSON text, checked by RFC 8259 to the letter (no byte order mark, nothing but white
 * space around one value) and put without the white space. Numbers stay as they are, to
 * the digit, and escapes too, except \ud800 to \udfff without its partner, which
 * becomes \ufffd. Raw ill-formed UTF-8 inside a string becomes U+FFFD. No recursion.
 *
 * What is not JSON becomes one string, "<invalid JSON at byte 17 of 40: …>", with what
 * is found around that byte (counted from 0). At most 3 * len bytes, or a few hundred.
 */
void fnt_json_text(struct fnt_buf *buf, const char *text, size_t len);

/* One msgpack object: see json_msgpack.c for how its types are shown in JSON. */
void fnt_json_msgpack(struct fnt_buf *buf, const void *data, size_t len);

#endif
