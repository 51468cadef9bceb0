/* SPDX-License-Identifier: MIT
 *
 * life.c: all that a host does with a log, for inject: open, first call, a fork,
 * changes from outside, close. Each may fail, and must say so; what comes after must go
 * on.
 *
 *   life RESULT
 *
 * RESULT, a file of some bytes, gets struct life_result. Exit status 3: a failure came
 * without a message.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fntrace/control.h>
#include <fntrace/fntrace.h>

/* Counted by parent and child. As five words of 64 bits. */
struct life_result {
	_Atomic uint64_t tried;	 /* calls */
	_Atomic uint64_t none;	 /* begin returned NULL */
	_Atomic uint64_t done;	 /* FNT_DONE */
	_Atomic uint64_t opened; /* 1: the log could be opened */
	_Atomic uint64_t rotated;
};

static struct life_result *result;
static struct fnt_log *log_;

/* A failure describes itself. */
static void
must_say(int rc, const struct fnt_error *error)
{
	if (!rc)
		return;
	if (error->code != rc || !strchr(error->message, ' '))
		_exit(3);
}

static void
call_once(const char *id)
{
	struct fnt_call_info info = {.fn_name = "fn", .call_id = id};
	struct fnt_call *call = fnt_call_begin(log_, &info);

	result->tried++;
	if (!call) {
		result->none++;
		return;
	}
	fnt_call_op(call, FNT_OP_GET, "table", "1", 1, 1, true);
	if (fnt_call_finish_ok(call, NULL) == FNT_DONE)
		result->done++;
}

static void
fork_once(void)
{
	pid_t pid = fork();

	if (!pid) {
		call_once("child");
		fnt_log_close(log_);
		_exit(0);
	}
	call_once("parent");
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void
change(const char *name)
{
	const char *slow = "slow=10s";
	struct fnt_control *control;
	struct fnt_error error = {0};
	int rc = fnt_control_open(&control, name, &error);

	must_say(rc, &error);
	if (rc)
		return;
	must_say(fnt_control_set(control, NULL, &slow, 1, &error), &error);
	call_once("set");
	must_say(fnt_control_resize(control, 512 << 10, NULL, &error), &error);
	call_once("resized");
	rc = fnt_control_rotate(control, NULL, NULL, &error);
	must_say(rc, &error);
	result->rotated += !rc;
	call_once("rotated");
	fnt_control_close(control);
}

/* A region without a name. It is not counted. */
static void
open_nameless(void)
{
	struct fnt_error error = {0};
	const struct fnt_options options = {.size_bytes = 256 << 10, .error = &error};
	struct fnt_log *log;
	int rc = fnt_log_open(&log, NULL, &options);

	must_say(rc, &error);
	if (rc)
		return;
	fnt_call_finish_ok(fnt_call_begin(log, &(struct fnt_call_info){.fn_name = "f"}),
			   NULL);
	fnt_log_close(log);
}

int
main(int argc, char **argv)
{
	struct fnt_error error = {0};
	const struct fnt_options options = {.size_bytes = 256 << 10, .error = &error};
	int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;
	int rc;

	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (result == MAP_FAILED)
		_exit(0); /* this is not ours to test */
	rc = fnt_log_open(&log_, "life", &options);
	must_say(rc, &error);
	if (rc)
		return EXIT_SUCCESS;
	result->opened = 1;
	call_once("first");
	fork_once();
	change("life");
	fnt_log_close(log_);
	open_nameless();
	return EXIT_SUCCESS;
}
