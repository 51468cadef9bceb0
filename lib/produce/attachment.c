/* SPDX-License-Identifier: MIT */
#include "produce/attachment.h"

uint32_t fnt_fork_generation;
struct fnt_owned_lock fnt_process_lock;

static _Atomic(struct fnt_attachment *) attachments; /* of open logs */

struct fnt_attachment *
fnt_process_first(void)
{
	/* [D4] acquire: the attachment is complete. Pairs with [D3]. */
	return atomic_load_explicit(&attachments, memory_order_acquire);
}

void
fnt_process_add(struct fnt_attachment *attachment)
{
	atomic_store_explicit(&attachment->next,
			      atomic_load_explicit(&attachments, memory_order_relaxed),
			      memory_order_relaxed);
	/* [D3] release: the attachment is complete before it can be found. Pairs with
	 * [D4]. */
	atomic_store_explicit(&attachments, attachment, memory_order_release);
}

/* Whoever is at the attachment goes on from there: its own link stays. */
void
fnt_process_remove(struct fnt_attachment *attachment)
{
	_Atomic(struct fnt_attachment *) *link = &attachments;
	struct fnt_attachment *at;

	while ((at = atomic_load_explicit(link, memory_order_relaxed)) &&
	       at != attachment)
		link = &at->next;
	if (at)
		/* [D3] release: as in fnt_process_add(), for what comes after it. */
		atomic_store_explicit(
			link,
			atomic_load_explicit(&attachment->next, memory_order_relaxed),
			memory_order_release);
}

struct fnt_attachment *
fnt_process_take_all(void)
{
	return atomic_exchange_explicit(&attachments, NULL, memory_order_relaxed);
}
