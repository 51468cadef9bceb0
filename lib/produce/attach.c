/* SPDX-License-Identifier: MIT */
#include "produce/attach.h"

#include "base/guard.h"
#include "base/short_text.h"
#include "produce/call_pool.h"
#include "produce/close_calls.h"
#include "produce/disabled.h"
#include "produce/enter_region.h"
#include "produce/lost.h"
#include "produce/private_calls.h"
#include "produce/refused.h"
#include "produce/rules.h"
#include "produce/thread.h"
#include "produce/unmap_old.h"
#include "region/fd.h"
#include "region/liveness.h"
#include "region/provenance.h"
#include "region/region.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "ring/recover.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* How often a descriptor is opened anew because a fork has come between. */
#define OWN_TRIES 20

/* How often to wait for a fork that is in the way of a grace period. */
#define GRACE_TRIES 20

/* How long a forked child that had no memory for an attachment waits. */
#define ATTACH_RETRY_NS FNT_SECOND_NS

/* How long a thread of a forked child waits for the one that attaches the child. */
#define ATTACH_WITHIN_MS 1000u

/* Protected by the process's lock. A forked child looks at these, too, whatever another
 * thread of its parent was doing: each change is a single store. */
static struct fnt_attachment *making;	 /* NULL: none */
static struct fnt_attachment *closing;	 /* a list */
static struct fnt_attachment *lost_ones; /* whose regions were lost: lost.h */
static struct fnt_attachment *inherited; /* the parent's, in a forked child */
static struct fnt_call_pool *pools;	 /* of closed logs that have open calls */
static struct fnt_log *logs;
static uint64_t last_id;
static _Atomic uint32_t forks; /* that have begun */

/* ---- attachments ----------------------------------------------------------------- */

/* Free the pools of closed logs whose last call has ended. */
static void
sweep_pools(void)
{
	struct fnt_call_pool **link = &pools;

	while (*link) {
		struct fnt_call_pool *pool = *link;

		if (fnt_call_pool_in_use(pool) || fnt_private_calls_sweep(pool)) {
			link = &pool->next;
			continue;
		}
		*link = pool->next;
		fnt_call_pool_destroy(pool);
	}
}

/* Open the region's file anew. Without /proc, keep the descriptor that we have. */
static void
own_descriptor(struct fnt_region *region)
{
	int fd = fnt_region_reopen(region);

	if (fd < 0)
		return;
	fnt_region_close_fd(region);
	region->fd = fd;
}

/* Get a descriptor, and the page that keeps its locks when the host closes it, that no
 * child shares: a child would keep our locks when we are dead. A child closes the
 * descriptor of an attachment that it knows of (after_fork_child()); so if no fork has
 * begun since before it was opened, none has missed it. */
static void
own_locks(struct fnt_attachment *attachment)
{
	struct fnt_region *region = &attachment->region;
	uint32_t before;

	for (int i = 0; i < OWN_TRIES; i++) {
		before = atomic_load(&forks);
		fnt_region_unpin_locks(region);
		own_descriptor(region);
		fnt_region_pin_locks(region);
		if (atomic_load(&forks) == before)
			return;
	}
}

/* Free an attachment that has no slot. Its region is the caller's. */
static void
discard(struct fnt_attachment *attachment)
{
	if (atomic_load_explicit(&attachment->snapshot, memory_order_relaxed))
		fnt_rules_fini(attachment);
	if (attachment->pool)
		fnt_call_pool_destroy(attachment->pool);
	free(attachment);
}

/* NULL: no memory. */
static struct fnt_attachment *
new_attachment(const struct fnt_region *region)
{
	struct fnt_attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment)
		return NULL;
	attachment->region = *region;
	attachment->id = ++last_id;
	attachment->pool = fnt_call_pool_create(region->view.frame_count);
	if (!attachment->pool || !fnt_rules_init(attachment)) {
		discard(attachment);
		return NULL;
	}
	/* A child may inherit a region that is lost already: see lost.h. */
	if (fnt_lost_view(&region->view))
		atomic_store_explicit(&attachment->plain, FNT_GENERATION_NEVER,
				      memory_order_relaxed);
	return attachment;
}

/* Takes over the mapping and descriptor of `region`, unless it returns NULL: no
 * memory. With the process's lock held. If a signal handler forks meanwhile and the
 * child goes on here, what it has is its parent's: it begins again. */
static struct fnt_attachment *
make_attachment(const struct fnt_region *region)
{
	struct fnt_attachment *attachment = new_attachment(region);

	if (!attachment)
		return NULL;
	do {
		attachment->generation = fnt_fork_generation;
		making = attachment;
		own_locks(attachment);
		fnt_attachment_begin(attachment);
	} while (attachment->generation != fnt_fork_generation);
	making = NULL;
	return attachment;
}

/* Nobody uses the attachment any more. Its open calls become aborted records. */
static void
release_attachment(struct fnt_attachment *attachment)
{
	struct fnt_thread *thread = NULL;

	if (fnt_close_calls_needed(attachment->pool)) {
		thread = fnt_threads_any(attachment);
		if (!thread)
			thread = fnt_thread_make(attachment);
	}
	fnt_close_calls(attachment->pool, thread);
	fnt_threads_release(attachment);
	if (attachment->slot != FNT_SLOT_NONE) {
		/* Without memory for it, others recover the slot as if we had died. */
		if (fnt_recover_slot(&attachment->region, attachment->slot,
				     attachment->slot))
			fnt_slot_release(&attachment->region, attachment->slot);
		else
			fnt_slot_abandon(&attachment->region, attachment->slot);
	}
	fnt_region_close(&attachment->region);
	attachment->pool->next = pools;
	pools = attachment->pool;
	fnt_rules_fini(attachment);
}

static void
publish(struct fnt_log *log, struct fnt_attachment *attachment)
{
	/* [R1] release: the attachment is complete before it can be reached. Pairs with
	 * [R2]. */
	atomic_store_explicit(&log->attachment, attachment, memory_order_release);
}

/* ---- fork ------------------------------------------------------------------------ */

/* Nothing is locked here but urcu-bp's mutexes, and for those the wait has an end: the
 * host may hold locks of its own, here or in handlers that run later, which other
 * threads hold while they come to us. */
static void
before_fork(void)
{
	atomic_fetch_add(&forks, 1);
	fnt_rcu_before_fork();
}

/* The descriptor that a child inherits shares the parent's locks: while the child had
 * it open, the parent could not be seen to die. */
static void
replace_descriptor(struct fnt_attachment *attachment)
{
	struct fnt_region *region = &attachment->region;
	int fd = fnt_region_reopen(region);

	fnt_region_close_fd(region);
	/* If all numbers were in use, one is free now. */
	if (fd == -EMFILE || fd == -ENFILE)
		fd = fnt_region_reopen(region);
	region->fd = fd < 0 ? -1 : fd;
	fnt_region_forget_pins(region);
}

/* Attachments become inherited ones; also one that is being closed. What another thread
 * was making is lost, but for its descriptor. What this thread is making, in whose
 * middle a signal handler has forked, it makes again. */
static void
take_over_descriptors(void)
{
	struct fnt_attachment *attachment, *next;

	/* What the parent had inherited and never used. */
	for (attachment = inherited; attachment;
	     attachment = fnt_process_next(attachment))
		if (attachment->region.fd >= 0)
			replace_descriptor(attachment);
	for (attachment = fnt_process_take_all(); attachment; attachment = next) {
		next = fnt_process_next(attachment);
		atomic_store_explicit(&attachment->next, inherited,
				      memory_order_relaxed);
		inherited = attachment;
		replace_descriptor(attachment);
		fnt_segment_map_forked(&attachment->region.view);
	}
	for (attachment = closing; attachment; attachment = attachment->next_closing)
		fnt_region_close_fd(&attachment->region);
	if (making && atomic_load(&fnt_process_lock.owner) == fnt_self()) {
		replace_descriptor(making);
	} else if (making) {
		fnt_region_close_fd(&making->region);
		making = NULL;
	}
}

static void
after_fork_child(void)
{
	int saved = errno;

	fnt_fork_generation++;
	take_over_descriptors();
	fnt_thread_forget();
	fnt_lock_after_fork(&fnt_process_lock);
	fnt_segment_map_after_fork();
	fnt_unmap_old_after_fork();
	fnt_rcu_after_fork_child();
	errno = saved;
}

/* A child's first use of a log: an attachment of its own on the mapping that it
 * inherited. The parent's attachment is never unmapped in the child: calls that were
 * begun before the fork still point to it. Without memory, it stays the log's, so that
 * the calls that can't be begun are counted in the region; the child tries again once a
 * second. Without a descriptor, the child's attachment has no slot at first. */
static void
attach_child(struct fnt_log *log)
{
	struct fnt_attachment *old = atomic_load(&log->attachment), *own = NULL;

	if (!old || old->generation == fnt_fork_generation)
		return;
	own = make_attachment(&old->region);
	if (!own) {
		fnt_word_store(&log->attach_retry_ns,
			       fnt_clock_mono() + ATTACH_RETRY_NS);
		return;
	}
	old->region.fd = -1;
	fnt_process_add(own);
	publish(log, own);
}

static bool
may_attach(const struct fnt_log *log)
{
	uint64_t retry_ns = fnt_word_relaxed(&log->attach_retry_ns);

	return !retry_ns || fnt_clock_mono() >= retry_ns;
}

/* The child's other threads wait for the one that attaches it, but not for ever: it may
 * be waiting, in a function of the host's, for something that they hold. */
struct fnt_attachment *
fnt_enter_slow(struct fnt_log *log)
{
	struct fnt_guard guard = fnt_guard_enter();
	struct fnt_attachment *attachment = NULL;

	if (may_attach(log) && fnt_lock_within(&fnt_process_lock, ATTACH_WITHIN_MS)) {
		attach_child(log);
		fnt_lock_release(&fnt_process_lock);
	}
	fnt_guard_leave(guard);
	if (!fnt_rcu_read_lock())
		return NULL;
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (attachment && attachment->generation == fnt_fork_generation)
		return attachment;
	fnt_rcu_read_unlock();
	return NULL;
}

/* ---- logs ------------------------------------------------------------------------ */

/* When the library is loaded, and not when a log is opened: a thread may hold the C
 * library's lock on fork handlers while one of them runs, and wait for the thread that
 * opens a log. Handlers that are added first run last before a fork, and first after
 * it. */
static __attribute__((constructor)) void
set_up_process(void)
{
	fnt_threads_set_up();
	pthread_atfork(before_fork, fnt_rcu_after_fork_parent, after_fork_child);
}

/* With the process's lock held. An attachment that got no slot is undone; `region` is
 * then the caller's again, with the descriptor that replaced its own. */
static int
attach(struct fnt_log *log, struct fnt_region *region)
{
	struct fnt_attachment *attachment = make_attachment(region);

	if (!attachment)
		return -ENOMEM;
	if (attachment->slot == FNT_SLOT_NONE) {
		*region = attachment->region;
		discard(attachment);
		return -EUSERS;
	}
	fnt_process_add(attachment);
	publish(log, attachment);
	log->next = logs;
	logs = log;
	return 0;
}

int
fnt_log_attach(struct fnt_log **log, struct fnt_region *region)
{
	struct fnt_log *made = calloc(1, sizeof(*made));
	int rc = -ENOMEM;

	fnt_short_text_init();
	if (made)
		made->path = strdup(region->path);
	if (!fnt_threads_set_up()) {
		rc = -EAGAIN;
	} else if (made && made->path) {
		fnt_lock_take(&fnt_process_lock);
		rc = attach(made, region);
		fnt_lock_release(&fnt_process_lock);
	}
	if (rc) {
		if (made)
			free(made->path);
		free(made);
		return rc;
	}
	*log = made;
	return 0;
}

static void
remove_closing(struct fnt_attachment *attachment)
{
	struct fnt_attachment **link = &closing;

	while (*link && *link != attachment)
		link = &(*link)->next_closing;
	if (*link)
		*link = attachment->next_closing;
}

/* Take the attachment from the log. From now on nobody enters it or finds it. NULL: the
 * log is closed. */
static struct fnt_attachment *
unpublish(struct fnt_log *log)
{
	struct fnt_attachment *attachment;

	fnt_lock_take(&fnt_process_lock);
	attach_child(log);
	attachment = atomic_load(&log->attachment);
	publish(log, NULL);
	if (attachment)
		fnt_refused_settle(log, attachment);
	if (attachment && attachment->generation != fnt_fork_generation)
		attachment = NULL; /* the parent's */
	if (attachment) {
		attachment->next_closing = closing;
		closing = attachment;
		fnt_process_remove(attachment);
	}
	fnt_lock_release(&fnt_process_lock);
	return attachment;
}

/* If not, nothing is freed, and the slot stays: others recover it when the process has
 * ended. */
static bool
grace_period_passes(void)
{
	for (int i = 0; i < GRACE_TRIES; i++)
		if (fnt_rcu_synchronize())
			return true;
	return false;
}

/* Give up an attachment that nobody enters any more. */
static void
end_attachment(struct fnt_log *log, struct fnt_attachment *attachment)
{
	struct fnt_snapshot *retired = fnt_rules_retired();
	bool lost = fnt_lost_view(&attachment->region.view);

	/* Every thread that entered before has left after this. */
	if (!grace_period_passes()) {
		fnt_rules_retire_again(retired);
		return;
	}
	fnt_rules_free(retired);
	fnt_lock_take(&fnt_process_lock);
	if (!atomic_load(&log->attachment))
		fnt_disabled_fini(log);
	remove_closing(attachment);
	release_attachment(attachment);
	if (lost) {
		/* Calls of it may be open, and are told from others by its address. */
		attachment->next_closing = lost_ones;
		lost_ones = attachment;
	} else {
		free(attachment);
	}
	sweep_pools();
	fnt_lock_release(&fnt_process_lock);
}

void
fnt_log_detach(struct fnt_log *log)
{
	struct fnt_attachment *attachment = unpublish(log);

	if (attachment)
		end_attachment(log, attachment);
}

/* With the process's lock held: put an attachment to `region` in the place of the log's
 * own. Returns the old one; NULL: it has not been replaced. */
static struct fnt_attachment *
exchange_lost(struct fnt_log *log, struct fnt_region *region)
{
	struct fnt_attachment *old, *made;

	attach_child(log);
	old = atomic_load(&log->attachment);
	if (!old || !fnt_lost_view(&old->region.view))
		return NULL;
	made = make_attachment(region);
	if (!made)
		return NULL;
	if (made->slot == FNT_SLOT_NONE) {
		*region = made->region;
		discard(made);
		return NULL;
	}
	fnt_disabled_fini(log);
	fnt_process_add(made);
	publish(log, made);
	old->next_closing = closing;
	closing = old;
	fnt_process_remove(old);
	return old;
}

bool
fnt_log_reattach(struct fnt_log *log, struct fnt_region *region)
{
	struct fnt_attachment *old;

	if (!fnt_lock_try(&fnt_process_lock))
		return false;
	old = exchange_lost(log, region);
	fnt_lock_release(&fnt_process_lock);
	/* A host in a read-side section of its own would wait for itself: the old one
	 * then stays as it is. */
	if (old && !fnt_rcu_in_section())
		end_attachment(log, old);
	return old != NULL;
}
