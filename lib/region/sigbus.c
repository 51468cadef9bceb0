/* SPDX-License-Identifier: MIT */
#include "region/sigbus.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* An entry of a list that only grows, as the handler may walk through it at any time.
 * Entries are reused, never freed. */
struct fnt_sigbus_range {
	struct fnt_sigbus_range *next;
	_Atomic uintptr_t base; /* 0: unused; RANGE_CLAIMED: being filled in */
	_Atomic size_t size;	/* 0: the handler ignores the entry */
	_Atomic(struct fnt_sigbus_range *) whole; /* of all of the file, or NULL */
	atomic_bool write;
	atomic_bool lost; /* set by the handler */
};

#define RANGE_CLAIMED 1

/* The end of the list: enough for a few regions, without an allocation. */
static struct fnt_sigbus_range first[] = {
	{.next = &first[1]}, {.next = &first[2]}, {.next = &first[3]},
	{.next = &first[4]}, {.next = &first[5]}, {.next = &first[6]},
	{.next = &first[7]}, {.next = NULL},
};

static _Atomic(struct fnt_sigbus_range *) ranges = &first[0];
static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static int install_result;
static struct sigaction previous; /* the handler before ours */

/* ---- ranges ---------------------------------------------------------------------- */

/* An unused entry, or a new one; NULL: no memory. */
static struct fnt_sigbus_range *
claim_range(void)
{
	struct fnt_sigbus_range *range = atomic_load(&ranges);

	for (; range; range = range->next) {
		uintptr_t unused = 0;

		if (atomic_compare_exchange_strong(&range->base, &unused,
						   RANGE_CLAIMED))
			return range;
	}
	range = calloc(1, sizeof(*range));
	if (!range)
		return NULL;
	atomic_store(&range->base, RANGE_CLAIMED);
	range->next = atomic_load(&ranges);
	while (!atomic_compare_exchange_weak(&ranges, &range->next, range))
		;
	return range;
}

struct fnt_sigbus_range *
fnt_sigbus_add(void *base, size_t size, bool write, struct fnt_sigbus_range *whole)
{
	struct fnt_sigbus_range *range = claim_range();

	if (!range)
		return NULL;
	atomic_store(&range->lost, false);
	atomic_store(&range->write, write);
	atomic_store(&range->whole, whole);
	atomic_store(&range->base, (uintptr_t)base);
	atomic_store(&range->size, size);
	return range;
}

void
fnt_sigbus_remove(struct fnt_sigbus_range *range)
{
	if (!range)
		return;
	atomic_store(&range->size, 0);
	atomic_store(&range->base, 0);
}

bool
fnt_sigbus_lost(const struct fnt_sigbus_range *range)
{
	return range && atomic_load_explicit(&range->lost, memory_order_relaxed);
}

/* ---- the signal ------------------------------------------------------------------ */

/* Map zeroes in place of the file. mmap() is not on POSIX's list of async-signal-safe
 * functions, but on Linux it is a bare system call. Another thread that has met the
 * same fault may do this once more: what was written in between is lost. */
static bool
map_zeroes(struct fnt_sigbus_range *range, uintptr_t base)
{
	int prot = PROT_READ | (atomic_load(&range->write) ? PROT_WRITE : 0);
	void *at = (void *)base;

	atomic_store(&range->lost, true);
	return mmap(at, atomic_load(&range->size), prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		    0) == at;
}

/* Replace a range, and that of its whole file: a producer then sees the generation
 * change. Whoever uses the one keeps the other mapped. */
static bool
lose(struct fnt_sigbus_range *range, uintptr_t base)
{
	struct fnt_sigbus_range *whole = atomic_load(&range->whole);

	if (whole && !fnt_sigbus_lost(whole))
		map_zeroes(whole, atomic_load(&whole->base));
	return map_zeroes(range, base);
}

void
fnt_sigbus_lose(struct fnt_sigbus_range *range)
{
	if (range && !fnt_sigbus_lost(range))
		lose(range, atomic_load(&range->base));
}

/* Is the address in a registered range, and has that been replaced? */
static bool
handle_address(uintptr_t address)
{
	for (struct fnt_sigbus_range *range = atomic_load(&ranges); range;
	     range = range->next) {
		uintptr_t base = atomic_load(&range->base);

		if (address - base < atomic_load(&range->size))
			return lose(range, base);
	}
	return false;
}

/* Behave as if our handler were not installed. If there was none before, restore the
 * default action: the instruction faults again and ends the process. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(number, info, context);
	else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
		previous.sa_handler(number);
	else if (info->si_code > 0 || previous.sa_handler == SIG_DFL) {
		signal(number, SIG_DFL);
		/* A signal that was sent, not caused by a fault, does not recur by
		 * itself. */
		if (info->si_code <= 0)
			raise(number);
	}
}

static void
on_sigbus(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	if (info->si_code <= 0 || !handle_address((uintptr_t)info->si_addr))
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

	/* `previous` must be known before our handler can run. */
	sigemptyset(&action.sa_mask);
	install_result =
		sigaction(SIGBUS, NULL, &previous) || sigaction(SIGBUS, &action, NULL)
			? -errno
			: 0;
}

int
fnt_sigbus_install(void)
{
	pthread_once(&install_once, install);
	return install_result;
}
