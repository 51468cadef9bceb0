/* SPDX-License-Identifier: MIT */
#include "tap/relay.h"
#include "view/message.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* While the tap is in the background of its terminal, look this often whether it still
 * is. */
#define BACKGROUND_MS 200

/* A terminal polls as writable when it has room for at least this many bytes. */
#define TERMINAL_WRITE_MAX 256

struct relay_end
relay_own(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return (struct relay_end){.fd = fd, .write_max = SIZE_MAX};
}

/* Open the pipe at `fd` a second time, for the same access, and put it in its place.
 * Fails without /proc, and for a pipe of another user. */
static bool
reopen(int fd)
{
	int flags = fcntl(fd, F_GETFL), fresh;
	char path[64];

	if (flags < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fresh = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC);
	if (fresh < 0)
		return false;
	dup2(fresh, fd);
	close(fresh);
	return true;
}

struct relay_end
relay_inherit(int fd)
{
	struct relay_end end = {.fd = fd, .write_max = SIZE_MAX};
	struct stat info;

	if (fstat(fd, &info) < 0)
		return end;
	if (S_ISSOCK(info.st_mode))
		end.is_socket = true;
	else if (S_ISFIFO(info.st_mode) && !reopen(fd))
		end.write_max = PIPE_BUF;
	else if (S_ISCHR(info.st_mode))
		end.write_max = TERMINAL_WRITE_MAX;
	end.is_terminal = S_ISCHR(info.st_mode) && isatty(fd);
	return end;
}

static ssize_t
read_end(const struct relay_end *end, char *buffer, size_t size)
{
	if (end->is_socket)
		return recv(end->fd, buffer, size, MSG_DONTWAIT);
	return read(end->fd, buffer, size);
}

static ssize_t
write_end(const struct relay_end *end, const char *bytes, size_t len)
{
	if (end->is_socket)
		return send(end->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(end->fd, bytes, len < end->write_max ? len : end->write_max);
}

/* Close an end. A standard descriptor is replaced by /dev/null, so that no other file
 * gets its number. */
static void
close_end(struct relay_end *end)
{
	int null = -1;

	if (end->fd >= 0 && end->fd <= STDERR_FILENO)
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, end->fd);
		close(null);
	} else if (end->fd >= 0) {
		close(end->fd);
	}
	end->fd = -1;
}

size_t
relay_unwritten(const struct relay_flow *flow)
{
	return flow->end - flow->begin;
}

void
relay_close(struct relay_flow *flow)
{
	close_end(&flow->from);
	close_end(&flow->to);
}

bool
relay_is_done(const struct relay_flow *flow)
{
	return flow->to.fd < 0;
}

/* End of file on `from`. `to` is closed once the buffer is empty. */
static void
end_of_input(struct relay_flow *flow)
{
	close_end(&flow->from);
	listener_eof(flow->listener, flow->dir);
	if (flow->begin == flow->end)
		relay_close(flow);
}

static bool
is_temporary(int code)
{
	return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

static void
write_some(struct relay_flow *flow)
{
	ssize_t len = write_end(&flow->to, flow->buffer + flow->begin,
				flow->end - flow->begin);

	if (len < 0) {
		if (is_temporary(errno))
			return;
		/* A reader that has gone is not an error: `from` is closed as well. */
		if (errno != EPIPE && errno != ECONNRESET)
			message_fail_errno("tap: cannot write what was read", -errno);
		relay_close(flow);
		return;
	}
	flow->begin += (size_t)len;
	if (flow->begin < flow->end)
		return;
	if (flow->from.fd < 0)
		relay_close(flow);
}

/* May the tap not read from this end, as other processes have the terminal? */
static bool
is_background(const struct relay_end *end)
{
	pid_t foreground = end->is_terminal ? tcgetpgrp(end->fd) : -1;

	return foreground > 0 && foreground != getpgrp();
}

/* Read what there is, as far as the limit allows. The result of read(); 0 also at the
 * end of a limit. */
static ssize_t
read_limited(struct relay_flow *flow)
{
	size_t size = sizeof(flow->buffer);
	ssize_t len;

	if (flow->limited && size > flow->limit)
		size = flow->limit;
	len = read_end(&flow->from, flow->buffer, size);
	if (len > 0 && flow->limited)
		flow->limit -= (size_t)len;
	return len;
}

static void
read_some(struct relay_flow *flow)
{
	struct protocol_piece piece = {.dir = flow->dir, .bytes = flow->buffer};
	ssize_t len = read_limited(flow);

	if (len < 0 && (is_temporary(errno) || is_background(&flow->from)))
		return;
	/* EIO is the end of file of a terminal whose other side has been closed. */
	if (len <= 0) {
		end_of_input(flow);
		return;
	}
	piece.at_ns = listener_now_ns();
	flow->begin = 0;
	flow->end = piece.len = (size_t)len;
	/* Pass the bytes on before the listener looks at them. They stay in the buffer
	 * even after they are written. */
	write_some(flow);
	listener_feed(flow->listener, &piece);
}

/* `from` is not polled while the buffer holds bytes: a hang-up on it would make every
 * poll return at once. `to` is always polled, to notice that its reader has gone. */
int
relay_poll(const struct relay_flow *flow, struct pollfd fds[2])
{
	bool waiting = flow->begin < flow->end || relay_is_drained(flow);
	bool background = !waiting && is_background(&flow->from);

	fds[0] = (struct pollfd){.fd = waiting || background ? -1 : flow->from.fd,
				 .events = POLLIN};
	fds[1] = (struct pollfd){
		.fd = flow->to.fd,
		.events = (short)(flow->begin < flow->end ? POLLOUT : 0)};
	return background ? BACKGROUND_MS : -1;
}

void
relay_step(struct relay_flow *flow, const struct pollfd fds[2])
{
	if (flow->to.fd < 0)
		return;
	if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		relay_close(flow);
	else if (fds[1].revents & POLLOUT)
		write_some(flow);
	if (flow->from.fd >= 0 && fds[0].revents)
		read_some(flow);
}

/* ---- the end of a process -------------------------------------------------------- */

void
relay_limit(struct relay_flow *flow)
{
	int there = 0;

	if (flow->from.fd >= 0 && ioctl(flow->from.fd, FIONREAD, &there) < 0)
		there = 0;
	flow->limited = true;
	flow->limit = (size_t)there;
}

void
relay_unlimit(struct relay_flow *flow)
{
	flow->limited = false;
}

bool
relay_is_drained(const struct relay_flow *flow)
{
	return flow->to.fd < 0 || (flow->limited && flow->limit == 0 &&
				   flow->from.fd >= 0 && flow->begin == flow->end);
}

bool
relay_has_writer(const struct relay_flow *flow)
{
	struct pollfd from = {.fd = flow->from.fd};

	return flow->from.fd >= 0 &&
	       (poll(&from, 1, 0) <= 0 || !(from.revents & POLLHUP));
}

void
relay_close_unread(struct relay_flow *flow)
{
	struct pollfd to = {.fd = flow->to.fd};

	if (flow->to.fd >= 0 && poll(&to, 1, 0) > 0 && to.revents & POLLERR)
		relay_close(flow);
}
