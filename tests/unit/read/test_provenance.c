/* SPDX-License-Identifier: MIT
 *
 * test_provenance.c: copies of a region and regions of another boot are known as such,
 * and both bounds of a call whose process died.
 */
#include "support/fixture.h"

#include "format/layout.h"
#include "ring/record_read.h"

static void
copy_file(const char *from, const char *to)
{
	size_t bytes;
	unsigned char *file = map_region_file(from, &bytes);
	int fd = open(region_path(to, ".fnt"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		      0600);

	MUST(fd >= 0 && write(fd, file, bytes) == (ssize_t)bytes);
	close(fd);
	munmap(file, bytes);
}

static void
check_state(const char *name, enum fnt_region_state state)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_region_info *regions;
	struct fnt_stat stat;
	size_t count, found = 0;

	ck_assert_int_eq(fnt_reader_state(reader), state);
	ck_assert(!fnt_reader_stat(reader, &stat));
	ck_assert_uint_eq(stat.state, state);
	fnt_reader_close(reader);
	ck_assert(!fnt_regions_list(NULL, &regions, &count, NULL));
	for (size_t i = 0; i < count; i++)
		if (!strcmp(regions[i].name, name)) {
			ck_assert_int_eq(regions[i].state, state);
			found++;
		}
	ck_assert_uint_eq(found, 1);
	free(regions);
}

/* A call whose process is alive, or died, and how it is shown in the region `name`. */
static void
check_call(const char *name, enum fnt_outcome outcome, bool as_of_copy)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_traces *traces = in_flight(reader);
	const struct fnt_trace *trace = &traces->items[0];
	struct fnt_stat stat;

	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(trace->outcome, outcome);
	ck_assert_int_eq(!!(trace->flags & FNT_TRACE_AS_OF_COPY), as_of_copy);
	ck_assert_int_eq(!!trace->seen_dead_ns, outcome == FNT_ABORTED);
	ck_assert(!trace->seen_dead_ns || trace->seen_dead_ns >= trace->duration_ns);
	ck_assert(!fnt_reader_stat(reader, &stat));
	ck_assert_uint_eq(stat.in_flight, 1);
	ck_assert_uint_eq(stat.orphaned, outcome == FNT_ABORTED);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
}

/* A process that has a call in flight until it is told to go on. (Another one than the
 * reader: a process that maps a copy of the region that it writes to counts as alive in
 * both.) */
struct runner {
	pid_t pid;
	int to, from;
};

static struct runner
start_call(const char *name)
{
	int to[2], from[2];
	struct runner runner;
	struct fnt_log *log;
	struct fnt_call *call;
	char byte = 0;

	MUST(!pipe(to) && !pipe(from));
	runner = (struct runner){fork(), to[1], from[0]};
	MUST(runner.pid >= 0);
	if (!runner.pid) {
		close(to[1]);
		log = open_log(name, NULL);
		call = begin_call(log, "fn", "running");
		MUST(write(from[1], &byte, 1) == 1 && read(to[0], &byte, 1) == 1);
		fnt_call_finish_ok(call, NULL);
		fnt_log_close(log);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	MUST(read(runner.from, &byte, 1) == 1);
	return runner;
}

static void
finish_call(struct runner runner)
{
	int status;

	MUST(write(runner.to, "", 1) == 1);
	MUST(waitpid(runner.pid, &status, 0) == runner.pid && !status);
}

START_TEST(a_copy_of_a_live_region)
{
	struct runner runner = start_call("live");

	copy_file("live", "live-copy");
	check_state("live", FNT_REGION_CURRENT);
	check_call("live", FNT_IN_FLIGHT, false);
	check_state("live-copy", FNT_REGION_COPY);
	check_call("live-copy", FNT_IN_FLIGHT, true);
	finish_call(runner);
	check_state("live", FNT_REGION_CURRENT);
	check_call("live-copy", FNT_IN_FLIGHT, true);
}
END_TEST

/* Run `act` in a child, which then kills itself. */
static void
die_after(void (*act)(void *arg), void *arg)
{
	pid_t child = fork();
	int status;

	if (!child) {
		act(arg);
		kill(getpid(), SIGKILL);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

#define HANG_US 30000

/* A call that has an op after a while, and then hangs for longer. */
static void
hang(void *arg)
{
	struct fnt_log *log = open_log(arg, NULL);
	struct fnt_call *call = begin_call(log, "fn", "hung");

	usleep(HANG_US);
	fnt_call_op(call, FNT_OP_GET, "Lot", NULL, 1, 1, true);
	usleep(2 * HANG_US);
}

static char died[] = "died";

START_TEST(a_region_whose_process_died)
{
	die_after(hang, died);
	copy_file(died, "died-copy");
	check_state(died, FNT_REGION_CURRENT);
	check_call(died, FNT_ABORTED, false);
	check_state("died-copy", FNT_REGION_COPY);
	check_call("died-copy", FNT_IN_FLIGHT, true);
}
END_TEST

START_TEST(a_region_that_is_renamed_is_no_copy)
{
	char from[256];

	die_after(hang, (char[]){"before"});
	strcpy(from, region_path("before", ".fnt"));
	ck_assert(!rename(from, region_path("after", ".fnt")));
	check_state("after", FNT_REGION_CURRENT);
	check_call("after", FNT_ABORTED, false);
}
END_TEST

static void
change_boot(const char *name)
{
	struct fnt_header *header;
	size_t bytes;
	unsigned char *file = map_region_file(name, &bytes);

	header = (void *)file;
	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == FNT_SECTION_CONTROL) {
			struct fnt_control_words *control =
				(void *)(file + header->sections[i].off);

			atomic_fetch_xor(&control->time_base, 1);
		}
	header->boot_id ^= 1;
	munmap(file, bytes);
}

START_TEST(a_region_of_another_boot)
{
	struct fnt_log *log;
	struct fnt_traces *traces;

	die_after(hang, (char[]){"boot"});
	change_boot("boot");
	check_state("boot", FNT_REGION_OTHER_BOOT);
	check_call("boot", FNT_IN_FLIGHT, true);
	/* On the same file: the machine was booted, so the process is dead. */
	log = open_log("boot", NULL);
	check_state("boot", FNT_REGION_CURRENT);
	traces = newest(log, 9);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	ck_assert(!(traces->items[0].flags & FNT_TRACE_AS_OF_COPY));
	fnt_traces_free(traces);
	fnt_log_close(log);
	check_state("boot", FNT_REGION_CURRENT);
}
END_TEST

/* A process that opens a copy for writing makes it a region of its own. What was in
 * flight ends as a record that says that nothing is known of it. */
START_TEST(a_copy_that_is_written_to)
{
	struct runner runner = start_call("origin");
	struct fnt_log *other;
	struct fnt_traces *traces;

	copy_file("origin", "adopted");
	other = open_log("adopted", NULL);
	check_state("adopted", FNT_REGION_CURRENT);
	traces = newest(other, 9);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	ck_assert(traces->items[0].flags & FNT_TRACE_AS_OF_COPY);
	ck_assert_uint_eq(traces->items[0].seen_dead_ns, 0);
	fnt_traces_free(traces);
	fnt_log_close(other);
	check_state("adopted", FNT_REGION_CURRENT);
	die_after(hang, (char[]){"adopted"});
	check_call("adopted", FNT_ABORTED, false);
	check_call("origin", FNT_IN_FLIGHT, false);
	finish_call(runner);
}
END_TEST

/* ---- a call that hung and was killed -------------------------------------------- */

START_TEST(both_bounds_of_a_killed_call)
{
	struct fnt_traces *traces;
	const struct fnt_trace *trace;
	struct fnt_log *log;
	char *json;

	die_after(hang, (char[]){"killed"});
	usleep(HANG_US);
	log = open_log("killed", NULL);
	fnt_call_abandon(begin_call(log, "fn", "abandoned"));
	traces = newest(log, 2);
	trace = &traces->items[1];
	ck_assert_str_eq(trace->call_id, "hung");
	ck_assert_int_eq(trace->outcome, FNT_ABORTED);
	ck_assert_uint_ge(trace->duration_ns, HANG_US * 1000);
	ck_assert_uint_ge(trace->seen_dead_ns, 4 * HANG_US * 1000);
	ck_assert_uint_ge(trace->seen_dead_ns - trace->duration_ns, 3 * HANG_US * 1000);
	ck_assert(!fnt_trace_to_json(trace, &json, NULL));
	ck_assert_ptr_nonnull(strstr(json, "\"seen_dead_ms\":"));
	ck_assert_ptr_nonnull(strstr(json, "\"elapsed_ms\":"));
	free(json);
	/* Its owner was there when it gave the call up. */
	trace = &traces->items[0];
	ck_assert_int_eq(trace->outcome, FNT_ABORTED);
	ck_assert_uint_eq(trace->seen_dead_ns, 0);
	ck_assert(!fnt_trace_to_json(trace, &json, NULL));
	ck_assert_ptr_null(strstr(json, "seen_dead"));
	free(json);
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("provenance", a_copy_of_a_live_region, a_region_whose_process_died,
	     a_region_that_is_renamed_is_no_copy, a_region_of_another_boot,
	     a_copy_that_is_written_to, both_bounds_of_a_killed_call)
