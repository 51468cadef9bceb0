/* SPDX-License-Identifier: MIT
 *
 * message.h: messages to the user, and the exit codes of the tool.
 *
 * A message is one line on stderr that begins with "fntrace: ". It says what failed, on
 * what, and what to do about it. Control characters in it are escaped (text.h).
 *
 * Threads: one at a time. All functions may block on stderr.
 */
#ifndef FNT_VIEW_MESSAGE_H
#define FNT_VIEW_MESSAGE_H

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1,
	TOOL_USAGE = 2,
};

/* Print an error. Flushes stdout first. Returns TOOL_FAILED, the exit code. */
int message_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print an error and its cause: "fntrace: WHAT: CAUSE". `code`: a negative errno.
 * Returns TOOL_FAILED. */
int message_fail_errno(const char *what, int code);

/* Print a message that is not an error. */
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
