/* SPDX-License-Identifier: MIT
 *
 * fntrace stat: counts of calls, what was not recorded and why, how full the tables
 * are, functions, operations and processes.
 */
#include "commands/commands.h"
#include "view/measures.h"
#include "view/producers.h"
#include "view/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
	struct tool_source source;
	uint64_t limit;
	bool json;
};

/* Everything that is printed. */
struct counts {
	struct fnt_stat stat;
	struct fnt_metrics *metrics;
	struct fnt_producer *producers;
	size_t producer_count;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct settings),
	{"limit", 'n', TOOL_COUNT, offsetof(struct settings, limit), "N",
	 "at most N functions and operations (20); 0: all"},
	{"json", 0, TOOL_FLAG, offsetof(struct settings, json), NULL,
	 "print one JSON object"},
	TOOL_END,
};

/* ---- for people ----------------------------------------------------------------- */

static void
put_title(const char *title)
{
	putchar('\n');
	text_style(stdout, TEXT_BOLD);
	fputs(title, stdout);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
}

/* Print a count and what it means. A count other than 0 is shown in `style`. */
static void
put_count(const char *name, uint64_t count, enum text_style style, const char *meaning)
{
	char text[TEXT_UNIT_MAX];

	printf("  %-10s ", name);
	if (count > 0)
		text_style(stdout, style);
	printf("%13s", text_count(text, count));
	if (count > 0)
		text_style(stdout, TEXT_PLAIN);
	text_style(stdout, TEXT_DIM);
	printf("  %s", meaning);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
}

static void
put_use(const char *name, uint32_t used, uint32_t max)
{
	char text[2][TEXT_UNIT_MAX];

	printf("  %-10s %13s of %s\n", name, text_count(text[0], used),
	       text_count(text[1], max));
}

static void
print_region(const struct fnt_reader *reader, const struct fnt_stat *stat)
{
	const char *notice = fnt_reader_notice(reader);
	char text[3][TEXT_UNIT_MAX];

	text_style(stdout, TEXT_BOLD);
	text_put(stdout, fnt_reader_path(reader));
	text_style(stdout, TEXT_PLAIN);
	printf("\n  %s, created %s (%s)\n", text_bytes(text[0], stat->size_bytes),
	       text_date(text[1], stat->created_at_ns),
	       text_ago(text[2], stat->created_at_ns, text_now_ns()));
	printf("  %s ring cells of 256 B, records of at most %s\n",
	       text_count(text[0], stat->cells),
	       text_bytes(text[1], stat->max_record_bytes));
	if (stat->flags & FNT_KEEP_NONE)
		puts("  no records, only counts");
	else if (stat->capacity > 0)
		printf("  the newest %s calls are readable%s\n",
		       text_count(text[0], stat->capacity),
		       stat->flags & FNT_ORDERED ? ", in exact order" : "");
	if (*notice) {
		fputs("  ", stdout);
		text_style(stdout, TEXT_WARN);
		text_put(stdout, notice);
		text_style(stdout, TEXT_PLAIN);
		putchar('\n');
	}
	if (stat->clock && strcmp(stat->clock, "none") != 0)
		printf("  clock of the processes: %s\n", stat->clock);
}

/* Print the settings that are not at their default. */
static void
print_settings(const struct fnt_settings_list *list)
{
	char text[512];

	if (!list->all.set && !list->count)
		return;
	put_title("settings");
	if (list->all.set)
		printf("  %s\n", fnt_settings_text(&list->all, text, sizeof(text)));
	for (size_t i = 0; i < list->count; i++) {
		fputs("  ", stdout);
		text_style(stdout, TEXT_BOLD);
		text_put(stdout, list->overrides[i].fn_name);
		text_style(stdout, TEXT_PLAIN);
		printf("  %s\n", fnt_settings_text(&list->overrides[i].settings, text,
						   sizeof(text)));
	}
}

/* What taps have seen, if there are any. */
static void
print_seen(const struct fnt_stat *stat)
{
	const uint64_t *seen = stat->seen;
	uint64_t all = 0;

	for (int i = 0; i < FNT_SEEN_COUNTS; i++)
		all += seen[i];
	if (!all)
		return;
	put_title("seen by taps");
	put_count("messages", seen[FNT_SEEN_MESSAGES], TEXT_PLAIN, "understood");
	put_count("no JSON", seen[FNT_SEEN_NO_JSON], TEXT_PLAIN, "lines");
	put_count("no message", seen[FNT_SEEN_NO_MESSAGE], TEXT_WARN,
		  "lines that are none of the protocol");
	put_count("unmatched", seen[FNT_SEEN_UNMATCHED], TEXT_WARN,
		  "messages about nothing open");
	put_count("id in use", seen[FNT_SEEN_ID_IN_USE], TEXT_WARN,
		  "messages that replace a call or operation");
	put_count("limit", seen[FNT_SEEN_OVER_LIMIT], TEXT_WARN,
		  "calls and operations over a limit of tap");
	put_count("too deep", seen[FNT_SEEN_TOO_DEEP], TEXT_WARN,
		  "messages nested deeper than tap checks");
}

static void
print_counts(const struct counts *counts)
{
	const struct fnt_metrics *metrics = counts->metrics;
	const struct fnt_stat *stat = &counts->stat;

	put_title("calls");
	put_count("total", stat->total, TEXT_PLAIN, "finished, in all processes");
	put_count("recorded", stat->recorded, TEXT_PLAIN, "written to the ring");
	put_count("retained", stat->retained, TEXT_PLAIN, "still readable");
	put_count("in flight", stat->in_flight, TEXT_PLAIN, "started, not finished");
	put_count("  died", stat->orphaned, TEXT_BAD, "of these: their process died");
	put_count("ops", stat->ops, TEXT_PLAIN, "database operations in them");

	put_title("calls not recorded");
	put_count("dropped", stat->dropped, TEXT_BAD, "found no room, of which");
	put_count("  unmapped", stat->unmapped, TEXT_BAD,
		  "a new ring could not be mapped");
	put_count("  no entry", stat->laneless, TEXT_BAD,
		  "no thread or process entry free");
	put_count("refused", stat->refused, TEXT_BAD, "not begun: out of memory");
	put_count("not kept", stat->not_kept, TEXT_PLAIN, "by the settings, of which");
	put_count("  sampled", stat->sampled, TEXT_PLAIN, "outside the \"keep\" share");
	put_count("  limited", stat->limited, TEXT_PLAIN,
		  "over the \"rate\" of the function");
	put_count("  none", stat->kept_none, TEXT_PLAIN, "the region has no records");

	put_title("limits reached");
	put_count("ops", stat->ops_omitted, TEXT_WARN, "left out: record size limit");
	put_count("schedules", stat->schedules_omitted, TEXT_WARN,
		  "left out: record size limit");
	put_count("results", stat->values_omitted, TEXT_WARN,
		  "left out: record size limit");
	put_count("no frame", stat->unframed, TEXT_WARN, "calls not visible in flight");
	put_count("busy cells", stat->cells_skipped, TEXT_PLAIN,
		  "skipped: held by slow writers");

	print_seen(stat);

	put_title("tables");
	put_use("processes", stat->producers, stat->producers_max);
	put_use("threads", stat->lanes, stat->lanes_max);
	put_use("frames", stat->frames, stat->frames_max);
	put_use("names", stat->names, stat->names_max);
	put_use("functions", metrics->fn_rows, metrics->fn_rows_max);
	put_use("operations", metrics->op_rows, metrics->op_rows_max);
	put_use("histograms", metrics->blocks, metrics->blocks_max);
}

static const struct table_column columns[] = {
	{"PID", .right = true},
	{"PROGRAM", .min = 8},
	{.title = "STATE"},
	{"THREADS", .right = true, .drop = 1},
	{"IN FLIGHT", .right = true},
	{"RECORDED", .right = true},
	{"DROPPED", .right = true, .drop = 3},
	{"ATTACHED", .right = true, .drop = 2},
	{"COMMAND", .min = 12, .want = 24, .drop = 4, .if_used = true},
};

/* Taps that understand nothing of what they see. */
static void
print_silent(const struct fnt_producer *producers, size_t count)
{
	char text[TEXT_UNIT_MAX];

	for (size_t i = 0; i < count; i++) {
		if (!producers_is_silent(&producers[i]))
			continue;
		tool_print(stdout,
			   "  %s of %s %" PRId32
			   " has seen %s messages and understood none; name the "
			   "protocol by --protocol\n",
			   producers[i].via, producers[i].exe, producers[i].pid,
			   text_count(text, producers[i].not_understood));
	}
}

static void
print_producers(const struct fnt_producer *producers, size_t count)
{
	struct table *table =
		table_create(columns, sizeof(columns) / sizeof(columns[0]));
	uint64_t now_ns = text_now_ns();
	char text[TEXT_UNIT_MAX], name[PRODUCERS_NAME_MAX];

	put_title("processes");
	for (size_t i = 0; i < count; i++) {
		const struct fnt_producer *one = &producers[i];

		table_cell(table, TEXT_PLAIN, "%" PRId32, one->pid);
		table_cell(table, TEXT_BOLD, "%s", producers_name(name, one));
		table_cell(table, one->alive ? TEXT_GOOD : TEXT_BAD, "%s",
			   one->alive ? "alive" : "dead");
		table_cell(table, TEXT_PLAIN, "%" PRIu32, one->threads);
		table_cell(table, TEXT_PLAIN, "%" PRIu32, one->in_flight);
		table_cell(table, TEXT_PLAIN, "%s", text_count(text, one->recorded));
		table_cell(table, one->dropped ? TEXT_BAD : TEXT_PLAIN, "%s",
			   text_count(text, one->dropped));
		table_cell(table, TEXT_PLAIN, "%s",
			   text_age(text, one->attached_at_ns, now_ns));
		table_cell(table, TEXT_DIM, "%s", one->command);
	}
	table_indent(table, 2);
	table_layout(table, text_columns(stdout));
	table_print(table, stdout);
	table_destroy(table);
	print_silent(producers, count);
}

/* ---- for machines --------------------------------------------------------------- */

#define FIELD64(field)                                                                 \
	{                                                                              \
#field, offsetof(struct fnt_stat, field), 8                            \
	}
#define FIELD32(field)                                                                 \
	{                                                                              \
#field, offsetof(struct fnt_stat, field), 4                            \
	}

static const struct {
	const char *name;
	size_t offset;
	int bytes;
} fields[] = {
	FIELD64(total),
	FIELD64(retained),
	FIELD64(in_flight),
	FIELD64(dropped),
	FIELD64(unmapped),
	FIELD64(laneless),
	FIELD64(refused),
	{"seen_messages", offsetof(struct fnt_stat, seen[FNT_SEEN_MESSAGES]), 8},
	{"seen_no_json", offsetof(struct fnt_stat, seen[FNT_SEEN_NO_JSON]), 8},
	{"seen_no_message", offsetof(struct fnt_stat, seen[FNT_SEEN_NO_MESSAGE]), 8},
	{"seen_unmatched", offsetof(struct fnt_stat, seen[FNT_SEEN_UNMATCHED]), 8},
	{"seen_id_in_use", offsetof(struct fnt_stat, seen[FNT_SEEN_ID_IN_USE]), 8},
	{"seen_over_limit", offsetof(struct fnt_stat, seen[FNT_SEEN_OVER_LIMIT]), 8},
	{"seen_too_deep", offsetof(struct fnt_stat, seen[FNT_SEEN_TOO_DEEP]), 8},
	FIELD64(ops_omitted),
	FIELD64(capacity),
	FIELD64(recorded),
	FIELD64(not_kept),
	FIELD64(sampled),
	FIELD64(limited),
	FIELD64(kept_none),
	FIELD64(orphaned),
	FIELD64(unframed),
	FIELD64(ops),
	FIELD64(schedules_omitted),
	FIELD64(values_omitted),
	FIELD64(cells_skipped),
	FIELD64(size_bytes),
	FIELD64(cells),
	FIELD64(max_record_bytes),
	FIELD32(producers_max),
	FIELD32(lanes),
	FIELD32(lanes_max),
	FIELD32(frames),
	FIELD32(frames_max),
	FIELD32(names),
	FIELD32(names_max),
};

static void
print_json(const struct fnt_reader *reader, const struct counts *counts)
{
	const struct fnt_stat *stat = &counts->stat;

	fputs("{\"path\":", stdout);
	text_put_json_string(stdout, fnt_reader_path(reader));
	fputs(",\"notice\":", stdout);
	text_put_json_string_or_null(stdout, fnt_reader_notice(reader));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const void *field = (const char *)stat + fields[i].offset;

		printf(",\"%s\":%" PRIu64, fields[i].name,
		       fields[i].bytes == 8 ? *(const uint64_t *)field
					    : *(const uint32_t *)field);
	}
	printf(",\"state\":\"%s\"",
	       fnt_region_state_name((enum fnt_region_state)stat->state));
	printf(",\"created_at\":%" PRIu64 ",\"keep_none\":%s,\"ordered\":%s,\"clock\":",
	       stat->created_at_ns / 1000000,
	       stat->flags & FNT_KEEP_NONE ? "true" : "false",
	       stat->flags & FNT_ORDERED ? "true" : "false");
	text_put_json_string(stdout, stat->clock ? stat->clock : "unknown");
	fputs(",\"producers\":", stdout);
	producers_put_json(counts->producers, counts->producer_count);
	putchar(',');
	measures_put_json(counts->metrics);
	fputs("}\n", stdout);
}

/* The settings are printed for people only; programs get them from `ctl get --json`. */
static void
print_text(struct fnt_reader *reader, const struct counts *counts, uint64_t limit)
{
	struct fnt_settings_list *list;

	print_region(reader, &counts->stat);
	if (fnt_reader_settings(reader, &list) == 0) {
		print_settings(list);
		fnt_settings_free(list);
	}
	print_counts(counts);
	measures_print(counts->metrics, limit, put_title);
	if (counts->producer_count > 0)
		print_producers(counts->producers, counts->producer_count);
}

static int
count(struct fnt_reader *reader, struct counts *counts)
{
	int code = fnt_reader_stat(reader, &counts->stat);

	if (code == 0)
		code = fnt_reader_metrics(reader, &counts->metrics);
	if (code == 0)
		code = fnt_reader_producers(reader, &counts->producers,
					    &counts->producer_count);
	return code;
}

static int
print(struct fnt_reader *reader, const struct settings *settings)
{
	struct counts counts = {.metrics = NULL, .producers = NULL};
	int status = TOOL_OK, code = count(reader, &counts);

	if (code < 0)
		status = message_fail_errno(fnt_reader_path(reader), code);
	else if (settings->json)
		print_json(reader, &counts);
	else
		print_text(reader, &counts, settings->limit);
	fnt_metrics_free(counts.metrics);
	free(counts.producers);
	return status;
}

static int
run(int argc, char **argv)
{
	struct settings settings = {.limit = 20};
	struct fnt_reader *reader;
	int status;

	tool_options(&command_stat, argc, argv, &settings);
	reader = tool_reader_open(&command_stat, &settings.source);
	if (!reader)
		return TOOL_FAILED;
	status = print(reader, &settings);
	fnt_reader_close(reader);
	return status;
}

const struct command command_stat = {
	.name = "stat",
	.summary = "show counts, losses, functions, operations and processes",
	.options = options,
	.run = run,
};
