/* SPDX-License-Identifier: MIT
 *
 * scribble.c: a process writes nonsense into a region while the region is used.
 *
 *       scribble SECONDS [FNTRACE]
 *
 *   scribbler ──nonsense──► region ◄── two producers, which come, fork and go
 *                              ▲  ▲
 *                 a reader's loop  a controller: settings, reap, resize, rotate
 *                 and FNTRACE's commands one after the other
 *
 * Nothing may crash, hang or use memory without bound. Producers may drop records,
 * readers may find nothing or refuse. Prints what was tried. The seed is $SEED or the
 * time.
 */
#include "support/fixture.h"
#include "format/layout.h"

#include <fntrace/control.h>
#include <fntrace/fntrace.h>
#include <fntrace/metrics.h>
#include <fntrace/reader.h>

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define SIZE MIB(1)
#define HANG_S 60 /* on a loaded machine, under sanitizers */
#define MEMORY_MAX (SANITIZED ? 0 : (rlim_t)1 << 30)
#define RESIDENT_KB (SANITIZED ? 1500000 : 300000)

enum part {
	SCRIBBLER,
	PRODUCER_1,
	PRODUCER_2,
	READER,
	CONTROLLER,
	PARTS
};

/* What all parts have done, for the last line printed. */
struct tally {
	_Atomic uint64_t scribbles, calls, opens, reads, refusals, traces, forks;
	_Atomic uint64_t changes, failures;
};

static struct tally *tally;
static struct rnd dice;

static void
count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* ---- invalid input --------------------------------------------------------------- */

static uint64_t
nonsense(const uint64_t *words)
{
	switch (rnd(&dice, 8)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return rnd(&dice, 256);
	case 3: /* a word of another place */
		return words[rnd(&dice, SIZE / 8)];
	case 4:
		return 1ull << rnd(&dice, 64);
	default:
		return (uint64_t)rnd(&dice, UINT32_MAX) << 32 | rnd(&dice, UINT32_MAX);
	}
}

/* An offset in words; half of the time in the first cache line of an entry, where the
 * states are. */
static size_t
somewhere(const struct fnt_header *header)
{
	const struct fnt_section *section =
		&header->sections[rnd(&dice, header->section_count)];
	uint64_t entry;

	if (rnd(&dice, 2))
		return FNT_PAGE / 8 + rnd(&dice, (SIZE - FNT_PAGE) / 8);
	entry = rnd(&dice, (uint32_t)section->count);
	return (section->off + entry * section->stride) / 8 + rnd(&dice, 8);
}

static void
scribble_once(uint64_t *words, const struct fnt_header *header)
{
	size_t at = somewhere(header);

	switch (rnd(&dice, 4)) {
	case 0:
		words[at] ^= 1ull << rnd(&dice, 64);
		break;
	case 1:
		((unsigned char *)words)[at * 8 + rnd(&dice, 8)] =
			(unsigned char)rnd(&dice, 256);
		break;
	case 2:
		words[at] += (uint64_t)(int64_t)(int8_t)rnd(&dice, 256);
		break;
	default:
		words[at] = nonsense(words);
		break;
	}
	count(&tally->scribbles, 1);
}

/* Damages the header for a moment only. From time to time restores the sound region. */
static void
scribble(const char *path)
{
	static uint64_t sound[SIZE / 8];
	const struct fnt_header *header =
		(const struct fnt_header *)(const void *)sound;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint64_t *words = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd < 0 || words == MAP_FAILED)
		_exit(9);
	memcpy(sound, words, SIZE);
	for (uint64_t i = 0;; i++) {
		scribble_once(words, header);
		if (i % 1024 == 0) {
			size_t at = rnd(&dice, sizeof(*header) / 8);

			words[at] = nonsense(words);
			sched_yield();
			words[at] = sound[at];
		}
		if (i % 4096 == 0)
			memcpy(words, sound, SIZE);
		if (i % 16 == 0)
			usleep(50);
	}
}

/* ---- producers ------------------------------------------------------------------- */

static void
produce_some(struct fnt_log *log)
{
	static char text[20000];
	struct fnt_value value = {FNT_VALUE_JSON, text, 0};
	struct fnt_traces *traces;

	memset(text, '7', sizeof(text));
	for (int i = 0; i < 200; i++) {
		struct fnt_call *call = begin_call(log, "scribbled", "id");
		int64_t op = fnt_call_op_begin(call, FNT_OP_GET, "Entity", NULL);

		for (uint32_t ops = rnd(&dice, 60); ops > 0; ops--)
			fnt_call_op(call, FNT_OP_INSERT, "Row", "7", 50, 1, true);
		fnt_call_op_end(call, op, 1, true);
		value.len = rnd(&dice, 4) ? 20 : rnd(&dice, sizeof(text));
		fnt_call_finish_ok(call, &value);
		count(&tally->calls, 1);
		if (i % 50 == 0 && !fnt_log_recent(log, 20, &traces))
			fnt_traces_free(traces);
		alarm(HANG_S);
	}
}

/* A child goes on with the log and with a call of its own. */
static void
fork_some(struct fnt_log *log)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct fnt_call *call;

		alarm(HANG_S);
		call = begin_call(log, "forked", "id");
		for (int i = 0; i < 20; i++)
			record_call(log, "forked", "id");
		fnt_call_finish_ok(call, NULL);
		if (rnd(&dice, 2))
			fnt_log_close(log);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return;
	count(&tally->forks, 1);
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "forked child: signal %d\n", WTERMSIG(status));
		_exit(9);
	}
}

static void
produce(const char *path)
{
	for (;;) {
		struct fnt_log *log;
		struct fnt_call *left;

		alarm(HANG_S);
		if (fnt_log_open(&log, path,
				 &(struct fnt_options){.flags = FNT_ATTACH_ONLY}))
			continue; /* the header is damaged just now */
		left = begin_call(log, "left", "open");
		produce_some(log);
		if (!rnd(&dice, 4))
			fork_some(log);
		if (rnd(&dice, 2))
			fnt_call_finish_error(left, "E", "m");
		else
			left = (fnt_log_close(log), fnt_call_abandon(left), NULL);
		if (left)
			fnt_log_close(log);
	}
}

/* ---- readers --------------------------------------------------------------------- */

static int
take(void *arg, const struct fnt_trace *trace)
{
	char *json;

	(void)arg;
	if (!fnt_trace_to_json(trace, &json, NULL))
		free(json);
	count(&tally->traces, 1);
	return 0;
}

static void
follow(struct fnt_cursor *cursor)
{
	const struct fnt_trace *trace;
	int rc = 1;

	/* Bounded, as producers go on meanwhile. */
	for (int i = 0; i < 3000 && rc > 0; i++)
		rc = fnt_cursor_next(cursor, &trace);
}

static void
read_once(struct fnt_reader *reader, struct fnt_cursor *cursor)
{
	static const struct fnt_query any = {.limit = 100000};
	static const struct fnt_query named = {.limit = 50, .fn_name = "scribbled"};
	struct fnt_producer *producers;
	struct fnt_traces *traces;
	struct fnt_check check;
	struct fnt_stat stat;
	size_t size;

	alarm(HANG_S);
	fnt_reader_each(reader, &any, take, NULL);
	if (!fnt_reader_query(reader, &named, &traces))
		fnt_traces_free(traces);
	if (!fnt_reader_in_flight(reader, &traces))
		fnt_traces_free(traces);
	fnt_reader_stat(reader, &stat);
	if (!fnt_reader_producers(reader, &producers, &size))
		free(producers);
	fnt_reader_check(reader, &check, NULL, NULL);
	follow(cursor);
	count(&tally->reads, 1);
}

static void
read_all(const char *path)
{
	for (;;) {
		struct fnt_reader *reader;
		struct fnt_cursor *cursor;

		if (fnt_reader_open(&reader, path, NULL)) {
			count(&tally->refusals, 1);
			continue;
		}
		count(&tally->opens, 1);
		if (!fnt_cursor_open(&cursor, reader, rnd(&dice, 2))) {
			for (int i = 0; i < 5; i++)
				read_once(reader, cursor);
			fnt_cursor_close(cursor);
		}
		fnt_reader_close(reader);
	}
}

/* ---- a controller ---------------------------------------------------------------- */

/* One command. Returns its result. */
static int
change(struct fnt_control *control, struct fnt_error *error)
{
	static const char *const assignments[] = {"keep=0.5", "slow=1us", "rate=100000",
						  "capture.ids=hash"};
	struct fnt_settings_list *list;
	struct fnt_rings rings;
	uint32_t some = rnd(&dice, 4), dead;
	char to[256];
	int rc;

	switch (rnd(&dice, 8)) {
	case 0:
		return fnt_control_set(control, NULL, assignments, some, error);
	case 1:
		return fnt_control_set(control, some ? "scribbled" : "scr*",
				       &assignments[some], 1, error);
	case 2:
		return fnt_control_reset(control, some ? NULL : "scribbled", error);
	case 3:
		return fnt_control_reap(control, &dead, &rings, error);
	case 4:
		return fnt_control_resize(control, SIZE + MIB(some), &rings, error);
	case 5:
		snprintf(to, sizeof(to), "%s.rotated", fnt_control_path(control));
		rc = fnt_control_rotate(control, to, &rings, error);
		unlink(to);
		return rc;
	default:
		snprintf(error->message, sizeof(error->message), "unread");
		rc = fnt_control_get(control, &list);
		if (!rc)
			fnt_settings_free(list);
		return rc;
	}
}

static void
change_all(const char *path)
{
	if (fnt_reader_guard())
		_exit(9);
	for (;;) {
		struct fnt_error error = {0};
		struct fnt_control *control;

		alarm(HANG_S);
		if (fnt_control_open(&control, path, &error)) {
			count(&tally->refusals, 1);
			continue;
		}
		for (int i = 0; i < 20; i++) {
			memset(&error, 0, sizeof(error));
			alarm(HANG_S);
			count(&tally->changes, 1);
			if (!change(control, &error))
				continue;
			count(&tally->failures, 1);
			if (!*error.message)
				_exit(8);
		}
		fnt_control_close(control);
	}
}

/* ---- the whole ------------------------------------------------------------------- */

static void
bound_memory(void)
{
	struct rlimit limit = {MEMORY_MAX, MEMORY_MAX};

	if (MEMORY_MAX)
		setrlimit(RLIMIT_AS, &limit);
}

static pid_t
start(enum part part, const char *path)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	dice.state += (uint64_t)part * 0x9e3779b97f4a7c15u;
	bound_memory();
	if (part == SCRIBBLER)
		scribble(path);
	else if (part == READER)
		read_all(path);
	else if (part == CONTROLLER)
		change_all(path);
	else
		produce(path);
	_exit(0);
}

/* Become one command of the tool. */
static void
exec_tool(const char *tool, const char *command, const char *path)
{
	if (!strcmp(command, "list"))
		execl(tool, tool, command, (char *)NULL);
	else if (!strcmp(command, "show"))
		execl(tool, tool, command, "-r", path, "id", (char *)NULL);
	else if (!strcmp(command, "tree"))
		execl(tool, tool, "show", "--tree", "-r", path, "id", (char *)NULL);
	else if (!strcmp(command, "hist"))
		execl(tool, tool, command, "-r", path, "scribbled", (char *)NULL);
	else if (!strcmp(command, "ctl resize"))
		execl(tool, tool, "ctl", "resize", "-r", path, "1M", (char *)NULL);
	else if (!strcmp(command, "ctl set"))
		execl(tool, tool, "ctl", "set", "-r", path, "keep=1", (char *)NULL);
	else if (!strcmp(command, "ctl rotate"))
		execl(tool, tool, "ctl", "rotate", "-r", path, "-o",
		      region_path("by-tool", ".old"), (char *)NULL);
	else if (!strncmp(command, "ctl ", 4))
		execl(tool, tool, "ctl", command + 4, "-r", path, (char *)NULL);
	else
		execl(tool, tool, command, "-r", path, (char *)NULL);
	_exit(127);
}

/* Run one command of the tool. False if it died of any signal but our own timeout. */
static bool
run_tool(const char *tool, const char *command, const char *path)
{
	bool follows = !strcmp(command, "tail");
	int status, null;
	pid_t pid = fork();

	if (!pid) {
		bound_memory();
		null = open("/dev/null", O_RDWR);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (!SANITIZED)
			dup2(null, STDERR_FILENO);
		alarm(HANG_S);
		exec_tool(tool, command, path);
	}
	unlink(region_path("by-tool", ".old"));
	if (follows) {
		usleep(200000);
		kill(pid, SIGINT);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return true;
	if (follows && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
		return true; /* killed before it had begun */
	fprintf(stderr, "fntrace %s: %s %d\n", command,
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

/* True if the child is alive. */
static bool
still_runs(pid_t pid, enum part part)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) == 0)
		return true;
	fprintf(stderr, "part %d: %s %d%s\n", (int)part,
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ": hangs" : "");
	return false;
}

static bool
watch(const pid_t pids[PARTS], const char *tool, const char *path, double seconds)
{
	static const char *const commands[] = {
		"recent",     "ps",	    "stat",    "show",	  "tree",
		"check",      "tail",	    "hist",    "ctl get", "ctl reap",
		"ctl resize", "ctl rotate", "ctl set", "list"};
	time_t end = time(NULL) + (time_t)seconds;
	uint64_t runs = 0;
	bool good = true;

	while (good && time(NULL) < end) {
		if (tool)
			good = run_tool(tool,
					commands[runs++ % (sizeof(commands) /
							   sizeof(*commands))],
					path);
		else
			usleep(100000);
		for (int part = 0; part < PARTS; part++)
			good = good && still_runs(pids[part], (enum part)part);
	}
	printf("%llu scribbles, %llu calls, %llu forks, %llu changes of which %llu "
	       "failed, %llu times opened, %llu refused, %llu rounds of reading, %llu "
	       "traces, %llu commands\n",
	       (unsigned long long)tally->scribbles, (unsigned long long)tally->calls,
	       (unsigned long long)tally->forks, (unsigned long long)tally->changes,
	       (unsigned long long)tally->failures, (unsigned long long)tally->opens,
	       (unsigned long long)tally->refusals, (unsigned long long)tally->reads,
	       (unsigned long long)tally->traces, (unsigned long long)runs);
	return good;
}

static bool
within_memory(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	printf("at most %ld KiB resident\n", usage.ru_maxrss);
	return usage.ru_maxrss < RESIDENT_KB;
}

int
main(int argc, char **argv)
{
	const char *seed = getenv("SEED"), *path;
	struct fnt_log *log;
	pid_t pids[PARTS];
	bool good;

	if (argc < 2)
		return 2;
	fixture_begin();
	tally = share_memory(sizeof(*tally));
	dice.state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)dice.state);
	fflush(stdout);
	log = open_sized("scribbled", SIZE);
	for (int i = 0; i < 5000; i++)
		record_call(log, "before", "id");
	fnt_log_close(log);
	path = region_path("scribbled", ".fnt");
	for (int part = 0; part < PARTS; part++)
		pids[part] = start((enum part)part, path);
	good = watch(pids, argc > 2 ? argv[2] : NULL, path, strtod(argv[1], NULL));
	for (int part = 0; part < PARTS; part++)
		kill(pids[part], SIGKILL);
	for (int part = 0; part < PARTS; part++)
		waitpid(pids[part], NULL, 0);
	good = within_memory() && good;
	fixture_end();
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
