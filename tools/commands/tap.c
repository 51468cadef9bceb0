/* SPDX-License-Identifier: MIT
 *
 * fntrace tap: run a command, relay its stdin and stdout, and record the calls in them.
 * To its parent, tap behaves as CMD would: tap/wrap.h.
 */
#include "commands/commands.h"
#include "tap/context.h"
#include "tap/protocols.h"
#include "tap/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 200 /* of a region's name */

enum {
	EXIT_CANNOT_RUN = 126, /* found, but no program */
	EXIT_NOT_FOUND = 127,
};

struct tap_settings {
	const char *region;
	const char *protocol;
	uint64_t size_bytes;
	bool require_trace;
	bool values;
	bool verbose;
};

/* ---- the region ----------------------------------------------------------------- */

/* Make a region's name from the base name of `path`. */
static void
name_after(char name[NAME_MAX_BYTES + 1], const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len = 0;

	base = base ? base + 1 : path;
	for (; *base && len < NAME_MAX_BYTES; base++) {
		bool plain = (*base >= 'a' && *base <= 'z') ||
			     (*base >= 'A' && *base <= 'Z') ||
			     (*base >= '0' && *base <= '9') || strchr("._-", *base);

		if (len == 0 && *base == '.')
			plain = false;
		name[len++] = plain ? *base : '_';
	}
	if (len == 0)
		name[len++] = '_';
	name[len] = '\0';
	/* A name that ends in .fnt would be taken for a path. */
	if (len >= 4 && !strcmp(name + len - 4, ".fnt"))
		name[len - 4] = '_';
}

static int
cannot_run(const char *program, int code)
{
	message_fail("cannot run %s: %s", program, strerror(code));
	return code == ENOENT || code == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

static void
check_size(void)
{
	const char *text = getenv("FNTRACE_SIZE");
	uint64_t size;

	if (text && text[0] && !tool_parse_size(text, &size))
		message_note("FNTRACE_SIZE=%s is not a size such as 64M; ignored",
			     text);
}

/* Open the region. NULL: `why` says why not. */
static struct fnt_log *
open_log(const struct tap_settings *settings, const char *program,
	 struct fnt_error *why)
{
	const char *region =
		settings->region ? settings->region : getenv("FNTRACE_REGION");
	struct fnt_options options = {.size_bytes = settings->size_bytes, .error = why};
	struct fnt_log *log = NULL;
	char name[NAME_MAX_BYTES + 1];
	int code;

	if (!region || !region[0]) {
		name_after(name, program);
		region = name;
	}
	code = fnt_log_open(&log, region, &options);
	if (code == 0 && *fnt_log_notice(log))
		message_note("%s", fnt_log_notice(log));
	if (code == 0)
		return log;
	if (!why->message[0])
		snprintf(why->message, sizeof(why->message), "%s", strerror(-code));
	return NULL;
}

/* ---- the command ---------------------------------------------------------------- */

static void
print_counts(const struct listener *listener)
{
	const struct protocol *protocol = listener->protocol;
	const struct protocol_counts *counts = protocol->counts(listener->state);
	char line[2048];
	size_t len = 0;

	for (enum protocol_count i = 0; i < PROTOCOL_COUNTS; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %llu",
					i ? ", " : "", protocol_count_name(i),
					(unsigned long long)counts->of[i]);
	message_note("tap: %s", line);
	if (!protocol->notices)
		return;
	protocol->notices(listener->state, line, sizeof(line));
	if (line[0])
		message_note("tap: notifications: %s", line);
}

/* Tracing can't start: run CMD without it, unless that is not wanted. */
static int
run_untraced(struct wrap *wrap, const struct tap_settings *settings, char **argv,
	     const char *why)
{
	int code;

	if (settings->require_trace) {
		witness_end(&wrap->witness);
		return message_fail("%s", why);
	}
	message_note("tap: %s runs without a trace: %s", argv[0], why);
	code = wrap_become(wrap, argv);
	return cannot_run(argv[0], code);
}

/* Run CMD and record it. Returns only if CMD can't be started. */
static int
run_traced(struct wrap *wrap, const struct tap_settings *settings, char **argv)
{
	struct listener *listener = &wrap->listener;
	bool is_program;
	int code = wrap_start(wrap, argv, &is_program);

	if (code == 0) {
		wrap_run(wrap);
		listener_finish(listener);
		if (settings->verbose)
			print_counts(listener);
	}
	listener_fini(listener);
	fnt_log_close(listener->log);
	if (code == 0)
		wrap_end(wrap);
	if (!is_program)
		return run_untraced(wrap, settings, argv, strerror(-code));
	witness_end(&wrap->witness);
	return cannot_run(argv[0], -code);
}

/* Open the region and record CMD; without a region, run it all the same. */
static int
open_and_run(const struct tap_settings *settings, const struct protocol *protocol,
	     char **argv)
{
	struct protocol_setup setup = {.keep_values = settings->values};
	char traceparent[CONTEXT_SIZE];
	struct fnt_error why = {0};
	struct wrap wrap;

	wrap_init(&wrap);
	setup.log = open_log(settings, argv[0], &why);
	if (!setup.log)
		return run_untraced(&wrap, settings, argv, why.message);
	setup.inherited = context_set_up(traceparent);
	setup.traceparent = traceparent;
	if (!listener_init(&wrap.listener, protocol, &setup)) {
		fnt_log_close(setup.log);
		return run_untraced(&wrap, settings, argv, "out of memory");
	}
	return run_traced(&wrap, settings, argv);
}

static int
run_tap(int argc, char **argv)
{
	struct tap_settings settings = {.protocol = auto_protocol.name};
	const struct protocol *protocol;
	int operand = tool_options(&command_tap, argc, argv, &settings);
	int code;

	if (operand == argc)
		tool_usage_error(&command_tap, "no command to run");
	protocol = protocol_by_name(settings.protocol);
	if (!protocol)
		tool_usage_error(&command_tap,
				 "--protocol %s is unknown; there are " PROTOCOL_NAMES,
				 settings.protocol);
	argv += operand;
	code = launch_find(argv[0]);
	if (code)
		return cannot_run(argv[0], code);
	if (!settings.size_bytes)
		check_size();
	return open_and_run(&settings, protocol, argv);
}

static const struct tool_option options[] = {
	{"region", 'r', TOOL_TEXT, offsetof(struct tap_settings, region), "REGION",
	 "write to this region, by name or path"},
	{"size", 0, TOOL_SIZE, offsetof(struct tap_settings, size_bytes), "SIZE",
	 "size of the region if it has to be created (default 16M)"},
	{"protocol", 0, TOOL_TEXT, offsetof(struct tap_settings, protocol), "NAME",
	 PROTOCOL_NAMES " (default auto)"},
	{"require-trace", 0, TOOL_FLAG, offsetof(struct tap_settings, require_trace),
	 NULL, "do not run CMD if it can't be recorded"},
	{"values", 0, TOOL_FLAG, offsetof(struct tap_settings, values), NULL,
	 "record results of mcp, lsp and jsonrpc, which may hold secrets"},
	{"verbose", 'v', TOOL_FLAG, offsetof(struct tap_settings, verbose), NULL,
	 "print counts of calls and messages at the end, and of notifications"},
	TOOL_END,
};

static const char details[] =
	"CMD exchanges messages with its host over stdin and stdout. Every byte is\n"
	"passed on unchanged and at once, in both directions; the calls in the\n"
	"messages are recorded. The protocols are Pylon's, JSON-RPC 2.0, and two\n"
	"made of that: the Model Context Protocol and the Language Server Protocol.\n"
	"\n"
	"A call of JSON-RPC has the sizes of its arguments and result for a value;\n"
	"--values records the result itself. CMD has a TRACEPARENT in its\n"
	"environment: the tap's own, else a new one.\n"
	"\n"
	"To its host, tap is CMD: each signal reaches CMD once, tap stops, goes on\n"
	"and ends as CMD does, and the kernel kills CMD if tap is killed. (Only a\n"
	"program that gains privileges by its file outlives it.) SIGSTOP sent to\n"
	"tap alone does not stop CMD. If CMD can't be recorded, it runs all the\n"
	"same, and one line on stderr says why; not so with --require-trace.\n"
	"A message may be nested up to 512 deep; deeper ones are recorded, too, but\n"
	"a value in them is left out, as \"nested too deep\".\n"
	"\n"
	"Without -r the region is $FNTRACE_REGION, else one named after CMD. The\n"
	"exit status is that of CMD; 126 if CMD cannot be run, 127 if it is not\n"
	"found.\n";

const struct command command_tap = {
	.name = "tap",
	.summary = "run a command and record the calls in its stdin and stdout",
	.operands = "[--] CMD [ARG]...",
	.details = details,
	.options = options,
	.options_first = true,
	.run = run_tap,
};
