/* SPDX-License-Identifier: MIT
 *
 * relay.h: copies bytes from one descriptor to another and shows them to a protocol.
 *
 *      from ──read──► buffer ──write──► to
 *                        └──► protocol->feed, after the write
 *
 * A flow has one buffer and reads only when it is empty. So a reader that stops reading
 * stops the writer, as with a pipe. End of file on `from` closes `to`; if the reader of
 * `to` has gone, `from` is closed. Reads and writes do not block, so that two flows in
 * one thread do not stop each other. The exception are descriptors that cannot be made
 * non-blocking without affecting other processes, see relay_inherit().
 *
 * Threads: one at a time.
 */
#ifndef FNT_TAP_RELAY_H
#define FNT_TAP_RELAY_H

#include "tap/protocol.h"

#include <poll.h>

#define RELAY_BUFFER_BYTES (256 * 1024)

/* A descriptor and how to use it without blocking. */
struct relay_end {
	int fd; /* -1: closed */
	bool is_socket;
	size_t write_max; /* bytes that can be written without blocking after POLLOUT */
};

struct relay_flow {
	struct relay_end from, to;
	const struct protocol *protocol;
	void *state; /* of the protocol */
	enum protocol_dir dir;
	bool limited;
	size_t limit;	   /* bytes still to read, if limited */
	size_t begin, end; /* of the unwritten bytes in `buffer` */
	char buffer[RELAY_BUFFER_BYTES];
};

/* Use a descriptor whose open file no other process shares; sets O_NONBLOCK on it. */
struct relay_end relay_own(int fd);

/* Use a standard descriptor. Other processes may share its open file (a terminal, a
 * pipe of a shell's pipeline), and O_NONBLOCK would affect them. So a pipe is opened a
 * second time; other files are left as they are, and write_max bounds what is written
 * at once. */
struct relay_end relay_inherit(int fd, int open_flags);

/* Fill in what to poll for: fds[0] for `from`, fds[1] for `to`. fd is -1 where there is
 * nothing to wait for. */
void relay_poll(const struct relay_flow *flow, struct pollfd fds[2]);

/* Read and write what poll said is possible. */
void relay_step(struct relay_flow *flow, const struct pollfd fds[2]);

/* The writer of `from` has ended: relay what can be read now, then close both ends.
 * Does not wait for the end of file, as another process may still hold the other side
 * open. */
void relay_finish(struct relay_flow *flow);

/* Close both ends. What is in the buffer is lost. */
void relay_close(struct relay_flow *flow);

/* Whether both ends are closed. */
bool relay_is_done(const struct relay_flow *flow);

#endif
