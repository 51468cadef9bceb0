/* SPDX-License-Identifier: MIT
 *
 * The fntrace tool: the table of commands, and running one of them.
 *
 *      main.c ── commands[] ──► commands/NAME.c: options, settings, run()
 *                                   │
 *                  cli/ options, usage, which region    tap/ relay and protocol
 *                                   │                        │
 *                               view/ everything that is printed for people
 */
#include "commands/commands.h"

#include <fntrace/reader.h>

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
	&command_tap,  &command_recent, &command_show, &command_tail, &command_ps,
	&command_stat, &command_hist,	&command_ctl,  &command_list, &command_check,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i];
	return NULL;
}

static void
print_usage(FILE *out)
{
	tool_print(
		out,
		"usage: fntrace COMMAND [OPTION]...\n"
		"\n"
		"Record and inspect the calls of a function runtime: what each call\n"
		"did, its database operations, how it ended and how long it took.\n"
		"\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		tool_print(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	tool_print(
		out,
		"\n"
		"The region is the one given by -r NAME, -r PATH or -p PID, else by\n"
		"$FNTRACE_REGION. Without these it is the only region there is, else\n"
		"the only one that live processes write to, else the only one that is\n"
		"not frozen. \"fntrace list\" shows all regions.\n"
		"\n"
		"\"fntrace COMMAND --help\" explains a command.\n");
}

static int
print_help(const char *name)
{
	const struct command *command = name ? find_command(name) : NULL;

	/* The command prints its help itself, since it may have subcommands. */
	if (command)
		return command->run(2,
				    (char *[]){(char *)name, (char *)"--help", NULL});
	print_usage(stdout);
	return TOOL_OK;
}

static int
unknown(const char *word)
{
	const char *names[COMMAND_COUNT + 1];
	const char *nearest;

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i]->name;
	names[COMMAND_COUNT] = "help";
	nearest = tool_nearest(word, names, COMMAND_COUNT + 1);
	if (word[0] == '-')
		message_fail("a command comes first, before the option %s", word);
	else if (nearest)
		message_fail("no command \"%s\"; did you mean \"%s\"?", word, nearest);
	else
		message_fail("no command \"%s\"", word);
	tool_print(stderr, "usage: fntrace COMMAND [OPTION]...; fntrace help lists the "
			   "commands\n");
	return TOOL_USAGE;
}

static int
run(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
	const char *word = argc > 1 ? argv[1] : "";

	if (command)
		return command->run(argc - 1, argv + 1);
	if (argc <= 1) {
		print_usage(stderr);
		return TOOL_USAGE;
	}
	if (strcmp(word, "help") == 0 && (argc == 2 || find_command(argv[2])))
		return print_help(argv[2]);
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return print_help(NULL);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		printf("fntrace %s\n", fnt_version());
		return TOOL_OK;
	}
	return unknown(strcmp(word, "help") == 0 ? argv[2] : word);
}

int
main(int argc, char **argv)
{
	int status, flushed;

	tool_init();
	fnt_reader_guard();
	status = run(argc, argv);
	flushed = tool_flush();
	return status == TOOL_OK ? flushed : status;
}
