/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "produce/attach.h"
#include "produce/thread.h"

#include <errno.h>

int
fnt_log_set_time(struct fnt_log *log, uint64_t mono_ns)
{
	struct fnt_attachment *attachment = fnt_enter(log);
	struct fnt_thread *thread;

	if (!attachment)
		return -ESHUTDOWN;
	thread = fnt_thread_get(attachment);
	if (thread)
		fnt_clock_give(&thread->clock, mono_ns);
	fnt_leave();
	return thread ? 0 : -ENOMEM;
}
