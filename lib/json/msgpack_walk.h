/* SPDX-License-Identifier: MIT
 *
 * msgpack_walk.h: check that bytes are one msgpack object, before memory is allocated
 * for it.
 *
 * msgpack-c trusts the counts that it reads: an array header of five bytes that claims
 * 200 million elements makes it allocate 4.8 GB. So bytes that this library did not
 * write are walked first, by the specification
 * (github.com/msgpack/msgpack/blob/master/spec.md).
 *
 * Any thread, async-signal-safe, no allocation, no recursion; takes time linear in the
 * bytes walked.
 */
#ifndef FNT_JSON_MSGPACK_WALK_H
#define FNT_JSON_MSGPACK_WALK_H

#include <stdbool.h>
#include <stddef.h>

/* The deepest nesting of containers. msgpack-c refuses one more, even if it is empty,
 * and reports it as lack of memory. */
#define FNT_MSGPACK_DEPTH_MAX 32u

/* Walk the object at the start of `data`. True: *used is its size, at most `len`, and
 * msgpack-c unpacks it into at most 24 bytes per byte. False: *used is the offset of
 * the first object that is incomplete, claims more elements than there are bytes, is
 * nested too deep, or begins with 0xc1, which the format never uses. */
bool fnt_msgpack_walk(const void *data, size_t len, size_t *used);

#endif
