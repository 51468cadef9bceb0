/* SPDX-License-Identifier: MIT
 *
 * tool.h: what every command of the fntrace tool shares.
 *
 *      main.c ── table of commands ──► cmd_NAME.c: its options, its struct of settings
 *                                         │
 *      options.c: the parser        tool.c: region, errors, signals
 *      usage.c: usage, help
 *      text*.c, table.c: what is shown
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage. A message is one line on stderr that
 * begins with "fntrace: ". Nothing from a region is printed but through text.h.
 */
#ifndef FNT_CLI_TOOL_H
#define FNT_CLI_TOOL_H

#include <fntrace/control.h>
#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1,
	TOOL_USAGE = 2,
};

/* ---- commands and their options ------------------------------------------------- */

enum tool_option_kind {
	TOOL_FLAG,  /* bool: no argument */
	TOOL_TEXT,  /* const char *: taken as it is, not empty */
	TOOL_COUNT, /* uint64_t: a decimal number */
	TOOL_PID,   /* int32_t: a positive decimal number */
	TOOL_SIZE, /* uint64_t: bytes; K, M, G, T (or KiB …) may follow: powers of 1024 */
};

/* One option of a command. A command's options are an array that ends with TOOL_END. */
struct tool_option {
	const char *name; /* "region" for --region */
	char letter;	  /* 'r' for -r; 0: none */
	enum tool_option_kind kind;
	size_t offset;	  /* of the field it sets, in the command's own struct */
	const char *arg;  /* what the usage calls its argument; NULL for a flag */
	const char *help; /* one line, lower case, no full stop */
};

#define TOOL_END                                                                       \
	{                                                                              \
		.name = NULL                                                           \
	}

struct command {
	const char *name;
	const char *summary;  /* one line for `fntrace help` */
	const char *operands; /* "UID|CALL_ID", as the usage has it; NULL: takes none */
	/* What its --help says after the summary; NULL: nothing. */
	const char *details;
	const struct tool_option *options;
	/* Options end at the first operand: the rest belongs to somebody else.
	 * Otherwise they may come after operands too. */
	bool options_first;
	/* argv[0] is the command's name. Returns the exit code. */
	int (*run)(int argc, char **argv);
};

extern const struct command command_tap;
extern const struct command command_recent;
extern const struct command command_show;
extern const struct command command_tail;
extern const struct command command_ps;
extern const struct command command_stat;
extern const struct command command_hist;
extern const struct command command_list;
extern const struct command command_check;
extern const struct command command_ctl;

/* Take the options from argv into `settings`, a struct of the command's own whose
 * fields hold the defaults. -h, --help and --color are every command's and handled
 * here. Returns the index in argv of the first operand (argc: none), operands having
 * been moved behind the options. --help and wrong usage (operands where `operands` is
 * NULL among it) do not return. */
int tool_options(const struct command *command, int argc, char **argv, void *settings);

/* Bytes, as an option of kind TOOL_SIZE takes them. */
bool tool_parse_size(const char *text, uint64_t *size);

/* "fntrace NAME: MESSAGE" and the command's usage on stderr; exit 2. */
_Noreturn void tool_usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The command's help on stdout. */
void tool_print_help(const struct command *command);

/* The word of `count` that is nearest to `word`, NULL if none can have been meant. */
const char *tool_nearest(const char *word, const char *const *words, size_t count);

/* ---- which region --------------------------------------------------------------- */

/* Where a reading command reads. To be the field `source` of a command's settings. */
struct tool_source {
	const char *region; /* name or path; NULL: not said */
	int32_t pid;	    /* 0: not said */
};

/* The options that set it, for the command's array of them. */
/* clang-format off */
#define TOOL_SOURCE_OPTIONS(settings)                                                  \
	{"region", 'r', TOOL_TEXT, offsetof(settings, source.region), "REGION",        \
	 "the region's name, or a path (has a slash or ends in .fnt)"},                \
	{"pid", 'p', TOOL_PID, offsetof(settings, source.pid), "PID",                  \
	 "the region that this process writes to"}
/* clang-format on */

/* Attach to the region that was asked for, else to $FNTRACE_REGION, else to the only
 * one there is, or of several the only one that processes write to. NULL, with the reason
 * on stderr, if this can't be done. */
struct fnt_reader *tool_reader_open(const struct command *command,
				    const struct tool_source *source);

/* The same region, for changes. */
struct fnt_control *tool_control_open(const struct command *command,
				      const struct tool_source *source);

/* ---- ends and errors ------------------------------------------------------------ */

/* "fntrace: MESSAGE" on stderr, control characters escaped. Returns TOOL_FAILED. */
int tool_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for what is no failure. */
void tool_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `code` is a negative errno that `what` came to. Returns TOOL_FAILED. */
int tool_fail_errno(const char *what, int code);

/* malloc, and the end of the program where there is no memory. */
void *tool_alloc(size_t size);

/* Flush stdout. TOOL_OK, or TOOL_FAILED with the reason on stderr; a reader that has
 * gone (EPIPE) ends the program quietly, as SIGPIPE does. */
int tool_flush(void);

/* SIGINT and SIGTERM set tool_stopped from now on, and interrupt system calls. */
extern volatile sig_atomic_t tool_stopped;
void tool_catch_stop(void);

/* ---- the terminal --------------------------------------------------------------- */

/* To be called once, first: locale, standard descriptors, colour by default. */
void tool_init(void);

/* Columns of the terminal that stdout is; 0 where it is none: do not cut lines. */
int tool_width(void);

/* The same of another stream. */
int tool_width_of(FILE *out);

/* Print text of the tool's own, of whole lines, broken for that width
 * (text_put_wrapped). */
void tool_print(FILE *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
