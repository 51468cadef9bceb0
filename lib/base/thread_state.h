/* SPDX-License-Identifier: MIT
 *
 * thread_state.h: what the library knows of the calling thread, in thread-local
 * variables.
 *
 * Who may write what: the thread itself. Wait-free.
 */
#ifndef FNT_BASE_THREAD_STATE_H
#define FNT_BASE_THREAD_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct urcu_bp_reader;

/* Thread-local variables of the library. With glibc they are found by one instruction
 * and never need memory at a thread's first use; there are few enough of them for a
 * library that is loaded by dlopen(). Other C libraries refuse to load such a library
 * later, so there the usual model is used. */
#ifdef __GLIBC__
#define FNT_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define FNT_THREAD_LOCAL _Thread_local
#endif

/* What the fast paths need to know of the calling thread, in one thread-local struct.
 * Written by the thread itself (produce/thread.c). */
struct fnt_thread_state {
	/* Identifies the thread: no other thread of the process ever has this number.
	 * 0: it has not used a log yet. A forked child gets new ones. */
	uint64_t serial;
	/* `serial` if the thread may take fast paths, which need fnt_rcu_is_fast();
	 * else 0. */
	uint64_t fast;
	/* `fast` if the thread's clock is the counter, too; else 0. */
	uint64_t fast_counter;
	/* Where urcu-bp's pointer to its state of the thread is; NULL: not known yet.
	 * The pointer itself is NULL before the thread has joined urcu-bp, and after
	 * urcu-bp's destructor has run for a thread that ends. A copy of the address,
	 * since a shared library needs a function call to find another library's
	 * thread-local variable. */
	struct urcu_bp_reader **reader;
	/* How often the thread is in the count of busy threads (rcu.c). */
	uint32_t busy;
	bool holds_fork; /* it forks, and holds urcu-bp's mutexes */
};

extern FNT_THREAD_LOCAL struct fnt_thread_state fnt_thread_state;

/* An address that identifies the calling thread among the living threads of the
 * process; also in the child of a fork that it makes. */
static inline const void *
fnt_self(void)
{
	return &fnt_thread_state;
}

#endif
