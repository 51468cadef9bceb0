/* SPDX-License-Identifier: MIT
 *
 * error.h: failures in words, for those who asked for them.
 */
#ifndef FNT_BASE_ERROR_H
#define FNT_BASE_ERROR_H

#include <fntrace/fntrace.h>

/* Write the message, if there is somewhere to write it, and return `code`. */
__attribute__((format(printf, 3, 4))) int fnt_fail(struct fnt_error *error, int code,
						   const char *format, ...);

/* "12 MiB": bytes for people. Returns `text`. */
const char *fnt_bytes_text(char text[32], uint64_t bytes);

#endif
