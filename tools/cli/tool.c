/* SPDX-License-Identifier: MIT */
#include "cli/tool.h"
#include "view/text.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the terminal --------------------------------------------------------------- */

static bool
wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_colour && no_colour[0] != '\0')
		return false;
	if (!term || term[0] == '\0' || strcmp(term, "dumb") == 0)
		return false;
	return isatty(STDOUT_FILENO);
}

/* A closed standard descriptor would be given to the next file opened, a region
 * perhaps, and what we print would go there. In its place: an empty stdin, and outputs
 * that cannot be written to. */
static void
hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			abort();
}

/* A region's file that is cut short while it is mapped. Nothing but this can be done:
 * the bytes that are being read are gone. */
static void
bus_error(int signal_number)
{
	static const char message[] =
		"fntrace: the region's file was cut short while it was being read\n";

	(void)signal_number;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(TOOL_FAILED);
}

void
tool_init(void)
{
	struct sigaction action = {.sa_handler = bus_error};

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
	hold_standard_descriptors();
	setlocale(LC_CTYPE, "");
	text_init(strcmp(nl_langinfo(CODESET), "UTF-8") == 0, wants_colour());
}

int
tool_width(void)
{
	return tool_width_of(stdout);
}

int
tool_width_of(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int width = 0;

	int fd = fileno(out);

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (columns)
		width = atoi(columns);
	return width > 0 && width < 10000 ? width : 80;
}

/* ---- ends and errors ------------------------------------------------------------ */

static void
say(const char *format, va_list args)
{
	char *line;

	if (vasprintf(&line, format, args) < 0) {
		fputs("fntrace: out of memory\n", stderr);
		return;
	}
	/* What is asked for on stdout stays before what is said about it. */
	fflush(stdout);
	fputs("fntrace: ", stderr);
	text_put(stderr, line);
	putc('\n', stderr);
	free(line);
}

int
tool_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return TOOL_FAILED;
}

void
tool_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

int
tool_fail_errno(const char *what, int code)
{
	if (code == -ESTALE)
		return tool_fail("%s: the region's file was cut short or written anew; "
				 "run this again",
				 what);
	return tool_fail("%s: %s", what, strerror(-code));
}

void *
tool_alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory) {
		fputs("fntrace: out of memory\n", stderr);
		exit(TOOL_FAILED);
	}
	return memory;
}

int
tool_flush(void)
{
	bool failed_before = ferror(stdout);

	errno = 0;
	if (fflush(stdout) == 0 && !failed_before)
		return TOOL_OK;
	if (errno == EINTR && tool_stopped)
		return TOOL_OK;
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
		_exit(TOOL_FAILED);
	}
	/* Where an earlier write has failed its reason is gone. */
	return tool_fail("cannot write to standard output%s%s", errno ? ": " : "",
			 errno ? strerror(errno) : "");
}

volatile sig_atomic_t tool_stopped;

static void
stop(int signal_number)
{
	(void)signal_number;
	tool_stopped = 1;
}

void
tool_catch_stop(void)
{
	struct sigaction action = {.sa_handler = stop};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ---- which region --------------------------------------------------------------- */

/* "no region": say where they are looked for. Several: name them. */
static void
explain_choice(const struct fnt_region_info *regions, size_t count)
{
	char names[512] = "";
	size_t used = 0;

	if (count == 0) {
		tool_fail("there is no region yet; start one with fntrace tap, or say "
			  "which with -r PATH or -p PID");
		return;
	}
	for (size_t i = 0; i < count && used < sizeof(names) - 1; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 i ? ", " : "", regions[i].name);
	tool_fail("there are %zu regions, choose one with -r: %s%s", count, names,
		  used >= sizeof(names) ? " and more" : "");
}

static bool
in_use(const struct fnt_region_info *region)
{
	return region->alive > 0;
}

/* What a rotation has left beside a region is not in its way. */
static bool
not_frozen(const struct fnt_region_info *region)
{
	return !region->frozen;
}

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

/* The path of the only region there is, or of those that are there the only one that
 * processes write to, or that is not frozen. */
static bool
find_only(char *path, size_t size)
{
	const struct fnt_region_info *only;
	struct fnt_error error = {0};
	struct fnt_region_info *regions;
	size_t count;
	int code = fnt_regions_list(NULL, &regions, &count, &error);

	if (code < 0) {
		tool_fail("%s", error.message[0] ? error.message : strerror(-code));
		return false;
	}
	only = count == 1 ? regions : only_one(regions, count, in_use);
	if (!only)
		only = only_one(regions, count, not_frozen);
	if (only)
		snprintf(path, size, "%s", only->path);
	else
		explain_choice(regions, count);
	free(regions);
	return only != NULL;
}

/* What to open: a name or path, NULL for a process's; "" (said on stderr): there is
 * none. */
static const char *
choose(const struct command *command, const struct tool_source *source, char only[1024])
{
	const char *region = source->region;

	if (region && source->pid)
		tool_usage_error(command, "either --region or --pid, not both");
	if (region || source->pid)
		return region;
	region = getenv("FNTRACE_REGION");
	if (region && region[0] != '\0')
		return region;
	return find_only(only, 1024) ? only : "";
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
		      : fnt_reader_open_pid(&reader, source->pid, &error);
	if (code == 0)
		return reader;
	tool_fail("%s", error.message[0] ? error.message : strerror(-code));
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
		      : fnt_control_open_pid(&control, source->pid, &error);
	if (code == 0)
		return control;
	tool_fail("%s", error.message[0] ? error.message : strerror(-code));
	return NULL;
}
