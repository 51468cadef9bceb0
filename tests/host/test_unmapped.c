/* SPDX-License-Identifier: MIT
 *
 * test_unmapped.c: processes that have lost what it takes to map a ring that a resize
 * or a rotation begins: descriptors, rights, the root directory, system calls, memory.
 * Those that hold on to the region in another way go on as if nothing had happened; the
 * others drop and count, write nothing anywhere, and come back when they can.
 */
#include "support/controls.h"
#include "support/refuse.h"

#include <fntrace/metrics.h>
#include <fntrace/reader.h>

#include <grp.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "region/region.h"

#define CALLS 200
#define PATIENCE_MS 60000 /* for what comes within a second */

/* ---- limits ---------------------------------------------------------------------- */

static void
no_descriptors(void)
{
	CHILD_MUST(!setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}));
}

static void
another_user(void)
{
	CHILD_MUST(!setgroups(0, NULL) && !setgid(65534) && !setuid(65534));
}

static void
another_root(void)
{
	CHILD_MUST(!chroot(region_path("root", "")) && !chdir("/"));
	another_user();
}

static void
no_opening(void)
{
	refuse(SYS_openat, EPERM);
}

static void
all_closed(void)
{
	CHILD_MUST(!syscall(SYS_close_range, 3, ~0u, 0));
	no_opening();
}

static void
no_remapping(void)
{
	refuse(SYS_mremap, EPERM);
}

static void
nothing_but_the_descriptor(void)
{
	no_remapping();
	no_opening();
}

/* Those under which a process can still map the region's file. */
static void (*const limits[])(void) = {
	no_descriptors,
	another_user,
	another_root,
	no_opening,
	all_closed,
	no_remapping,
	nothing_but_the_descriptor,
};
#define LIMITS (int)(sizeof(limits) / sizeof(*limits))

static void
no_mapping(void)
{
	refuse(SYS_mremap, ENOMEM);
	refuse(SYS_mmap, ENOMEM);
}

/* As much address space as is in use, until the limit is lifted. */
static void
no_memory(void)
{
	struct rlimit limit;
	unsigned long pages;
	FILE *statm = fopen("/proc/self/statm", "r");

	CHILD_MUST(statm && fscanf(statm, "%lu", &pages) == 1);
	fclose(statm);
	CHILD_MUST(!getrlimit(RLIMIT_AS, &limit));
	limit.rlim_cur = pages * (unsigned long)getpagesize();
	CHILD_MUST(!setrlimit(RLIMIT_AS, &limit));
}

static void
lift_memory(void)
{
	struct rlimit limit;

	CHILD_MUST(!getrlimit(RLIMIT_AS, &limit));
	limit.rlim_cur = limit.rlim_max;
	CHILD_MUST(!setrlimit(RLIMIT_AS, &limit));
}

/* ---- a worker -------------------------------------------------------------------- */

/* A worker goes from step to step when it is told to. No descriptor is needed to tell
 * it. */
struct board {
	_Atomic int wanted, reached;
	_Atomic int done, dropped, refused, rc;
};

static struct board *board;

static void
wait_for(const _Atomic int *what, int value)
{
	for (int ms = 0; atomic_load(what) < value; ms++) {
		MUST(ms < PATIENCE_MS);
		nap_us(1000);
	}
}

/* In the worker. */
static void
pause_at(int step)
{
	atomic_store(&board->reached, step);
	wait_for(&board->wanted, step + 1);
}

/* In the test: let the worker go on, to its next pause. */
static void
let_reach(int step)
{
	atomic_store(&board->wanted, step);
	wait_for(&board->reached, step);
}

static pid_t
start_worker(void (*worker)(int i), int i)
{
	pid_t pid;

	board = share_memory(sizeof(*board));
	pid = fork();
	if (!pid) {
		worker(i);
		_exit(0);
	}
	wait_for(&board->reached, 1);
	return pid;
}

static void
end_worker(pid_t pid)
{
	atomic_store(&board->wanted, INT32_MAX);
	must_end_well(pid);
}

static void
record_some(struct fnt_log *log, const char *fn, int count)
{
	atomic_store(&board->done, 0);
	atomic_store(&board->dropped, 0);
	atomic_store(&board->refused, 0);
	for (int i = 0; i < count; i++) {
		struct fnt_call *call = begin_call(log, fn, "1");

		if (!call)
			atomic_fetch_add(&board->refused, 1);
		else if (fnt_call_finish_ok(call, NULL) == FNT_DROPPED)
			atomic_fetch_add(&board->dropped, 1);
		else
			atomic_fetch_add(&board->done, 1);
	}
}

/* ---- the operator ---------------------------------------------------------------- */

static void
rotate(const char *name)
{
	struct fnt_control *control = open_control(name);
	struct fnt_error error = {0};
	char path[256];
	static int number;

	snprintf(path, sizeof(path), "%s/old-%s-%d.fnt", getenv("FNTRACE_DIR"), name,
		 number++);
	if (fnt_control_rotate(control, path, NULL, &error))
		ck_abort_msg("rotate: %s", error.message);
	fnt_control_close(control);
	MUST(!unlink(path));
}

static void
resize(const char *name, uint64_t bytes)
{
	struct fnt_control *control = open_control(name);
	struct fnt_error error = {0};

	if (fnt_control_resize(control, bytes, NULL, &error))
		ck_abort_msg("resize: %s", error.message);
	fnt_control_close(control);
}

static void
rotate_or_resize(const char *name, int which)
{
	if (which)
		resize(name, MIB(2));
	else
		rotate(name);
}

static size_t
readable(const char *name, const char *fn)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_traces *traces;
	size_t count;

	MUST(!fnt_reader_query(
		reader, &(struct fnt_query){.limit = 100000, .fn_name = fn}, &traces));
	count = traces->count;
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	return count;
}

/* ---- they can still map ---------------------------------------------------------- */

static void
limited_worker(int i)
{
	struct fnt_log *log = open_log("limited", NULL);

	CHILD_MUST(record_call(log, "before", "1") == FNT_DONE);
	pause_at(1);
	limits[i]();
	pause_at(2);
	for (int step = 3; step < 5; step++) {
		record_some(log, "after", CALLS);
		pause_at(step);
	}
	fnt_log_close(log);
}

START_TEST(goes_on_by_what_it_holds)
{
	pid_t pid;

	MUST(!mkdir(region_path("root", ""), 0755) || errno == EEXIST);
	pid = start_worker(limited_worker, _i / 2);
	let_reach(2);
	for (int step = 3; step < 5; step++) {
		rotate_or_resize("limited", _i % 2);
		let_reach(step);
		ck_assert_int_eq(atomic_load(&board->done), CALLS);
	}
	ck_assert_uint_eq(readable("limited", "after"), _i % 2 ? 2 * CALLS : CALLS);
	ck_assert_uint_eq(region_stat("limited").dropped, 0);
	end_worker(pid);
	must_be_sound("limited");
	ck_assert_uint_eq(region_stat("limited").producers, 0);
	MUST(!unlink(region_path("limited", ".fnt")));
}
END_TEST

/* ---- they can't ------------------------------------------------------------------ */

static void
must_answer_no_query(struct fnt_log *log)
{
	struct fnt_traces *traces;

	CHILD_MUST(fnt_log_recent(log, 10, &traces) == -ENOMEM);
	CHILD_MUST(fnt_log_len(log) == 0 && !fnt_log_is_empty(log));
	CHILD_MUST(fnt_log_total_count(log) > CALLS);
}

static void
unmapped_worker(int i)
{
	struct fnt_log *log = open_log("unmapped", NULL);

	record_some(log, "before", 20);
	pause_at(1);
	(i && !SANITIZED ? no_memory : no_mapping)();
	pause_at(2);
	record_some(log, "lost", CALLS);
	must_answer_no_query(log);
	pause_at(3);
	if (i && !SANITIZED) {
		lift_memory();
		for (int ms = 0; record_call(log, "back", "1") != FNT_DONE; ms++) {
			CHILD_MUST(ms < PATIENCE_MS);
			nap_us(1000);
		}
	}
	pause_at(4);
	fnt_log_close(log);
}

/* The bytes of the cells that the region began with. */
static uint64_t
hash_of_first_cells(const char *name, uint64_t from, uint64_t end)
{
	int fd = open(region_path(name, ".fnt"), O_RDONLY | O_CLOEXEC);
	uint64_t hash = FNV_1A;
	char page[4096];

	MUST(fd >= 0);
	for (uint64_t at = from; at < end; at += sizeof(page)) {
		MUST(pread(fd, page, sizeof(page), (off_t)at) == sizeof(page));
		hash = fnv_1a(hash, page, sizeof(page));
	}
	close(fd);
	return hash;
}

static struct fnt_fn_metrics
metrics_of(const char *name, const char *fn)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_fn_metrics found = {.calls = 0};
	struct fnt_metrics *metrics;

	MUST(!fnt_reader_metrics(reader, &metrics));
	for (size_t i = 0; i < metrics->fn_count; i++)
		if (!strcmp(metrics->fns[i].fn_name, fn))
			found = metrics->fns[i];
	fnt_metrics_free(metrics);
	fnt_reader_close(reader);
	return found;
}

static void
must_be_listed(const char *name, uint64_t unmapped)
{
	struct fnt_region_info *regions;
	size_t count;

	MUST(!fnt_regions_list(NULL, &regions, &count, NULL));
	for (size_t i = 0; i < count; i++)
		if (!strcmp(regions[i].name, name)) {
			ck_assert_uint_eq(regions[i].dropped, unmapped);
			ck_assert_uint_eq(regions[i].unmapped, unmapped);
			unmapped = 0;
		}
	ck_assert_uint_eq(unmapped, 0);
	free(regions);
}

/* Everything is counted, and nothing is written to cells that are no longer the
 * process's. A neighbour loses no record. */
START_TEST(drops_and_counts)
{
	pid_t pid = start_worker(unmapped_worker, _i / 2);
	struct fnt_log *neighbour = open_log("unmapped", NULL);
	struct fnt_stat stat = region_stat("unmapped");
	uint64_t first_bytes = stat.size_bytes, hash;
	struct fnt_region *region = malloc(sizeof(*region));

	MUST(region && !fnt_region_open_read(region, "unmapped", NULL));
	let_reach(2);
	rotate_or_resize("unmapped", _i % 2);
	record_numbers(neighbour, 0, CALLS);
	hash = hash_of_first_cells("unmapped", region->view.fixed_bytes, first_bytes);
	let_reach(3);
	ck_assert_int_eq(atomic_load(&board->dropped), CALLS);
	ck_assert_uint_eq(
		hash_of_first_cells("unmapped", region->view.fixed_bytes, first_bytes),
		hash);
	record_numbers(neighbour, CALLS, CALLS);
	ck_assert_uint_eq(readable("unmapped", "fn"), 2 * CALLS);
	stat = region_stat("unmapped");
	ck_assert_uint_eq(stat.dropped, CALLS);
	ck_assert_uint_eq(stat.unmapped, CALLS);
	ck_assert_uint_eq(stat.laneless, 0);
	ck_assert_uint_eq(stat.total, 20 + 3 * CALLS);
	ck_assert_uint_eq(stat.total, stat.recorded + stat.dropped);
	ck_assert_uint_eq(metrics_of("unmapped", "lost").unmapped, CALLS);
	ck_assert_uint_eq(metrics_of("unmapped", "lost").dropped, CALLS);
	must_be_listed("unmapped", CALLS);
	let_reach(4);
	ck_assert_uint_eq(readable("unmapped", "back"), _i / 2 && !SANITIZED);
	end_worker(pid);
	fnt_log_close(neighbour);
	fnt_region_close(region);
	free(region);
	must_be_sound("unmapped");
	MUST(!unlink(region_path("unmapped", ".fnt")));
}
END_TEST

/* A worker that can't map a large ring goes on when the operator has given it a smaller
 * one, in a place that it has mapped. */
static void
tight_worker(int i)
{
	struct fnt_log *log = open_log("tight", NULL);

	(void)i;
	CHILD_MUST(record_call(log, "before", "1") == FNT_DONE);
	pause_at(1);
	no_mapping();
	pause_at(2);
	CHILD_MUST(record_call(log, "lost", "1") == FNT_DROPPED);
	pause_at(3);
	for (int ms = 0; record_call(log, "back", "1") != FNT_DONE; ms++) {
		CHILD_MUST(ms < PATIENCE_MS);
		nap_us(1000);
	}
	pause_at(4);
	fnt_log_close(log);
}

START_TEST(comes_back_to_a_ring_that_it_has)
{
	pid_t pid = start_worker(tight_worker, 0);

	let_reach(2);
	rotate("tight"); /* to a new place; the first one is given back */
	let_reach(3);
	rotate("tight"); /* to the first place */
	let_reach(4);
	ck_assert_uint_eq(readable("tight", "back"), 1);
	end_worker(pid);
	must_be_sound("tight");
	MUST(!unlink(region_path("tight", ".fnt")));
}
END_TEST

/* ---- readers --------------------------------------------------------------------- */

static void
reading_worker(int i)
{
	struct fnt_reader *reader = open_reader("read");
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor, *late;
	struct fnt_traces *traces;
	struct fnt_check check;

	(void)i;
	CHILD_MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_NOW));
	pause_at(1);
	no_memory();
	pause_at(2);
	CHILD_MUST(fnt_reader_query(reader, &(struct fnt_query){.limit = 9}, &traces) ==
		   -ENOMEM);
	CHILD_MUST(fnt_cursor_next(cursor, &trace) == -ENOMEM);
	CHILD_MUST(fnt_cursor_open(&late, reader, FNT_FROM_OLDEST) == -ENOMEM);
	CHILD_MUST(fnt_reader_check(reader, &check, NULL, NULL) == -ENOMEM);
	CHILD_MUST(stat_of(reader).recorded == CALLS + 1);
	CHILD_MUST(stat_of(reader).retained == 0);
	pause_at(3);
	lift_memory();
	CHILD_MUST(
		!fnt_reader_query(reader, &(struct fnt_query){.limit = 999}, &traces));
	CHILD_MUST(traces->count == CALLS + 1);
	fnt_traces_free(traces);
	for (int count = 0, rc; count < CALLS; count += rc) {
		rc = fnt_cursor_next(cursor, &trace);
		CHILD_MUST(rc >= 0);
	}
	CHILD_MUST(fnt_cursor_missed(cursor) == 0);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
}

START_TEST(a_reader_shows_no_old_data_as_complete)
{
	struct fnt_log *log = open_log("read", NULL);
	pid_t pid;

	record_call(log, "fn", "first");
	pid = start_worker(reading_worker, 0);
	let_reach(2);
	resize("read", MIB(4));
	record_numbers(log, 0, CALLS);
	let_reach(3);
	end_worker(pid);
	fnt_log_close(log);
	MUST(!unlink(region_path("read", ".fnt")));
}
END_TEST

/* ---- operators ------------------------------------------------------------------- */

static void
operating_worker(int i)
{
	struct fnt_control *control = open_control("operate");
	struct fnt_error error = {0};

	pause_at(1);
	(i ? no_mapping : no_descriptors)();
	atomic_store(&board->rc, fnt_control_resize(control, MIB(2), NULL, &error));
	if (i)
		CHILD_MUST(strstr(error.message, "cannot map"));
	pause_at(2);
	fnt_control_close(control);
}

/* What an operator's process can't map, it neither begins nor gives back. */
START_TEST(an_operator_keeps_all_records)
{
	struct fnt_log *log = open_log("operate", NULL);
	uint64_t size = region_stat("operate").size_bytes;
	struct stat st;
	pid_t pid;

	record_numbers(log, 0, CALLS);
	pid = start_worker(operating_worker, _i);
	let_reach(2);
	record_numbers(log, CALLS, CALLS);
	end_worker(pid);
	ck_assert_int_eq(atomic_load(&board->rc), _i ? -ENOMEM : 0);
	ck_assert_uint_eq(region_stat("operate").size_bytes, _i ? size : MIB(2));
	ck_assert_uint_eq(readable("operate", "fn"), 2 * CALLS);
	/* No producer will meet a hole where there is no space left. */
	MUST(!stat(region_path("operate", ".fnt"), &st));
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, _i ? size : MIB(2));
	resize("operate", MIB(4));
	record_numbers(log, 2 * CALLS, CALLS);
	ck_assert_uint_eq(readable("operate", "fn"), 3 * CALLS);
	fnt_log_close(log);
	must_be_sound("operate");
	MUST(!unlink(region_path("operate", ".fnt")));
}
END_TEST

/* ---- recovery -------------------------------------------------------------------- */

static void
dying_worker(int i)
{
	struct fnt_log *log = open_log("recover", NULL);

	(void)i;
	begin_call(log, "dies", "1");
	pause_at(1);
	kill(getpid(), SIGKILL);
}

static void
unmapped_recoverer(int i)
{
	struct fnt_control *control = open_control("recover");
	struct fnt_error error;
	uint32_t count;

	(void)i;
	pause_at(1);
	no_mapping();
	pause_at(2);
	CHILD_MUST(fnt_control_reap(control, &count, NULL, &error) < 0);
	pause_at(3);
	fnt_control_close(control);
}

/* A process that doesn't see all cells can't know how the dead one's calls ended: it
 * leaves them to another. */
START_TEST(recovers_only_what_it_sees)
{
	struct fnt_log *log = open_log("recover", NULL);
	pid_t dying = start_worker(dying_worker, 0), recoverer;
	struct board *of_dying = board;
	int status;

	recoverer = start_worker(unmapped_recoverer, 0);
	let_reach(2);
	resize("recover", MIB(2));
	record_numbers(log, 0, CALLS);
	atomic_store(&of_dying->wanted, 2);
	MUST(waitpid(dying, &status, 0) == dying && WIFSIGNALED(status));
	let_reach(3);
	ck_assert_uint_eq(readable("recover", "dies"), 0);
	ck_assert_uint_eq(region_stat("recover").orphaned, 1);
	end_worker(recoverer);
	fnt_log_close(log);
	log = open_log("recover", NULL); /* recovers */
	ck_assert_uint_eq(readable("recover", "dies"), 1);
	ck_assert_uint_eq(readable("recover", "fn"), CALLS);
	fnt_log_close(log);
	must_be_sound("recover");
	MUST(!unlink(region_path("recover", ".fnt")));
}
END_TEST

int
main(void)
{
	int status;

	fixture_begin();
	status = SUITE_RUN_LOOPS(
		"unmapped", {goes_on_by_what_it_holds, 2 * LIMITS},
		{drops_and_counts, 4}, {comes_back_to_a_ring_that_it_has, 1},
		{a_reader_shows_no_old_data_as_complete, !SANITIZED},
		{an_operator_keeps_all_records, 2}, {recovers_only_what_it_sees, 1});
	fixture_end();
	return status;
}
