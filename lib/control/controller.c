/* SPDX-License-Identifier: MIT */
#include "control/controller.h"

#include "base/error.h"
#include "region/liveness.h"
#include "region/fd.h"
#include "region/region.h"
#include "settings/settings.h"
#include "control/resize.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 5000
#define STEP_NS 2000000l

/* ---- open ----------------------------------------------------------------------- */

static int
give(struct fnt_control **control, struct fnt_control *made, int rc,
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
	made->guard =
		fnt_sigbus_add(made->region.view.base, made->region.view.size_bytes);
	if (!made->guard) {
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
	return give(control, made, fnt_region_open_read(&made->region, region, error),
		    error);
}

int
fnt_control_open_pid(struct fnt_control **control, int32_t pid, struct fnt_error *error)
{
	struct fnt_control *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return give(control, made, fnt_region_open_pid(&made->region, pid, error),
		    error);
}

void
fnt_control_close(struct fnt_control *control)
{
	if (!control)
		return;
	fnt_sigbus_remove(control->guard);
	fnt_region_close(&control->region);
	free(control);
}

const char *
fnt_control_path(const struct fnt_control *control)
{
	return fnt_region_label(&control->region);
}

/* ---- the lock ------------------------------------------------------------------- */

static int
lock_byte(const struct fnt_region *region, short type)
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

static int
still_whole(const struct fnt_control *control, struct fnt_error *error)
{
	struct stat st;

	if (!fstat(control->region.fd, &st) &&
	    (uint64_t)st.st_size >= control->region.view.size_bytes &&
	    !fnt_sigbus_truncated(control->guard))
		return 0;
	return fnt_fail(error, -EIO, "%s: its file was cut short",
			fnt_control_path(control));
}

int
fnt_control_lock(struct fnt_control *control, struct fnt_error *error)
{
	struct timespec step = {0, STEP_NS};
	int rc = lock_byte(&control->region, F_WRLCK);

	for (int ms = 0; (rc == -EAGAIN || rc == -EACCES) && ms < WAIT_MS;
	     ms += (int)(STEP_NS / 1000000)) {
		nanosleep(&step, NULL);
		rc = lock_byte(&control->region, F_WRLCK);
	}
	if (rc == -EAGAIN || rc == -EACCES)
		return fnt_fail(
			error, -EBUSY,
			"%s: someone else is changing it all the time; try again",
			fnt_control_path(control));
	if (rc)
		return fnt_fail(error, rc, "%s: cannot lock it: %s",
				fnt_control_path(control), strerror(-rc));
	rc = still_whole(control, error);
	if (rc)
		fnt_control_unlock(control);
	return rc;
}

void
fnt_control_unlock(struct fnt_control *control)
{
	lock_byte(&control->region, F_UNLCK);
}

void
fnt_control_try_settle(const struct fnt_region *region)
{
	if (!fnt_resize_pending(&region->view) ||
	    !fnt_region_owns_fd(region, region->fd) || lock_byte(region, F_WRLCK))
		return;
	fnt_resize_settle(region, NULL);
	lock_byte(region, F_UNLCK);
}

/* ---- settings ------------------------------------------------------------------- */

static int
load(const struct fnt_view *view, struct fnt_settings_block **block)
{
	*block = fnt_settings_create(view->settings_count ? view->settings_count - 1
							  : 0);
	if (!*block)
		return -ENOMEM;
	if (fnt_settings_load(view, *block))
		return 0;
	free(*block);
	*block = NULL;
	return -EAGAIN;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct fnt_override *)a)->fn_name,
		      ((const struct fnt_override *)b)->fn_name);
}

/* In a damaged region it may be any bytes. */
static void
copy_name(char *to, const struct fnt_setting_set *set)
{
	bool valid = fnt_utf8_valid(set->name, strlen(set->name));

	strcpy(to, set->name);
	for (; !valid && *to; to++)
		if (*to & 0x80)
			*to = '?';
}

/* One allocation: the list, its overrides, their names. */
static struct fnt_settings_list *
list_of(const struct fnt_settings_block *block)
{
	size_t name_size = FNT_SETTING_NAME_MAX + 1;
	struct fnt_settings_list *list =
		calloc(1, sizeof(*list) + block->count * (sizeof(struct fnt_override) +
							  name_size));
	struct fnt_override *overrides;
	char *names;

	if (!list)
		return NULL;
	overrides = (struct fnt_override *)(list + 1);
	names = (char *)(overrides + block->count);
	list->all = block->all.values;
	list->count = block->count;
	list->overrides = overrides;
	list->overrides_max = block->max;
	for (uint32_t i = 0; i < block->count; i++, names += name_size) {
		copy_name(names, &block->overrides[i]);
		overrides[i].fn_name = names;
		overrides[i].settings = block->overrides[i].values;
	}
	qsort(overrides, block->count, sizeof(*overrides), by_name);
	return list;
}

int
fnt_control_list_settings(const struct fnt_view *view, struct fnt_settings_list **list)
{
	struct fnt_settings_block *block;
	int rc = load(view, &block);

	if (rc)
		return rc;
	*list = list_of(block);
	free(block);
	return *list ? 0 : -ENOMEM;
}

int
fnt_control_get(struct fnt_control *control, struct fnt_settings_list **list)
{
	return fnt_control_list_settings(&control->region.view, list);
}

void
fnt_settings_free(struct fnt_settings_list *list)
{
	free(list);
}

static bool
has_writers(const struct fnt_region *region)
{
	const struct fnt_view *view = &region->view;

	for (uint32_t i = 0; i < view->producer_count; i++)
		if (atomic_load_explicit(&view->producers[i].status,
					 memory_order_relaxed) == FNT_PRODUCER_LIVE &&
		    fnt_slot_alive(region, i))
			return true;
	return false;
}

/* A change: with the lock in hand, of what is in force. In a file that only holds what
 * was it would be a mistake. */
static int
change_begin(struct fnt_control *control, struct fnt_settings_block **block,
	     struct fnt_error *error)
{
	int rc;

	if (!control->region.view.settings)
		return fnt_fail(error, -EIO, "%s: damaged: it has no settings",
				fnt_control_path(control));
	if (control->region.view.frozen && !has_writers(&control->region))
		return fnt_fail(error, -EROFS,
				"%s: frozen by a rotation, and nobody writes to it; "
				"change the region that it comes from",
				fnt_control_path(control));
	rc = fnt_control_lock(control, error);
	if (rc)
		return rc;
	rc = load(&control->region.view, block);
	if (rc) {
		fnt_control_unlock(control);
		return fnt_fail(error, rc, "%s: cannot read its settings: %s",
				fnt_control_path(control), strerror(-rc));
	}
	return 0;
}

static int
change_end(struct fnt_control *control, struct fnt_settings_block *block, int rc)
{
	if (!rc)
		fnt_settings_publish(&control->region.view, block);
	fnt_control_unlock(control);
	free(block);
	return rc;
}

static int
assign_all(struct fnt_settings *settings, const char *const *assignments, size_t count,
	   struct fnt_error *error)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = fnt_settings_assign(settings, assignments[i], error);
	return rc;
}

static int
set_in(struct fnt_settings_block *block, const char *fn, const char *const *assignments,
       size_t count, struct fnt_error *error)
{
	struct fnt_setting_set *set = &block->all;
	int rc;

	if (fn)
		set = fnt_settings_override(block, fn, strlen(fn));
	if (!set)
		return fnt_fail(
			error, -ENOSPC,
			"%.64s: the region has room for %u functions' settings; "
			"reset one that is no longer needed",
			fn, block->max);
	rc = assign_all(&set->values, assignments, count, error);
	if (!rc)
		fnt_settings_tidy(block);
	return rc;
}

int
fnt_control_set(struct fnt_control *control, const char *fn,
		const char *const *assignments, size_t count, struct fnt_error *error)
{
	struct fnt_settings_block *block;
	struct fnt_settings trial;
	int rc;

	/* What is wrong with it is wrong whatever the region says. */
	fnt_settings_init(&trial);
	rc = assign_all(&trial, assignments, count, error);
	if (!rc && fn)
		rc = fnt_settings_check_name(fn, strlen(fn), error);
	if (rc)
		return rc;
	rc = change_begin(control, &block, error);
	if (rc)
		return rc;
	return change_end(control, block, set_in(block, fn, assignments, count, error));
}

static int
reset_in(struct fnt_settings_block *block, const char *fn, struct fnt_error *error)
{
	size_t len = fn ? strlen(fn) : 0;

	if (!fn) {
		fnt_settings_init(&block->all.values);
		block->count = 0;
		return 0;
	}
	for (uint32_t i = 0; i < block->count; i++) {
		struct fnt_setting_set *set = &block->overrides[i];

		if (set->name_len != len || memcmp(set->name, fn, len) != 0)
			continue;
		set->values.set = 0;
		fnt_settings_tidy(block);
		return 0;
	}
	return fnt_fail(error, -ENOENT,
			"%.64s: has no settings of its own; see fntrace ctl get", fn);
}

int
fnt_control_reset(struct fnt_control *control, const char *fn, struct fnt_error *error)
{
	struct fnt_settings_block *block;
	int rc = change_begin(control, &block, error);

	if (rc)
		return rc;
	return change_end(control, block, reset_in(block, fn, error));
}
