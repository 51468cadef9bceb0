/* SPDX-License-Identifier: MIT */
#include "cli/tool.h"
#include "view/message.h"
#include "view/text.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the terminal --------------------------------------------------------------- */

static bool
wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_colour && no_colour[0] != '\0')
		return false;
	if (!term || term[0] == '\0' || strcmp(term, "dumb") == 0)
		return false;
	return isatty(STDOUT_FILENO);
}

/* If a standard descriptor is closed, the next file opened would get its number, for
 * example a region, and our output would be written into it. Open /dev/null for reading
 * in its place: stdin is empty, writes to stdout and stderr fail. */
static void
hold_standard_descriptors(void)
{
	static const char message[] =
		"fntrace: cannot open /dev/null in place of a standard descriptor "
		"that is closed; run this with all three open\n";

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* A sandbox may refuse to say whether it is open. */
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF ||
		    open("/dev/null", O_RDONLY) == fd)
			continue;
		(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
		_exit(TOOL_FAILED);
	}
}

/* A region's file was truncated while it is mapped, and fnt_reader_guard could not
 * handle the fault. The bytes being read do not exist any more, so the process ends. */
static void
bus_error(int signal_number)
{
	static const char message[] =
		"fntrace: the region's file was truncated while it was being read; "
		"run this again\n";

	(void)signal_number;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(TOOL_FAILED);
}

void
tool_init(void)
{
	struct sigaction action = {.sa_handler = bus_error};

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
	hold_standard_descriptors();
	setlocale(LC_CTYPE, "");
	text_init(strcmp(nl_langinfo(CODESET), "UTF-8") == 0, wants_colour());
}

/* ---- the end -------------------------------------------------------------------- */

int
tool_flush(void)
{
	bool failed_before = ferror(stdout);

	errno = 0;
	if (fflush(stdout) == 0 && !failed_before)
		return TOOL_OK;
	if (errno == EINTR && tool_stopped)
		return TOOL_OK;
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
		_exit(TOOL_FAILED);
	}
	/* The errno of an earlier failed write is not known any more. */
	return message_fail("cannot write to standard output%s%s", errno ? ": " : "",
			    errno ? strerror(errno) : "");
}

volatile sig_atomic_t tool_stopped;

static void
stop(int signal_number)
{
	(void)signal_number;
	tool_stopped = 1;
}

void
tool_catch_stop(void)
{
	struct sigaction action = {.sa_handler = stop};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}
