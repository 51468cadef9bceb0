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

#define LOOK_EVERY_NS (FNT_SECOND_NS / 10)
#define THREADS_SEEN 4

/* Of the last few attachments, by number. */
static _Thread_local struct fnt_thread_entry threads_seen[THREADS_SEEN]
	__attribute__((tls_model("initial-exec")));
_Thread_local struct fnt_thread_entry fnt_thread_last
	__attribute__((tls_model("initial-exec")));
_Thread_local struct fnt_thread_state fnt_thread_state
	__attribute__((tls_model("initial-exec")));

/* Has the end of quickness been arranged for, or come? */
static _Thread_local enum {
	NOT_YET,
	ARRANGED,
	OVER
} quickness __attribute__((tls_model("initial-exec")));

static uint64_t last_serial;
static pthread_key_t exit_key;

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

/* The calling thread starts anew. */
void
fnt_thread_forget(void)
{
	memset(threads_seen, 0, sizeof(threads_seen));
	fnt_thread_last.id = 0;
	fnt_thread_state.serial = fnt_thread_state.fast =
		fnt_thread_state.fast_counter = 0;
	fnt_thread_state.reader = NULL;
}

/* ---- the short ways ------------------------------------------------------------- */

/* The C++ ABI's; where a C library lacks it no thread is quick. */
int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *dso)
	__attribute__((weak));
extern char __dso_handle __attribute__((visibility("hidden")));

static void
end_quickness(void *unused)
{
	(void)unused;
	fnt_thread_state.fast = fnt_thread_state.fast_counter = 0;
	fnt_thread_state.reader = NULL;
	quickness = OVER;
}

/* urcu-bp forgets an ending thread in a destructor of a pthread key, in no order with
 * those of others, who may use a log in theirs: what is remembered of it here has to go
 * before. That is when C++'s destructors of thread-locals run. */
static void
become_quick(void)
{
	if (!fnt_rcu_is_fast())
		return;
	if (quickness == NOT_YET && __cxa_thread_atexit_impl &&
	    !__cxa_thread_atexit_impl(end_quickness, NULL, &__dso_handle))
		quickness = ARRANGED;
	if (quickness != ARRANGED)
		return;
	fnt_thread_state.reader = URCU_TLS(urcu_bp_reader);
	fnt_thread_state.fast = fnt_thread_state.reader ? fnt_thread_state.serial : 0;
	fnt_thread_state.fast_counter =
		fnt_clock_kind() == FNT_CLOCK_TSC ? fnt_thread_state.fast : 0;
}

/* A thread ends: its lanes and frames go back. Its open calls stay open: another thread
 * may finish them. */
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

/* Look for the dead; also where the host has closed our descriptor. */
static uint32_t
reap(struct fnt_attachment *attachment)
{
	return fnt_region_restore_fd(&attachment->region)
		       ? fnt_recover_dead(&attachment->region, attachment->slot)
		       : 0;
}

static void
find_lane(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	const struct fnt_view *view = &attachment->region.view;
	uint32_t lane;

	if (attachment->slot == FNT_SLOT_NONE)
		return;
	lane = fnt_lane_claim(view, attachment->slot, thread->tid);
	if (lane == FNT_LANE_NONE && reap(attachment))
		lane = fnt_lane_claim(view, attachment->slot, thread->tid);
	if (lane == FNT_LANE_NONE)
		return;
	fnt_ring_writer_init(&thread->writer, view, lane);
	fnt_meter_init(&thread->meter, view, lane);
	fnt_name_cache_forget_rows(&thread->names);
}

struct fnt_thread *
fnt_thread_make(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = aligned_alloc(FNT_CACHE_LINE, sizeof(*thread));

	if (!thread)
		return NULL;
	memset(thread, 0, offsetof(struct fnt_thread, names));
	thread->attachment = attachment;
	thread->key = threads_seen;
	thread->tid = (int32_t)gettid();
	thread->exe = attachment->exe;
	thread->pid_tid = (uint32_t)attachment->pid | (uint64_t)(uint32_t)thread->tid
							      << 32;
	thread->calls = attachment->pool->calls;
	fnt_name_cache_init(&thread->names);
	fnt_random(&thread->random, sizeof(thread->random));
	fnt_random(&thread->trace_high, sizeof(thread->trace_high));
	thread->frame_hint = (uint32_t)thread->random;
	fnt_clock_renew(&thread->clock);
	fnt_meter_init(&thread->meter, &attachment->region.view, FNT_LANE_NONE);
	find_lane(thread);
	/* The key only has to be something: the destructor goes by the same address. */
	if (pthread_setspecific(exit_key, threads_seen)) {
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
	struct fnt_thread_entry *seen = &threads_seen[attachment->id % THREADS_SEEN];
	struct fnt_thread *thread;
	int saved = errno;

	fnt_process_lock();
	for (thread = attachment->threads; thread; thread = thread->next)
		if (thread->key == threads_seen)
			break;
	if (!thread)
		thread = fnt_thread_make(attachment);
	if (!fnt_thread_state.serial)
		fnt_thread_state.serial = ++last_serial;
	become_quick();
	fnt_process_unlock();
	errno = saved;
	if (thread) {
		seen->id = attachment->id;
		seen->thread = thread;
		fnt_thread_last = *seen;
	}
	return thread;
}

struct fnt_thread *
fnt_thread_cached_other(const struct fnt_attachment *attachment)
{
	const struct fnt_thread_entry *seen =
		&threads_seen[attachment->id % THREADS_SEEN];

	if (seen->id != attachment->id)
		return NULL;
	fnt_thread_last = *seen;
	return seen->thread;
}

void
fnt_thread_find_lane(struct fnt_thread *thread, uint64_t now_ns)
{
	int saved = errno;

	if (thread->writer.lane || now_ns < thread->lane_retry_ns)
		return;
	thread->lane_retry_ns = now_ns + LOOK_EVERY_NS;
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
	thread->recover_after_ns = now_ns + LOOK_EVERY_NS;
	/* Somebody else at it will do. */
	if (fnt_process_trylock()) {
		count = reap(attachment);
		fnt_process_unlock();
	}
	errno = saved;
	return count > 0;
}
