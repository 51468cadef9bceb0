/* SPDX-License-Identifier: MIT */
#include "cli/choose.h"
#include "cli/usage.h"
#include "view/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Print why no region was chosen: there is none, or there are several. */
static void
explain_choice(const struct fnt_region_info *regions, size_t count)
{
	char names[512] = "";
	size_t used = 0;

	if (count == 0) {
		message_fail("there is no region yet; create one with fntrace tap, or "
			     "name one with -r PATH or -p PID");
		return;
	}
	for (size_t i = 0; i < count && used < sizeof(names) - 1; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 i ? ", " : "", regions[i].name);
	message_fail("there are %zu regions, choose one with -r: %s%s", count, names,
		     used >= sizeof(names) ? " and more" : "");
}

static bool
in_use(const struct fnt_region_info *region)
{
	return region->alive > 0;
}

/* Frozen regions are the files that `ctl rotate` wrote. What can't be opened may have
 * been set aside. */
static bool
is_current(const struct fnt_region_info *region)
{
	return !region->frozen && !region->status;
}

/* The only region for which `is` returns true; NULL if there is none or several. */
static const struct fnt_region_info *
only_one(const struct fnt_region_info *regions, size_t count,
	 bool (*is)(const struct fnt_region_info *region))
{
	const struct fnt_region_info *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!is(&regions[i]))
			continue;
		if (found)
			return NULL;
		found = &regions[i];
	}
	return found;
}

/* Find the region to use when none was named: the only one there is, else the only one
 * that live processes write to, else the only one that is not frozen and can be opened.
 * Returns false, with a message on stderr, if there is no such region. */
static bool
find_only(char *path, size_t size)
{
	const struct fnt_region_info *only;
	struct fnt_error error = {0};
	struct fnt_region_info *regions;
	size_t count;
	int code = fnt_regions_list(NULL, &regions, &count, &error);

	if (code < 0) {
		message_fail("%s", error.message[0] ? error.message : strerror(-code));
		return false;
	}
	only = count == 1 ? regions : only_one(regions, count, in_use);
	if (!only)
		only = only_one(regions, count, is_current);
	if (only)
		snprintf(path, size, "%s", only->path);
	else
		explain_choice(regions, count);
	free(regions);
	return only != NULL;
}

/* What to open: a name or path; NULL: the region of process source->pid; "": none was
 * found, and the reason is on stderr. `only` holds the path where it is returned. */
static const char *
choose(const struct command *command, const struct tool_source *source, char only[1024])
{
	const char *region = source->region;

	if (region && source->pid)
		tool_usage_error(command, "either --region or --pid, not both");
	if (region || source->pid)
		return region;
	region = secure_getenv("FNTRACE_REGION");
	if (region && region[0] != '\0')
		return region;
	return find_only(only, 1024) ? only : "";
}

/* The parent of a process; 0: not known. */
static int32_t
parent_of(int32_t pid)
{
	char path[64], line[1024], *end;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* The program's name is in brackets, and may have brackets in it. */
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')))
		sscanf(end, ") %*c %d", &parent);
	fclose(file);
	return parent;
}

/* Does process `recorder` record the calls of `pid`, as a tap does? */
static bool
is_recorded_by(int32_t pid, int32_t recorder)
{
	struct fnt_producer *producers = NULL;
	struct fnt_reader *reader;
	size_t count = 0;
	bool found = false;

	if (fnt_reader_open_pid(&reader, recorder, NULL) < 0)
		return false;
	if (fnt_reader_producers(reader, &producers, &count) < 0)
		count = 0;
	for (size_t i = 0; i < count; i++)
		found |=
			producers[i].pid == pid && producers[i].recorded_by == recorder;
	free(producers);
	fnt_reader_close(reader);
	return found;
}

/* The process that has the region of -p PID: the tap of a command, else PID. */
static int32_t
owner_of(int32_t pid)
{
	int32_t parent = parent_of(pid);

	return parent > 0 && is_recorded_by(pid, parent) ? parent : pid;
}

struct fnt_reader *
tool_reader_open(const struct command *command, const struct tool_source *source)
{
	struct fnt_error error = {0};
	struct fnt_reader *reader;
	char only[1024];
	const char *region = choose(command, source, only);
	int code;

	if (region && region[0] == '\0')
		return NULL;
	code = region ? fnt_reader_open(&reader, region, &error)
		      : fnt_reader_open_pid(&reader, owner_of(source->pid), &error);
	if (code == 0)
		return reader;
	message_fail("%s", error.message[0] ? error.message : strerror(-code));
	return NULL;
}

struct fnt_control *
tool_control_open(const struct command *command, const struct tool_source *source)
{
	struct fnt_error error = {0};
	struct fnt_control *control;
	char only[1024];
	const char *region = choose(command, source, only);
	int code;

	if (region && region[0] == '\0')
		return NULL;
	code = region ? fnt_control_open(&control, region, &error)
		      : fnt_control_open_pid(&control, owner_of(source->pid), &error);
	if (code == 0)
		return control;
	message_fail("%s", error.message[0] ? error.message : strerror(-code));
	return NULL;
}
