/* SPDX-License-Identifier: MIT
 *
 * settings.h: what may be set, in the region and as text.
 *
 *   "KEY=VALUE" ──parse──► fnt_settings_block ──publish──► the copy not in force ─► in
 * force ▲                                                 │ └──────────────────── load
 * ───────────────────────┘
 *
 * Two copies lie in the region. The settings' part of control->generation, modulo 2, is
 * the one in force; who holds the lock fills in the other and then counts the
 * generation up, which is one store: killed before it, nothing has changed; after it,
 * all has. A reader copies word by word and looks at the generation again.
 *
 * Nothing here believes the region: values are clamped, names bounded.
 */
#ifndef FNT_SETTINGS_SETTINGS_H
#define FNT_SETTINGS_SETTINGS_H

#include "region/view.h"

#include <fntrace/control.h>

#define FNT_SLOW_MAX_NS (24ull * 3600 * 1000000000) /* the largest `slow` */
#define FNT_RATE_MAX UINT32_MAX /* the largest `rate`, calls a second */

/* One entry, out of the region. */
struct fnt_setting_set {
	struct fnt_settings values;
	uint32_t name_len; /* 0: all functions */
	char name[FNT_SETTING_NAME_MAX + 1];
};

/* One copy, out of the region: for all functions, and overrides by name. */
struct fnt_settings_block {
	uint64_t generation; /* of the region when it was copied */
	uint32_t count;	     /* overrides */
	uint32_t max;	     /* that there is room for, here and there */
	struct fnt_setting_set all;
	struct fnt_setting_set overrides[];
};

/* The defaults, with nothing set. */
void fnt_settings_init(struct fnt_settings *settings);

/* What `from` sets is set in `onto`. */
void fnt_settings_overlay(struct fnt_settings *onto, const struct fnt_settings *from);

/* An empty block with room for what the region can hold; NULL: no memory. free() it. */
struct fnt_settings_block *fnt_settings_create(uint32_t max);

/* Copy what is in force. False: it was rewritten under every try. Wait-free, no system
 * call, no allocation. */
bool fnt_settings_load(const struct fnt_view *view, struct fnt_settings_block *block);

/* The copy in force at that generation of the region; there must be settings. */
struct fnt_setting_entry *fnt_settings_copy(const struct fnt_view *view,
					    uint64_t generation);

/* What about the entry nobody can have written; NULL: nothing. `first`: of its copy. */
const char *fnt_settings_problem(struct fnt_setting_entry *entry, bool first);

/* Put the block in force. With the control lock in hand (control_lock.h). */
void fnt_settings_publish(const struct fnt_view *view,
			  const struct fnt_settings_block *block);

/* The first bytes of a region: the copy that is in force first, to be written at
 * `entries`, 1 + block->max of them. */
#define FNT_GENERATION_FIRST (2 * FNT_GENERATION_SETTINGS)
void fnt_settings_write(struct fnt_setting_entry *entries, uint32_t count,
			const struct fnt_settings_block *block);

/* Set one key as "KEY=VALUE" says. -EINVAL with a message. */
int fnt_settings_assign(struct fnt_settings *settings, const char *assignment,
			struct fnt_error *error);

/* The override for `name`, made if need be; NULL: the table is full. */
struct fnt_setting_set *fnt_settings_override(struct fnt_settings_block *block,
					      const char *name, size_t len);

/* Take overrides out that set nothing. */
void fnt_settings_tidy(struct fnt_settings_block *block);

/* Many of them, with white space between: "keep=0.1 todo:*:rate=10". -EINVAL, -ENOSPC,
 * with a message that begins with `what`. */
int fnt_settings_parse(struct fnt_settings_block *block, const char *text,
		       const char *what, struct fnt_error *error);

/* Is it fit for a function's name, or a beginning? -EINVAL with a message. */
int fnt_settings_check_name(const char *name, size_t len, struct fnt_error *error);

/* The most specific override that matches, or -1. */
int fnt_settings_match(const struct fnt_settings_block *block, const char *name,
		       size_t len);

/* What applies where override `number` is the one that fnt_settings_match finds: depends on
 * nothing else. */
void fnt_settings_effective(const struct fnt_settings_block *block, uint32_t number,
			    struct fnt_settings *settings);

#endif
