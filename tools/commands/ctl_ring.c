/* SPDX-License-Identifier: MIT
 *
 * fntrace ctl resize, rotate, reap, rm: change the region's rings, clean up after dead
 * processes, remove the file.
 */
#include "commands/ctl.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
	struct tool_source source;
	const char *file;
	bool force;
};

static const struct tool_option options_plain[] = {
	TOOL_SOURCE_OPTIONS(struct options),
	TOOL_END,
};

static const struct tool_option options_rotate[] = {
	TOOL_SOURCE_OPTIONS(struct options),
	{"output", 'o', TOOL_TEXT, offsetof(struct options, file), "FILE",
	 "file to write (NAME.YYYYmmdd-HHMMSS.fnt, in UTC)"},
	TOOL_END,
};

static const struct tool_option options_rm[] = {
	TOOL_SOURCE_OPTIONS(struct options),
	{"force", 'f', TOOL_FLAG, offsetof(struct options, force), NULL,
	 "remove it even if live processes write to it"},
	TOOL_END,
};

/* ---- the result ----------------------------------------------------------------- */

/* Say why the old rings' space is not free yet. */
static void
print_waiting(const struct fnt_rings *rings)
{
	char room[TEXT_UNIT_MAX];

	if (!rings->waiting_bytes)
		return;
	printf("  %s of the old rings not freed yet: ",
	       text_bytes(room, rings->waiting_bytes));
	if (rings->shown)
		printf("their records stay readable until the new rings are full");
	else if (rings->threads)
		printf("%" PRIu32 " thread%s in them", rings->threads,
		       rings->threads == 1 ? " has reserved cells"
					   : "s have reserved cells");
	else if (rings->readers)
		printf("%" PRIu32 " process%s reading them", rings->readers,
		       rings->readers == 1 ? " is" : "es are");
	else
		printf("the next process that opens the region frees them");
	putchar('\n');
}

static void
print_rings(const struct fnt_rings *rings)
{
	char text[TEXT_UNIT_MAX];

	if (rings->given_back)
		printf("  %s freed\n", text_bytes(text, rings->given_back));
	print_waiting(rings);
}

static void
print_path(const struct fnt_control *control)
{
	text_style(stdout, TEXT_BOLD);
	text_put(stdout, fnt_control_path(control));
	text_style(stdout, TEXT_PLAIN);
}

static int
end(struct fnt_control *control, int rc, const struct fnt_error *error)
{
	fnt_control_close(control);
	return rc ? message_fail("%s", error->message) : tool_flush();
}

/* ---- resize --------------------------------------------------------------------- */

static int
run_resize(int argc, char **argv)
{
	struct options options = {.file = NULL};
	int first = tool_options(&ctl_resize, argc, argv, &options), rc;
	char size[TEXT_UNIT_MAX], cells[TEXT_UNIT_MAX], kept[TEXT_UNIT_MAX];
	struct fnt_control *control;
	struct fnt_error error;
	struct fnt_rings rings;
	uint64_t bytes;

	if (argc - first != 1)
		tool_usage_error(&ctl_resize, "give one SIZE");
	if (!tool_parse_size(argv[first], &bytes))
		tool_usage_error(&ctl_resize, "%s: not a size, such as 64M",
				 argv[first]);
	control = tool_control_open(&ctl_resize, &options.source);
	if (!control)
		return TOOL_FAILED;
	rc = fnt_control_resize(control, bytes, &rings, &error);
	if (!rc) {
		print_path(control);
		printf(": %s, %s ring cells and %s for errors and slow calls\n",
		       text_bytes(size, rings.size_bytes),
		       text_count(cells, rings.cells),
		       text_count(kept, rings.kept_cells));
		print_rings(&rings);
	}
	return end(control, rc, &error);
}

static const char resize_details[] =
	"SIZE is the size of the whole region, such as 64M or 1G. Only the rings\n"
	"of records change; the tables keep their size. The newest records stay\n"
	"readable: the old rings are freed once the new ones are full.\n";

const struct command ctl_resize = {
	.name = "ctl resize",
	.summary = "change the region's size",
	.operands = "SIZE",
	.details = resize_details,
	.options = options_plain,
	.run = run_resize,
};

/* ---- rotate --------------------------------------------------------------------- */

/* Whether -r takes `file` as a path rather than a name. */
static bool
is_path(const char *file)
{
	size_t len = strlen(file);

	return strchr(file, '/') || (len >= 4 && !strcmp(file + len - 4, ".fnt"));
}

static int
run_rotate(int argc, char **argv)
{
	struct options options = {.file = NULL};
	struct fnt_control *control;
	char frozen[TEXT_UNIT_MAX];
	struct fnt_error error;
	struct fnt_rings rings;
	int rc;

	tool_options(&ctl_rotate, argc, argv, &options);
	control = tool_control_open(&ctl_rotate, &options.source);
	if (!control)
		return TOOL_FAILED;
	rc = fnt_control_rotate(control, options.file, &rings, &error);
	if (!rc) {
		print_path(control);
		printf(": %s record%s now in %s", text_count(frozen, rings.frozen),
		       rings.frozen == 1 ? "" : "s", is_path(rings.path) ? "" : "./");
		text_put(stdout, rings.path);
		putchar('\n');
		print_rings(&rings);
	}
	return end(control, rc, &error);
}

static const char rotate_details[] =
	"Every command can read the file (-r FILE). Calls in flight and all counts\n"
	"stay in the region. An existing file is not overwritten, and no record is\n"
	"lost if this command is killed.\n";

const struct command ctl_rotate = {
	.name = "ctl rotate",
	.summary = "move all records into a file and continue with empty rings",
	.details = rotate_details,
	.options = options_rotate,
	.run = run_rotate,
};

/* ---- reap ----------------------------------------------------------------------- */

static int
run_reap(int argc, char **argv)
{
	struct options options = {.file = NULL};
	struct fnt_control *control;
	struct fnt_error error;
	struct fnt_rings rings;
	uint32_t count = 0;
	int rc;

	tool_options(&ctl_reap, argc, argv, &options);
	control = tool_control_open(&ctl_reap, &options.source);
	if (!control)
		return TOOL_FAILED;
	rc = fnt_control_reap(control, &count, &rings, &error);
	if (!rc) {
		print_path(control);
		if (count)
			printf(": cleaned up after %" PRIu32 " dead process%s\n", count,
			       count == 1 ? "" : "es");
		else
			printf(": no dead processes\n");
		print_rings(&rings);
	}
	return end(control, rc, &error);
}

const struct command ctl_reap = {
	.name = "ctl reap",
	.summary = "record the calls of dead processes as aborted and free their slots",
	.details = "Every process that opens the region for writing does the same.\n",
	.options = options_plain,
	.run = run_reap,
};

/* ---- rm ------------------------------------------------------------------------- */

static int
run_rm(int argc, char **argv)
{
	struct options options = {.file = NULL};
	struct fnt_control *control;
	struct fnt_error error;
	uint32_t alive = 0;
	int rc;

	tool_options(&ctl_rm, argc, argv, &options);
	control = tool_control_open(&ctl_rm, &options.source);
	if (!control)
		return TOOL_FAILED;
	rc = fnt_control_remove(control, options.force, &alive, &error);
	if (!rc) {
		print_path(control);
		printf(": removed\n");
		if (alive)
			printf("  %" PRIu32
			       " live process%s writing to the deleted file\n",
			       alive, alive == 1 ? " keeps" : "es keep");
	}
	return end(control, rc, &error);
}

const struct command ctl_rm = {
	.name = "ctl rm",
	.summary = "remove the region's file",
	.details =
		"Refused while live processes write to the region, unless --force is "
		"given.\n",
	.options = options_rm,
	.run = run_rm,
};
