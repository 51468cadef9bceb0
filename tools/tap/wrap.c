/* SPDX-License-Identifier: MIT */
#include "tap/wrap.h"
#include "tap/signals.h"
#include "view/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* CMD follows a signal to stop within this time. If it stops later, that is not for the
 * signal. */
#define STOP_NS 2000000000u

static struct wrap *running; /* for take_signal() */

/* ---- CMD's stops and end --------------------------------------------------------- */

/* Set the file that is our stdin back to what nobody has read of it: the next process
 * that shares it goes on there, as a loop of a shell does. */
static void
return_unread(struct wrap *wrap)
{
	struct relay_flow *to_fn = wrap->flows[PROTOCOL_TO_FN];
	int there = 0;

	if (wrap->file < 0)
		return;
	ioctl(wrap->unread, FIONREAD, &there);
	lseek(wrap->file, -(off_t)relay_unwritten(to_fn) - there, SEEK_CUR);
	close(wrap->unread);
	close(wrap->file);
	wrap->file = -1;
}

/* CMD has ended. What it had written is still to be passed on. */
static void
child_ended(struct wrap *wrap, int status)
{
	wrap->child = 0;
	wrap->status = status;
	return_unread(wrap);
	relay_close_unread(wrap->flows[PROTOCOL_TO_FN]);
	relay_limit(wrap->flows[PROTOCOL_TO_HOST]);
}

static void
take_child(struct wrap *wrap)
{
	int status;

	while (wrap->child &&
	       waitpid(wrap->child, &status, WNOHANG | WUNTRACED | WCONTINUED) > 0) {
		if (WIFSTOPPED(status))
			wrap->stopped_by = WSTOPSIG(status);
		else if (WIFCONTINUED(status))
			wrap->stopped_by = 0;
		else
			child_ended(wrap, status);
	}
}

static bool
is_pending(int number)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
}

/* If the tap was told to stop, and CMD has stopped, stop as well: a shell that waits
 * for the tap must see it. Not so if only CMD was told: its SIGCONT would not reach
 * us. */
static void
stop_with_child(struct wrap *wrap)
{
	int number = wrap->stopped_by;

	if (!number || !wrap->told_to_stop_ns)
		return;
	if (listener_now_ns() - wrap->told_to_stop_ns > STOP_NS ||
	    is_pending(SIGCONT)) {
		wrap->told_to_stop_ns = 0;
		return;
	}
	wrap->told_to_stop_ns = 0;
	signals_suffer(number);
}

/* ---- signals --------------------------------------------------------------------- */

/* Signals that concern this process alone: a broken pipe that it has written to, and
 * the limit on its own processor time. */
static bool
is_own(const siginfo_t *info)
{
	if (info->si_signo == SIGXCPU)
		return info->si_code > 0;
	return info->si_signo == SIGPIPE && info->si_pid == getpid();
}

static void
forward(const struct wrap *wrap, const siginfo_t *info)
{
	if (info->si_code == SI_QUEUE)
		sigqueue(wrap->child, info->si_signo, info->si_value);
	else
		kill(wrap->child, info->si_signo);
}

static void
take_signal(const siginfo_t *info)
{
	struct wrap *wrap = running;
	int number = info->si_signo;

	if (number == SIGCHLD && info->si_code > 0) {
		take_child(wrap);
		return;
	}
	if (is_own(info))
		return;
	if (number == SIGCONT) {
		wrap->told_to_stop_ns = 0;
		wrap->stopped_by = 0;
		witness_continue(&wrap->witness);
	}
	if (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
		wrap->told_to_stop_ns = listener_now_ns();
	if (!wrap->child)
		wrap->give_up |= number != SIGWINCH && number != SIGCONT;
	else if (!witness_saw(&wrap->witness, number))
		forward(wrap, info);
}

/* ---- start ----------------------------------------------------------------------- */

void
wrap_init(struct wrap *wrap)
{
	*wrap = (struct wrap){.child = 0};
	launch_note_files(&wrap->files);
	witness_start(&wrap->witness);
}

static struct relay_flow *
create_flow(struct wrap *wrap, enum protocol_dir dir, struct relay_end from,
	    struct relay_end to)
{
	struct relay_flow *flow = text_alloc(sizeof(*flow));

	flow->from = from;
	flow->to = to;
	flow->listener = &wrap->listener;
	flow->dir = dir;
	flow->limited = false;
	flow->begin = flow->end = 0;
	wrap->flows[dir] = flow;
	return flow;
}

/* If our stdin is a file, keep it and the pipe that CMD reads from. */
static void
keep_file(struct wrap *wrap, int pipe_fd)
{
	struct stat info;

	wrap->file = -1;
	if (fstat(STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode))
		wrap->file = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	if (wrap->file < 0)
		close(pipe_fd);
	else
		wrap->unread = pipe_fd;
}

/* Start CMD with one end of each pipe. The other ends are the flows'. */
static int
start_between(struct wrap *wrap, char **argv, const int to_child[2],
	      const int from_child[2])
{
	int code;

	running = wrap;
	signals_take(take_signal);
	code = launch_start(argv, to_child[0], from_child[1], &wrap->child);
	close(from_child[1]);
	if (code) {
		close(to_child[0]);
		close(to_child[1]);
		close(from_child[0]);
		wrap->child = 0;
		signals_give_back();
		return -code;
	}
	listener_observe(&wrap->listener, wrap->child);
	keep_file(wrap, to_child[0]);
	launch_close_files(&wrap->files);
	create_flow(wrap, PROTOCOL_TO_FN, relay_inherit(STDIN_FILENO),
		    relay_own(to_child[1]));
	create_flow(wrap, PROTOCOL_TO_HOST, relay_own(from_child[0]),
		    relay_inherit(STDOUT_FILENO));
	return 0;
}

int
wrap_start(struct wrap *wrap, char **argv, bool *is_program)
{
	int to_child[2], from_child[2], code;

	*is_program = false;
	if (pipe2(to_child, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from_child, O_CLOEXEC) < 0) {
		code = -errno;
		close(to_child[0]);
		close(to_child[1]);
		return code;
	}
	*is_program = true;
	return start_between(wrap, argv, to_child, from_child);
}

int
wrap_become(struct wrap *wrap, char **argv)
{
	witness_end(&wrap->witness);
	execvp(argv[0], argv);
	return errno;
}

/* ---- relaying -------------------------------------------------------------------- */

static int
shorter(int one_ms, int other_ms)
{
	if (one_ms < 0 || (other_ms >= 0 && other_ms < one_ms))
		return other_ms;
	return one_ms;
}

/* Wait once, and pass on what there is. */
static void
step(struct wrap *wrap)
{
	struct relay_flow *to_fn = wrap->flows[PROTOCOL_TO_FN];
	struct relay_flow *to_host = wrap->flows[PROTOCOL_TO_HOST];
	struct pollfd fds[4];
	int timeout_ms = shorter(relay_poll(to_fn, fds), relay_poll(to_host, fds + 2));

	if (signals_wait(fds, 4, timeout_ms) > 0) {
		/* CMD's output first: it was written before CMD can read what is passed
		 * to it below, and the protocol must see it in that order. */
		relay_step(to_host, fds + 2);
		relay_step(to_fn, fds);
	}
	stop_with_child(wrap);
}

void
wrap_run(struct wrap *wrap)
{
	struct relay_flow *to_host = wrap->flows[PROTOCOL_TO_HOST];

	while (wrap->child || (!relay_is_drained(to_host) && !wrap->give_up)) {
		step(wrap);
		/* CMD has ended, and nobody else can write: read to the end of file. */
		if (!wrap->child && !relay_has_writer(to_host))
			relay_unlimit(to_host);
	}
}

/* ---- the end --------------------------------------------------------------------- */

/* A copy of the tap: relay for the processes that CMD has left behind, until they have
 * closed what they got from it. It goes by itself, so no signal needs to end it. */
static _Noreturn void
go_on(struct wrap *wrap)
{
	prctl(PR_SET_NAME, "fntrace-relay");
	close(STDERR_FILENO);
	relay_unlimit(wrap->flows[PROTOCOL_TO_HOST]);
	while (!relay_is_done(wrap->flows[PROTOCOL_TO_FN]) ||
	       !relay_is_done(wrap->flows[PROTOCOL_TO_HOST]))
		step(wrap);
	_exit(0);
}

/* Return CMD's exit status, or die of the same signal. */
static _Noreturn void
end_like(int status)
{
	if (WIFSIGNALED(status)) {
		prctl(PR_SET_DUMPABLE, 0); /* CMD has left its core; do not add ours */
		signals_suffer(WTERMSIG(status));
		_exit(128 + WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

void
wrap_end(struct wrap *wrap)
{
	bool is_done = relay_is_done(wrap->flows[PROTOCOL_TO_FN]) &&
		       relay_is_done(wrap->flows[PROTOCOL_TO_HOST]);

	witness_end(&wrap->witness);
	if (!is_done && !wrap->give_up && fork() == 0)
		go_on(wrap);
	end_like(wrap->status);
}
