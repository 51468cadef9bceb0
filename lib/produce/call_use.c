/* SPDX-License-Identifier: MIT */
#include "produce/call_use.h"

#include "region/name_table.h"
#include "region/slots.h"

int
fnt_call_enter_slow(struct fnt_call *call, struct fnt_thread **thread)
{
	struct fnt_attachment *attachment;

	*thread = NULL;
	if (!call)
		return -ESHUTDOWN;
	if (!fnt_call_is_open(call))
		return -EINVAL;
	if (call->generation != fnt_fork_generation)
		return -EPERM;
	/* Begun by this process, so the log is attached already. */
	if (!fnt_rcu_read_lock())
		return -ENOMEM;
	attachment = atomic_load_explicit(&call->log->attachment, memory_order_acquire);
	if (attachment != call->attachment) {
		/* Closed, or replaced: what the call points to is gone. */
		fnt_leave();
		return -ESHUTDOWN;
	}
	*thread = fnt_thread_get(attachment);
	if (!*thread) {
		fnt_leave();
		return -ENOMEM;
	}
	fnt_call_own(call, fnt_thread_state.serial);
	call->thread = *thread;
	return 0;
}

void
fnt_call_name(struct fnt_thread *thread, const char *name, uint32_t *flags,
	      struct fnt_name_ref *ref)
{
	const struct fnt_attachment *attachment = thread->attachment;
	const struct fnt_name_entry *entry;

	if (!name)
		name = "";
	entry = fnt_name_find(&thread->names, name);
	if (!entry)
		entry = fnt_name_by_address_slow(&thread->names, name);
	if (entry) {
		ref->id = entry->id;
		return;
	}
	ref->id = FNT_NAME_NONE;
	ref->text = fnt_call_short_text(name, FNT_ID_MAX, flags, FNT_TRACE_ID_CUT);
	if (attachment->slot == FNT_SLOT_NONE)
		return;
	ref->id = fnt_name_intern(&attachment->region.view, attachment->slot, name,
				  ref->text.len);
	if (ref->id != FNT_NAME_NONE)
		fnt_name_learn(&thread->names, name, ref->text.len, ref->id);
}
