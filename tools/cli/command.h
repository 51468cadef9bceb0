/* SPDX-License-Identifier: MIT
 *
 * command.h: a command of the tool and its options. One table of options makes the
 * parser (options.c), the usage line and the help (usage.c).
 *
 * Threads: one at a time. What prints may block on stdout and stderr.
 */
#ifndef FNT_CLI_COMMAND_H
#define FNT_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The argument an option takes, and the type of the field it is stored in. */
enum tool_option_kind {
	TOOL_FLAG,  /* bool; no argument */
	TOOL_TEXT,  /* const char *; not empty */
	TOOL_COUNT, /* uint64_t; a decimal number */
	TOOL_PID,   /* int32_t; a positive decimal number */
	TOOL_SIZE,  /* uint64_t; bytes; with K, M, G or T (KiB …): powers of 1024 */
};

/* One option of a command. A command's options are an array that ends with TOOL_END. */
struct tool_option {
	const char *name; /* "region" for --region */
	char letter;	  /* 'r' for -r; 0: none */
	enum tool_option_kind kind;
	size_t offset;	  /* of the field it sets, in the command's own struct */
	const char *arg;  /* name of its argument in the usage; NULL for a flag */
	const char *help; /* one line, lower case, no full stop */
};

#define TOOL_END                                                                       \
	{                                                                              \
		.name = NULL                                                           \
	}

struct command {
	const char *name;
	const char *summary;  /* one line for `fntrace help` */
	const char *operands; /* for the usage: "UID|CALL_ID"; NULL: takes none */
	const char *details;  /* printed by --help after the summary; NULL: nothing */
	const struct tool_option *options;
	/* True: options end at the first operand, the rest is passed on (tap's CMD).
	 * False: options may come after operands too. */
	bool options_first;
	/* argv[0] is the command's name. Returns the exit code. */
	int (*run)(int argc, char **argv);
};

/* Take the options from argv into `settings`, a struct of the command's own whose
 * fields hold the defaults. Every command has -h, --help and --color; they are handled
 * here. Operands are moved behind the options. Returns the index in argv of the first
 * operand, argc if there is none. --help and wrong usage end the program; operands are
 * wrong usage where the command's `operands` is NULL. */
int tool_options(const struct command *command, int argc, char **argv, void *settings);

/* Parse a number of bytes, as an option of kind TOOL_SIZE takes it. Returns false if
 * `text` is none. */
bool tool_parse_size(const char *text, uint64_t *size);

/* The word of `words` that `word` is most likely a misspelling of. NULL if none is near
 * enough. */
const char *tool_nearest(const char *word, const char *const *words, size_t count);

#endif
