/* SPDX-License-Identifier: MIT
 *
 * controller.h: a region opened for changes from outside, and the lock that those who
 * change it hold one after the other.
 *
 * The lock is an open-file-description lock on the first byte of the control section:
 * the kernel drops it when the tool dies. Producers do not know it, so they never wait.
 */
#ifndef FNT_CONTROL_CONTROLLER_H
#define FNT_CONTROL_CONTROLLER_H

#include "region/sigbus.h"
#include "region/view.h"

#include <fntrace/control.h>

struct fnt_control {
	struct fnt_region region; /* mapped for writing, with a descriptor of its own */
	struct fnt_sigbus_range *guard;
};

/* Wait for the lock, up to five seconds: -EBUSY; -EIO: the file was cut short. */
int fnt_control_lock(struct fnt_control *control, struct fnt_error *error);
void fnt_control_unlock(struct fnt_control *control);

/* The settings in force, for fnt_settings_free(). Any thread. -ENOMEM; -EAGAIN: they changed
 * each time they were read, or are damaged. */
int fnt_control_list_settings(const struct fnt_view *view,
			      struct fnt_settings_list **list);

/* Where rings have been switched: complete it, and give back what nobody holds any more, if
 * the lock is to be had at once. For whoever opens the region anyway. */
void fnt_control_try_settle(const struct fnt_region *region);

#endif
