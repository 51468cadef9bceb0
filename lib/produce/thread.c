/* SPDX-License-Identifier: MIT */
#include "produce/thread.h"

#include "base/guard.h"
#include "base/random.h"
#include "produce/enter_region.h"
#include "produce/frame_cache.h"
#include "produce/populate.h"
#include "produce/thread_table.h"
#include "region/fd.h"
#include "region/slots.h"
#include "ring/recover.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After a failed search for a lane or for dead processes, wait so long. */
#define RETRY_AFTER_NS (FNT_SECOND_NS / 10)

FNT_THREAD_LOCAL struct fnt_thread_entry fnt_thread_last;

static _Atomic uint64_t last_serial;
static pthread_key_t exit_key;
static bool has_exit_key;

/* ---- a part that its thread leaves ----------------------------------------------- */

/* Release the part's lane and cached frames. */
static void
empty_part(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;

	fnt_thread_release_frames(thread);
	if (!thread->writer.lane)
		return;
	fnt_ring_writer_fini(&thread->writer);
	fnt_lane_release(&attachment->region.view, thread->writer.lane_no);
	thread->writer.lane = NULL;
	/* Threads without a lane need not wait. */
	atomic_store_explicit(&attachment->lane_retry_ns, 0, memory_order_relaxed);
}

static void
leave_part(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;

	empty_part(thread);
	/* [D1] release: the owner is done with the part. Pairs with [D2]. */
	atomic_store_explicit(&thread->owner, NULL, memory_order_release);
	atomic_fetch_add_explicit(&attachment->threads_free, 1, memory_order_relaxed);
}

/* The part in the attachment's list, for a thread whose table had no room for it. */
static struct fnt_thread *
find_in_list(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread =
		atomic_load_explicit(&attachment->threads, memory_order_acquire);

	while (thread &&
	       atomic_load_explicit(&thread->owner, memory_order_relaxed) != fnt_self())
		thread = thread->next;
	return thread;
}

/* The calling thread's part, if it has one. */
static struct fnt_thread *
find_own(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = fnt_thread_table_find(attachment);

	return thread || !fnt_thread_table_is_full() ? thread
						     : find_in_list(attachment);
}

void
fnt_thread_forget(void)
{
	fnt_thread_table_clear();
	fnt_thread_last.id = 0;
	fnt_thread_state.serial = fnt_thread_state.fast =
		fnt_thread_state.fast_counter = 0;
}

/* Destructor of exit_key: leave the thread's parts. Its open calls stay open: another
 * thread may finish them. Attachments that are found here are not freed before the
 * section ends. If there is no section to be had, the parts stay until their logs are
 * closed. */
static void
thread_exit(void *unused)
{
	struct fnt_guard guard = fnt_guard_enter();

	(void)unused;
	if (fnt_rcu_read_lock()) {
		for (struct fnt_attachment *at = fnt_process_first(); at;
		     at = fnt_process_next(at)) {
			struct fnt_thread *thread = find_own(at);

			if (thread)
				leave_part(thread);
		}
		fnt_rcu_read_unlock();
	}
	fnt_thread_forget();
	fnt_thread_table_free();
	fnt_guard_leave(guard);
}

bool
fnt_threads_set_up(void)
{
	if (!has_exit_key)
		has_exit_key = !pthread_key_create(&exit_key, thread_exit);
	return has_exit_key;
}

/* ---- lanes, dead processes ------------------------------------------------------- */

/* Recover what dead processes hold, unless the host has closed our descriptor and it
 * can't be opened again, or another thread is at it. Returns how many processes were
 * recovered. */
static uint32_t
recover_dead(struct fnt_attachment *attachment)
{
	uint32_t count = 0;

	if (!fnt_lock_try(&attachment->recovering))
		return 0;
	if (fnt_region_restore_fd(&attachment->region))
		count = fnt_recover_dead(&attachment->region, attachment->slot);
	fnt_lock_release(&attachment->recovering);
	return count;
}

/* The name of the program, for the thread's records. It comes with the slot. */
static void
take_program_name(struct fnt_thread *thread)
{
	const struct fnt_attachment *attachment = thread->attachment;
	/* [D8] acquire: the name is no older than the slot. Pairs with [D7] in
	 * enter_region.c. */
	uint32_t slot = atomic_load_explicit(&attachment->slot, memory_order_acquire);

	thread->exe = slot == FNT_SLOT_NONE ? FNT_NAME_NONE : attachment->exe;
}

/* Claim a lane, if one is free or a dead process has one. */
static bool
find_lane(struct fnt_thread *thread)
{
	struct fnt_attachment *attachment = thread->attachment;
	const struct fnt_view *view = &attachment->region.view;
	uint32_t lane;

	/* A forked child that goes on with what a signal handler interrupted must not
	 * claim lanes of its parent's slot. */
	if (attachment->generation != fnt_fork_generation ||
	    !fnt_attachment_has_slot(attachment))
		return false;
	lane = fnt_lane_claim(view, attachment->slot, thread->tid);
	if (lane == FNT_LANE_NONE && recover_dead(attachment))
		lane = fnt_lane_claim(view, attachment->slot, thread->tid);
	if (lane == FNT_LANE_NONE)
		return false;
	take_program_name(thread);
	fnt_ring_writer_init(&thread->writer, view, lane);
	fnt_meter_set_lane(&thread->meter, lane);
	fnt_name_cache_forget_rows(&thread->names);
	return true;
}

/* Is it this thread's turn to look for a lane? One thread of the process looks at a
 * time, and then nobody until RETRY_AFTER_NS later. */
static bool
may_look_for_lane(struct fnt_attachment *attachment, uint64_t now_ns)
{
	uint64_t after =
		atomic_load_explicit(&attachment->lane_retry_ns, memory_order_relaxed);

	return now_ns >= after &&
	       atomic_compare_exchange_strong_explicit(
		       &attachment->lane_retry_ns, &after, now_ns + RETRY_AFTER_NS,
		       memory_order_relaxed, memory_order_relaxed);
}

void
fnt_thread_find_lane(struct fnt_thread *thread, uint64_t now_ns)
{
	struct fnt_attachment *attachment = thread->attachment;
	struct fnt_guard guard;

	if (thread->writer.lane || thread->no_lane_wanted ||
	    !may_look_for_lane(attachment, now_ns))
		return;
	guard = fnt_guard_enter();
	/* Where one is free, there may be more. */
	if (find_lane(thread))
		atomic_store_explicit(&attachment->lane_retry_ns, 0,
				      memory_order_relaxed);
	fnt_guard_leave(guard);
}

bool
fnt_thread_recover_dead(struct fnt_thread *thread, uint64_t now_ns)
{
	struct fnt_attachment *attachment = thread->attachment;
	struct fnt_guard guard;
	uint32_t count;

	if (now_ns < thread->recover_after_ns || attachment->slot == FNT_SLOT_NONE)
		return false;
	thread->recover_after_ns = now_ns + RETRY_AFTER_NS;
	guard = fnt_guard_enter();
	count = recover_dead(attachment);
	fnt_guard_leave(guard);
	return count > 0;
}

/* ---- a thread's part ------------------------------------------------------------- */

/* Take a part that its thread has left; NULL: there is none. */
static struct fnt_thread *
take_free_part(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread;

	if (!atomic_load_explicit(&attachment->threads_free, memory_order_relaxed))
		return NULL;
	/* [D6] acquire: the part is complete. Pairs with [D5]. */
	thread = atomic_load_explicit(&attachment->threads, memory_order_acquire);
	for (; thread; thread = thread->next) {
		const void *nobody = NULL;

		/* [D2] acquire: its last owner is done with it. Pairs with [D1]. */
		if (!atomic_load_explicit(&thread->owner, memory_order_relaxed) &&
		    atomic_compare_exchange_strong_explicit(
			    &thread->owner, &nobody, fnt_self(), memory_order_acquire,
			    memory_order_relaxed)) {
			atomic_fetch_sub_explicit(&attachment->threads_free, 1,
						  memory_order_relaxed);
			return thread;
		}
	}
	return NULL;
}

/* A new part, which is not in the list yet. */
static struct fnt_thread *
new_part(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = aligned_alloc(FNT_CACHE_LINE, sizeof(*thread));

	if (!thread)
		return NULL;
	memset(thread, 0, sizeof(*thread));
	fnt_name_cache_init(&thread->names);
	fnt_meter_init(&thread->meter, &attachment->region.view, FNT_LANE_NONE);
	thread->meter.may_grow = true;
	thread->attachment = attachment;
	thread->calls = attachment->pool->calls;
	atomic_store_explicit(&thread->owner, fnt_self(), memory_order_relaxed);
	return thread;
}

static void
push_part(struct fnt_attachment *attachment, struct fnt_thread *thread)
{
	thread->next = atomic_load_explicit(&attachment->threads, memory_order_relaxed);
	/* [D5] release: the part is complete before it can be found. Pairs with
	 * [D6]. */
	while (!atomic_compare_exchange_weak_explicit(
		&attachment->threads, &thread->next, thread, memory_order_release,
		memory_order_relaxed))
		continue;
}

/* Make the part the calling thread's. It has no lane. */
static void
begin_part(struct fnt_thread *thread)
{
	const struct fnt_attachment *attachment = thread->attachment;

	thread->tid = (int32_t)gettid();
	take_program_name(thread);
	thread->pid_tid = (uint32_t)attachment->pid | (uint64_t)(uint32_t)thread->tid
							      << 32;
	fnt_random(&thread->random, sizeof(thread->random));
	fnt_random(&thread->trace_high, sizeof(thread->trace_high));
	thread->frame_hint = (uint32_t)thread->random;
	thread->frames_wait = 0;
	thread->recover_after_ns = 0;
	thread->no_lane_wanted = false;
	thread->origin = attachment->origin;
	thread->clock = (struct fnt_clock){.shift = attachment->time_shift};
	fnt_clock_renew(&thread->clock);
	fnt_meter_set_lane(&thread->meter, FNT_LANE_NONE);
	fnt_name_cache_forget_rows(&thread->names);
}

struct fnt_thread *
fnt_thread_make(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = take_free_part(attachment);
	bool is_new = !thread;

	if (is_new)
		thread = new_part(attachment);
	if (!thread)
		return NULL;
	begin_part(thread);
	find_lane(thread);
	fnt_populate_ahead(thread);
	/* A new part comes last: it may lead to segments (unmap_old.c). */
	if (is_new)
		push_part(attachment, thread);
	return thread;
}

struct fnt_thread *
fnt_threads_any(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread =
		atomic_load_explicit(&attachment->threads, memory_order_acquire);

	while (thread && !atomic_load_explicit(&thread->owner, memory_order_relaxed))
		thread = thread->next;
	return thread;
}

void
fnt_threads_release(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = atomic_exchange_explicit(&attachment->threads, NULL,
							     memory_order_acquire);

	while (thread) {
		struct fnt_thread *next = thread->next;

		empty_part(thread);
		fnt_name_cache_fini(&thread->names);
		fnt_meter_fini(&thread->meter);
		free(thread);
		thread = next;
	}
}

/* ---- the calling thread ---------------------------------------------------------- */

/* Let the calling thread take fast paths. */
static void
enable_fast_paths(void)
{
	if (!fnt_thread_state.serial)
		fnt_thread_state.serial =
			1 + atomic_fetch_add_explicit(&last_serial, 1,
						      memory_order_relaxed);
	if (!fnt_rcu_is_fast())
		return;
	fnt_thread_state.fast = fnt_thread_state.serial;
	fnt_thread_state.fast_counter =
		fnt_clock_kind() == FNT_CLOCK_TSC ? fnt_thread_state.fast : 0;
}

struct fnt_thread *
fnt_thread_slow(struct fnt_attachment *attachment)
{
	struct fnt_guard guard = fnt_guard_enter();
	struct fnt_thread *thread = NULL;

	/* First, so that there is no part without a destructor that leaves it. */
	if (has_exit_key && !pthread_setspecific(exit_key, fnt_self())) {
		thread = find_own(attachment);
		if (!thread)
			thread = fnt_thread_make(attachment);
	}
	if (thread) {
		enable_fast_paths();
		fnt_thread_table_add(attachment, thread);
		fnt_thread_last = (struct fnt_thread_entry){attachment->id, thread};
		/* A signal handler has forked, and this is the child: the part
		 * is its parent's. */
		if (attachment->generation != fnt_fork_generation) {
			fnt_thread_forget();
			thread = NULL;
		}
	}
	fnt_guard_leave(guard);
	return thread;
}

struct fnt_thread *
fnt_thread_cached_other(const struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = fnt_thread_table_find(attachment);

	if (thread)
		fnt_thread_last = (struct fnt_thread_entry){attachment->id, thread};
	return thread;
}
