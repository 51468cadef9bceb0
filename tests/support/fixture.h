/* SPDX-License-Identifier: MIT
 *
 * fixture.h: what suites that make regions share: a directory of regions that is
 * removed with the suite; logs, readers and children; and how many rounds to run under
 * sanitizers.
 */
#ifndef FNT_TEST_FIXTURE_H
#define FNT_TEST_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

/* How many rounds to run. Under sanitizers each takes about ten times as long. */
#define ROUNDS(plain, sanitized) (SANITIZED ? (sanitized) : (plain))

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

/* The smallest region, and how many entries it has of each kind. */
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

/* The path of a file in the directory of regions. Valid until the next call. (It is
 * taken from $FNTRACE_DIR: in a suite of several files only one of them begins the
 * fixture.) */
static inline const char *
region_path(const char *name, const char *suffix)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s%s", getenv("FNTRACE_DIR"), name, suffix);
	return path;
}

/* ---- memory ---------------------------------------------------------------------- */

/* Zeroed memory that this process and its children share. */
static inline void *
share_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	MUST(memory != MAP_FAILED);
	return memory;
}

/* Map the file of region `name` for writing. Its size is stored in `bytes`; munmap it.
 */
static inline unsigned char *
map_region_file(const char *name, size_t *bytes)
{
	int fd = open(region_path(name, ".fnt"), O_RDWR | O_CLOEXEC);
	struct stat st;
	void *file;

	MUST(fd >= 0 && !fstat(fd, &st));
	*bytes = (size_t)st.st_size;
	file = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(file != MAP_FAILED);
	close(fd);
	return file;
}

/* ---- main ------------------------------------------------------------------------ */

/* The main of a suite that makes regions: its name, then its tests. */
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

/* The same, with {test, loops} for each test. */
#define FIXTURE_MAIN_LOOPS(name, ...)                                                  \
	int main(void)                                                                 \
	{                                                                              \
		int status;                                                            \
                                                                                       \
		fixture_begin();                                                       \
		status = SUITE_RUN_LOOPS(name, __VA_ARGS__);                           \
		fixture_end();                                                         \
		return status;                                                         \
	}

/* ---- random ---------------------------------------------------------------------- */

struct rnd {
	uint64_t state;
};

static inline uint32_t
rnd(struct rnd *rnd, uint32_t below)
{
	rnd->state = rnd->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((rnd->state >> 33) % below);
}

/* FNV-1a (Fowler, Noll, Vo). Begin with FNV_1A. */
#define FNV_1A 0xcbf29ce484222325u

static inline uint64_t
fnv_1a(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

/* ---- logs ------------------------------------------------------------------------ */

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

/* Record calls whose ids are the numbers from `from` on. */
static inline void
record_numbers(struct fnt_log *log, unsigned from, unsigned count)
{
	char id[16];

	for (unsigned i = from; i < from + count; i++) {
		snprintf(id, sizeof(id), "%u", i);
		MUST(record_call(log, "fn", id) == FNT_DONE);
	}
}

/* The number that record_numbers gave to a call as its id. */
static inline uint64_t
number_of(const struct fnt_trace *trace)
{
	return strtoull(trace->call_id, NULL, 10);
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

/* Fails if the reader's check finds a problem in the region. */
static inline void
must_be_sound(const char *name)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_check check;

	MUST(!fnt_reader_check(reader, &check, show_problem, NULL));
	MUST(!check.problems);
	fnt_reader_close(reader);
}

/* ---- children -------------------------------------------------------------------- */

/* Wait for a child. Fails if it did not exit with 0. */
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

/* Like MUST, in a child, which has no access to check's pipe: print where, and exit. */
#define CHILD_MUST(condition)                                                          \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__,           \
				#condition);                                           \
			_exit(99);                                                     \
		}                                                                      \
	} while (0)

/* A pipe on which one process waits until another opens it. One byte lets one pass. */
struct latch {
	int fds[2];
};

static inline struct latch
make_latch(void)
{
	struct latch latch;

	MUST(!pipe(latch.fds));
	return latch;
}

static inline void
latch_open(const struct latch *latch)
{
	char byte = 1;

	while (write(latch->fds[1], &byte, 1) < 0 && errno == EINTR)
		;
}

static inline void
latch_wait(const struct latch *latch)
{
	char byte;

	while (read(latch->fds[0], &byte, 1) < 0 && errno == EINTR)
		;
}

static inline void
nap_us(long us)
{
	struct timespec span = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&span, NULL);
}

#endif
