/* SPDX-License-Identifier: MIT
 *
 * guard.h: what a slow path leaves as it was in its host's thread: errno, and whether
 * the thread can be cancelled.
 *
 * open(), close(), read() and others are cancellation points. A thread that were
 * cancelled there would leave a lock, a descriptor or a lane behind for ever. So
 * cancellation is off between fnt_guard_enter() and fnt_guard_leave(); a request that
 * comes meanwhile is acted on at the host's next cancellation point. Guards may be
 * nested.
 *
 * Any thread. Wait-free; no system call.
 */
#ifndef FNT_BASE_GUARD_H
#define FNT_BASE_GUARD_H

#include <errno.h>
#include <pthread.h>

struct fnt_guard {
	int saved_errno;
	int cancel_state;
};

static inline struct fnt_guard
fnt_guard_enter(void)
{
	struct fnt_guard guard = {.saved_errno = errno};

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard.cancel_state);
	return guard;
}

static inline void
fnt_guard_leave(struct fnt_guard guard)
{
	pthread_setcancelstate(guard.cancel_state, NULL);
	errno = guard.saved_errno;
}

#endif
