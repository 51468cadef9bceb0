/* SPDX-License-Identifier: MIT */
#include "produce/attach.h"

#include "base/short_text.h"
#include "control/controller.h"
#include "produce/call_pool.h"
#include "produce/close_calls.h"
#include "produce/disabled.h"
#include "produce/private_calls.h"
#include "produce/rules.h"
#include "produce/thread.h"
#include "region/fd.h"
#include "region/liveness.h"
#include "region/name_table.h"
#include "region/region.h"
#include "region/region_time.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "ring/boot.h"
#include "ring/recover.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fnt_attachment *inherited; /* the parent's, in a forked child */
static struct fnt_call_pool *pools;	 /* of closed logs that have open calls */
static struct fnt_log *logs;
static uint64_t last_id;

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

/* Find out what the records of all calls of this process have in common: pid and time
 * namespaces. */
static void
set_origin(struct fnt_attachment *attachment)
{
	const struct fnt_view *view = &attachment->region.view;
	uint64_t pid_ns = fnt_word_relaxed(&view->producers[attachment->slot].pid_ns);
	bool known;

	attachment->time_shift = fnt_region_time_shift(view, &known);
	attachment->origin = (uint32_t)pid_ns;
	if (!known)
		attachment->origin |= (uint64_t)FNT_ORIGIN_TIME_UNKNOWN << 32;
}

/* Claim a slot of the region for this process, and recover what dead processes left. */
static void
enter_region(struct fnt_attachment *attachment)
{
	const struct fnt_region *region = &attachment->region;
	char name[64];
	bool needs_recovery;

	attachment->pid = (int32_t)getpid();
	fnt_boot_enter(&region->view);
	attachment->slot = fnt_slot_claim(region, &needs_recovery);
	if (attachment->slot == FNT_SLOT_NONE)
		return;
	if (needs_recovery)
		fnt_recover_slot(region, attachment->slot, attachment->slot);
	fnt_recover_dead(region, attachment->slot);
	fnt_control_try_settle(region);
	fnt_slot_program_name(name);
	attachment->exe =
		fnt_name_intern(&region->view, attachment->slot, name, strlen(name));
	set_origin(attachment);
}

/* Open the region's file anew, with the mutex held, so that no fork can have copied the
 * descriptor: a child that shares it would keep our locks when we are dead. */
static void
own_descriptor(struct fnt_region *region)
{
	int fd = fnt_region_reopen(region);

	if (fd < 0)
		return; /* there is no /proc: keep the descriptor that we have */
	fnt_region_close_fd(region);
	region->fd = fd;
}

/* Takes over the mapping and descriptor of `region`, unless it returns NULL: no
 * memory. */
static struct fnt_attachment *
make_attachment(const struct fnt_region *region)
{
	struct fnt_attachment *attachment = calloc(1, sizeof(*attachment));
	struct fnt_attachment **all = fnt_process_attachments();

	if (!attachment)
		return NULL;
	attachment->pool = fnt_call_pool_create(region->view.frame_count);
	if (!attachment->pool) {
		free(attachment);
		return NULL;
	}
	attachment->region = *region;
	if (!fnt_rules_init(attachment)) {
		fnt_call_pool_destroy(attachment->pool);
		free(attachment);
		return NULL;
	}
	own_descriptor(&attachment->region);
	/* A host may close our descriptor. This keeps the lock by which we are known to
	 * be alive. */
	fnt_region_pin_locks(&attachment->region);
	attachment->id = ++last_id;
	attachment->generation = fnt_fork_generation;
	enter_region(attachment);
	attachment->next = *all;
	*all = attachment;
	return attachment;
}

static void
unlink_attachment(struct fnt_attachment *attachment)
{
	struct fnt_attachment **link = fnt_process_attachments();

	while (*link && *link != attachment)
		link = &(*link)->next;
	if (*link)
		*link = attachment->next;
}

/* Nobody uses the attachment any more. Its open calls become aborted records. */
static void
free_attachment(struct fnt_attachment *attachment)
{
	if (fnt_close_calls_needed(attachment->pool)) {
		if (!attachment->threads)
			fnt_thread_make(attachment);
		fnt_close_calls(attachment->pool, attachment->threads);
	}
	fnt_threads_release(attachment);
	if (attachment->slot != FNT_SLOT_NONE) {
		/* Without memory for it, others recover the slot as if we had died. */
		if (fnt_recover_slot(&attachment->region, attachment->slot,
				     attachment->slot))
			fnt_slot_release(&attachment->region, attachment->slot);
		else
			fnt_slot_unlock(&attachment->region, attachment->slot);
	}
	fnt_region_close(&attachment->region);
	attachment->pool->next = pools;
	pools = attachment->pool;
	fnt_rules_fini(attachment);
	free(attachment);
}

static void
publish(struct fnt_log *log, struct fnt_attachment *attachment)
{
	/* [R1] release: the attachment is complete before it can be reached. Pairs with
	 * [R2]. */
	atomic_store_explicit(&log->attachment, attachment, memory_order_release);
}

/* ---- fork ------------------------------------------------------------------------ */

/* urcu-bp's locks first: a thread that holds our mutex may be joining urcu-bp, and a
 * thread that waits for a grace period does not hold our mutex. */
static void
before_fork(void)
{
	urcu_bp_before_fork();
	fnt_process_lock_for_fork();
	fnt_segment_map_lock();
}

static void
after_fork_parent(void)
{
	fnt_segment_map_unlock();
	fnt_process_unlock();
	urcu_bp_after_fork_parent();
}

/* The descriptor that a child inherits shares the parent's locks: while the child had
 * it open, the parent could not be seen to die. */
static void
replace_descriptor(struct fnt_attachment *attachment)
{
	int fd = fnt_region_reopen(&attachment->region);

	fnt_region_close_fd(&attachment->region);
	attachment->region.fd = fd;
	fnt_region_forget_pins(&attachment->region);
}

static void
after_fork_child(void)
{
	struct fnt_attachment **all = fnt_process_attachments();
	int saved = errno;

	fnt_segment_map_unlock();
	fnt_fork_generation++;
	while (*all) {
		struct fnt_attachment *attachment = *all;

		*all = attachment->next;
		attachment->next = inherited;
		inherited = attachment;
		replace_descriptor(attachment);
	}
	fnt_thread_forget();
	fnt_process_unlock();
	urcu_bp_after_fork_child();
	errno = saved;
}

/* A child's first use of a log: an attachment of its own on the mapping that it
 * inherited. The parent's attachment is never unmapped in the child: calls that were
 * begun before the fork still point to it. */
static void
attach_child(struct fnt_log *log)
{
	struct fnt_attachment *old = atomic_load(&log->attachment), *own = NULL;

	if (!old || old->generation == fnt_fork_generation)
		return;
	if (old->region.fd >= 0)
		own = make_attachment(&old->region);
	if (own)
		old->region.fd = -1;
	publish(log, own);
}

struct fnt_attachment *
fnt_enter_slow(struct fnt_log *log)
{
	struct fnt_attachment *attachment;
	int saved = errno;

	fnt_process_lock();
	attach_child(log);
	fnt_process_unlock();
	errno = saved;
	fnt_rcu_read_lock();
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (attachment)
		return attachment;
	fnt_rcu_read_unlock();
	return NULL;
}

/* ---- logs ------------------------------------------------------------------------ */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
set_up_process(void)
{
	fnt_threads_set_up();
	fnt_short_text_init();
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* With the mutex held. An attachment that got no slot is undone; `region` is then the
 * caller's again, with the descriptor that replaced its own. */
static int
attach(struct fnt_log *log, struct fnt_region *region)
{
	struct fnt_attachment *attachment = make_attachment(region);

	if (!attachment)
		return -ENOMEM;
	if (attachment->slot == FNT_SLOT_NONE) {
		*region = attachment->region;
		unlink_attachment(attachment);
		fnt_rules_fini(attachment);
		fnt_call_pool_destroy(attachment->pool);
		free(attachment);
		return -EUSERS;
	}
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

	pthread_once(&once, set_up_process);
	fnt_process_lock();
	if (made)
		made->path = strdup(region->path);
	if (made && made->path)
		rc = attach(made, region);
	fnt_process_unlock();
	if (rc) {
		if (made)
			free(made->path);
		free(made);
		return rc;
	}
	*log = made;
	return 0;
}

void
fnt_log_detach(struct fnt_log *log)
{
	struct fnt_attachment *attachment;
	struct fnt_snapshot *retired;

	fnt_process_lock();
	attach_child(log);
	attachment = atomic_load(&log->attachment);
	publish(log, NULL);
	fnt_process_unlock();
	if (!attachment)
		return;
	retired = fnt_rules_retired();
	/* Every thread that entered before has left after this; none enters any
	 * more. */
	fnt_rcu_synchronize();
	fnt_rules_free(retired);
	fnt_process_lock();
	fnt_disabled_fini(log);
	unlink_attachment(attachment);
	free_attachment(attachment);
	sweep_pools();
	fnt_process_unlock();
}
