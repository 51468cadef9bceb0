/* SPDX-License-Identifier: MIT */
#include "tap/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 1000 /* a witness that takes longer is stopped, or has died */

/* ---- the witness ----------------------------------------------------------------- */

/* A signal that stops and one that continues take each other back: has one been pending
 * that `number` would have been taken back by? */
static bool
taken_back(int number)
{
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return false;
	if (number == SIGCONT)
		return sigismember(&pending, SIGTSTP) == 1 ||
		       sigismember(&pending, SIGTTIN) == 1 ||
		       sigismember(&pending, SIGTTOU) == 1;
	return (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) &&
	       sigismember(&pending, SIGCONT) == 1;
}

/* Take one pending signal `number` that does not come from the tap. Returns whether
 * there was one. */
static bool
take(int number, pid_t tap)
{
	static const struct timespec at_once;
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	if (sigaddset(&set, number) < 0)
		return false;
	while (sigtimedwait(&set, &info, &at_once) == number)
		if (info.si_code > 0 || info.si_pid != tap)
			return true;
	return taken_back(number);
}

/* close_range(), which not every C library has. */
static void
close_numbers(unsigned first, unsigned last)
{
	syscall(SYS_close_range, first, last, 0);
}

static void
close_others(int ask, int answer)
{
	int low = ask < answer ? ask : answer, high = ask < answer ? answer : ask;

	if (low > 0)
		close_numbers(0, (unsigned)low - 1);
	if (high > low + 1)
		close_numbers((unsigned)low + 1, (unsigned)high - 1);
	close_numbers((unsigned)high + 1, ~0u);
}

static _Noreturn void
witness_run(int ask, int answer, pid_t tap)
{
	int number;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "fntrace-witness");
	if (getppid() != tap)
		_exit(0);
	close_others(ask, answer);
	for (int i = 1; i <= SIGRTMAX; i++)
		signal(i, SIG_DFL);
	while (read(ask, &number, sizeof(number)) == sizeof(number)) {
		number = take(number, tap);
		if (write(answer, &number, sizeof(number)) != sizeof(number))
			break;
	}
	_exit(0);
}

/* ---- the tap's side -------------------------------------------------------------- */

void
witness_start(struct witness *witness)
{
	pid_t tap = getpid();
	int ask[2], answer[2];
	sigset_t all, before;

	witness->pid = 0;
	if (pipe2(ask, O_CLOEXEC) < 0)
		return;
	if (pipe2(answer, O_CLOEXEC) < 0) {
		close(ask[0]);
		close(ask[1]);
		return;
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	witness->pid = fork();
	if (witness->pid == 0)
		witness_run(ask[0], answer[1], tap);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ask[0]);
	close(answer[1]);
	witness->ask = ask[1];
	witness->answer = answer[0];
	if (witness->pid < 0) {
		close(ask[1]);
		close(answer[0]);
		witness->pid = 0;
	}
}

static bool
ask(struct witness *witness, int number)
{
	struct pollfd answered = {.fd = witness->answer, .events = POLLIN};

	if (!witness->pid)
		return false;
	if (write(witness->ask, &number, sizeof(number)) == sizeof(number) &&
	    poll(&answered, 1, ANSWER_MS) == 1 &&
	    read(witness->answer, &number, sizeof(number)) == sizeof(number))
		return number != 0;
	witness_end(witness);
	return false;
}

/* The kernel may send a signal to the tap a little before it sends it to the rest of
 * the group. */
bool
witness_saw(struct witness *witness, int number)
{
	static const struct timespec wait = {.tv_nsec = 1000000};

	if (ask(witness, number))
		return true;
	if (!witness->pid)
		return false;
	nanosleep(&wait, NULL);
	return ask(witness, number);
}

void
witness_continue(struct witness *witness)
{
	if (witness->pid)
		kill(witness->pid, SIGCONT);
}

void
witness_end(struct witness *witness)
{
	if (!witness->pid)
		return;
	/* Where a sandbox refuses kill(), the witness ends as its questions do. */
	close(witness->ask);
	close(witness->answer);
	kill(witness->pid, SIGKILL);
	while (waitpid(witness->pid, NULL, 0) < 0 && errno == EINTR)
		;
	witness->pid = 0;
}
