/* SPDX-License-Identifier: MIT
 *
 * settings_commands.c: read and change a region's settings from outside.
 *
 * A change takes the control lock, edits a private copy of the settings in force, and
 * publishes it in one step (settings.h). If the process is killed before that step,
 * no setting has changed.
 */
#include "base/error.h"
#include "base/utf8.h"
#include "control/controller.h"
#include "region/liveness.h"
#include "settings/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------------- */

/* Load the settings in force into a new block, for the caller to free. 0, -ENOMEM or
 * -EAGAIN. */
static int
load_block(const struct fnt_view *view, struct fnt_settings_block **block)
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

/* A damaged region may hold any bytes as a name; the list promises UTF-8. */
static void
copy_name(char *to, const struct fnt_setting_set *set)
{
	bool valid = fnt_utf8_valid(set->name, strlen(set->name));

	strcpy(to, set->name);
	for (; !valid && *to; to++)
		if (*to & 0x80)
			*to = '?';
}

/* One allocation holds the list, its overrides and their names. NULL: no memory. */
static struct fnt_settings_list *
make_list(const struct fnt_settings_block *block)
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
	int rc = load_block(view, &block);

	if (rc)
		return rc;
	*list = make_list(block);
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

/* ---- changing ------------------------------------------------------------------ */

static bool
has_live_producers(const struct fnt_region *region)
{
	const struct fnt_view *view = &region->view;

	for (uint32_t i = 0; i < view->producer_count; i++)
		if (atomic_load_explicit(&view->producers[i].status,
					 memory_order_relaxed) == FNT_PRODUCER_LIVE &&
		    fnt_slot_alive(region, i))
			return true;
	return false;
}

/* Take the lock and load the settings in force. Refuses a rotated copy that no process
 * writes to: changing its settings would have no effect. */
static int
change_begin(struct fnt_control *control, struct fnt_settings_block **block,
	     struct fnt_error *error)
{
	int rc;

	if (!control->region.view.settings)
		return fnt_fail(error, -EIO, "%s: damaged: no settings section",
				fnt_control_path(control));
	if (control->region.view.frozen && !has_live_producers(&control->region))
		return fnt_fail(
			error, -EROFS,
			"%s: a copy made by a rotation, whose settings no process "
			"uses; change those of the original region",
			fnt_control_path(control));
	rc = fnt_control_lock(control, error);
	if (rc)
		return rc;
	rc = load_block(&control->region.view, block);
	if (rc) {
		fnt_control_unlock(control);
		return fnt_fail(error, rc, "%s: cannot read the settings: %s",
				fnt_control_path(control), strerror(-rc));
	}
	return 0;
}

/* Publish the settings unless `rc` says that the change failed; release the lock. */
static int
change_end(struct fnt_control *control, struct fnt_settings_block *block, int rc,
	   struct fnt_error *error)
{
	if (!rc)
		fnt_settings_publish(&control->region.view, block);
	free(block);
	return fnt_control_end(control, rc, error);
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

	/* Report invalid assignments before the lock is taken. */
	fnt_settings_init(&trial);
	rc = assign_all(&trial, assignments, count, error);
	if (!rc && fn)
		rc = fnt_settings_check_name(fn, strlen(fn), error);
	if (rc)
		return rc;
	rc = change_begin(control, &block, error);
	if (rc)
		return rc;
	return change_end(control, block, set_in(block, fn, assignments, count, error),
			  error);
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
	return change_end(control, block, reset_in(block, fn, error), error);
}
