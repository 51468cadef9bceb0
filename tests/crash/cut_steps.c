/* SPDX-License-Identifier: MIT
 *
 * cut_steps.c: the region's file is truncated before each system call of a reader, a
 * tool or a host, and before a sample of its other instructions. Nobody dies of a
 * signal once the process is guarded: readers and tools report an error, unless they
 * had done their work; hosts go on as if nothing had been.
 *
 *   cut_steps [--long] [--seed N] [ACT]...
 */
#include "support/controls.h"

#include "format/layout.h"
#include "steps.h"

#include <sys/ptrace.h>

#define NAME "cut"

/* How an act ends, as the exit status of the child. */
enum end {
	END_ERROR = 10,
	END_SUCCESS = 11,
};

struct act {
	const char *name;
	int (*run)(void); /* 0, or why it failed */
	bool (*done)(
		void); /* its work is done, whatever happens to the region; or NULL */
};

#define CALLS 20

static void
make_region(void)
{
	struct fnt_log *log;

	unlink(region_path(NAME, ".fnt"));
	log = open_sized(NAME, SMALLEST);
	record_numbers(log, 0, CALLS);
	fnt_log_close(log);
}

/* ---- acts ------------------------------------------------------------------------ */

static int
act_read(void)
{
	struct fnt_error error = {0};
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	int rc = fnt_reader_open(&reader, NAME, &error);

	if (rc) {
		CHILD_MUST(*error.message);
		return rc;
	}
	rc = fnt_reader_query(reader, &(struct fnt_query){.limit = 5}, &traces);
	if (!rc)
		fnt_traces_free(traces);
	fnt_reader_close(reader);
	return rc;
}

static int
control(int (*command)(struct fnt_control *control, struct fnt_error *error))
{
	struct fnt_error error = {0};
	struct fnt_control *control;
	int rc = fnt_control_open(&control, NAME, &error);

	if (!rc) {
		rc = command(control, &error);
		fnt_control_close(control);
	}
	CHILD_MUST(!rc || *error.message);
	return rc;
}

static int
set(struct fnt_control *control, struct fnt_error *error)
{
	return set_one(control, "fn", "keep=0.5", error);
}

static int
resize(struct fnt_control *control, struct fnt_error *error)
{
	struct fnt_rings rings;

	return fnt_control_resize(control, KIB(512), &rings, error);
}

static int
rotate(struct fnt_control *control, struct fnt_error *error)
{
	struct fnt_rings rings;

	return fnt_control_rotate(control, region_path("rotated", ".old"), &rings,
				  error);
}

static int
act_set(void)
{
	return control(set);
}

static int
act_resize(void)
{
	return control(resize);
}

static int
act_rotate(void)
{
	return control(rotate);
}

/* Does the rotated file have all records? */
static bool
is_rotated(void)
{
	struct fnt_stat stat;

	if (access(region_path("rotated", ".old"), F_OK))
		return false;
	stat = region_stat(region_path("rotated", ".old"));
	return stat.retained == CALLS;
}

/* Open a log that exists, record a few calls of both rings, and close it. */
static int
act_record(void)
{
	struct fnt_error error = {0};
	struct fnt_options options = {.flags = FNT_ATTACH_ONLY, .error = &error};
	struct fnt_call *open;
	struct fnt_log *log;
	int rc = fnt_log_open(&log, NAME, &options);

	if (rc) {
		CHILD_MUST(*error.message);
		return rc;
	}
	open = begin_call(log, "open", "o");
	for (int i = 0; i < 6; i++) {
		struct fnt_call *call = begin_call(log, "fn", "c");

		fnt_call_op(call, FNT_OP_GET, "Entity", "1", 5, 1, true);
		rc = i % 2 ? fnt_call_finish_ok(call, NULL)
			   : fnt_call_finish_error(call, "E", "m");
		CHILD_MUST(rc == FNT_DONE || rc == FNT_DROPPED || rc == -ESHUTDOWN);
	}
	fnt_call_finish_ok(open, NULL);
	fnt_log_close(log);
	return 0;
}

/* A host's work is not to fail. */
static bool
is_alive(void)
{
	return true;
}

static const struct act acts[] = {
	{"record", act_record, is_alive},
	{"read", act_read, NULL},
	{"set", act_set, NULL},
	{"resize", act_resize, NULL},
	{"rotate", act_rotate, is_rotated},
};
#define ACTS ((int)(sizeof(acts) / sizeof(acts[0])))

/* ---- the child ------------------------------------------------------------------- */

static void
run(void *arg)
{
	const struct act *act = arg;
	int rc;

	alarm(60);
	CHILD_MUST(!fnt_reader_guard());
	stepper_begin();
	rc = act->run();
	stepper_end();
	_exit(rc ? END_ERROR : END_SUCCESS);
}

static void
begin(struct stepper *stepper, const struct act *act)
{
	make_region();
	unlink(region_path("rotated", ".old"));
	steps_spawn(stepper, act->name, run, (void *)(uintptr_t)act);
}

/* ---- the cut --------------------------------------------------------------------- */

/* How many system calls the act makes from instruction `k` on. */
static uint32_t
systems_after(const struct step_trace *trace, uint32_t k)
{
	uint32_t count = 0;

	for (; k < trace->count; k++)
		count += trace->points[k].system;
	return count;
}

/* After the last look at the file an act unlocks, unmaps and closes. */
#define SYSTEMS_AT_END 12

/* A file that is cut between the last look at its size and the allocation of more is
 * made as long again: nobody can tell. Each of the two rings has a few such moments. */
#define MOMENTS_UNSEEN (8 * FNT_RINGS)

static int unseen;

static bool
is_long_again(void)
{
	struct stat st;

	MUST(!stat(region_path(NAME, ".fnt"), &st));
	return (uint64_t)st.st_size > SMALLEST && ++unseen <= MOMENTS_UNSEEN;
}

/* Let the child run, with all of its signals but those of the tracing. (It is not let
 * go: a trap that comes late would end it where it has blocked all signals.) Returns
 * its status. */
static int
run_to_end(pid_t pid)
{
	long signal = 0;
	int status;

	do {
		MUST(!ptrace(PTRACE_CONT, pid, NULL, signal));
		MUST(waitpid(pid, &status, __WALL) == pid);
		signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
		if (signal == SIGTRAP)
			signal = 0;
	} while (WIFSTOPPED(status));
	return status;
}

static void
cut_at(const struct act *act, const struct step_trace *trace, uint32_t k, off_t size)
{
	struct stepper stepper;
	int status;

	begin(&stepper, act);
	stepper_goto(&stepper, trace, k);
	MUST(!truncate(region_path(NAME, ".fnt"), size));
	status = run_to_end(stepper.pid);
	if (!WIFEXITED(status))
		ck_abort_msg("%s, cut to %ld before %u of %u: signal %d", act->name,
			     (long)size, k, trace->count, WTERMSIG(status));
	if (WEXITSTATUS(status) != END_ERROR && WEXITSTATUS(status) != END_SUCCESS)
		ck_abort_msg("%s, cut to %ld before %u of %u: status %d", act->name,
			     (long)size, k, trace->count, WEXITSTATUS(status));
	if (WEXITSTATUS(status) == END_SUCCESS && !(act->done && act->done()) &&
	    systems_after(trace, k) > SYSTEMS_AT_END && !is_long_again())
		ck_abort_msg("%s, cut to %ld before %u of %u: success", act->name,
			     (long)size, k, trace->count);
}

/* Every system call, and a sample of the other instructions. */
static bool
is_chosen(const struct step_trace *trace, uint32_t k, struct rnd *r)
{
	if (k < trace->count && trace->points[k].system)
		return true;
	if (k && trace->points[k - 1].system)
		return steps.is_long || !rnd(r, 4);
	return !rnd(r, 1 + trace->count / (steps.is_long ? 5000 : 40));
}

START_TEST(cut_before_each_system_call)
{
	static const off_t sizes[] = {0, 4096, KIB(100), SMALLEST - 4096};
	const struct act *act = &acts[steps_case(_i, ACTS)];
	struct steps_choice choice = steps_choose();
	struct rnd r = {choice.random};
	struct step_trace trace;
	struct stepper stepper;
	size_t bytes, cuts = 0;
	unsigned char *file;

	if (!steps_wants(act->name))
		return;
	unseen = 0;
	begin(&stepper, act);
	file = map_region_file(NAME, &bytes);
	stepper_trace(&stepper, &trace, file, bytes);
	stepper_finish(&stepper);
	stepper_release(&stepper);
	MUST(WIFEXITED(stepper.status) && WEXITSTATUS(stepper.status) == END_SUCCESS);
	for (uint32_t k = 0; k < trace.count; k++) {
		if (!is_chosen(&trace, k, &r) || !steps_is_mine(&choice))
			continue;
		cut_at(act, &trace, k, sizes[rnd(&r, 4)]);
		cuts++;
	}
	steps_tell("%-8s %u instructions, %u system calls, cut %zu times, %d unseen",
		   act->name, trace.count, trace.systems, cuts, unseen);
	step_trace_free(&trace);
}
END_TEST

STEPS_MAIN("cut_steps", {cut_before_each_system_call, ACTS, ACTS})
