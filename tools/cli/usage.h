/* SPDX-License-Identifier: MIT
 *
 * usage.h: usage lines, help, and wrong usage, for the width of the terminal.
 *
 * Threads: one at a time. All functions may block on the stream that they print to, and
 * end the program if there is no memory.
 */
#ifndef FNT_CLI_USAGE_H
#define FNT_CLI_USAGE_H

#include "cli/command.h"

#include <stdio.h>

/* Print whole lines of text that the tool itself makes, wrapped at the width of the
 * terminal (text_put_wrapped). */
void tool_print(FILE *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Print the command's help on stdout. */
void tool_print_help(const struct command *command);

/* Print "fntrace: COMMAND: MESSAGE" and the command's usage on stderr, exit with 2. */
_Noreturn void tool_usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
