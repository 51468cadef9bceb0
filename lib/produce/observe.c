/* SPDX-License-Identifier: MIT
 *
 * Recording on behalf of another process, and counting what could not be recorded.
 */
#include "base/utf8.h"
#include "produce/attach.h"
#include "produce/thread.h"
#include "region/name_table.h"
#include "region/slots.h"

#include <errno.h>
#include <string.h>

static_assert(FNT_SEEN_COUNTS <= FNT_SEEN_MAX, "room in the control section");

#define EXE_MAX 63u
#define VIA_MAX 15u

static uint32_t
intern(const struct fnt_attachment *attachment, const char *name, size_t max)
{
	size_t len = name ? strlen(name) : 0;

	if (len > max)
		len = fnt_utf8_cut(name, len, max);
	return fnt_name_intern(&attachment->region.view, attachment->slot,
			       name ? name : "", len);
}

/* The process's slot, and what threads that come later take over. */
static void
describe(struct fnt_attachment *attachment, const struct fnt_process *process)
{
	const char *command = process->command ? process->command : "";
	struct fnt_observed observed = {
		.pid = process->pid,
		.exe = intern(attachment, process->exe, EXE_MAX),
		.via = intern(attachment, process->via, VIA_MAX),
		.command = command,
		.command_len = strlen(command)};

	if (observed.command_len > FNT_COMMAND_MAX)
		observed.command_len =
			fnt_utf8_cut(command, observed.command_len, FNT_COMMAND_MAX);
	fnt_slot_observe(&attachment->region.view, attachment->slot, &observed);
	attachment->pid = observed.pid;
	attachment->exe = observed.exe;
}

int
fnt_log_observe(struct fnt_log *log, const struct fnt_process *process)
{
	struct fnt_attachment *attachment = fnt_enter(log);
	struct fnt_thread *thread;

	if (!attachment)
		return -ESHUTDOWN;
	thread = fnt_thread_get(attachment);
	if (thread && attachment->slot != FNT_SLOT_NONE) {
		describe(attachment, process);
		thread->exe = attachment->exe;
		/* The observer's tid would name a thread of another process. */
		thread->pid_tid =
			(uint32_t)process->pid | (uint64_t)(uint32_t)process->pid << 32;
	}
	fnt_leave();
	return thread ? 0 : -ENOMEM;
}

int
fnt_log_count_seen(struct fnt_log *log, enum fnt_seen what, uint64_t count)
{
	struct fnt_attachment *attachment;
	struct fnt_view *view;
	fnt_word *own;

	if ((unsigned)what >= FNT_SEEN_COUNTS)
		return -EINVAL;
	attachment = fnt_enter(log);
	if (!attachment)
		return -ESHUTDOWN;
	view = &attachment->region.view;
	atomic_fetch_add_explicit(&view->control->seen[what], count,
				  memory_order_relaxed);
	if (what <= FNT_SEEN_NO_MESSAGE && attachment->slot != FNT_SLOT_NONE) {
		own = what == FNT_SEEN_MESSAGES
			      ? &view->producers[attachment->slot].understood
			      : &view->producers[attachment->slot].not_understood;
		atomic_fetch_add_explicit(own, count, memory_order_relaxed);
	}
	fnt_leave();
	return 0;
}
