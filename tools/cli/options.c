/* SPDX-License-Identifier: MIT
 *
 * Parses a command's options with getopt_long, from the command's table of options.
 */
#include "cli/command.h"
#include "cli/tool.h"
#include "cli/usage.h"
#include "view/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 24

/* What getopt_long returns for long options. All values are above those of letters. The
 * value of an option of the table is VALUE_TABLE plus its index. */
enum {
	VALUE_TABLE = 0x100,
	VALUE_HELP = 0x200,
	VALUE_COLOUR,
};

/* ---- the nearest word ----------------------------------------------------------- */

#define WORD_MAX 32

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The least number of letters to change, insert, delete or swap with their neighbour
 * that turns `a` into `b` (Damerau-Levenshtein, optimal string alignment). */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1] = {{0}};
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t *before = row[0], *above = row[1], *here = row[2];

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		here[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			here[j] = least(above[j], here[j - 1]) + 1;
			here[j] = least(here[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				here[j] = least(here[j], before[j - 2] + 1);
		}
		before = above;
		above = here;
		here = spare;
	}
	return above[b_len];
}

const char *
tool_nearest(const char *word, const char *const *words, size_t count)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 3 + 2;

	if (strlen(word) < 2)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t distance = edit_distance(word, words[i]);

		/* At a distance of the word's whole length the two have nothing in
		 * common. */
		if (distance < best && distance < strlen(words[i])) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}

/* ---- parsing -------------------------------------------------------------------- */

static _Noreturn void
unknown_option(const struct command *command, char **argv)
{
	const char *names[OPTIONS_MAX + 2];
	const char *word = argv[optind - 1], *nearest;
	char name[64]; /* longer than any that is known */
	size_t count = 0;

	if (optopt > 0 && optopt < VALUE_TABLE)
		tool_usage_error(command, "unknown option -%c", optopt);
	for (; command->options[count].name; count++)
		names[count] = command->options[count].name;
	names[count++] = "color";
	names[count++] = "help";
	if (optopt != 0)
		tool_usage_error(command, "option %s takes no argument", word);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	word = name;
	nearest = tool_nearest(word, names, count);
	if (nearest)
		tool_usage_error(command, "unknown option --%s; did you mean --%s?",
				 word, nearest);
	tool_usage_error(command, "unknown option --%s", word);
}

/* Parse decimal digits, without sign or blanks before them. *end: what follows them. */
static bool
parse_number(const char *text, uint64_t *number, const char **end)
{
	char *rest;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &rest, 10);
	*end = rest;
	return errno == 0;
}

bool
tool_parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	const char *unit, *end;

	if (!parse_number(text, size, &end))
		return false;
	unit = *end != '\0' ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);

		if (*size > UINT64_MAX >> shift)
			return false;
		*size <<= shift;
		end++;
		if (strcasecmp(end, "B") == 0 || strcasecmp(end, "iB") == 0)
			return true;
	}
	return *end == '\0' || strcmp(end, "B") == 0;
}

static bool
set_option(const struct tool_option *option, const char *text, void *field)
{
	const char *end;
	uint64_t number;

	switch (option->kind) {
	case TOOL_FLAG:
		*(bool *)field = true;
		return true;
	case TOOL_TEXT:
		*(const char **)field = text;
		return text[0] != '\0';
	case TOOL_COUNT:
		return parse_number(text, field, &end) && *end == '\0';
	case TOOL_SIZE:
		return tool_parse_size(text, field);
	case TOOL_PID:
		if (!parse_number(text, &number, &end) || *end != '\0')
			return false;
		*(int32_t *)field = (int32_t)number;
		return number > 0 && number <= INT32_MAX;
	}
	return false;
}

static const char *
expected(enum tool_option_kind kind)
{
	switch (kind) {
	case TOOL_COUNT:
		return "a number";
	case TOOL_SIZE:
		return "a size such as 64M";
	case TOOL_PID:
		return "a process id";
	case TOOL_FLAG:
	case TOOL_TEXT:
		break;
	}
	return "a word";
}

static void
set_colour(const struct command *command, const char *when)
{
	if (!when || strcmp(when, "always") == 0)
		text_set_colour(true);
	else if (strcmp(when, "never") == 0)
		text_set_colour(false);
	else if (strcmp(when, "auto") != 0)
		tool_usage_error(command,
				 "--color is auto, always or never, not \"%s\"", when);
}

struct parser {
	struct option options[OPTIONS_MAX + 3];
	char letters[3 * OPTIONS_MAX];
};

/* Fill getopt_long's two tables from the command's table. */
static void
prepare(struct parser *parser, const struct command *command)
{
	char *letter = parser->letters;
	size_t count = 0;

	memset(parser, 0, sizeof(*parser));
	*letter++ = command->options_first ? '+' : ':';
	if (command->options_first)
		*letter++ = ':';
	for (; command->options[count].name; count++) {
		const struct tool_option *option = &command->options[count];

		parser->options[count] = (struct option){
			.name = option->name,
			.has_arg = option->arg ? required_argument : no_argument,
			.val = VALUE_TABLE + (int)count,
		};
		if (option->letter)
			*letter++ = option->letter;
		if (option->letter && option->arg)
			*letter++ = ':';
	}
	*letter++ = 'h';
	parser->options[count++] =
		(struct option){"help", no_argument, NULL, VALUE_HELP};
	parser->options[count++] =
		(struct option){"color", optional_argument, NULL, VALUE_COLOUR};
}

/* The option of the table that getopt_long returned `value` for. */
static const struct tool_option *
option_of(const struct command *command, int value)
{
	const struct tool_option *option = command->options;

	if (value >= VALUE_TABLE)
		return option + (value - VALUE_TABLE);
	while (option->letter != value)
		option++;
	return option;
}

static void
take_option(const struct command *command, int value, char **argv, void *settings)
{
	const struct tool_option *option;

	if (value == '?')
		unknown_option(command, argv);
	if (value == ':')
		tool_usage_error(command, "option %s needs an argument",
				 argv[optind - 1]);
	if (value == VALUE_HELP || value == 'h') {
		tool_print_help(command);
		exit(tool_flush());
	}
	if (value == VALUE_COLOUR) {
		set_colour(command, optarg);
		return;
	}
	option = option_of(command, value);
	if (!set_option(option, optarg, (char *)settings + option->offset))
		tool_usage_error(command, "--%s wants %s, not \"%s\"", option->name,
				 expected(option->kind), optarg);
}

static bool
has_region(const struct command *command)
{
	return strcmp(command->options->name, "region") == 0;
}

int
tool_options(const struct command *command, int argc, char **argv, void *settings)
{
	struct parser parser;
	int value;

	prepare(&parser, command);
	opterr = 0;
	while ((value = getopt_long(argc, argv, parser.letters, parser.options,
				    NULL)) != -1)
		take_option(command, value, argv, settings);
	if (optind < argc && !command->operands)
		tool_usage_error(command, "unexpected \"%s\"%s", argv[optind],
				 has_region(command) ? "; give the region with -r"
						     : "");
	return optind;
}
