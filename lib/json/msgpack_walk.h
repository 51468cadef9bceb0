/* SPDX-License-Identifier: MIT
 *
 * msgpack_walk.h: is this one msgpack object, before anyone allocates for it?
 *
 * msgpack-c believes the counts it reads: an array header of five bytes that claims 200
 * million elements makes it ask for 4.8 GB. So bytes that we did not write are walked
 * here first, by the msgpack specification
 * (github.com/msgpack/msgpack/blob/master/spec.md).
 *
 * Any thread, async-signal-safe, no allocation, no recursion; time linear in what it
 * walks.
 */
#ifndef FNT_JSON_MSGPACK_WALK_H
#define FNT_JSON_MSGPACK_WALK_H

#include <stdbool.h>
#include <stddef.h>

/* msgpack-c refuses a container, even an empty one, inside so many (and calls that want
 * of memory). */
#define FNT_MSGPACK_DEPTH_MAX 32u

/* Walk the object that `data` begins with. True: *used is its size, at most `len`, and
 * msgpack-c can unpack it in memory of at most 24 bytes a byte. False: *used is the
 * offset of the object, in it or itself, that is cut short, claims more than there is,
 * nests too deep, or begins with the one byte (0xc1) that the format never uses. */
bool fnt_msgpack_walk(const void *data, size_t len, size_t *used);

#endif
