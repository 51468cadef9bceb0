/* SPDX-License-Identifier: MIT */
#include "control/controller.h"

#include "base/error.h"
#include "control/resize.h"
#include "region/fd.h"
#include "region/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 2

/* ---- open ----------------------------------------------------------------------- */

/* Complete `made`, or free it on failure. `rc`: the result of opening its region for
 * reading. */
static int
finish_open_control(struct fnt_control **control, struct fnt_control *made, int rc,
		    struct fnt_error *error)
{
	if (!rc) {
		rc = fnt_region_make_writable(&made->region, error);
		if (rc)
			fnt_region_close(&made->region);
	}
	if (rc) {
		free(made);
		return rc;
	}
	made->sigbus =
		fnt_sigbus_add(made->region.view.base, made->region.view.size_bytes);
	if (!made->sigbus) {
		fnt_control_close(made);
		return fnt_fail(error, -ENOMEM, "out of memory");
	}
	*control = made;
	return 0;
}

int
fnt_control_open(struct fnt_control **control, const char *region,
		 struct fnt_error *error)
{
	struct fnt_control *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return finish_open_control(control, made,
				   fnt_region_open_read(&made->region, region, error),
				   error);
}

int
fnt_control_open_pid(struct fnt_control **control, int32_t pid, struct fnt_error *error)
{
	struct fnt_control *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return finish_open_control(
		control, made, fnt_region_open_pid(&made->region, pid, error), error);
}

void
fnt_control_close(struct fnt_control *control)
{
	if (!control)
		return;
	fnt_sigbus_remove(control->sigbus);
	fnt_region_close(&control->region);
	free(control);
}

const char *
fnt_control_path(const struct fnt_control *control)
{
	return fnt_region_label(&control->region);
}

/* ---- the lock ------------------------------------------------------------------- */

/* Set or release (F_UNLCK) the lock, without waiting. 0 or -errno. */
static int
set_control_lock(const struct fnt_region *region, short type)
{
	const unsigned char *at = (const unsigned char *)region->view.control;
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = at - region->view.base,
		.l_len = 1,
	};

	return fcntl(region->fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

/* Returns 0; or -EIO with a message if the file is shorter than its mapping, or has
 * been since it was mapped. */
static int
check_file_size(const struct fnt_control *control, struct fnt_error *error)
{
	struct stat st;

	if (!fstat(control->region.fd, &st) &&
	    (uint64_t)st.st_size >= control->region.view.size_bytes &&
	    !fnt_sigbus_truncated(control->sigbus))
		return 0;
	return fnt_fail(error, -EIO,
			"%s: the file was truncated; remove it and restart the "
			"processes that write to it",
			fnt_control_path(control));
}

int
fnt_control_lock(struct fnt_control *control, struct fnt_error *error)
{
	struct timespec step = {0, LOCK_STEP_MS * 1000000l};
	int rc = set_control_lock(&control->region, F_WRLCK);

	for (int ms = 0; (rc == -EAGAIN || rc == -EACCES) && ms < LOCK_WAIT_MS;
	     ms += LOCK_STEP_MS) {
		nanosleep(&step, NULL);
		rc = set_control_lock(&control->region, F_WRLCK);
	}
	if (rc == -EAGAIN || rc == -EACCES)
		return fnt_fail(
			error, -EBUSY,
			"%s: another process is changing this region; try again",
			fnt_control_path(control));
	if (rc)
		return fnt_fail(error, rc, "%s: cannot take the control lock: %s",
				fnt_control_path(control), strerror(-rc));
	rc = check_file_size(control, error);
	if (rc)
		fnt_control_unlock(control);
	return rc;
}

void
fnt_control_unlock(struct fnt_control *control)
{
	set_control_lock(&control->region, F_UNLCK);
}

void
fnt_control_try_settle(const struct fnt_region *region)
{
	if (!fnt_resize_pending(&region->view) ||
	    !fnt_region_owns_fd(region, region->fd) ||
	    set_control_lock(region, F_WRLCK))
		return;
	fnt_resize_settle(region, NULL);
	set_control_lock(region, F_UNLCK);
}
