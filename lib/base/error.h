/* SPDX-License-Identifier: MIT
 *
 * error.h: error messages for callers that passed a struct fnt_error.
 *
 * Any thread; no allocation.
 */
#ifndef FNT_BASE_ERROR_H
#define FNT_BASE_ERROR_H

#include <fntrace/fntrace.h>

/* Store `code` and the formatted message, cut to fit, in *error; `error` may be NULL.
 * Returns `code`, a negative errno, so that a caller can return it at once. */
__attribute__((format(printf, 3, 4))) int fnt_fail(struct fnt_error *error, int code,
						   const char *format, ...);

/* Format a size for people, as "12 MiB". Returns `text`. */
const char *fnt_bytes_text(char text[32], uint64_t bytes);

#endif
