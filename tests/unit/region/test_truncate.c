/* SPDX-License-Identifier: MIT
 *
 * test_truncate.c: the file is cut or written anew while a reader has it mapped. The
 * reader returns -ESTALE and nobody gets SIGBUS; a SIGBUS of another file reaches the
 * host as before.
 */
#include "support/fixture.h"

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CALLS 200

/* A reader of a new region, which its producer has closed. */
static struct fnt_reader *
make_region(const char *name)
{
	struct fnt_log *log = open_sized(name, MIB(1));

	for (int i = 0; i < CALLS; i++)
		record_call(log, "fn", "c");
	fnt_log_close(log);
	return open_reader(name);
}

static void
cut(const char *name, off_t size)
{
	MUST(!truncate(region_path(name, ".fnt"), size));
}

/* Every function of the reader returns it. */
static void
must_be_stale(struct fnt_reader *reader)
{
	struct fnt_query query = {.limit = 10};
	struct fnt_traces *traces;
	struct fnt_producer *producers;
	struct fnt_cursor *cursor;
	struct fnt_check check;
	struct fnt_stat stat;
	size_t count;

	ck_assert_int_eq(fnt_reader_query(reader, &query, &traces), -ESTALE);
	ck_assert_int_eq(fnt_reader_each(reader, &query, NULL, NULL), -ESTALE);
	ck_assert_int_eq(fnt_reader_in_flight(reader, &traces), -ESTALE);
	ck_assert_int_eq(fnt_reader_stat(reader, &stat), -ESTALE);
	ck_assert_int_eq(fnt_reader_producers(reader, &producers, &count), -ESTALE);
	ck_assert_int_eq(fnt_reader_check(reader, &check, NULL, NULL), -ESTALE);
	ck_assert_int_eq(fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST), -ESTALE);
}

START_TEST(cut_before_a_call)
{
	static const off_t sizes[] = {0, 1, 4096, 5000, MIB(1) - 4096, MIB(1) - 1};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fnt_reader *reader = make_region("cut");
		const struct fnt_trace *trace;
		struct fnt_cursor *cursor;

		MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_NOW));
		MUST(fnt_cursor_next(cursor, &trace) == 0);
		cut("cut", sizes[i]);
		ck_assert_int_eq(fnt_cursor_next(cursor, &trace), -ESTALE);
		must_be_stale(reader);
		/* A file that grew again does not have its old bytes. */
		cut("cut", MIB(1));
		must_be_stale(reader);
		fnt_cursor_close(cursor);
		fnt_reader_close(reader);
		MUST(!unlink(region_path("cut", ".fnt")));
	}
}
END_TEST

/* As by `cp other.fnt region.fnt`: the same file is cut and filled with other bytes. */
START_TEST(copied_over)
{
	struct fnt_reader *reader = make_region("old"), *other = make_region("new");
	static char bytes[MIB(1)];
	int fd = open(region_path("new", ".fnt"), O_RDONLY);

	MUST(read(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	close(fd);
	fd = open(region_path("old", ".fnt"), O_WRONLY | O_TRUNC);
	MUST(write(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	close(fd);
	must_be_stale(reader);
	fnt_reader_close(reader);
	fnt_reader_close(other);
}
END_TEST

START_TEST(removed_or_replaced_by_name_stays_readable)
{
	struct fnt_reader *reader = make_region("gone"), *new;

	MUST(!unlink(region_path("gone", ".fnt")));
	ck_assert_uint_eq(stat_of(reader).retained, CALLS);
	new = make_region("gone");
	ck_assert_uint_eq(stat_of(reader).retained, CALLS);
	fnt_reader_close(new);
	fnt_reader_close(reader);
}
END_TEST

/* Open a log, use it and close it, again and again. */
static void
produce_anywhere(int fd)
{
	struct rnd r = {(uint64_t)getpid()};
	uint64_t calls = 0;

	for (int i = 0; i < ROUNDS(300, 60); i++) {
		struct fnt_log *log = open_sized("moving", SMALLEST);
		uint32_t some = 1 + rnd(&r, 50);

		for (uint32_t n = 0; n < some; n++)
			CHILD_MUST(record_call(log, "fn", "id") == FNT_DONE);
		calls += some;
		fnt_log_close(log);
	}
	CHILD_MUST(write(fd, &calls, sizeof(calls)) == sizeof(calls));
	_exit(0);
}

static bool
some_run(const pid_t *pids, int count)
{
	for (int i = 0; i < count; i++) {
		siginfo_t info = {0};

		MUST(!waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOHANG | WNOWAIT));
		if (!info.si_pid)
			return true;
	}
	return false;
}

/* The region is removed, or replaced by another, while it is used. Each process goes on
 * in the one that it has, and no call is lost or counted twice. */
START_TEST(removed_and_replaced_under_load)
{
	enum {
		PROCESSES = 3
	};
	char from[256], to[256], name[32];
	uint64_t calls = 0, total = 0;
	pid_t pids[PROCESSES];
	int fds[2], files = 0;

	MUST(!pipe(fds));
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			produce_anywhere(fds[1]);
	}
	snprintf(from, sizeof(from), "%s", region_path("moving", ".fnt"));
	while (some_run(pids, PROCESSES)) {
		snprintf(name, sizeof(name), "moved-%d", files);
		snprintf(to, sizeof(to), "%s", region_path(name, ".fnt"));
		nap_us(2000);
		if (files % 2 && !link(from, to)) {
			fnt_log_close(open_sized("another", SMALLEST));
			MUST(!rename(region_path("another", ".fnt"), from));
			files++;
		} else if (!(files % 2) && !rename(from, to)) {
			files++;
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		uint64_t some;

		must_end_well(pids[i]);
		MUST(read(fds[0], &some, sizeof(some)) == sizeof(some));
		calls += some;
	}
	snprintf(name, sizeof(name), "moved-%d", files);
	if (!rename(from, region_path(name, ".fnt")))
		files++;
	for (int i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "moved-%d", i);
		total += region_stat(name).total;
		ck_assert_uint_eq(region_stat(name).producers, 0);
		must_be_sound(name);
	}
	ck_assert_int_gt(files, 3);
	ck_assert_uint_eq(total, calls);
}
END_TEST

/* ---- in the middle of a call ----------------------------------------------------- */

static int
cut_here(void *arg, const struct fnt_trace *trace)
{
	ck_assert_str_eq(trace->fn_name, "fn");
	if (++*(int *)arg == 3)
		cut("middle", 4096);
	return 0;
}

START_TEST(cut_while_reading)
{
	struct fnt_reader *reader = make_region("middle");
	int seen = 0;

	MUST(!fnt_reader_guard());
	ck_assert_int_eq(fnt_reader_each(reader, &(struct fnt_query){.limit = CALLS},
					 cut_here, &seen),
			 -ESTALE);
	ck_assert_int_eq(seen, 3);
	must_be_stale(reader);
	fnt_reader_close(reader);
}
END_TEST

/* A process that cuts and fills the file all the time. */
static pid_t
start_cutter(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (;;) {
		cut("race", 0);
		cut("race", MIB(1));
	}
}

static int
read_all_ways(struct fnt_reader *reader)
{
	const struct fnt_trace *trace;
	struct fnt_traces *traces;
	struct fnt_cursor *cursor;
	struct fnt_check check;
	struct fnt_stat stat;
	int rc = fnt_reader_query(reader, &(struct fnt_query){.limit = 50}, &traces);

	if (!rc)
		fnt_traces_free(traces);
	if (!rc)
		rc = fnt_reader_check(reader, &check, NULL, NULL);
	if (!rc)
		rc = fnt_reader_stat(reader, &stat);
	if (!rc)
		rc = fnt_reader_in_flight(reader, &traces);
	if (!rc)
		fnt_traces_free(traces);
	if (!rc)
		rc = fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST);
	if (rc)
		return rc;
	do {
		rc = fnt_cursor_next(cursor, &trace);
	} while (rc == 1);
	fnt_cursor_close(cursor);
	return rc;
}

START_TEST(cut_at_random_moments)
{
	int stale = 0;

	MUST(!fnt_reader_guard());
	for (int i = 0; i < ROUNDS(200, 50); i++) {
		struct fnt_reader *reader = make_region("race");
		pid_t pid = start_cutter();
		int rc;

		do {
			rc = read_all_ways(reader);
		} while (!rc);
		ck_assert_int_eq(rc, -ESTALE);
		stale++;
		kill_child(pid);
		fnt_reader_close(reader);
		unlink(region_path("race", ".fnt"));
	}
	printf("# cut under %d reads\n", stale);
}
END_TEST

/* ---- signals of the host --------------------------------------------------------- */

static sigjmp_buf caught;

static void
host_handler(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	siglongjmp(caught, info->si_addr ? 1 : 2);
}

/* A mapping behind the end of a file. To touch it raises a SIGBUS that is not ours. */
static volatile char *
bad_page(void)
{
	int fd = memfd_create("bad", MFD_CLOEXEC);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	MUST(fd >= 0 && at != MAP_FAILED);
	return at;
}

START_TEST(host_handler_still_gets_sigbus)
{
	struct sigaction action = {.sa_sigaction = host_handler,
				   .sa_flags = SA_SIGINFO};
	struct fnt_reader *reader;

	MUST(!sigaction(SIGBUS, &action, NULL));
	MUST(!fnt_reader_guard());
	reader = make_region("host");
	if (!sigsetjmp(caught, 1)) {
		*bad_page();
		ck_abort_msg("no SIGBUS");
	}
	ck_assert_uint_eq(stat_of(reader).retained, CALLS);
	fnt_reader_close(reader);
}
END_TEST

static void
must_die_of_sigbus(void (*how)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		fnt_reader_guard();
		how();
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	ck_assert(WIFSIGNALED(status) || SANITIZED);
	ck_assert(SANITIZED || WTERMSIG(status) == SIGBUS);
}

static void
by_fault(void)
{
	*bad_page();
}

static void
by_signal(void)
{
	raise(SIGBUS);
}

START_TEST(sigbus_still_kills_without_handler)
{
	must_die_of_sigbus(by_fault);
	must_die_of_sigbus(by_signal);
}
END_TEST

FIXTURE_MAIN("truncate", cut_before_a_call, copied_over,
	     removed_or_replaced_by_name_stays_readable,
	     removed_and_replaced_under_load, cut_while_reading, cut_at_random_moments,
	     host_handler_still_gets_sigbus, sigbus_still_kills_without_handler)
