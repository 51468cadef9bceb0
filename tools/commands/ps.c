/* SPDX-License-Identifier: MIT
 *
 * fntrace ps: the calls in flight, of live and of dead processes.
 */
#include "commands/commands.h"
#include "view/calls.h"
#include "view/producers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct processes {
	struct fnt_producer *items;
	size_t count;
};

struct ps {
	struct tool_source source;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct ps),
	{"json", 0, TOOL_FLAG, offsetof(struct ps, json), NULL,
	 "print a JSON array, oldest first"},
	TOOL_END,
};

static const struct table_column columns[] = {
	{"PID", .right = true},
	{"ELAPSED", .right = true},
	{.title = "STATE"},
	{"TYPE", .drop = 3},
	{"FUNCTION", .min = 8, .want = 14},
	{"CALL", .min = 6, .want = 10},
	{"OPS", .right = true, .drop = 4},
	{"UID", .drop = 2},
	{"PROGRAM", .drop = 1},
	{"PENDING", .min = 16, .want = 24, .if_used = true},
};

/* The oldest pending operation, and how many more there are. */
static void
add_pending(struct table *table, const struct fnt_trace *trace)
{
	const struct fnt_trace_op *op = trace->pending;
	char age[TEXT_UNIT_MAX] = "", more[32] = "";

	if (trace->pending_count == 0) {
		table_cell(table, TEXT_PLAIN, "%s", "");
		return;
	}
	/* For a dead process duration_ns ends at its last recorded event, which mostly
	 * is the start of this operation: no age can be told. */
	if (trace->outcome == FNT_IN_FLIGHT && trace->duration_ns > op->start_ns)
		text_duration(age, trace->duration_ns - op->start_ns);
	if (trace->pending_count > 1)
		snprintf(more, sizeof(more), ", %zu more", trace->pending_count - 1);
	table_cell(table, TEXT_WARN, "%s %s%s%s%s", fnt_trace_op_name(op), op->entity,
		   age[0] ? " " : "", age, more);
}

/* "1042 (7)": the pid here, and in the process's own namespace where that differs. */
static void
add_pid(struct table *table, const struct fnt_trace *trace)
{
	if (trace->host_pid && trace->host_pid != trace->pid)
		table_cell(table, TEXT_PLAIN, "%" PRId32 " (%" PRId32 ")",
			   trace->host_pid, trace->pid);
	else
		table_cell(table, TEXT_PLAIN, "%" PRId32, trace->pid);
}

/* The process of a call; NULL: it is not attached. */
static const struct fnt_producer *
producer_of(const struct processes *processes, const struct fnt_trace *trace)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->items[i].pid == trace->pid &&
		    processes->items[i].pid_ns == trace->pid_ns)
			return &processes->items[i];
	return NULL;
}

static void
add_call(struct table *table, const struct fnt_trace *trace,
	 const struct processes *processes)
{
	const struct fnt_producer *producer = producer_of(processes, trace);
	char elapsed[TEXT_UNIT_MAX], name[PRODUCERS_NAME_MAX];

	add_pid(table, trace);
	table_cell(table, TEXT_PLAIN, "%s", text_duration(elapsed, trace->duration_ns));
	table_cell(table, calls_outcome_style(trace->outcome), "%s",
		   calls_state(trace));
	table_cell(table, TEXT_DIM, "%s", fnt_fn_type_name(trace->fn_type));
	table_cell(table, TEXT_BOLD, "%s", trace->fn_name);
	table_cell(table, TEXT_PLAIN, "%s", trace->call_id);
	table_cell(table, TEXT_PLAIN, "%" PRIu64, trace->op_count + trace->ops_omitted);
	table_cell(table, TEXT_DIM, "%016" PRIx64, trace->uid);
	table_cell(table, TEXT_DIM, "%s",
		   producer ? producers_name(name, producer) : trace->exe);
	add_pending(table, trace);
}

static void
print_table(const struct fnt_traces *traces, const struct processes *processes)
{
	struct table *table =
		table_create(columns, sizeof(columns) / sizeof(columns[0]));

	for (size_t i = 0; i < traces->count; i++)
		add_call(table, &traces->items[i], processes);
	table_layout(table, text_columns(stdout));
	table_print(table, stdout);
	table_destroy(table);
}

static int
run(int argc, char **argv)
{
	struct ps ps = {0};
	struct fnt_traces *traces;
	struct fnt_reader *reader;
	struct processes processes = {0};
	int code, status = TOOL_OK;

	tool_options(&command_ps, argc, argv, &ps);
	reader = tool_reader_open(&command_ps, &ps.source);
	if (!reader)
		return TOOL_FAILED;
	/* Without them, the table says less. */
	if (fnt_reader_producers(reader, &processes.items, &processes.count) < 0)
		processes.count = 0;
	code = fnt_reader_in_flight(reader, &traces);
	if (code < 0) {
		status = message_fail_errno(fnt_reader_path(reader), code);
	} else {
		if (ps.json)
			status = calls_put_json_array(traces);
		else if (traces->count > 0)
			print_table(traces, &processes);
		else
			message_note("%s: no calls in flight", fnt_reader_path(reader));
		fnt_traces_free(traces);
		if (!ps.json)
			calls_note_state(reader);
	}
	free(processes.items);
	fnt_reader_close(reader);
	return status;
}

static const char details[] =
	"Calls whose process died are listed as aborted, with the operation that\n"
	"they had reached. In a copy of a region they are as of the copy. A pid in\n"
	"brackets is the one that the process has in its container.\n";

const struct command command_ps = {
	.name = "ps",
	.summary = "list the calls in flight and the operations they wait for",
	.details = details,
	.options = options,
	.run = run,
};
