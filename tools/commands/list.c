/* SPDX-License-Identifier: MIT
 *
 * fntrace list: the regions on this machine and the processes that write to them.
 */
#include "commands/commands.h"
#include "view/producers.h"
#include "view/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
	bool json;
};

static const struct tool_option options[] = {
	{"json", 0, TOOL_FLAG, offsetof(struct list, json), NULL, "print a JSON array"},
	TOOL_END,
};

static const struct table_column columns[] = {
	{"REGION", .min = 8},
	{"SIZE", .right = true, .drop = 1},
	{"AGE", .right = true, .drop = 2},
	{"LIVE", .right = true},
	{"DEAD", .right = true, .drop = 3},
	{"DROPPED", .right = true, .if_used = true},
	{"PROCESSES", .min = 20, .if_used = true},
};

/* The processes of a region; free() the result. NULL and *count 0 if they can't be
 * read, which is said, unless the region was removed since it was listed. */
static struct fnt_producer *
get_producers(const struct fnt_region_info *region, size_t *count)
{
	struct fnt_producer *producers = NULL;
	struct fnt_reader *reader;
	int code;

	*count = 0;
	if (region->status < 0)
		return NULL;
	code = fnt_reader_open(&reader, region->path, NULL);
	if (!code) {
		code = fnt_reader_producers(reader, &producers, count);
		fnt_reader_close(reader);
	}
	if (code && code != -ENOENT)
		message_note("%s: its processes cannot be listed: %s; run this again",
			     region->name, strerror(-code));
	if (!code)
		return producers;
	*count = 0;
	return NULL;
}

/* ---- for people ----------------------------------------------------------------- */

static const char *
state_text(enum fnt_region_state state)
{
	switch (state) {
	case FNT_REGION_COPY:
		return "a copy";
	case FNT_REGION_OTHER_BOOT:
		return "of an earlier boot or another machine";
	case FNT_REGION_CURRENT:
	case FNT_REGION_FROZEN:
		break;
	}
	return fnt_region_state_name(state);
}

/* "node 4711, node 4712, sh 12 (dead)" */
static void
add_processes(struct table *table, const struct fnt_region_info *region)
{
	size_t count, used = 0, room;
	struct fnt_producer *producers;
	char *line;

	if (region->state != FNT_REGION_CURRENT) {
		table_cell(table, TEXT_DIM, "%s", state_text(region->state));
		return;
	}
	producers = get_producers(region, &count);
	room = count * (sizeof(producers->exe) + sizeof(producers->via) + 48) + 1;
	line = text_alloc(room);
	line[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct fnt_producer *one = &producers[i];

		used += (size_t)snprintf(
			line + used, room - used, "%s%s %" PRId32 "%s%s%s",
			i > 0 ? ", " : "", one->exe, one->pid,
			one->recorded_by ? " through " : "",
			one->recorded_by ? one->via : "", one->alive ? "" : " (dead)");
	}
	table_cell(table, TEXT_PLAIN, "%s", line);
	free(line);
	free(producers);
}

/* Calls that were lost though they should have been recorded; "" if there are none. */
static void
add_dropped(struct table *table, const struct fnt_region_info *region)
{
	uint64_t lost = region->dropped + region->refused;
	char text[TEXT_UNIT_MAX];

	table_cell(table, TEXT_BAD, "%s", lost ? text_count(text, lost) : "");
}

static const char *
reason(const struct fnt_region_info *region)
{
	return region->message[0] ? region->message : strerror(-region->status);
}

static void
add_region(struct table *table, const struct fnt_region_info *region, uint64_t now_ns)
{
	char size[TEXT_UNIT_MAX], age[TEXT_UNIT_MAX];

	table_cell(table, TEXT_BOLD, "%s", region->name);
	if (region->status < 0) {
		for (int i = 0; i < 4; i++)
			table_cell(table, TEXT_PLAIN, "-");
		table_cell(table, TEXT_PLAIN, "%s", "");
		table_cell(table, TEXT_BAD, "cannot be read");
		return;
	}
	table_cell(table, TEXT_PLAIN, "%s", text_bytes(size, region->size_bytes));
	table_cell(table, TEXT_PLAIN, "%s",
		   text_age(age, region->created_at_ns, now_ns));
	table_cell(table, region->alive ? TEXT_GOOD : TEXT_PLAIN, "%" PRIu32,
		   region->alive);
	table_cell(table, region->dead ? TEXT_BAD : TEXT_PLAIN, "%" PRIu32,
		   region->dead);
	add_dropped(table, region);
	add_processes(table, region);
}

static void
print_table(const struct fnt_region_info *regions, size_t count)
{
	struct table *table =
		table_create(columns, sizeof(columns) / sizeof(columns[0]));
	uint64_t now_ns = text_now_ns();

	for (size_t i = 0; i < count; i++)
		add_region(table, &regions[i], now_ns);
	table_layout(table, text_columns(stdout));
	table_print(table, stdout);
	table_destroy(table);
	/* A reason does not fit in a column, and must not be cut: print it below. */
	for (size_t i = 0; i < count; i++)
		if (regions[i].status < 0)
			message_note("%s", reason(&regions[i]));
}

/* ---- for machines --------------------------------------------------------------- */

static void
put_json(const struct fnt_region_info *region)
{
	char state[32];
	size_t count;
	struct fnt_producer *producers = get_producers(region, &count);

	snprintf(state, sizeof(state), "\"%s\"", fnt_region_state_name(region->state));
	fputs("{\"name\":", stdout);
	text_put_json_string(stdout, region->name);
	fputs(",\"path\":", stdout);
	text_put_json_string(stdout, region->path);
	printf(",\"readable\":%s,\"message\":", region->status < 0 ? "false" : "true");
	if (region->status < 0)
		text_put_json_string(stdout, reason(region));
	else
		fputs("null", stdout);
	printf(",\"size_bytes\":%" PRIu64 ",\"created_at\":%" PRIu64
	       ",\"frozen\":%s,\"state\":%s,\"alive\":%" PRIu32 ",\"dead\":%" PRIu32,
	       region->size_bytes, region->created_at_ns / 1000000,
	       region->frozen ? "true" : "false", region->status < 0 ? "null" : state,
	       region->alive, region->dead);
	printf(",\"dropped\":%" PRIu64 ",\"unmapped\":%" PRIu64 ",\"laneless\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"producers\":",
	       region->dropped, region->unmapped, region->laneless, region->refused);
	producers_put_json(producers, count);
	putchar('}');
	free(producers);
}

static void
print_json(const struct fnt_region_info *regions, size_t count)
{
	putchar('[');
	for (size_t i = 0; i < count; i++) {
		fputs(i > 0 ? ",\n" : "\n", stdout);
		put_json(&regions[i]);
	}
	fputs(count > 0 ? "\n]\n" : "]\n", stdout);
}

static int
run(int argc, char **argv)
{
	struct fnt_error error = {0};
	struct fnt_region_info *regions;
	struct list list = {0};
	size_t count;
	int code;

	tool_options(&command_list, argc, argv, &list);
	code = fnt_regions_list(NULL, &regions, &count, &error);
	if (code < 0)
		return message_fail("%s",
				    error.message[0] ? error.message : strerror(-code));
	if (list.json)
		print_json(regions, count);
	else if (count > 0)
		print_table(regions, count);
	else
		message_note("no regions; fntrace tap creates one");
	free(regions);
	return TOOL_OK;
}

const struct command command_list = {
	.name = "list",
	.summary = "list the regions and the processes that write to them",
	.details = "Regions are files in $FNTRACE_DIR, else in "
		   "/dev/shm/fntrace-<uid>.\n",
	.options = options,
	.run = run,
};
