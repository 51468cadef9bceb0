/* SPDX-License-Identifier: MIT */
#include "json/msgpack_walk.h"

/* What follows an object's first byte. */
struct shape {
	uint8_t count_bytes; /* a big-endian count follows */
	uint8_t unit;	     /* bytes per count */
	uint8_t children;    /* objects per count */
	uint8_t extra;	     /* further bytes: a number's, an ext's type */
};

/* First bytes c0 to df: "Formats" in the specification. */
/* clang-format off */
static const struct shape shapes[0x20] = {
	/* c4 bin */    [0x04] = {1, 1, 0, 0}, {2, 1, 0, 0}, {4, 1, 0, 0},
	/* c7 ext */    [0x07] = {1, 1, 0, 1}, {2, 1, 0, 1}, {4, 1, 0, 1},
	/* ca float */  [0x0a] = {0, 0, 0, 4}, {0, 0, 0, 8},
	/* cc uint */   [0x0c] = {0, 0, 0, 1}, {0, 0, 0, 2}, {0, 0, 0, 4}, {0, 0, 0, 8},
	/* d0 int */    [0x10] = {0, 0, 0, 1}, {0, 0, 0, 2}, {0, 0, 0, 4}, {0, 0, 0, 8},
	/* d4 fixext */ [0x14] = {0, 0, 0, 2}, {0, 0, 0, 3}, {0, 0, 0, 5}, {0, 0, 0, 9},
				 {0, 0, 0, 17},
	/* d9 str */    [0x19] = {1, 1, 0, 0}, {2, 1, 0, 0}, {4, 1, 0, 0},
	/* dc array */  [0x1c] = {2, 0, 1, 0}, {4, 0, 1, 0},
	/* de map */    [0x1e] = {2, 0, 2, 0}, {4, 0, 2, 0},
};
/* clang-format on */

bool
fnt_msgpack_read(struct fnt_msgpack_item *item, const uint8_t *byte, size_t len)
{
	const struct shape *shape;
	uint64_t count = 0;

	*item = (struct fnt_msgpack_item){.size = 1, .head = 1};
	if (byte[0] < 0x80 || byte[0] >= 0xe0) {
		return true; /* fixint */
	} else if (byte[0] < 0xa0) {
		item->container = true;
		item->children = (byte[0] & 0xfu) * (byte[0] < 0x90 ? 2 : 1);
		return true;
	} else if (byte[0] < 0xc0) {
		item->size += byte[0] & 0x1fu;
		return item->size <= len;
	} else if (byte[0] == 0xc1) {
		return false;
	}
	shape = &shapes[byte[0] - 0xc0];
	if (len - 1 < shape->count_bytes)
		return false;
	for (unsigned i = 0; i < shape->count_bytes; i++)
		count = count << 8 | byte[1 + i];
	item->head += shape->count_bytes;
	item->size += shape->count_bytes + shape->extra + count * shape->unit;
	item->container = shape->children;
	item->children = count * shape->children;
	return item->size <= len;
}

enum fnt_msgpack_verdict
fnt_msgpack_walk(const void *data, size_t len, size_t *used)
{
	const uint8_t *byte = data;
	uint64_t left[FNT_VALUE_DEPTH_MAX]; /* objects to come, by open container */
	uint64_t pending = 1;		    /* objects to come, in all */
	unsigned depth = 0;
	struct fnt_msgpack_item item;

	*used = 0;
	if (!len)
		return FNT_MSGPACK_INVALID;
	/* Each object takes a byte at least, so pending <= len - *used must hold. */
	while (pending) {
		if (!fnt_msgpack_read(&item, byte + *used, len - *used) ||
		    item.size + item.children + (pending - 1) > len - *used)
			return FNT_MSGPACK_INVALID;
		pending += item.children - 1;
		if (item.container && depth == FNT_VALUE_DEPTH_MAX)
			return FNT_MSGPACK_TOO_DEEP;
		*used += (size_t)item.size;
		if (item.children) {
			left[depth++] = item.children;
			continue;
		}
		while (depth && !--left[depth - 1])
			depth--;
	}
	return FNT_MSGPACK_VALID;
}
