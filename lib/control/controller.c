/* SPDX-License-Identifier: MIT */
#include "control/controller.h"

#include "base/error.h"
#include "control/resize.h"
#include "region/claim.h"
#include "region/fd.h"
#include "region/map.h"
#include "region/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
	fnt_region_close(&control->region);
	free(control);
}

const char *
fnt_control_path(const struct fnt_control *control)
{
	return fnt_region_label(&control->region);
}

/* ---- the lock ------------------------------------------------------------------- */

/* Set or release (F_UNLCK) the lock in the file, without waiting. 0 or -errno. */
static int
set_file_lock(const struct fnt_region *region, short type)
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

/* Take the lock, or the word that stands for it where the system refuses file locks,
 * without waiting. 0; -EAGAIN: another process has it; -ENOLCK: as fnt_claim_take(). */
static int
take_lock(const struct fnt_region *region)
{
	fnt_word *claim = &region->view.control->claim;
	int rc = set_file_lock(region, F_WRLCK);

	if (rc == -EAGAIN)
		return rc;
	if (rc)
		return fnt_claim_take(claim);
	if (!fnt_claim_is_held(claim))
		return 0;
	set_file_lock(region, F_UNLCK);
	return -EAGAIN;
}

static void
release_lock(const struct fnt_region *region)
{
	fnt_claim_drop(&region->view.control->claim);
	set_file_lock(region, F_UNLCK);
}

int
fnt_control_check_file(const struct fnt_control *control, struct fnt_error *error)
{
	return fnt_view_check_file(&control->region.view, control->region.fd,
				   fnt_control_path(control), error);
}

int
fnt_control_lock(struct fnt_control *control, struct fnt_error *error)
{
	struct timespec step = {0, LOCK_STEP_MS * 1000000l};
	int rc = fnt_control_check_file(control, error);

	if (rc)
		return rc;
	rc = take_lock(&control->region);
	for (int ms = 0; rc == -EAGAIN && ms < LOCK_WAIT_MS; ms += LOCK_STEP_MS) {
		nanosleep(&step, NULL);
		rc = take_lock(&control->region);
	}
	if (rc == -EAGAIN)
		return fnt_fail(
			error, -EBUSY,
			"%s: another process is changing this region; try again",
			fnt_control_path(control));
	if (rc)
		return fnt_fail(error, rc, FNT_NO_LOCKS, fnt_control_path(control));
	rc = fnt_control_check_file(control, error);
	if (rc)
		fnt_control_unlock(control);
	return rc;
}

void
fnt_control_unlock(struct fnt_control *control)
{
	release_lock(&control->region);
}

int
fnt_control_end(struct fnt_control *control, int rc, struct fnt_error *error)
{
	if (!rc)
		rc = fnt_control_check_file(control, error);
	fnt_control_unlock(control);
	return rc;
}

void
fnt_control_try_settle(const struct fnt_region *region)
{
	if (!fnt_resize_pending(&region->view) ||
	    !fnt_region_owns_fd(region, region->fd) || take_lock(region))
		return;
	fnt_resize_settle(region, NULL);
	release_lock(region);
}
