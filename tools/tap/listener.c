/* SPDX-License-Identifier: MIT */
#include "tap/listener.h"
#include "tap/protocols.h"
#include "view/message.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* After so many lines without a message, the tap says so. */
#define SILENT_LINES 50

uint64_t
listener_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool
listener_init(struct listener *listener, const struct protocol *protocol,
	      const struct protocol_setup *setup)
{
	*listener = (struct listener){.protocol = protocol, .log = setup->log};
	fnt_log_set_time(setup->log, listener_now_ns());
	listener->state = protocol->create(setup);
	return listener->state != NULL;
}

/* ---- CMD ------------------------------------------------------------------------ */

/* The file name of CMD's program; "": not known. */
static void
read_exe(pid_t cmd, char name[64])
{
	char path[64], exe[4096];
	const char *base;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)cmd);
	len = readlink(path, exe, sizeof(exe) - 1);
	exe[len > 0 ? len : 0] = '\0';
	base = strrchr(exe, '/');
	snprintf(name, 64, "%.63s", base ? base + 1 : exe);
}

/* Its arguments, with spaces between them. */
static void
read_command(pid_t cmd, char command[256])
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)cmd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, command, 255);
	if (fd >= 0)
		close(fd);
	while (len > 0 && command[len - 1] == '\0')
		len--;
	for (ssize_t i = 0; i < len; i++)
		if (command[i] == '\0')
			command[i] = ' ';
	command[len > 0 ? len : 0] = '\0';
}

void
listener_observe(struct listener *listener, pid_t cmd)
{
	char exe[64], command[256];
	struct fnt_process process = {
		.pid = cmd, .exe = exe, .command = command, .via = "tap"};

	listener->cmd = cmd;
	read_exe(cmd, exe);
	read_command(cmd, command);
	if (exe[0])
		fnt_log_observe(listener->log, &process);
}

/* What speaks is CMD's program, even if a wrapper was started first. */
static void
observe_again(struct listener *listener, enum protocol_dir dir)
{
	if (!listener->cmd || dir != PROTOCOL_TO_HOST)
		return;
	listener_observe(listener, listener->cmd);
	listener->cmd = 0;
}

/* ---- what could not be traced ---------------------------------------------------- */

/* The causes are in the same order in the region. */
#define SEEN(count) ((enum fnt_seen)((count)-PROTOCOL_MESSAGES))
_Static_assert(SEEN(PROTOCOL_MESSAGES) == FNT_SEEN_MESSAGES &&
		       SEEN(PROTOCOL_NO_JSON) == FNT_SEEN_NO_JSON &&
		       SEEN(PROTOCOL_NO_MESSAGE) == FNT_SEEN_NO_MESSAGE &&
		       SEEN(PROTOCOL_UNMATCHED) == FNT_SEEN_UNMATCHED &&
		       SEEN(PROTOCOL_ID_IN_USE) == FNT_SEEN_ID_IN_USE &&
		       SEEN(PROTOCOL_OVER_LIMIT) == FNT_SEEN_OVER_LIMIT &&
		       SEEN(PROTOCOL_TOO_DEEP) == FNT_SEEN_TOO_DEEP &&
		       SEEN(PROTOCOL_COUNTS) == FNT_SEEN_COUNTS,
	       "causes");

/* Tell the region. Before `auto` has chosen, a count may be taken back. */
static void
publish_counts(struct listener *listener)
{
	const struct protocol_counts *now = listener->protocol->counts(listener->state);

	for (enum protocol_count i = PROTOCOL_MESSAGES; i < PROTOCOL_COUNTS; i++) {
		uint64_t *known = &listener->counted.of[i];

		if (now->of[i] <= *known)
			continue;
		fnt_log_count_seen(listener->log, SEEN(i), now->of[i] - *known);
		*known = now->of[i];
	}
}

static void
look_at_line(struct listener *listener, const struct protocol_piece *piece)
{
	const char *at = piece->bytes, *end = at + piece->len;

	if (!listener->saw[0]) {
		for (size_t i = 0; i < LISTENER_SAW_MAX && i < piece->len; i++) {
			if (at[i] == '\n' || at[i] == '\r')
				break;
			listener->saw[i] = at[i] ? at[i] : '?';
		}
	}
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		listener->lines++;
		at++;
	}
}

/* Would a message on stderr be written at once? */
static bool
can_say(void)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) == 1 && out.revents & POLLOUT;
}

static void
say_if_silent(struct listener *listener, const struct protocol_piece *piece)
{
	if (listener->counted.of[PROTOCOL_MESSAGES]) {
		listener->is_heard = true;
		return;
	}
	look_at_line(listener, piece);
	if (listener->lines < SILENT_LINES || !can_say())
		return;
	listener->is_heard = true;
	message_note("tap: understood none of the first %" PRIu64
		     " lines, which begin with \"%s\"; of --protocol there are %s",
		     listener->lines, listener->saw, PROTOCOL_NAMES);
}

/* ---- bytes ---------------------------------------------------------------------- */

void
listener_feed(struct listener *listener, const struct protocol_piece *piece)
{
	if (!listener->state)
		return;
	observe_again(listener, piece->dir);
	fnt_log_set_time(listener->log, piece->at_ns);
	listener->protocol->feed(listener->state, piece);
	publish_counts(listener);
	if (!listener->is_heard)
		say_if_silent(listener, piece);
}

void
listener_eof(struct listener *listener, enum protocol_dir dir)
{
	if (!listener->state)
		return;
	fnt_log_set_time(listener->log, listener_now_ns());
	listener->protocol->eof(listener->state, dir);
	publish_counts(listener);
}

void
listener_finish(struct listener *listener)
{
	if (!listener->state)
		return;
	fnt_log_set_time(listener->log, listener_now_ns());
	listener->protocol->finish(listener->state);
	publish_counts(listener);
}

void
listener_fini(struct listener *listener)
{
	if (listener->state)
		listener->protocol->destroy(listener->state);
	listener->state = NULL;
}
