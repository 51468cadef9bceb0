/* SPDX-License-Identifier: MIT */
#include "tap/signals.h"

#include <fntrace/reader.h>

#include <errno.h>
#include <stdbool.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Where ppoll is refused, signals are looked for this often. */
#define REFUSED_MS 20

static void (*taken_by)(const siginfo_t *info);
static sigset_t before_mask, before_ignored;
static struct sigaction before_bus;
static bool refused;
static volatile sig_atomic_t waiting, bus_is_blocked;

/* SIGBUS is never blocked, so that the library's handler, which was there before, can
 * survive the loss of the region's file. One that was sent is taken while the tap
 * waits, as all others: until then it is blocked. Returns whether to take it now. */
static bool
take_bus(siginfo_t *info, ucontext_t *context)
{
	if (info->si_code > 0) {
		if (before_bus.sa_flags & SA_SIGINFO)
			before_bus.sa_sigaction(SIGBUS, info, context);
		else
			signal(SIGBUS, SIG_DFL); /* the fault comes again */
		return false;
	}
	if (waiting)
		return true;
	sigaddset(&context->uc_sigmask, SIGBUS);
	bus_is_blocked = true;
	kill(getpid(), SIGBUS);
	return false;
}

static void
handle(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	if (number != SIGBUS || take_bus(info, context))
		taken_by(info);
	errno = saved;
}

/* glibc refuses its own two signals, and the kernel SIGKILL and SIGSTOP. These are left
 * alone. */
static void
react(int number)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};

	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void
signals_take(void (*take)(const siginfo_t *info))
{
	sigset_t all;

	taken_by = take;
	fnt_reader_guard();
	sigaction(SIGBUS, NULL, &before_bus);
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigprocmask(SIG_SETMASK, &all, &before_mask);
	sigemptyset(&before_ignored);
	for (int i = 1; i <= SIGRTMAX; i++) {
		struct sigaction before;

		if (sigaction(i, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			sigaddset(&before_ignored, i);
		react(i);
	}
}

void
signals_give_back(void)
{
	for (int i = 1; i <= SIGRTMAX; i++)
		signal(i, sigismember(&before_ignored, i) == 1 ? SIG_IGN : SIG_DFL);
	sigprocmask(SIG_SETMASK, &before_mask, NULL);
}

/* A SIGBUS that was sent has been taken: it need not be blocked any more. */
static void
let_bus_in(void)
{
	sigset_t bus;

	if (!bus_is_blocked)
		return;
	bus_is_blocked = false;
	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	sigprocmask(SIG_UNBLOCK, &bus, NULL);
}

/* Without ppoll: let signals in between two polls. */
static int
wait_refused(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	sigset_t none, all;
	int ready;

	if (timeout_ms < 0 || timeout_ms > REFUSED_MS)
		timeout_ms = REFUSED_MS;
	ready = poll(fds, count, timeout_ms);
	if (ready < 0 && errno != EINTR)
		nanosleep(&(struct timespec){.tv_nsec = REFUSED_MS * 1000000L}, NULL);
	sigemptyset(&none);
	waiting = true;
	sigprocmask(SIG_SETMASK, &none, &all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	waiting = false;
	let_bus_in();
	return ready;
}

int
signals_wait(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct timespec timeout = {.tv_sec = timeout_ms / 1000,
				   .tv_nsec = timeout_ms % 1000 * 1000000L};
	sigset_t none;
	int ready;

	if (refused)
		return wait_refused(fds, count, timeout_ms);
	sigemptyset(&none);
	waiting = true;
	ready = ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, &none);
	waiting = false;
	let_bus_in();
	if (ready < 0 && errno != EINTR && errno != EAGAIN && errno != ENOMEM)
		refused = true;
	return ready;
}

void
signals_suffer(int number)
{
	sigset_t only, before;

	signal(number, SIG_DFL);
	raise(number);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	react(number);
}
