/* SPDX-License-Identifier: MIT
 *
 * relay.h: copies bytes from one descriptor to another and shows them to a listener.
 *
 *      from ──read──► buffer ──write──► to
 *              │         └──► listener, after the write
 *              └── the time that the bytes bear
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

#include "tap/listener.h"

#include <poll.h>

#define RELAY_BUFFER_BYTES (256 * 1024)

/* A descriptor and how to use it without blocking. */
struct relay_end {
	int fd; /* -1: closed */
	bool is_socket;
	bool is_terminal;
	size_t write_max; /* bytes that can be written without blocking after POLLOUT */
};

struct relay_flow {
	struct relay_end from, to;
	struct listener *listener;
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
 * second time, for what it was open for: a FIFO that is open for reading and writing
 * has no end of file. Other files are left as they are, and write_max bounds what is
 * written at once. */
struct relay_end relay_inherit(int fd);

/* Fill in what to poll for: fds[0] for `from`, fds[1] for `to`. fd is -1 where there is
 * nothing to wait for. Returns how long to wait at most, in ms; -1: for ever. A
 * terminal is not read in the background, as that would stop the tap. */
int relay_poll(const struct relay_flow *flow, struct pollfd fds[2]);

/* Read and write what poll said is possible. */
void relay_step(struct relay_flow *flow, const struct pollfd fds[2]);

/* The process that wrote to `from` has ended: read only what is there now. */
void relay_limit(struct relay_flow *flow);

/* Whether a limited flow has passed on all it may read. */
bool relay_is_drained(const struct relay_flow *flow);

/* Read on without a limit. */
void relay_unlimit(struct relay_flow *flow);

/* Whether another process may still write to `from`, a pipe. */
bool relay_has_writer(const struct relay_flow *flow);

/* Bytes in the buffer that are not written yet. */
size_t relay_unwritten(const struct relay_flow *flow);

/* Close both ends. What is in the buffer is lost. */
void relay_close(struct relay_flow *flow);

/* The process that read from `to` has ended: close both ends unless another one may
 * read from it. */
void relay_close_unread(struct relay_flow *flow);

/* Whether both ends are closed. */
bool relay_is_done(const struct relay_flow *flow);

#endif
