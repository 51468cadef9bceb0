/* SPDX-License-Identifier: MIT */
#include "view/message.h"
#include "view/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_line(const char *format, va_list args)
{
	char *line;

	if (vasprintf(&line, format, args) < 0) {
		fputs("fntrace: out of memory\n", stderr);
		return;
	}
	/* On a terminal the result printed so far comes before the message about it. */
	fflush(stdout);
	fputs("fntrace: ", stderr);
	text_put(stderr, line);
	putc('\n', stderr);
	free(line);
}

int
message_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args);
	va_end(args);
	return TOOL_FAILED;
}

void
message_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args);
	va_end(args);
}

int
message_fail_errno(const char *what, int code)
{
	if (code == -ESTALE)
		return message_fail(
			"%s: the region's file was truncated or replaced while it was "
			"being read; run this again",
			what);
	return message_fail("%s: %s", what, strerror(-code));
}
