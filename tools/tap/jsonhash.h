/* SPDX-License-Identifier: MIT
 *
 * jsonhash.h: a hash of a JSON value, equal for values that mean the same: members of
 * an object in any order, strings with or without escapes, numbers by their value.
 *
 * Threads: any. Does not block or allocate.
 */
#ifndef FNT_TAP_JSONHASH_H
#define FNT_TAP_JSONHASH_H

#include <stddef.h>
#include <stdint.h>

#define JSONHASH_DEPTH_MAX 512

/* Hash the value at the start of `text`, which must be one valid JSON text of `len`
 * bytes. Never 0. Of a text that is not valid, or nested deeper than
 * JSONHASH_DEPTH_MAX, the hash has no meaning. */
uint64_t jsonhash(const char *text, size_t len);

#endif
