/* SPDX-License-Identifier: MIT
 *
 * fntrace tap: run a command, relay its stdin and stdout, and record the calls in them.
 *
 *      our stdin ──► flow ──► CMD's stdin          one thread, one poll: two flows,
 *      our stdout ◄── flow ◄── CMD's stdout        and a signalfd for all else
 *
 * To its parent, tap behaves as CMD would: the same bytes, ends of file, reaction to
 * signals and exit status.
 */
#include "commands/commands.h"
#include "tap/protocols.h"
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

/* Signals that another process sends to tap and means for CMD. */
static const int forwarded[] = {SIGHUP,	 SIGINT,  SIGQUIT,  SIGTERM,
				SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

struct tap_settings {
	const char *region;
	const char *protocol;
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
	pid_t child; /* CMD; 0: it has ended */
	int status;  /* from waitpid */
	bool stop;   /* a signal came after CMD ended: do not wait for its last bytes */
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

/* Whether posix_spawnp will find `program`: 0 or a positive errno. Checked before the
 * region is created, so that a misspelt command does not leave a region behind. */
static int
find_program(const char *program)
{
	const char *dir = getenv("PATH"), *end;
	int code = ENOENT;
	char path[4096];

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? 0 : errno;
	if (!dir)
		return 0; /* posix_spawnp has a default path */
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
		message_note("FNTRACE_SIZE=%s is not a size such as 64M; ignored",
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
	/* The parent may have ignored SIGCHLD, which tap needs. */
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

/* Forward a signal to CMD if a process sent it. A signal from the kernel (^C on the
 * terminal, a new window size) goes to the whole process group, so CMD has it
 * already. */
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

/* End as CMD did: return its exit status, or die of the same signal. */
static int
exit_like(int status)
{
	sigset_t set;
	int number;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	number = WTERMSIG(status);
	prctl(PR_SET_DUMPABLE, 0); /* CMD has left its core; do not add ours */
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	return EXIT_SIGNAL + number;
}

/* ---- CMD ------------------------------------------------------------------------ */

/* Start CMD. posix_spawn rather than fork, so that CMD never shares the region's
 * mapping and lock. `stdin_fd` and `stdout_fd` become CMD's. Returns 0 or a positive
 * errno. */
static int
spawn(struct tap *tap, char **argv, int stdin_fd, int stdout_fd)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int code;

	sigemptyset(&defaults);
	/* tap ignores SIGPIPE. CMD gets the disposition that tap inherited. */
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

/* Start CMD and create the flows. Returns TOOL_OK, or an exit code after a message. */
static int
start(struct tap *tap, char **argv)
{
	int to_child[2], from_child[2], code;

	if (pipe2(to_child, O_CLOEXEC) < 0 || pipe2(from_child, O_CLOEXEC) < 0)
		return message_fail_errno("cannot create a pipe", -errno);
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

/* Relay until CMD has ended and everything it had written is passed on. */
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
		/* CMD's output first: it was written before CMD can read what is passed
		 * to it below, and the protocol must see it in that order. */
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
	char line[1024];
	size_t len = 0;

	for (enum protocol_count i = 0; i < PROTOCOL_COUNTS; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %llu",
					i ? ", " : "", protocol_count_name(i),
					(unsigned long long)counts->of[i]);
	message_note("tap: %s", line);
}

static int
run_tap(int argc, char **argv)
{
	struct tap_settings settings = {.protocol = auto_protocol.name};
	struct protocol_setup setup = {0};
	struct tap tap = {0};
	int operand = tool_options(&command_tap, argc, argv, &settings);
	int code;

	if (operand == argc)
		tool_usage_error(&command_tap, "no command to run");
	tap.protocol = protocol_by_name(settings.protocol);
	if (!tap.protocol)
		tool_usage_error(&command_tap,
				 "--protocol %s is unknown; there are " PROTOCOL_NAMES,
				 settings.protocol);
	code = find_program(argv[operand]);
	if (code)
		return cannot_run(argv[operand], code);
	if (!settings.size_bytes)
		check_size();
	tap.log = open_log(&settings, argv[operand]);
	if (!tap.log)
		return TOOL_FAILED;
	setup.log = tap.log;
	tap.state = tap.protocol->create(&setup);
	if (!tap.state)
		return message_fail("out of memory");
	catch_signals(&tap);
	code = start(&tap, argv + operand);
	if (code == TOOL_OK)
		pump(&tap);
	tap.protocol->finish(tap.state);
	if (settings.verbose)
		print_counts(tap.protocol->counts(tap.state));
	tap.protocol->destroy(tap.state);
	fnt_log_close(tap.log);
	free(tap.flows[PROTOCOL_TO_FN]);
	free(tap.flows[PROTOCOL_TO_HOST]);
	return code == TOOL_OK ? exit_like(tap.status) : code;
}

static const struct tool_option options[] = {
	{"region", 'r', TOOL_TEXT, offsetof(struct tap_settings, region), "REGION",
	 "write to this region, by name or path"},
	{"size", 0, TOOL_SIZE, offsetof(struct tap_settings, size_bytes), "SIZE",
	 "size of the region if it has to be created (default 16M)"},
	{"protocol", 0, TOOL_TEXT, offsetof(struct tap_settings, protocol), "NAME",
	 PROTOCOL_NAMES " (default auto)"},
	{"verbose", 'v', TOOL_FLAG, offsetof(struct tap_settings, verbose), NULL,
	 "print counts of calls and messages at the end"},
	TOOL_END,
};

static const char details[] =
	"CMD exchanges newline-delimited JSON messages (Pylon's protocol) with its\n"
	"host over stdin and stdout. Every byte is passed on unchanged and at once,\n"
	"in both directions; the calls in the messages are recorded.\n"
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
