/* SPDX-License-Identifier: MIT
 *
 * fixture.h: what suites over whole regions share: a directory of regions that goes
 * away with the suite, logs, readers and children, and how much of it sanitizers leave
 * time for.
 */
#ifndef FNT_TEST_FIXTURE_H
#define FNT_TEST_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#include "suite.h"

#if defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#define TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZED 1
#define TSAN 1
#elif __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#ifndef TSAN
#define TSAN 0
#endif

/* So many rounds, or a part of them where each takes ten times as long. */
#define ROUNDS(plain, sanitized) (SANITIZED ? (sanitized) : (plain))

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

/* Of the smallest region. */
#define SMALLEST KIB(256)
#define SMALL_PRODUCERS 16u
#define SMALL_LANES 32u
#define SMALL_FRAMES 32u
#define SMALL_NAMES 64u

static char fixture_dir[64];

static inline void
fixture_begin(void)
{
	strcpy(fixture_dir, "/dev/shm/fnt-test-XXXXXX");
	if (!mkdtemp(fixture_dir)) {
		strcpy(fixture_dir, "/tmp/fnt-test-XXXXXX");
		if (!mkdtemp(fixture_dir)) {
			perror(fixture_dir);
			exit(EXIT_FAILURE);
		}
	}
	setenv("FNTRACE_DIR", fixture_dir, 1);
	unsetenv("FNTRACE_SIZE");
	signal(SIGPIPE, SIG_IGN);
}

static inline void
fixture_end(void)
{
	struct dirent *entry;
	char path[512];
	DIR *dir = opendir(fixture_dir);

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", fixture_dir, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0 && unlink(path))
			rmdir(path);
	}
	if (dir)
		closedir(dir);
	rmdir(fixture_dir);
}

/* Path of a region, by its name or its file's. (By $FNTRACE_DIR: a suite of several
 * files begins its fixture in one.) */
static inline const char *
region_path(const char *name, const char *suffix)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s%s", getenv("FNTRACE_DIR"), name, suffix);
	return path;
}

/* The main of a suite over regions. */
#define FIXTURE_MAIN(name, ...)                                                        \
	int main(void)                                                                 \
	{                                                                              \
		int status;                                                            \
                                                                                       \
		fixture_begin();                                                       \
		status = SUITE_RUN(name, __VA_ARGS__);                                 \
		fixture_end();                                                         \
		return status;                                                         \
	}

/* The same, of {test, turns}. */
#define FIXTURE_MAIN_TURNS(name, ...)                                                  \
	int main(void)                                                                 \
	{                                                                              \
		int status;                                                            \
                                                                                       \
		fixture_begin();                                                       \
		status = SUITE_RUN_TURNS(name, __VA_ARGS__);                           \
		fixture_end();                                                         \
		return status;                                                         \
	}

/* ---- random --------------------------------------------------------------------- */

struct rnd {
	uint64_t state;
};

static inline uint32_t
rnd(struct rnd *rnd, uint32_t below)
{
	rnd->state = rnd->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((rnd->state >> 33) % below);
}

/* ---- logs ----------------------------------------------------------------------- */

static inline struct fnt_log *
open_log(const char *name, const struct fnt_options *options)
{
	struct fnt_options with = options ? *options : (struct fnt_options){0};
	struct fnt_error error = {0};
	struct fnt_log *log = NULL;

	if (!with.size_bytes && !with.capacity)
		with.size_bytes = MIB(1);
	with.error = &error;
	if (fnt_log_open(&log, name, &with))
		ck_abort_msg("open %s: %s", name ? name : "nameless", error.message);
	return log;
}

static inline struct fnt_log *
open_sized(const char *name, uint64_t size_bytes)
{
	return open_log(name, &(struct fnt_options){.size_bytes = size_bytes});
}

static inline struct fnt_reader *
open_reader(const char *name)
{
	struct fnt_error error = {0};
	struct fnt_reader *reader = NULL;

	if (fnt_reader_open(&reader, name, &error))
		ck_abort_msg("attach to %s: %s", name, error.message);
	return reader;
}

static inline struct fnt_call *
begin_call(struct fnt_log *log, const char *fn, const char *id)
{
	return fnt_call_begin(log,
			      &(struct fnt_call_info){.fn_name = fn, .call_id = id});
}

static inline int
record_call(struct fnt_log *log, const char *fn, const char *id)
{
	return fnt_call_finish_ok(begin_call(log, fn, id), NULL);
}

/* With numbers for ids. */
static inline void
record_numbers(struct fnt_log *log, unsigned from, unsigned count)
{
	char id[16];

	for (unsigned i = from; i < from + count; i++) {
		snprintf(id, sizeof(id), "%u", i);
		MUST(record_call(log, "fn", id) == FNT_DONE);
	}
}

static inline struct fnt_traces *
newest(struct fnt_log *log, size_t limit)
{
	struct fnt_traces *traces = NULL;
	int rc = fnt_log_recent(log, limit, &traces);

	if (rc)
		ck_abort_msg("recent: %d", rc);
	return traces;
}

static inline struct fnt_traces *
in_flight(struct fnt_reader *reader)
{
	struct fnt_traces *traces = NULL;

	MUST(!fnt_reader_in_flight(reader, &traces));
	return traces;
}

static inline struct fnt_stat
stat_of(struct fnt_reader *reader)
{
	struct fnt_stat stat;

	MUST(!fnt_reader_stat(reader, &stat));
	return stat;
}

static inline struct fnt_stat
region_stat(const char *name)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_stat stat = stat_of(reader);

	fnt_reader_close(reader);
	return stat;
}

static inline void
show_problem(void *arg, uint64_t offset, const char *problem)
{
	(void)arg;
	fprintf(stderr, "# problem at byte %llu: %s\n", (unsigned long long)offset,
		problem);
}

/* The region is sound, whatever has been done to it. */
static inline void
must_be_sound(const char *name)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_check check;

	MUST(!fnt_reader_check(reader, &check, show_problem, NULL));
	MUST(!check.problems);
	fnt_reader_close(reader);
}

/* ---- children ------------------------------------------------------------------- */

/* Wait for a child that must have ended well. */
static inline void
must_end_well(pid_t pid)
{
	int status;

	MUST(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		ck_abort_msg("child %d: %s %d", (int)pid,
			     WIFSIGNALED(status) ? "signal" : "status",
			     WIFSIGNALED(status) ? WTERMSIG(status)
						 : WEXITSTATUS(status));
}

static inline void
kill_child(pid_t pid)
{
	int status;

	MUST(!kill(pid, SIGKILL));
	MUST(waitpid(pid, &status, 0) == pid);
}

/* In a child: what fails is told by the line it is at. */
#define CHILD_MUST(condition)                                                          \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__,           \
				#condition);                                           \
			_exit(99);                                                     \
		}                                                                      \
	} while (0)

/* One byte each way: who waits goes on when the other says so. */
struct gate {
	int fds[2];
};

static inline struct gate
make_gate(void)
{
	struct gate gate;

	MUST(!pipe(gate.fds));
	return gate;
}

static inline void
gate_open(const struct gate *gate)
{
	char byte = 1;

	while (write(gate->fds[1], &byte, 1) < 0 && errno == EINTR)
		;
}

static inline void
gate_wait(const struct gate *gate)
{
	char byte;

	while (read(gate->fds[0], &byte, 1) < 0 && errno == EINTR)
		;
}

static inline void
nap_us(long us)
{
	struct timespec span = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&span, NULL);
}

#endif
