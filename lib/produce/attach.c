/* SPDX-License-Identifier: MIT */
#include "produce/attach.h"

#include "produce/call_events.h"
#include "control/controller.h"
#include "produce/rules.h"
#include "produce/disabled.h"
#include "ring/frame.h"
#include "region/fd.h"
#include "region/liveness.h"
#include "region/name_table.h"
#include "region/region.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "base/short_text.h"
#include "ring/recover.h"
#include "produce/thread.h"
#include "produce/private_calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t fnt_fork_generation;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fnt_attachment *attachments; /* live ones */
static struct fnt_attachment *inherited;   /* a parent's, in its child */
static struct fnt_call_pool *pools;	   /* of closed logs with open calls */
static struct fnt_log *logs;
static uint64_t last_id;

static void
lock(void)
{
	/* Join urcu-bp first: fork holds its registry while it waits for us. */
	fnt_rcu_read_lock();
	fnt_rcu_read_unlock();
	pthread_mutex_lock(&mutex);
}

static void
unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void
fnt_process_lock(void)
{
	lock();
}

bool
fnt_process_trylock(void)
{
	return !pthread_mutex_trylock(&mutex);
}

void
fnt_process_unlock(void)
{
	unlock();
}

struct fnt_attachment *
fnt_process_attachments(void)
{
	return attachments;
}

/* ---- attachments ------------------------------------------------------------------ */

static void
free_pool(struct fnt_call_pool *pool)
{
	free(pool->calls);
	free(pool->had);
	free(pool);
}

static struct fnt_call_pool *
make_pool(uint32_t count)
{
	struct fnt_call_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->count = count;
	pool->had = calloc(count, sizeof(*pool->had));
	/* What is not used is not to be touched, not even to clear it, and calloc()
	 * clears what it has had before, 9 MiB for a large region: each is cleared when
	 * it is used first. (Not mapped, for a host's LeakSanitizer looks for pointers
	 * in what is allocated, and calls have some.) */
	pool->calls = aligned_alloc(FNT_CACHE_LINE, count * sizeof(*pool->calls));
	if (!pool->calls || !pool->had) {
		free_pool(pool);
		return NULL;
	}
	return pool;
}

struct fnt_call *
fnt_call_pool_next(struct fnt_call_pool *pool, uint32_t *next)
{
	for (uint32_t i = *next; i < pool->count; i++) {
		/* [B2] acquire: it is cleared. Pairs with [B1] in frame_cache.c. */
		if (atomic_load_explicit(&pool->had[i], memory_order_acquire) !=
		    FNT_POOL_TAKEN)
			continue;
		*next = i + 1;
		return &pool->calls[i];
	}
	return NULL;
}

static bool
pool_in_use(struct fnt_call_pool *pool)
{
	uint32_t next = 0;

	for (struct fnt_call *call; (call = fnt_call_pool_next(pool, &next));)
		if (fnt_call_is_open(call))
			return true;
	return fnt_private_calls_sweep(pool);
}

/* Free what closed logs have left, once its last call is done. */
static void
sweep_pools(void)
{
	struct fnt_call_pool **link = &pools;

	while (*link) {
		struct fnt_call_pool *pool = *link;

		if (pool_in_use(pool)) {
			link = &pool->next;
			continue;
		}
		*link = pool->next;
		free_pool(pool);
	}
}

/* This process's entry in the region: what the dead have left is taken up on the way. */
static void
enter_region(struct fnt_attachment *attachment)
{
	const struct fnt_region *region = &attachment->region;
	char name[64];
	bool left;

	attachment->pid = (int32_t)getpid();
	attachment->slot = fnt_slot_claim(region, &left);
	if (attachment->slot == FNT_SLOT_NONE)
		return;
	if (left)
		fnt_recover_slot(region, attachment->slot, attachment->slot);
	fnt_recover_dead(region, attachment->slot);
	fnt_control_try_settle(region);
	fnt_slot_program_name(name);
	attachment->exe =
		fnt_name_intern(&region->view, attachment->slot, name, strlen(name));
}

/* A descriptor that no fork can have copied: made anew with the mutex in hand. A child that
 * shared ours would hold our locks when we are gone. */
static void
own_descriptor(struct fnt_region *region)
{
	int fd = fnt_region_reopen(region);

	if (fd < 0)
		return; /* no /proc: the one we have will do */
	fnt_region_close_fd(region);
	region->fd = fd;
}

/* The mapping and descriptor of `region` are the attachment's from here on. */
static struct fnt_attachment *
make_attachment(const struct fnt_region *region)
{
	struct fnt_attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment)
		return NULL;
	attachment->pool = make_pool(region->view.frame_count);
	if (!attachment->pool) {
		free(attachment);
		return NULL;
	}
	attachment->region = *region;
	if (!fnt_rules_init(attachment)) {
		free_pool(attachment->pool);
		free(attachment);
		return NULL;
	}
	own_descriptor(&attachment->region);
	/* Without it we would look dead, once a host closes our descriptor. */
	fnt_region_pin_locks(&attachment->region);
	attachment->id = ++last_id;
	attachment->generation = fnt_fork_generation;
	enter_region(attachment);
	attachment->next = attachments;
	attachments = attachment;
	return attachment;
}

static void
unlink_attachment(struct fnt_attachment *attachment)
{
	struct fnt_attachment **link = &attachments;

	while (*link && *link != attachment)
		link = &(*link)->next;
	if (*link)
		*link = attachment->next;
}

/* Nobody uses it any more: calls still open become aborted records, and all goes back. */
static void
free_attachment(struct fnt_attachment *attachment)
{
	if (fnt_private_calls_any(attachment->pool)) {
		if (!attachment->threads)
			fnt_thread_make(attachment);
		fnt_private_calls_close(attachment->pool, attachment->threads);
	}
	fnt_threads_release(attachment);
	if (attachment->slot != FNT_SLOT_NONE) {
		/* Without memory for it, it is left for others as if we had died. */
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

bool
fnt_process_each(bool (*each)(struct fnt_attachment *attachment))
{
	bool any = false;

	lock();
	fnt_segment_map_lock();
	for (struct fnt_attachment *at = attachments; at; at = at->next)
		any |= each(at);
	fnt_segment_map_unlock();
	unlock();
	return any;
}

static void
publish(struct fnt_log *log, struct fnt_attachment *attachment)
{
	/* [R1] release: the attachment is whole before it can be reached. Pairs with [R2]. */
	atomic_store_explicit(&log->attachment, attachment, memory_order_release);
}

/* ---- fork ------------------------------------------------------------------------- */

/* urcu-bp first: who holds our mutex may be joining it, and who waits for a grace period
 * does not hold our mutex. */
static void
before_fork(void)
{
	urcu_bp_before_fork();
	pthread_mutex_lock(&mutex);
	fnt_segment_map_lock();
}

static void
after_fork_parent(void)
{
	fnt_segment_map_unlock();
	unlock();
	urcu_bp_after_fork_parent();
}

/* The descriptor we inherit shares the parent's locks: as long as we had it open the parent
 * could not be seen to die. */
static void
inherit(struct fnt_attachment *attachment)
{
	int fd = fnt_region_reopen(&attachment->region);

	fnt_region_close_fd(&attachment->region);
	attachment->region.fd = fd;
	fnt_region_forget_pins(&attachment->region);
}

static void
after_fork_child(void)
{
	int saved = errno;

	fnt_segment_map_unlock();
	fnt_fork_generation++;
	while (attachments) {
		struct fnt_attachment *attachment = attachments;

		attachments = attachment->next;
		attachment->next = inherited;
		inherited = attachment;
		inherit(attachment);
	}
	fnt_thread_forget();
	unlock();
	urcu_bp_after_fork_child();
	errno = saved;
}

/* A child's first use of a log: an attachment of its own on the mapping it inherited. The
 * parent's stays, unmapped by nobody: calls begun before the fork still point to it. */
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

	lock();
	attach_child(log);
	unlock();
	errno = saved;
	fnt_rcu_read_lock();
	attachment = atomic_load_explicit(&log->attachment, memory_order_acquire);
	if (attachment)
		return attachment;
	fnt_rcu_read_unlock();
	return NULL;
}

/* ---- logs ------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
set_up(void)
{
	fnt_threads_set_up();
	fnt_short_text_init();
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

int
fnt_log_attach(struct fnt_log **log, struct fnt_region *region)
{
	struct fnt_log *made = calloc(1, sizeof(*made));
	struct fnt_attachment *attachment = NULL;
	int rc = -ENOMEM;

	pthread_once(&once, set_up);
	lock();
	if (made)
		made->path = strdup(region->path);
	if (made && made->path)
		attachment = make_attachment(region);
	if (attachment && attachment->slot == FNT_SLOT_NONE) {
		/* With its own descriptor by now: the caller closes that. */
		*region = attachment->region;
		unlink_attachment(attachment);
		fnt_rules_fini(attachment);
		free_pool(attachment->pool);
		free(attachment);
		attachment = NULL;
		rc = -EUSERS;
	}
	if (attachment) {
		publish(made, attachment);
		made->next = logs;
		logs = made;
		rc = 0;
	}
	unlock();
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

	lock();
	attach_child(log);
	attachment = atomic_load(&log->attachment);
	publish(log, NULL);
	unlock();
	if (!attachment)
		return;
	retired = fnt_rules_retired();
	/* Whoever entered before has left after this; nobody enters any more. */
	fnt_rcu_synchronize();
	fnt_rules_free(retired);
	lock();
	fnt_disabled_fini(log);
	unlink_attachment(attachment);
	free_attachment(attachment);
	sweep_pools();
	unlock();
}
