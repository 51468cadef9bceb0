/* SPDX-License-Identifier: MIT */
#include "produce/attachment.h"

#include "region/segment_map.h"

#include <pthread.h>

uint32_t fnt_fork_generation;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fnt_attachment *attachments; /* of open logs */

void
fnt_process_lock(void)
{
	/* Join urcu-bp first: fork holds urcu-bp's registry while it waits for the
	 * mutex. */
	fnt_rcu_read_lock();
	fnt_rcu_read_unlock();
	pthread_mutex_lock(&mutex);
}

void
fnt_process_lock_for_fork(void)
{
	pthread_mutex_lock(&mutex);
}

bool
fnt_process_trylock(void)
{
	return !pthread_mutex_trylock(&mutex);
}

void
fnt_process_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

struct fnt_attachment **
fnt_process_attachments(void)
{
	return &attachments;
}

bool
fnt_process_each(bool (*each)(struct fnt_attachment *attachment))
{
	bool any = false;

	fnt_process_lock();
	fnt_segment_map_lock();
	for (struct fnt_attachment *at = attachments; at; at = at->next)
		any |= each(at);
	fnt_segment_map_unlock();
	fnt_process_unlock();
	return any;
}
