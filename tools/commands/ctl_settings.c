/* SPDX-License-Identifier: MIT
 *
 * fntrace ctl get, set, fn, reset: show and change settings.
 */
#include "commands/ctl.h"
#include "view/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 32
#define TEXT_MAX 512

struct options {
	struct tool_source source;
	bool json;
};

static const struct tool_option options_get[] = {
	TOOL_SOURCE_OPTIONS(struct options),
	{"json", 0, TOOL_FLAG, offsetof(struct options, json), NULL,
	 "print one JSON object"},
	TOOL_END,
};

static const struct tool_option options_change[] = {
	TOOL_SOURCE_OPTIONS(struct options),
	TOOL_END,
};

/* ---- get ------------------------------------------------------------------------ */

/* Write one key as "KEY=VALUE" into `text`, TEXT_MAX bytes. *value: the value in it. */
static const char *
one_key(const struct fnt_settings *settings, uint32_t key, char *text,
	const char **value)
{
	struct fnt_settings one = *settings;

	one.set = 1u << key;
	fnt_settings_text(&one, text, TEXT_MAX);
	*value = strchr(text, '=') + 1;
	return text;
}

/* The settings of single functions, as a table. */
static void
print_overrides(const struct fnt_settings_list *list)
{
	static const struct table_column columns[] = {
		{"FUNCTION", .min = 12},
		{.title = "SETTINGS", .min = 20},
	};
	struct table *table = table_create(columns, 2);
	char text[TEXT_MAX];

	for (size_t i = 0; i < list->count; i++) {
		const struct fnt_override *override = &list->overrides[i];

		table_cell(table, TEXT_BOLD, "%s", override->fn_name);
		table_cell(table, TEXT_PLAIN, "%s",
			   fnt_settings_text(&override->settings, text, TEXT_MAX));
	}
	if (list->count > 0) {
		putchar('\n');
		table_indent(table, 2);
		table_layout(table, text_columns(stdout));
		table_print(table, stdout);
	}
	table_destroy(table);
}

static void
print_text(const char *path, const struct fnt_settings_list *list)
{
	char text[TEXT_MAX];
	const char *value;

	text_style(stdout, TEXT_BOLD);
	text_put(stdout, path);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
	for (uint32_t key = 0; fnt_setting_key(key); key++) {
		bool set = list->all.set & 1u << key;

		one_key(&list->all, key, text, &value);
		printf("  %-15s ", fnt_setting_key(key));
		text_style(stdout, set ? TEXT_BOLD : TEXT_DIM);
		fputs(value, stdout);
		text_style(stdout, TEXT_PLAIN);
		fputs(set ? "\n" : " (default)\n", stdout);
	}
	print_overrides(list);
}

static const char *
capture_word(enum fnt_capture capture)
{
	return capture == FNT_CAPTURE_ON     ? "on"
	       : capture == FNT_CAPTURE_HASH ? "hash"
					     : "off";
}

/* Print the settings in `which`, a set of FNT_SET_ bits, as members of a JSON object.
 * `comma`: what to print before the first. */
static void
put_json(const struct fnt_settings *settings, uint32_t which, const char *comma)
{
	char text[TEXT_MAX];
	const char *value;

	for (uint32_t key = 0; fnt_setting_key(key); key++) {
		if (!(which & 1u << key))
			continue;
		printf("%s\"%s%s\":", comma, fnt_setting_key(key),
		       1u << key == FNT_SET_SLOW ? "_ns" : "");
		comma = ",";
		switch (1u << key) {
		case FNT_SET_ENABLED:
			fputs(settings->enabled ? "true" : "false", stdout);
			break;
		case FNT_SET_KEEP_ERRORS:
			fputs(settings->keep_errors ? "true" : "false", stdout);
			break;
		case FNT_SET_SLOW:
			printf("%" PRIu64, settings->slow_ns);
			break;
		case FNT_SET_RATE:
			printf("%" PRIu64, settings->rate);
			break;
		case FNT_SET_KEEP:
			one_key(settings, key, text, &value);
			fputs(value, stdout);
			break;
		case FNT_SET_CAPTURE_VALUES:
			printf("\"%s\"", capture_word(settings->capture_values));
			break;
		case FNT_SET_CAPTURE_IDS:
			printf("\"%s\"", capture_word(settings->capture_ids));
			break;
		default:
			printf("\"%s\"", capture_word(settings->capture_users));
			break;
		}
	}
}

/* All settings for all functions, and those that are set for single functions. */
static void
print_json(const char *path, const struct fnt_settings_list *list)
{
	fputs("{\"path\":", stdout);
	text_put_json_string(stdout, path);
	fputs(",\"settings\":{", stdout);
	put_json(&list->all, UINT32_MAX, "");
	fputs("},\"functions\":[", stdout);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
		text_put_json_string(stdout, list->overrides[i].fn_name);
		put_json(&list->overrides[i].settings, list->overrides[i].settings.set,
			 ",");
		putchar('}');
	}
	printf("],\"functions_max\":%zu}\n", list->overrides_max);
}

static int
run_get(int argc, char **argv)
{
	struct fnt_settings_list *list;
	struct options options = {0};
	struct fnt_reader *reader;
	int code;

	tool_options(&ctl_get, argc, argv, &options);
	reader = tool_reader_open(&ctl_get, &options.source);
	if (!reader)
		return TOOL_FAILED;
	code = fnt_reader_settings(reader, &list);
	if (code == 0) {
		(options.json ? print_json : print_text)(fnt_reader_path(reader), list);
		fnt_settings_free(list);
	} else {
		message_fail_errno(fnt_reader_path(reader), code);
	}
	fnt_reader_close(reader);
	return code == 0 ? TOOL_OK : TOOL_FAILED;
}

/* ---- changes -------------------------------------------------------------------- */

/* Refuse an unknown key if it looks like a misspelt one. The library refuses others. */
static void
check_keys(const struct command *command, char **assignments, int count)
{
	const char *keys[KEYS_MAX];
	size_t keys_count = 0;

	while (keys_count < KEYS_MAX && fnt_setting_key(keys_count)) {
		keys[keys_count] = fnt_setting_key(keys_count);
		keys_count++;
	}
	for (int i = 0; i < count; i++) {
		size_t len = strcspn(assignments[i], "=");
		char key[64]; /* longer than any that is known */
		const char *nearest;
		bool known = false;

		snprintf(key, sizeof(key), "%.*s", (int)len, assignments[i]);
		for (size_t j = 0; j < keys_count; j++)
			known |= strcmp(key, keys[j]) == 0;
		nearest = known ? NULL : tool_nearest(key, keys, keys_count);
		if (nearest)
			tool_usage_error(command,
					 "no setting \"%s\"; did you mean \"%s\"?", key,
					 nearest);
	}
}

/* Print what is set now: for the function `fn`, for all functions if it is NULL. */
static int
show(struct fnt_control *control, const char *fn)
{
	struct fnt_settings_list *list;
	char text[TEXT_MAX] = "";
	int code = fnt_control_get(control, &list);

	if (code < 0)
		return message_fail_errno(fnt_control_path(control), code);
	if (!fn)
		fnt_settings_text(&list->all, text, sizeof(text));
	for (size_t i = 0; fn && i < list->count; i++)
		if (strcmp(list->overrides[i].fn_name, fn) == 0)
			fnt_settings_text(&list->overrides[i].settings, text,
					  sizeof(text));
	text_put(stdout, fn ? fn : "all functions");
	printf(": %s\n", text[0] ? text : fn ? "no settings of its own" : "default");
	fnt_settings_free(list);
	return TOOL_OK;
}

/* Print why a change failed. Returns the exit code. */
static int
failed(const struct fnt_error *error, int code)
{
	message_fail("%s", error->message[0] ? error->message : strerror(-code));
	return code == -EINVAL ? TOOL_USAGE : TOOL_FAILED;
}

static int
change(const struct command *command, const struct options *options, const char *fn,
       char **assignments, int count)
{
	struct fnt_error error = {0};
	struct fnt_control *control;
	int code, status;

	check_keys(command, assignments, count);
	control = tool_control_open(command, &options->source);
	if (!control)
		return TOOL_FAILED;
	code = fnt_control_set(control, fn, (const char *const *)assignments,
			       (size_t)count, &error);
	status = code < 0 ? failed(&error, code) : show(control, fn);
	fnt_control_close(control);
	return status;
}

static int
run_set(int argc, char **argv)
{
	struct options options = {0};
	int first = tool_options(&ctl_set, argc, argv, &options);

	if (first == argc)
		tool_usage_error(&ctl_set, "which settings? give KEY=VALUE");
	return change(&ctl_set, &options, NULL, argv + first, argc - first);
}

static int
run_fn(int argc, char **argv)
{
	struct options options = {0};
	int first = tool_options(&ctl_fn, argc, argv, &options);

	if (first == argc)
		tool_usage_error(&ctl_fn, "which function? give NAME or PREFIX*");
	if (first + 1 == argc)
		tool_usage_error(&ctl_fn, "which settings of it? give KEY=VALUE");
	return change(&ctl_fn, &options, argv[first], argv + first + 1,
		      argc - first - 1);
}

static int
run_reset(int argc, char **argv)
{
	struct fnt_error error = {0};
	struct options options = {0};
	int first = tool_options(&ctl_reset, argc, argv, &options), code, status;
	const char *fn = first < argc ? argv[first] : NULL;
	struct fnt_control *control;

	if (first + 1 < argc)
		tool_usage_error(&ctl_reset, "unexpected \"%s\"", argv[first + 1]);
	control = tool_control_open(&ctl_reset, &options.source);
	if (!control)
		return TOOL_FAILED;
	code = fnt_control_reset(control, fn, &error);
	status = code < 0 ? failed(&error, code) : show(control, fn);
	fnt_control_close(control);
	return status;
}

#define KEYS_HELP                                                                      \
	"  enabled=on|off              record and count calls\n"                       \
	"  keep=0..1                   share of call trees to record (sampling)\n"     \
	"  slow=TIME|off               always record calls of TIME (50ms) or longer\n" \
	"  keep_errors=on|off          always record errors, rollbacks and aborts\n"   \
	"  rate=N|off                  record at most N calls/s of each function\n"    \
	"  capture.values=on|off|hash  record results, or a hash of them\n"            \
	"  capture.ids=on|off|hash     record the ids of operations\n"                 \
	"  capture.users=on|off|hash   record user and tenant ids\n"                   \
	"\n"                                                                           \
	"KEY=default removes a setting. If one KEY=VALUE is wrong, nothing changes.\n"

const struct command ctl_get = {
	.name = "ctl get",
	.summary = "show the settings",
	.options = options_get,
	.run = run_get,
};

const struct command ctl_set = {
	.name = "ctl set",
	.summary = "change settings for all functions",
	.operands = "KEY=VALUE...",
	.details = KEYS_HELP,
	.options = options_change,
	.run = run_set,
};

const struct command ctl_fn = {
	.name = "ctl fn",
	.summary = "change settings for one function, or for all with a prefix",
	.operands = "NAME|PREFIX* KEY=VALUE...",
	.details =
		KEYS_HELP "If several match a function, its full name counts, else the "
			  "longest prefix.\n",
	.options = options_change,
	.run = run_fn,
};

const struct command ctl_reset = {
	.name = "ctl reset",
	.summary = "remove the settings of a function; without NAME, all settings",
	.operands = "[NAME|PREFIX*]",
	.options = options_change,
	.run = run_reset,
};
