/* SPDX-License-Identifier: MIT
 *
 * controller.h: a region opened in order to change it from outside, and the control
 * lock.
 *
 * The lock is an open-file-description lock on the first byte of the control section.
 * Only its holder changes settings and segments. The kernel drops it when the process
 * ends, also when it is killed. Recording a call does not take the lock, so producers
 * never wait for it.
 *
 * Everything here makes system calls. One thread at a time for one struct fnt_control.
 * Settings are changed in settings_commands.c, rings in ring_commands.c.
 */
#ifndef FNT_CONTROL_CONTROLLER_H
#define FNT_CONTROL_CONTROLLER_H

#include "region/view.h"

#include <fntrace/control.h>

struct fnt_control {
	struct fnt_region region; /* mapped for writing; its descriptor is our own */
};

/* Take the lock; waits up to five seconds for another holder. 0, or with a message:
 * -EBUSY (still held), -EIO (the file was truncated), or another -errno: the lock is
 * not held. */
int fnt_control_lock(struct fnt_control *control, struct fnt_error *error);

/* Release it. */
void fnt_control_unlock(struct fnt_control *control);

/* Is the file as long as its mapping, and has it been all along? 0; or -EIO with a
 * message. What was read of a file that was truncated meanwhile can't be relied on, and
 * what was written to it is lost. */
int fnt_control_check_file(const struct fnt_control *control, struct fnt_error *error);

/* End a command that returns `rc`: check the file unless it has failed already, and
 * release the lock. Returns what the command returns. */
int fnt_control_end(struct fnt_control *control, int rc, struct fnt_error *error);

/* If the lock is free at this moment: finish an interrupted resize or rotation, and
 * free segments that no process uses any more. Never waits. For a process that opens
 * the region for another purpose. */
void fnt_control_try_settle(const struct fnt_region *region);

/* The settings in force, for fnt_settings_free(). Any thread; takes no lock. 0;
 * -ENOMEM; -EAGAIN: they changed each time they were read, or are damaged. */
int fnt_control_list_settings(const struct fnt_view *view,
			      struct fnt_settings_list **list);

#endif
