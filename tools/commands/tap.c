/* SPDX-License-Identifier: MIT
 *
 * fntrace tap: run a command between its stdin and stdout and ours.
 *
 *      our stdin ──► flow ──► CMD's stdin          one thread, one poll: two flows,
 *      our stdout ◄── flow ◄── CMD's stdout        and a signalfd for all else
 *
 * To whoever started us we behave as CMD would: bytes, ends of files, signals, exit
 * status.
 */
#include "commands/commands.h"
#include "tap/pylon.h"
#include "tap/relay.h"
#include "view/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define NAME_MAX_BYTES 200 /* of a region's name */

enum {
	EXIT_CANNOT_RUN = 126, /* found, but no program */
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL = 128, /* and its number */
};

/* What somebody may send us and mean for CMD. */
static const int forwarded[] = {SIGHUP,	 SIGINT,  SIGQUIT,  SIGTERM,
				SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

struct tap_settings {
	const char *region;
	uint64_t size_bytes;
	bool verbose;
};

struct tap {
	struct fnt_log *log;
	const struct protocol *protocol;
	void *state;
	struct relay_flow *flows[PROTOCOL_DIRS];
	sigset_t signals, signals_before;
	int signal_fd;
	pid_t child; /* 0: has ended */
	int status;  /* of waitpid */
	bool stop;   /* told to end while CMD's last bytes wait to be read */
};

/* ---- the region ----------------------------------------------------------------- */

/* The base name of `path`, made fit for a region's name. */
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
	/* Such a name would be taken for a path. */
	if (len >= 4 && !strcmp(name + len - 4, ".fnt"))
		name[len - 4] = '_';
}

static int
cannot_run(const char *program, int code)
{
	message_fail("cannot run %s: %s", program, strerror(code));
	return code == ENOENT || code == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/* Whether posix_spawnp will find `program`: 0 or a positive errno. A word that was
 * mistyped is not to leave a region of that name. */
static int
find_program(const char *program)
{
	const char *dir = getenv("PATH"), *end;
	int code = ENOENT;
	char path[4096];

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? 0 : errno;
	if (!dir)
		return 0; /* it has places of its own to look at */
	for (; dir; dir = *end ? end + 1 : NULL) {
		end = dir + strcspn(dir, ":");
		snprintf(path, sizeof(path), "%.*s%s%s", (int)(end - dir), dir,
			 end == dir ? "./" : "/", program);
		if (access(path, X_OK) == 0)
			return 0;
		if (errno == EACCES)
			code = EACCES;
	}
	return code;
}

static void
check_size(void)
{
	const char *text = getenv("FNTRACE_SIZE");
	uint64_t size;

	if (text && text[0] && !tool_parse_size(text, &size))
		message_note("FNTRACE_SIZE=%s is no size such as 64M: not heeded",
			     text);
}

static struct fnt_log *
open_log(const struct tap_settings *settings, const char *program)
{
	const char *region =
		settings->region ? settings->region : getenv("FNTRACE_REGION");
	struct fnt_error error = {0};
	struct fnt_options options = {.size_bytes = settings->size_bytes,
				      .error = &error};
	struct fnt_log *log = NULL;
	char name[NAME_MAX_BYTES + 1];
	int code;

	if (!region || !region[0]) {
		name_after(name, program);
		region = name;
	}
	code = fnt_log_open(&log, region, &options);
	if (code == 0)
		return log;
	message_fail("%s", error.message[0] ? error.message : strerror(-code));
	return NULL;
}

/* ---- signals -------------------------------------------------------------------- */

static void
catch_signals(struct tap *tap)
{
	sigemptyset(&tap->signals);
	sigaddset(&tap->signals, SIGCHLD);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&tap->signals, forwarded[i]);
	/* Who started us may not want to hear of its children; we must. */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &tap->signals, &tap->signals_before);
	tap->signal_fd = signalfd(-1, &tap->signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
take_child(struct tap *tap)
{
	if (!tap->child || waitpid(tap->child, &tap->status, WNOHANG) != tap->child)
		return;
	tap->child = 0;
	relay_close(tap->flows[PROTOCOL_TO_FN]);
	relay_finish(tap->flows[PROTOCOL_TO_HOST]);
}

/* A signal from the kernel (the terminal's ^C, its new size) went to the whole process
 * group, which CMD is in: it has it already. One that a process sent to us is CMD's. */
static void
take_signal(struct tap *tap, const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;

	if (number == SIGCHLD)
		take_child(tap);
	else if (tap->child && info->ssi_code <= 0)
		kill(tap->child, number);
	else if (!tap->child)
		tap->stop = number != SIGWINCH && number != SIGCONT;
}

static void
take_signals(struct tap *tap)
{
	struct signalfd_siginfo info;

	while (read(tap->signal_fd, &info, sizeof(info)) == sizeof(info))
		take_signal(tap, &info);
}

/* End as CMD did. */
static int
exit_like(int status)
{
	sigset_t set;
	int number;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	number = WTERMSIG(status);
	prctl(PR_SET_DUMPABLE, 0); /* the core is CMD's, and written */
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	return EXIT_SIGNAL + number;
}

/* ---- CMD ------------------------------------------------------------------------ */

/* Spawn, not fork: the region's mapping and lock are not CMD's, not even for a moment.
 * `stdin_fd` and `stdout_fd` become CMD's. 0 or a positive errno. */
static int
spawn(struct tap *tap, char **argv, int stdin_fd, int stdout_fd)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int code;

	sigemptyset(&defaults);
	/* We ignore it. If it was ignored before us, then CMD is not to have it either.
	 */
	if (signal(SIGPIPE, SIG_IGN) != SIG_IGN)
		sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawnattr_setsigmask(&attributes, &tap->signals_before);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO);
	code = posix_spawnp(&tap->child, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return code;
}

static struct relay_flow *
create_flow(struct tap *tap, enum protocol_dir dir, struct relay_end from,
	    struct relay_end to)
{
	struct relay_flow *flow = text_alloc(sizeof(*flow));

	flow->from = from;
	flow->to = to;
	flow->protocol = tap->protocol;
	flow->state = tap->state;
	flow->dir = dir;
	flow->limited = false;
	flow->begin = flow->end = 0;
	return flow;
}

/* TOOL_OK, or the exit code of what went wrong. */
static int
start(struct tap *tap, char **argv)
{
	int to_child[2], from_child[2], code;

	if (pipe2(to_child, O_CLOEXEC) < 0 || pipe2(from_child, O_CLOEXEC) < 0)
		return message_fail_errno("cannot make a pipe", -errno);
	code = spawn(tap, argv, to_child[0], from_child[1]);
	close(to_child[0]);
	close(from_child[1]);
	if (code) {
		tap->child = 0;
		return cannot_run(argv[0], code);
	}
	tap->flows[PROTOCOL_TO_FN] =
		create_flow(tap, PROTOCOL_TO_FN, relay_inherit(STDIN_FILENO, O_RDONLY),
			    relay_own(to_child[1]));
	tap->flows[PROTOCOL_TO_HOST] =
		create_flow(tap, PROTOCOL_TO_HOST, relay_own(from_child[0]),
			    relay_inherit(STDOUT_FILENO, O_WRONLY));
	return TOOL_OK;
}

/* Until CMD has ended, and what it had written is passed on. */
static void
pump(struct tap *tap)
{
	struct relay_flow *to_fn = tap->flows[PROTOCOL_TO_FN];
	struct relay_flow *to_host = tap->flows[PROTOCOL_TO_HOST];

	while (tap->child || (!relay_is_done(to_host) && !tap->stop)) {
		struct pollfd fds[5];

		relay_poll(to_fn, fds);
		relay_poll(to_host, fds + 2);
		fds[4] = (struct pollfd){.fd = tap->signal_fd, .events = POLLIN};
		if (poll(fds, 5, -1) < 0)
			continue;
		/* Answers before questions: what CMD says now it has said before it can
		 * know of what we are about to hand to it. */
		relay_step(to_host, fds + 2);
		relay_step(to_fn, fds);
		if (fds[4].revents)
			take_signals(tap);
	}
}

/* ---- the command ---------------------------------------------------------------- */

static void
print_counts(const struct protocol_counts *counts)
{
	message_note(
		"tap: %llu calls, %llu operations, %llu calls aborted; %llu "
		"messages, of "
		"them %llu about nothing open, %llu past a limit; %llu other lines",
		(unsigned long long)counts->calls, (unsigned long long)counts->ops,
		(unsigned long long)counts->aborted,
		(unsigned long long)counts->messages,
		(unsigned long long)counts->unknown,
		(unsigned long long)counts->untraced,
		(unsigned long long)counts->foreign);
}

static int
run_tap(int argc, char **argv)
{
	struct tap_settings settings = {0};
	struct tap tap = {.protocol = &pylon_protocol};
	struct protocol_counts counts;
	int operand = tool_options(&command_tap, argc, argv, &settings);
	int code;

	if (operand == argc)
		tool_usage_error(&command_tap, "no command to run");
	code = find_program(argv[operand]);
	if (code)
		return cannot_run(argv[operand], code);
	if (!settings.size_bytes)
		check_size();
	tap.log = open_log(&settings, argv[operand]);
	if (!tap.log)
		return TOOL_FAILED;
	tap.state = tap.protocol->create(tap.log);
	if (!tap.state)
		return message_fail("out of memory");
	catch_signals(&tap);
	code = start(&tap, argv + operand);
	if (code == TOOL_OK)
		pump(&tap);
	tap.protocol->destroy(tap.state, &counts);
	fnt_log_close(tap.log);
	free(tap.flows[PROTOCOL_TO_FN]);
	free(tap.flows[PROTOCOL_TO_HOST]);
	if (settings.verbose)
		print_counts(&counts);
	return code == TOOL_OK ? exit_like(tap.status) : code;
}

static const struct tool_option options[] = {
	{"region", 'r', TOOL_TEXT, offsetof(struct tap_settings, region), "REGION",
	 "write to this region: a name, or a path (has a slash or ends in .fnt)"},
	{"size", 0, TOOL_SIZE, offsetof(struct tap_settings, size_bytes), "SIZE",
	 "make it this large if it is not there (16M)"},
	{"verbose", 'v', TOOL_FLAG, offsetof(struct tap_settings, verbose), NULL,
	 "say at the end what was seen"},
	TOOL_END,
};

const struct command command_tap = {
	.name = "tap",
	.summary = "run a command and trace what goes over its stdin and stdout",
	.operands = "[--] CMD [ARG]...",
	.details = "Every byte is passed on unchanged and at once, in both directions. "
		   "Without\n"
		   "-r the region is $FNTRACE_REGION, else named after CMD. The exit "
		   "status is\n"
		   "CMD's; 126 and 127: it could not be run, was not found.\n",
	.options = options,
	.options_first = true,
	.run = run_tap,
};
