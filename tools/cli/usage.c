/* SPDX-License-Identifier: MIT
 *
 * Prints usage and help from a command's table of options.
 */
#include "cli/usage.h"
#include "view/message.h"
#include "view/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_WIDTH 76

/* ---- usage ---------------------------------------------------------------------- */

/* Output position of a usage line. A word that does not fit starts a new line. */
struct usage {
	FILE *out;
	size_t begin, column, width;
};

static void
usage_add(struct usage *usage, const char *what)
{
	size_t len = 1 + strlen(what);

	if (usage->column + len > usage->width && usage->column > usage->begin) {
		fprintf(usage->out, "\n%*s", (int)usage->begin, "");
		usage->column = usage->begin;
	}
	fprintf(usage->out, " %s", what);
	usage->column += len;
}

static void
usage_add_option(struct usage *usage, const struct tool_option *option)
{
	const char *arg = option->arg ? option->arg : "";
	char what[64], letter[2] = {option->letter, '\0'};

	snprintf(what, sizeof(what), "[%s%s%s%s]", option->letter ? "-" : "--",
		 option->letter ? letter : option->name, option->arg ? " " : "", arg);
	usage_add(usage, what);
}

/* The columns of the longest word of the usage, with the blank before it. */
static size_t
widest(const struct command *command)
{
	size_t most = command->operands ? strlen(command->operands) : 0;

	for (const struct tool_option *option = command->options; option->name;
	     option++) {
		size_t len = 5 + strlen(option->name) +
			     (option->arg ? strlen(option->arg) : 0);

		most = len > most ? len : most;
	}
	return most + 1;
}

/* Continuation lines begin under the first option, or under "fntrace" if the longest
 * word would not fit there. */
static void
print_usage(FILE *out, const struct command *command, size_t width)
{
	struct usage usage = {.out = out};

	usage.width = width > 0 && width < USAGE_WIDTH ? width : USAGE_WIDTH;
	fprintf(out, "usage: fntrace %s", command->name);
	usage.column = strlen("usage: fntrace ") + strlen(command->name);
	usage.begin = usage.column;
	if (usage.begin + widest(command) > usage.width)
		usage.begin = strlen("usage: ");
	for (const struct tool_option *option = command->options; option->name;
	     option++)
		usage_add_option(&usage, option);
	if (command->operands)
		usage_add(&usage, command->operands);
	putc('\n', out);
}

/* ---- help ----------------------------------------------------------------------- */

static void
print_option_help(FILE *out, char letter, const char *name, const char *arg,
		  const char *help)
{
	char left[48];

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", letter ? '-' : ' ',
		 letter ? letter : ' ', letter ? ',' : ' ', name, arg ? " " : "",
		 arg ? arg : "");
	fprintf(out, "  %-24s %s\n", left, help);
}

static void
print_options_help(FILE *out, const struct command *command)
{
	for (const struct tool_option *option = command->options; option->name;
	     option++)
		print_option_help(out, option->letter, option->name, option->arg,
				  option->help);
	print_option_help(out, 0, "color[=WHEN]", NULL,
			  "use colour: auto (on a terminal), always or never");
	print_option_help(out, 'h', "help", NULL, "print this help");
}

/* Format a text, malloc'd. Ends the program if there is no memory. */
static char *
format_text(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		exit(message_fail("out of memory"));
	return text;
}

void
tool_print(FILE *out, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	text_put_wrapped(out, text, text_columns(out));
	free(text);
}

void
tool_print_help(const struct command *command)
{
	char *text = NULL;
	size_t size = 0;
	FILE *options = open_memstream(&text, &size);

	if (!options)
		exit(message_fail("out of memory"));
	print_options_help(options, command);
	if (fclose(options) != 0)
		exit(message_fail("out of memory"));
	print_usage(stdout, command, text_columns(stdout));
	tool_print(stdout, "\nfntrace %s: %s\n\n%s%s%s", command->name,
		   command->summary, command->details ? command->details : "",
		   command->details ? "\n" : "", text);
	free(text);
}

void
tool_usage_error(const struct command *command, const char *format, ...)
{
	char *message;
	va_list args;

	va_start(args, format);
	message = format_text(format, args);
	va_end(args);
	message_fail("%s: %s", command->name, message);
	free(message);
	print_usage(stderr, command, text_columns(stderr));
	exit(TOOL_USAGE);
}
