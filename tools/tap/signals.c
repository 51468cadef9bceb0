/* SPDX-License-Identifier: MIT */
#include "tap/signals.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

/* Where ppoll is refused, signals are looked for this often. */
#define REFUSED_MS 20

static void (*taken_by)(const siginfo_t *info);
static sigset_t before_mask, before_ignored;
static bool refused;

static void
handle(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)number;
	(void)context;
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
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before_mask);
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
	sigprocmask(SIG_SETMASK, &none, &all);
	sigprocmask(SIG_SETMASK, &all, NULL);
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
	ready = ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, &none);
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
