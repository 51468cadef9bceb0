/* SPDX-License-Identifier: MIT
 *
 * read.h: reading the events of a payload (events.h).
 *
 * The bytes are a private copy: nothing here touches shared memory. No count or length
 * in them is trusted: each is checked against the bytes that are there. msgpack-c,
 * which trusts counts, is not used. Nothing is written but the reader and the event.
 * Wait-free, no allocation, no system call; any thread, one at a time for one reader.
 */
#ifndef FNT_PAYLOAD_READ_H
#define FNT_PAYLOAD_READ_H

#include "payload/events.h"

#include <stddef.h>

/* A position in a payload. Filled in by the caller. */
struct fnt_payload_reader {
	const unsigned char *at, *end;
	/* Readable bytes past `end`: 0, or FNT_PAYLOAD_SLACK for the fast path. */
	size_t slack;
};

/* Read the next event into `event` and advance. Returns 1; 0 at the end; or -EBADMSG if
 * the bytes are not a payload: the events returned before stay valid. Texts point into
 * the payload and are followed by at least one byte that belongs to no other text: the
 * next element's first byte, or `*end`. So a caller may terminate them in place, once
 * that byte has been read. */
int fnt_payload_next(struct fnt_payload_reader *reader, struct fnt_event *event);

#endif
