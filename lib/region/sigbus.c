/* SPDX-License-Identifier: MIT */
#include "region/sigbus.h"

#include <fntrace/reader.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Never freed, used again: the handler goes through the list whenever it likes. */
struct fnt_sigbus_range {
	struct fnt_sigbus_range *next;
	_Atomic uintptr_t base; /* 0: free */
	_Atomic size_t size;	/* 0: not to be looked at */
	atomic_bool gone;
};

#define CLAIMED 1

static _Atomic(struct fnt_sigbus_range *) guards;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction previous;
static int installed;

/* ---- mappings --------------------------------------------------------------------- */

/* One that nobody has, now ours. */
static struct fnt_sigbus_range *
claim(void)
{
	struct fnt_sigbus_range *guard = atomic_load(&guards);

	for (; guard; guard = guard->next) {
		uintptr_t nobody = 0;

		if (atomic_compare_exchange_strong(&guard->base, &nobody, CLAIMED))
			return guard;
	}
	guard = calloc(1, sizeof(*guard));
	if (!guard)
		return NULL;
	atomic_store(&guard->base, CLAIMED);
	guard->next = atomic_load(&guards);
	while (!atomic_compare_exchange_weak(&guards, &guard->next, guard))
		;
	return guard;
}

struct fnt_sigbus_range *
fnt_sigbus_add(void *base, size_t size)
{
	struct fnt_sigbus_range *guard = claim();

	if (!guard)
		return NULL;
	atomic_store(&guard->gone, false);
	atomic_store(&guard->base, (uintptr_t)base);
	atomic_store(&guard->size, size);
	return guard;
}

void
fnt_sigbus_remove(struct fnt_sigbus_range *guard)
{
	if (!guard)
		return;
	atomic_store(&guard->size, 0);
	atomic_store(&guard->base, 0);
}

bool
fnt_sigbus_truncated(const struct fnt_sigbus_range *guard)
{
	return atomic_load_explicit(&guard->gone, memory_order_relaxed);
}

/* ---- the signal ------------------------------------------------------------------- */

/* Zeroes instead of the file. mmap is a bare system call, and so safe in a handler. */
static bool
replace(struct fnt_sigbus_range *guard, uintptr_t base)
{
	void *at = (void *)base;

	atomic_store(&guard->gone, true);
	return mmap(at, atomic_load(&guard->size), PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		    0) == at;
}

static bool
is_ours(uintptr_t address)
{
	for (struct fnt_sigbus_range *guard = atomic_load(&guards); guard;
	     guard = guard->next) {
		uintptr_t base = atomic_load(&guard->base);

		if (address - base < atomic_load(&guard->size))
			return replace(guard, base);
	}
	return false;
}

/* Not ours: as if we were not there. Without a handler the instruction is run once more, to
 * end the process as it would have ended. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(number, info, context);
	else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
		previous.sa_handler(number);
	else if (info->si_code > 0 || previous.sa_handler == SIG_DFL) {
		signal(number, SIG_DFL);
		if (info->si_code <=
		    0) /* sent by someone: nothing will raise it again */
			raise(number);
	}
}

static void
on_sigbus(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	if (info->si_code <= 0 || !is_ours((uintptr_t)info->si_addr))
		pass_on(number, info, context);
	errno = saved;
}

static void
install(void)
{
	struct sigaction action = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};

	/* What was there first must be known before ours can run. */
	sigemptyset(&action.sa_mask);
	installed =
		sigaction(SIGBUS, NULL, &previous) || sigaction(SIGBUS, &action, NULL)
			? -errno
			: 0;
}

int
fnt_reader_guard(void)
{
	pthread_once(&once, install);
	return installed;
}
