/* SPDX-License-Identifier: MIT
 *
 * relay.h: bytes from one descriptor to another, shown to a protocol on the way.
 *
 *      from ──read──► buffer ──write──► to
 *                        └──► protocol->feed, after the write
 *
 * A flow holds one buffer and reads only when that is empty: who does not read stops
 * who writes, as with a pipe between the two. The two ends pass on to each other: the
 * end of `from` closes `to`; a `to` that nobody reads any more closes `from`. Nothing
 * blocks where it can be helped, so that two flows in one thread do not stop each
 * other.
 *
 * Threads: one at a time.
 */
#ifndef FNT_TAP_RELAY_H
#define FNT_TAP_RELAY_H

#include "tap/protocol.h"

#include <poll.h>
#include <sys/types.h>

#define RELAY_BUFFER_BYTES (256 * 1024)

/* A descriptor and how to use it without blocking. */
struct relay_end {
	int fd; /* -1: closed */
	bool is_socket;
	size_t write_max; /* bytes that a write takes without blocking once poll says so
			   */
};

struct relay_flow {
	struct relay_end from, to;
	const struct protocol *protocol;
	void *state; /* the protocol's */
	enum protocol_dir dir;
	bool limited;
	size_t limit; /* bytes still to be read, if limited */
	size_t begin, end;
	char buffer[RELAY_BUFFER_BYTES];
};

/* An end made of a descriptor that nobody else has: it is set to O_NONBLOCK. */
struct relay_end relay_own(int fd);

/* An end made of a standard descriptor. Others may have the same open file, a terminal
 * or the next program's pipe, and would be hurt by O_NONBLOCK; so a pipe is opened anew
 * in its place, and others are left as they are and used with care. */
struct relay_end relay_inherit(int fd, int open_flags);

/* What to poll for: fds[0] is from's, fds[1] to's; -1 where there is nothing to wait
 * for. */
void relay_poll(const struct relay_flow *flow, struct pollfd fds[2]);

/* Do what poll said can be done. */
void relay_step(struct relay_flow *flow, const struct pollfd fds[2]);

/* Send on what is there to be read now, and then be done: who else may hold the other
 * side open is not waited for. */
void relay_finish(struct relay_flow *flow);

/* Close both ends; what is in the buffer is lost. */
void relay_close(struct relay_flow *flow);

bool relay_is_done(const struct relay_flow *flow);

#endif
