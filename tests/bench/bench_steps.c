/* SPDX-License-Identifier: MIT
 *
 * The steps of the producing side, and recent(50), each in a function of its own, for
 * callgrind: tests/bench/instructions counts what is executed within step_… functions.
 *
 *      bench_steps REGION [fixed]
 *
 * fixed: clock_gettime advances by 100 ns each time, so that with FNTRACE_CLOCK=vdso
 * every run executes the same instructions.
 */
#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TIMES 1000u /* also in instructions.py */
#if defined(__has_attribute) && __has_attribute(no_icf)
#define STEP                                                                           \
	__attribute__((noinline, no_icf)) static /* identical functions stay apart */
#else
#define STEP __attribute__((noinline)) static
#endif
#define MEDIUM 200u
#define LARGE 16384u

static bool fixed_clock;
static struct fnt_log *log_of_process, *settings_log, *sampled_log, *read_log;
static char large_text[LARGE];
static const struct fnt_value small = {FNT_VALUE_JSON, "{\"accepted\":true}", 17};
static const struct fnt_value medium = {FNT_VALUE_JSON, large_text, MEDIUM};
static const struct fnt_value large = {FNT_VALUE_JSON, large_text, LARGE};
static const struct fnt_call_info info = {.call_id = "c_1234567",
					  .fn_name = "placeBid",
					  .fn_type = FNT_MUTATION,
					  .user_id = "user_12"};

/* Replaces the C library's function in this program. */
int
clock_gettime(clockid_t id, struct timespec *time)
{
	static uint64_t now = 1000000000000000;

	if (!fixed_clock)
		return (int)syscall(SYS_clock_gettime, id, time);
	now += 100;
	time->tv_sec = (time_t)(now / 1000000000);
	time->tv_nsec = (long)(now % 1000000000);
	return 0;
}

/* ---- steps that are counted ------------------------------------------------------ */

STEP struct fnt_call *
step_begin(void)
{
	return fnt_call_begin(log_of_process, &info);
}

STEP void
step_op(struct fnt_call *call)
{
	fnt_call_op(call, FNT_OP_GET, "Lot", "18eab5a9d61c98d700000012", 2000, 1, true);
}

STEP void
step_op_begin_end(struct fnt_call *call)
{
	int64_t op = fnt_call_op_begin(call, FNT_OP_INSERT, "Bid", NULL);

	fnt_call_op_end(call, op, FNT_NONE, true);
}

STEP void
step_stream_chunk(struct fnt_call *call)
{
	fnt_call_stream_chunk(call, 100);
}

STEP void
step_finish_one_cell(struct fnt_call *call)
{
	fnt_call_finish_ok(call, NULL);
}

STEP void
step_finish_streamed(struct fnt_call *call)
{
	fnt_call_finish_ok(call, NULL);
}

STEP void
step_finish_large_value(struct fnt_call *call)
{
	fnt_call_finish_ok(call, &large);
}

STEP void
step_hundred_ops(struct fnt_call *call)
{
	for (unsigned i = 0; i < 50; i++) {
		fnt_call_op(call, FNT_OP_GET, "Lot", "18eab5a9d61c98d700000012", 2000,
			    1, true);
		fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5000, FNT_NONE, true);
	}
}

STEP void
step_finish_hundred_ops(struct fnt_call *call)
{
	fnt_call_finish_ok(call, NULL);
}

STEP void
step_finish_error(struct fnt_call *call)
{
	fnt_call_finish_error(call, "BID_TOO_LOW", "the bid must be above 20");
}

STEP void
step_call_2ops(void)
{
	struct fnt_call *call = fnt_call_begin(log_of_process, &info);

	fnt_call_op(call, FNT_OP_GET, "Lot", "18eab5a9d61c98d700000012", 2000, 1, true);
	fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5000, FNT_NONE, true);
	fnt_call_finish_ok(call, NULL);
}

/* With settings: all calls are recorded, or none. */
STEP struct fnt_call *
step_begin_settings(void)
{
	return fnt_call_begin(settings_log, &info);
}

STEP void
step_finish_settings(struct fnt_call *call)
{
	fnt_call_finish_ok(call, NULL);
}

STEP void
step_finish_sampled_out(struct fnt_call *call)
{
	fnt_call_finish_ok(call, NULL);
}

STEP void
step_finish_value(struct fnt_call *call)
{
	fnt_call_finish_ok(call, &small);
}

STEP void
step_finish_two_cells(struct fnt_call *call)
{
	fnt_call_finish_ok(call, &medium);
}

/* Calls of two ops. */
STEP void
step_recent_50(void)
{
	struct fnt_traces *traces;

	if (fnt_log_recent(read_log, 50, &traces) || traces->count != 50)
		abort();
	fnt_traces_free(traces);
}

/* ---- the rest is not counted ----------------------------------------------------- */

static struct fnt_call *
begin(void)
{
	return fnt_call_begin(log_of_process, &info);
}

static void
two_ops(struct fnt_call *call)
{
	fnt_call_op(call, FNT_OP_GET, "Lot", "18eab5a9d61c98d700000012", 2000, 1, true);
	fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5000, FNT_NONE, true);
}

static void
one_time(bool counted)
{
	struct fnt_call *call;

	if (!counted) {
		call = begin();
		two_ops(call);
		fnt_call_finish_ok(call, &small);
		fnt_call_finish_ok(fnt_call_begin(settings_log, &info), NULL);
		fnt_call_finish_ok(fnt_call_begin(sampled_log, &info), NULL);
		two_ops(call = fnt_call_begin(read_log, &info));
		fnt_call_finish_ok(call, NULL);
		return;
	}
	call = step_begin();
	step_op(call);
	step_op_begin_end(call);
	step_stream_chunk(call);
	fnt_call_finish_ok(call, &small);

	two_ops(call = begin());
	step_finish_one_cell(call);
	two_ops(call = begin());
	fnt_call_stream_chunk(call, 100);
	step_finish_streamed(call);
	two_ops(call = begin());
	step_finish_value(call);
	two_ops(call = begin());
	step_finish_two_cells(call);
	two_ops(call = begin());
	step_finish_error(call);
	step_call_2ops();
	step_hundred_ops(call = begin());
	step_finish_hundred_ops(call);
	/* It uses up the block of tickets: let the next record take a new one. */
	two_ops(call = begin());
	step_finish_large_value(call);
	two_ops(call = begin());
	fnt_call_finish_ok(call, NULL);

	two_ops(call = step_begin_settings());
	step_finish_settings(call);
	two_ops(call = fnt_call_begin(sampled_log, &info));
	step_finish_sampled_out(call);
}

static struct fnt_log *
open_log(const char *name, const char *settings)
{
	struct fnt_error error = {0};
	struct fnt_options options = {
		.size_bytes = 4 << 20, .settings = settings, .error = &error};
	struct fnt_log *log;

	if (!fnt_log_open(&log, name, &options))
		return log;
	fprintf(stderr, "bench_steps: %s\n", error.message);
	exit(1);
}

/* REGION, REGION-settings, REGION-sampled, REGION-read. */
static void
open_logs(const char *region)
{
	char name[128];

	log_of_process = open_log(region, NULL);
	snprintf(name, sizeof(name), "%s-settings", region);
	settings_log = open_log(name, "slow=1h");
	snprintf(name, sizeof(name), "%s-sampled", region);
	sampled_log = open_log(name, "keep=0");
	snprintf(name, sizeof(name), "%s-read", region);
	read_log = open_log(name, NULL);
}

int
main(int argc, char **argv)
{
	fixed_clock = argc > 2 && !strcmp(argv[2], "fixed");
	memset(large_text, 'x', sizeof(large_text));
	large_text[0] = large_text[MEDIUM - 1] = large_text[LARGE - 1] = '"';
	if (argc < 2) {
		fprintf(stderr, "usage: bench_steps REGION [fixed]\n");
		return 2;
	}
	open_logs(argv[1]);
	for (unsigned i = 0; i < TIMES; i++)
		one_time(false);
	for (unsigned i = 0; i < TIMES; i++)
		one_time(true);
	/* Last: it takes so long that a clock anchor would be renewed after it. */
	for (unsigned i = 0; i < TIMES; i++)
		step_recent_50();
	fnt_log_close(log_of_process);
	fnt_log_close(settings_log);
	fnt_log_close(sampled_log);
	fnt_log_close(read_log);
	return 0;
}
