/* SPDX-License-Identifier: MIT
 *
 * msgpack_walk.h: read msgpack objects one by one, and check that bytes are one object,
 * by the specification (github.com/msgpack/msgpack/blob/master/spec.md).
 *
 * Bytes that this library did not write are walked before they are used: a header of
 * five bytes can claim an array of four thousand million elements.
 *
 * Any thread, async-signal-safe, no allocation, no recursion; takes time linear in the
 * bytes walked.
 */
#ifndef FNT_JSON_MSGPACK_WALK_H
#define FNT_JSON_MSGPACK_WALK_H

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An object, without those that it contains. */
struct fnt_msgpack_item {
	uint64_t size;	   /* bytes, without its children */
	uint64_t children; /* objects that follow and belong to it */
	uint32_t head;	   /* bytes before those of a str, a bin or an ext's type */
	bool container;	   /* an array or a map, maybe an empty one */
};

/* Read the object at `byte`, of which there are `len` > 0 bytes. False: it is
 * incomplete, or begins with 0xc1, which the format never uses. */
bool fnt_msgpack_read(struct fnt_msgpack_item *item, const uint8_t *byte, size_t len);

enum fnt_msgpack_verdict {
	FNT_MSGPACK_VALID = 0,
	FNT_MSGPACK_INVALID,
	FNT_MSGPACK_TOO_DEEP, /* containers within more than FNT_VALUE_DEPTH_MAX */
};

/* Walk the object at the start of `data`. FNT_MSGPACK_VALID: *used is its size, at most
 * `len`. Else *used is the offset of the first object that is incomplete, claims more
 * elements than there are bytes, or is nested too deep. */
enum fnt_msgpack_verdict fnt_msgpack_walk(const void *data, size_t len, size_t *used);

#endif
