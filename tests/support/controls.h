/* SPDX-License-Identifier: MIT
 *
 * controls.h: change settings from outside, and print all settings as one text.
 */
#ifndef FNT_TEST_CONTROLS_H
#define FNT_TEST_CONTROLS_H

#include "fixture.h"

#include <fntrace/control.h>

static inline struct fnt_control *
open_control(const char *name)
{
	struct fnt_error error = {0};
	struct fnt_control *control;

	if (fnt_control_open(&control, name, &error))
		ck_abort_msg("open %s for changes: %s", name, error.message);
	return control;
}

/* Change one setting. Returns what fnt_control_set returns. */
static inline int
set_one(struct fnt_control *control, const char *fn, const char *assignment,
	struct fnt_error *error)
{
	return fnt_control_set(control, fn, &assignment, 1, error);
}

static inline const char *
text_of(const struct fnt_settings *settings)
{
	static char text[512];

	return fnt_settings_text(settings, text, sizeof(text));
}

/* As in "keep=0.5; todo:* rate=3". Frees the list. */
static inline const char *
text_of_all(struct fnt_settings_list *list)
{
	static char text[70000];
	size_t used = 0;

	used += (size_t)snprintf(text, sizeof(text), "%s", text_of(&list->all));
	for (size_t i = 0; i < list->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "; %s %s",
					 list->overrides[i].fn_name,
					 text_of(&list->overrides[i].settings));
	fnt_settings_free(list);
	return text;
}

static inline struct fnt_settings_list *
settings_of(struct fnt_control *control)
{
	struct fnt_settings_list *list = NULL;

	ck_assert_int_eq(fnt_control_get(control, &list), 0);
	return list;
}

#endif
