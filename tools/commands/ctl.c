/* SPDX-License-Identifier: MIT
 *
 * fntrace ctl: change a region while it is in use. Finds the subcommand and runs it.
 */
#include "commands/ctl.h"

#include <stdio.h>
#include <string.h>

static const struct command *const subcommands[] = {
	&ctl_get,    &ctl_set,	  &ctl_fn,   &ctl_reset,
	&ctl_resize, &ctl_rotate, &ctl_reap, &ctl_rm,
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

/* The subcommand's own word: "get" for the command "ctl get". */
static const char *
word_of(const struct command *command)
{
	return strchr(command->name, ' ') + 1;
}

static const struct command *
find(const char *word)
{
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		if (strcmp(word, word_of(subcommands[i])) == 0)
			return subcommands[i];
	return NULL;
}

static void
print_usage(FILE *out)
{
	tool_print(
		out,
		"usage: fntrace ctl COMMAND [OPTION]...\n"
		"\n"
		"Change a region while it is in use. The processes that write to it\n"
		"apply a change at the next call that they begin.\n"
		"\n");
	for (size_t i = 0; i < SUBCOMMANDS; i++) {
		const struct command *command = subcommands[i];
		tool_print(out, "  %s%s%s\n      %s\n", word_of(command),
			   command->operands ? " " : "",
			   command->operands ? command->operands : "",
			   command->summary);
	}
	tool_print(out, "\n\"fntrace ctl COMMAND --help\" explains one of them.\n");
}

static int
unknown(const char *word)
{
	const char *words[SUBCOMMANDS], *nearest;

	for (size_t i = 0; i < SUBCOMMANDS; i++)
		words[i] = word_of(subcommands[i]);
	nearest = tool_nearest(word, words, SUBCOMMANDS);
	if (word[0] == '-')
		message_fail("ctl: a command comes first, before the option %s", word);
	else if (nearest)
		message_fail("ctl: no command \"%s\"; did you mean \"%s\"?", word,
			     nearest);
	else
		message_fail("ctl: no command \"%s\"", word);
	tool_print(stderr, "usage: fntrace ctl COMMAND [OPTION]...; fntrace ctl --help "
			   "lists them\n");
	return TOOL_USAGE;
}

static int
run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_usage(stderr);
		return TOOL_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return TOOL_OK;
	}
	command = find(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : unknown(argv[1]);
}

static const struct tool_option options[] = {
	TOOL_END,
};

const struct command command_ctl = {
	.name = "ctl",
	.summary = "change settings, resize, rotate or remove a region",
	.operands = "get|set|fn|reset|resize|rotate|reap|rm",
	.details = "\"fntrace ctl --help\" explains each of them.\n",
	.options = options,
	.options_first = true,
	.run = run,
};
