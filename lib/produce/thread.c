/* SPDX-License-Identifier: MIT */
#include "produce/thread.h"

#include "base/random.h"
#include "produce/frame_cache.h"
#include "region/fd.h"
#include "region/slots.h"
#include "ring/recover.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After a failed search for a lane or for dead processes, wait so long. */
#define RETRY_AFTER_NS (FNT_SECOND_NS / 10)
#define THREADS_CACHED 4

/* The calling thread's part of the attachments that it used last, by attachment id
 * modulo THREADS_CACHED. The array's address also identifies the thread: see
 * fnt_thread.key. */
static _Thread_local struct fnt_thread_entry threads_cached[THREADS_CACHED]
	__attribute__((tls_model("initial-exec")));
_Thread_local struct fnt_thread_entry fnt_thread_last
	__attribute__((tls_model("initial-exec")));

/* Has disable_fast_paths() been registered to run when the thread ends, or has it
 * run? */
static _Thread_local enum {
	NOT_REGISTERED,
	REGISTERED,
	HAS_RUN
} fast_paths_end __attribute__((tls_model("initial-exec")));

static uint64_t last_serial; /* protected by the process's mutex */
static pthread_key_t exit_key;

/* Free a thread's part. Its lane and its cached frames are free for other threads. */
static void
release_thread(struct fnt_thread *thread)
{
	const struct fnt_view *view = &thread->attachment->region.view;

	fnt_thread_release_frames(thread);
	if (thread->writer.lane) {
		fnt_ring_writer_fini(&thread->writer);
		fnt_lane_release(view, thread->writer.lane_no);
	}
	free(thread);
}

void
fnt_thread_forget(void)
{
	memset(threads_cached, 0, sizeof(threads_cached));
	fnt_thread_last.id = 0;
	fnt_thread_state.serial = fnt_thread_state.fast =
		fnt_thread_state.fast_counter = 0;
	fnt_thread_state.reader = NULL;
}

/* ---- enabling fast paths --------------------------------------------------------- */

/* From the C++ ABI. If the C library lacks it, no thread takes fast paths. */
int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *dso)
	__attribute__((weak));
extern char __dso_handle __attribute__((visibility("hidden")));

static void
disable_fast_paths(void *unused)
{
	(void)unused;
	fnt_thread_state.fast = fnt_thread_state.fast_counter = 0;
	fnt_thread_state.reader = NULL;
	fast_paths_end = HAS_RUN;
}

/* Let the calling thread take fast paths, which use a cached pointer to urcu-bp's state
 * of the thread. urcu-bp frees that state in a destructor of a pthread key. The
 * destructors of a host's keys run in no defined order with it, and may use a log. So
 * the cached pointer must be cleared before all of them: in a destructor of a C++
 * thread-local object. */
static void
enable_fast_paths(void)
{
	if (!fnt_rcu_is_fast())
		return;
	if (fast_paths_end == NOT_REGISTERED && __cxa_thread_atexit_impl &&
	    !__cxa_thread_atexit_impl(disable_fast_paths, NULL, &__dso_handle))
		fast_paths_end = REGISTERED;
	if (fast_paths_end != REGISTERED)
		return;
	fnt_thread_state.reader = URCU_TLS(urcu_bp_reader);
	fnt_thread_state.fast = fnt_thread_state.reader ? fnt_thread_state.serial : 0;
	fnt_thread_state.fast_counter =
		fnt_clock_kind() == FNT_CLOCK_TSC ? fnt_thread_state.fast : 0;
}

/* ---- threads that end, dead processes, lanes ------------------------------------- */

/* Destructor of exit_key: release the thread's lanes and cached frames. Its open calls
 * stay open: another thread may finish them. */
static void
thread_exit(void *key)
{
	int saved = errno;

	fnt_process_lock();
	for (struct fnt_attachment *at = *fnt_process_attachments(); at;
	     at = at->next) {
		struct fnt_thread **link = &at->threads;

		while (*link) {
			struct fnt_thread *thread = *link;

			if (thread->key != key) {
				link = &thread->next;
				continue;
			}
			*link = thread->next;
			release_thread(thread);
		}
	}
	fnt_thread_forget();
	fnt_process_unlock();
	errno = saved;
}

/* Recover what dead processes hold, unless the host has closed our descriptor and it
 * can't be opened again. Returns how many processes were recovered. */
static uint32_t
recover_dead(struct fnt_attachment *attachment)
{
	return fnt_region_restore_fd(&attachment->region)
		       ? fnt_recover_dead(&attachment->region, attachment->slot)
		       : 0;
}

/* Claim a lane, if one is free or a dead process has one. With the process's mutex
 * held. */
static void
find_lane(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	const struct fnt_view *view = &attachment->region.view;
	uint32_t lane;

	if (attachment->slot == FNT_SLOT_NONE)
		return;
	lane = fnt_lane_claim(view, attachment->slot, thread->tid);
	if (lane == FNT_LANE_NONE && recover_dead(attachment))
		lane = fnt_lane_claim(view, attachment->slot, thread->tid);
	if (lane == FNT_LANE_NONE)
		return;
	fnt_ring_writer_init(&thread->writer, view, lane);
	fnt_meter_init(&thread->meter, view, lane);
	fnt_name_cache_forget_rows(&thread->names);
}

/* ---- a thread's part ------------------------------------------------------------- */

struct fnt_thread *
fnt_thread_make(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = aligned_alloc(FNT_CACHE_LINE, sizeof(*thread));

	if (!thread)
		return NULL;
	memset(thread, 0, offsetof(struct fnt_thread, names));
	thread->attachment = attachment;
	thread->key = threads_cached;
	thread->tid = (int32_t)gettid();
	thread->exe = attachment->exe;
	thread->pid_tid = (uint32_t)attachment->pid | (uint64_t)(uint32_t)thread->tid
							      << 32;
	thread->origin = attachment->origin;
	thread->clock.shift = attachment->time_shift;
	thread->calls = attachment->pool->calls;
	fnt_name_cache_init(&thread->names);
	fnt_random(&thread->random, sizeof(thread->random));
	fnt_random(&thread->trace_high, sizeof(thread->trace_high));
	thread->frame_hint = (uint32_t)thread->random;
	fnt_clock_renew(&thread->clock);
	fnt_meter_init(&thread->meter, &attachment->region.view, FNT_LANE_NONE);
	find_lane(thread);
	/* The destructor gets this value, and frees the parts whose key it is. */
	if (pthread_setspecific(exit_key, threads_cached)) {
		thread->next = NULL;
		release_thread(thread);
		return NULL;
	}
	thread->next = attachment->threads;
	attachment->threads = thread;
	return thread;
}

void
fnt_threads_release(struct fnt_attachment *attachment)
{
	while (attachment->threads) {
		struct fnt_thread *thread = attachment->threads;

		attachment->threads = thread->next;
		release_thread(thread);
	}
}

void
fnt_threads_set_up(void)
{
	pthread_key_create(&exit_key, thread_exit);
}

struct fnt_thread *
fnt_thread_slow(struct fnt_attachment *attachment)
{
	struct fnt_thread_entry *cached =
		&threads_cached[attachment->id % THREADS_CACHED];
	struct fnt_thread *thread;
	int saved = errno;

	fnt_process_lock();
	for (thread = attachment->threads; thread; thread = thread->next)
		if (thread->key == threads_cached)
			break;
	if (!thread)
		thread = fnt_thread_make(attachment);
	if (!fnt_thread_state.serial)
		fnt_thread_state.serial = ++last_serial;
	enable_fast_paths();
	fnt_process_unlock();
	errno = saved;
	if (thread) {
		cached->id = attachment->id;
		cached->thread = thread;
		fnt_thread_last = *cached;
	}
	return thread;
}

struct fnt_thread *
fnt_thread_cached_other(const struct fnt_attachment *attachment)
{
	const struct fnt_thread_entry *cached =
		&threads_cached[attachment->id % THREADS_CACHED];

	if (cached->id != attachment->id)
		return NULL;
	fnt_thread_last = *cached;
	return cached->thread;
}

void
fnt_thread_find_lane(struct fnt_thread *thread, uint64_t now_ns)
{
	int saved = errno;

	if (thread->writer.lane || now_ns < thread->lane_retry_ns)
		return;
	thread->lane_retry_ns = now_ns + RETRY_AFTER_NS;
	fnt_process_lock();
	find_lane(thread);
	fnt_process_unlock();
	errno = saved;
}

bool
fnt_thread_recover_dead(struct fnt_thread *thread, uint64_t now_ns)
{
	struct fnt_attachment *attachment = thread->attachment;
	int saved = errno;
	uint32_t count = 0;

	if (now_ns < thread->recover_after_ns || attachment->slot == FNT_SLOT_NONE)
		return false;
	thread->recover_after_ns = now_ns + RETRY_AFTER_NS;
	if (fnt_process_trylock()) {
		count = recover_dead(attachment);
		fnt_process_unlock();
	}
	errno = saved;
	return count > 0;
}
