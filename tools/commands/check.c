/* SPDX-License-Identifier: MIT
 *
 * fntrace check: verify the integrity of a region. The library does the work
 * (fnt_reader_check); this prints each problem as it is found, then the counts.
 */
#include "commands/commands.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdio.h>

struct check {
	struct tool_source source;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct check),
	{"json", 0, TOOL_FLAG, offsetof(struct check, json), NULL,
	 "print one JSON object"},
	TOOL_END,
};

/* ---- each problem --------------------------------------------------------------- */

static void
report_text(void *arg, uint64_t offset, const char *problem)
{
	(void)arg;
	printf("offset %" PRIu64 " (0x%" PRIx64 "): ", offset, offset);
	text_style(stdout, TEXT_BAD);
	text_put(stdout, problem);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
}

/* `arg`: the number of problems printed before, a uint64_t. */
static void
report_json(void *arg, uint64_t offset, const char *problem)
{
	uint64_t *count = arg;

	printf("%s{\"offset\":%" PRIu64 ",\"problem\":", *count > 0 ? ",\n" : "\n",
	       offset);
	text_put_json_string(stdout, problem);
	putchar('}');
	(*count)++;
}

/* ---- the counts ----------------------------------------------------------------- */

static void
print_text(const char *path, const char *notice, const struct fnt_check *check)
{
	char counts[6][TEXT_UNIT_MAX];

	text_put(stdout, path);
	fputs(": ", stdout);
	text_style(stdout, check->problems ? TEXT_BAD : TEXT_GOOD);
	if (check->problems)
		printf("%s problem%s", text_count(counts[0], check->problems),
		       check->problems == 1 ? "" : "s");
	else
		fputs("no problems", stdout);
	text_style(stdout, TEXT_PLAIN);
	printf("; %s records in %s cells (%s being written), %s in flight, %s names\n",
	       text_count(counts[1], check->records),
	       text_count(counts[2], check->cells),
	       text_count(counts[3], check->busy_cells),
	       text_count(counts[4], check->frames),
	       text_count(counts[5], check->names));
	if (*notice) {
		text_put(stdout, notice);
		putchar('\n');
	}
	if (check->orphans > 0)
		printf("%s item%s held by processes that died; fntrace ctl reap, or "
		       "the next process that opens the region, cleans up\n",
		       text_count(counts[0], check->orphans),
		       check->orphans == 1 ? "" : "s");
}

static void
print_json_end(const char *path, const char *notice, const struct fnt_check *check)
{
	fputs("],\n\"path\":", stdout);
	text_put_json_string(stdout, path);
	fputs(",\"notice\":", stdout);
	text_put_json_string_or_null(stdout, notice);
	printf(",\"problem_count\":%" PRIu64 ",\"records\":%" PRIu64
	       ",\"cells\":%" PRIu64 ",\"busy_cells\":%" PRIu64 ",\"frames\":%" PRIu64
	       ",\"names\":%" PRIu64 ",\"orphans\":%" PRIu64 "}\n",
	       check->problems, check->records, check->cells, check->busy_cells,
	       check->frames, check->names, check->orphans);
}

static int
run(int argc, char **argv)
{
	struct check settings = {0};
	struct fnt_reader *reader;
	struct fnt_check sum = {0};
	uint64_t count = 0;
	int code;

	tool_options(&command_check, argc, argv, &settings);
	reader = tool_reader_open(&command_check, &settings.source);
	if (!reader)
		return TOOL_FAILED;
	if (settings.json)
		fputs("{\"problems\":[", stdout);
	code = fnt_reader_check(reader, &sum, settings.json ? report_json : report_text,
				&count);
	if (code < 0)
		message_fail_errno(fnt_reader_path(reader), code);
	else if (settings.json)
		print_json_end(fnt_reader_path(reader), fnt_reader_notice(reader),
			       &sum);
	else
		print_text(fnt_reader_path(reader), fnt_reader_notice(reader), &sum);
	fnt_reader_close(reader);
	return code == 0 && sum.problems == 0 ? TOOL_OK : TOOL_FAILED;
}

static const char details[] =
	"The exit code is 1 if the region is damaged: if it contains anything that\n"
	"no producer can have written.\n";

const struct command command_check = {
	.name = "check",
	.summary = "verify the integrity of a region",
	.details = details,
	.options = options,
	.run = run,
};
