/* SPDX-License-Identifier: MIT
 *
 * json.h: append JSON (RFC 8259) to a buffer: strings, numbers, values.
 *
 *      json_trace.c ──┬──► json.c, json_float.c   strings and numbers
 *                     ├──► json_text.c            a value that is JSON text
 *                     └──► json_msgpack.c         a value that is msgpack
 *
 * All output is valid UTF-8, without white space between tokens and without line breaks
 * of any kind, U+2028 and U+2029 included: a value is one line for every reader.
 *
 * Failures stick in the buffer (base/buf.h). Any thread; nothing depends on the locale;
 * errno is unchanged unless memory runs out. Appending may allocate.
 */
#ifndef FNT_JSON_JSON_H
#define FNT_JSON_JSON_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* A JSON string. Control characters (NUL too) are escaped; each ill-formed piece of
 * UTF-8 (utf8.h) becomes U+FFFD. At most 6 * len + 2 bytes. */
void fnt_json_string(struct fnt_buf *buf, const char *s, size_t len);

/* The same without the quotes, to make one string from several pieces; each must end at
 * the end of a character. */
void fnt_json_escape(struct fnt_buf *buf, const char *s, size_t len);

/* Turn what was appended since the buffer had `mark` bytes, JSON made by these
 * functions, into a JSON string that contains it as text. At most 2 * len + 2 bytes. */
void fnt_json_stringify(struct fnt_buf *buf, size_t mark);

void fnt_json_u64(struct fnt_buf *buf, uint64_t value);
void fnt_json_i64(struct fnt_buf *buf, int64_t value);

/* The fewest digits that read back as the same double (or float), and of those the
 * nearest to it: 1.5, 100.0, 1e-7, 1.5e300. There is always a point or an exponent, so
 * that it reads back as a floating-point number, also -0.0. NaN and infinities:
 * null. */
void fnt_json_double(struct fnt_buf *buf, double value);
void fnt_json_float(struct fnt_buf *buf, float value);

/* Nanoseconds as milliseconds: as fnt_json_double((double)ns / 1e6), but faster. */
void fnt_json_ns_as_ms(struct fnt_buf *buf, uint64_t ns);

/* The lowest `digits` hexadecimal digits of `value`, 1 to 16. No quotes. */
void fnt_json_hex(struct fnt_buf *buf, uint64_t value, unsigned digits);

/* Base64 (RFC 4648 section 4, padded) in quotes. */
void fnt_json_base64(struct fnt_buf *buf, const void *bytes, size_t len);

/* The string that stands for a value that is nested too deep at byte `at` of `len`.
 * `format`: its own. */
void fnt_json_too_deep(struct fnt_buf *buf, const char *format, size_t at, size_t len);

/* JSON text, checked strictly by RFC 8259 (no byte order mark, one value, nothing but
 * white space around it) and appended without white space. Numbers and escapes are
 * copied, except \ud800 to \udfff outside of a pair, which becomes \ufffd. Ill-formed
 * UTF-8 in a string becomes U+FFFD. No recursion.
 *
 * Text that is not JSON becomes a string "<invalid JSON at byte 17 of 40: …>" with what
 * is around that byte, counted from 0. One that is nested deeper than
 * FNT_VALUE_DEPTH_MAX becomes a string that says so. (Most readers of JSON accept a
 * depth of 1000, some only 128.) At most 3 * len bytes, or a few hundred.
 *
 * Returns 0, FNT_TRACE_VALUE_INVALID or FNT_TRACE_VALUE_TOO_DEEP. `buf` NULL: checks
 * only. */
uint32_t fnt_json_text(struct fnt_buf *buf, const char *text, size_t len);

/* One msgpack object: see json_msgpack.c for how its types are shown in JSON. Returns
 * as fnt_json_text(). `buf` NULL: checks only. */
uint32_t fnt_json_msgpack(struct fnt_buf *buf, const void *data, size_t len);

#endif
