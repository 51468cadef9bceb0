/* SPDX-License-Identifier: MIT
 *
 * choose.h: which region a command works on, and opening it.
 *
 * The region is the one named by -r or -p, else by $FNTRACE_REGION, else the only one
 * there is. Of several it is the only one that live processes write to, else the only
 * one that is not frozen.
 *
 * Threads: one at a time. Opening makes system calls, and may block on stderr.
 */
#ifndef FNT_CLI_CHOOSE_H
#define FNT_CLI_CHOOSE_H

#include "cli/command.h"

#include <fntrace/control.h>
#include <fntrace/reader.h>

/* Where a command reads: the field `source` of its settings. */
struct tool_source {
	const char *region; /* name or path; NULL: not given */
	int32_t pid;	    /* 0: not given */
};

/* The options that set it, to be put into the command's array of options. */
/* clang-format off */
#define TOOL_SOURCE_OPTIONS(settings)                                                  \
	{"region", 'r', TOOL_TEXT, offsetof(settings, source.region), "REGION",        \
	 "name or path of the region (a path has / or .fnt)"},                         \
	{"pid", 'p', TOOL_PID, offsetof(settings, source.pid), "PID",                  \
	 "the region that this process, or its tap, writes to"}
/* clang-format on */

/* Open the region for reading. Returns NULL on failure, with a message on stderr. Ends
 * the program if both -r and -p are given. */
struct fnt_reader *tool_reader_open(const struct command *command,
				    const struct tool_source *source);

/* Open the same region for changes. Returns NULL on failure, as above. */
struct fnt_control *tool_control_open(const struct command *command,
				      const struct tool_source *source);

#endif
