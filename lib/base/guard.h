/* SPDX-License-Identifier: MIT
 *
 * guard.h: what a slow path leaves as it was in its host's thread: errno, the signal
 * mask, and whether the thread can be cancelled.
 *
 * open(), close(), read() and others are cancellation points. A thread that were
 * cancelled there would leave a lock, a descriptor or a lane behind for ever. And a
 * host's signal handler may fork: if it had interrupted malloc(), glibc's fork would
 * wait for itself. So between fnt_guard_enter() and fnt_guard_leave() the thread is not
 * cancelled, and takes no signals but those that its own instructions cause. What comes
 * meanwhile comes afterwards. Guards may be nested.
 *
 * Any thread. Each makes one system call.
 */
#ifndef FNT_BASE_GUARD_H
#define FNT_BASE_GUARD_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct fnt_guard {
	int saved_errno;
	int cancel_state;
	sigset_t signals;
};

static inline struct fnt_guard
fnt_guard_enter(void)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
	struct fnt_guard guard = {.saved_errno = errno};
	sigset_t others;

	sigfillset(&others);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		sigdelset(&others, own[i]);
	pthread_sigmask(SIG_BLOCK, &others, &guard.signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard.cancel_state);
	return guard;
}

static inline void
fnt_guard_leave(struct fnt_guard guard)
{
	pthread_setcancelstate(guard.cancel_state, NULL);
	pthread_sigmask(SIG_SETMASK, &guard.signals, NULL);
	errno = guard.saved_errno;
}

#endif
