/* SPDX-License-Identifier: MIT
 *
 * fntrace recent: the newest finished calls.
 */
#include "commands/commands.h"
#include "view/calls.h"

struct recent {
	struct tool_source source;
	uint64_t limit;
	const char *fn_name;
	bool errors;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct recent),
	{"limit", 'n', TOOL_COUNT, offsetof(struct recent, limit), "N",
	 "at most N calls (default 20)"},
	{"fn", 0, TOOL_TEXT, offsetof(struct recent, fn_name), "NAME",
	 "only calls of this function"},
	{"errors", 0, TOOL_FLAG, offsetof(struct recent, errors), NULL,
	 "only calls that failed, were rolled back or aborted"},
	{"json", 0, TOOL_FLAG, offsetof(struct recent, json), NULL,
	 "print a JSON array, newest first"},
	TOOL_END,
};

static void
print_table(struct fnt_reader *reader, const struct fnt_traces *traces)
{
	struct table *table = calls_table_create("AGO");
	uint64_t now_ns = fnt_reader_now_ns(reader);
	char ago[TEXT_UNIT_MAX];

	for (size_t i = 0; i < traces->count; i++) {
		const struct fnt_trace *trace = &traces->items[i];

		calls_ended_ago(ago, trace, now_ns);
		calls_table_add(table, trace, ago);
	}
	calls_table_print(table);
	table_destroy(table);
}

static int
print(struct fnt_reader *reader, const struct recent *recent)
{
	struct fnt_query query = {
		.limit = recent->limit,
		.fn_name = recent->fn_name,
		.errors_only = recent->errors,
	};
	struct fnt_traces *traces;
	int code = fnt_reader_query(reader, &query, &traces);
	int status = TOOL_OK;

	if (code < 0)
		return message_fail_errno(fnt_reader_path(reader), code);
	if (recent->json)
		status = calls_put_json_array(traces);
	else if (traces->count > 0)
		print_table(reader, traces);
	else
		message_note("%s: no %scalls%s%s", fnt_reader_path(reader),
			     recent->errors ? "failed " : "finished ",
			     recent->fn_name ? " of " : "",
			     recent->fn_name ? recent->fn_name : "");
	fnt_traces_free(traces);
	if (!recent->json)
		calls_note_state(reader);
	return status;
}

static int
run(int argc, char **argv)
{
	struct recent recent = {.limit = 20};
	struct fnt_reader *reader;
	int status;

	tool_options(&command_recent, argc, argv, &recent);
	reader = tool_reader_open(&command_recent, &recent.source);
	if (!reader)
		return TOOL_FAILED;
	status = print(reader, &recent);
	fnt_reader_close(reader);
	return status;
}

const struct command command_recent = {
	.name = "recent",
	.summary = "list the newest finished calls",
	.options = options,
	.run = run,
};
