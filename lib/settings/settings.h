/* SPDX-License-Identifier: MIT
 *
 * settings.h: a region's settings: as text, in private memory, and in the region.
 *
 *   "KEY=VALUE" ──parse──► fnt_settings_block ──publish──► the copy not in force
 *                               ▲                                │ generation
 *                               │                                ▼
 *                               └────────── load ◄──── the copy in force
 *
 * The region has two copies. The settings' half of control->generation, modulo 2, is
 * the number of the copy in force. The holder of the control lock writes the other
 * copy, and then adds to the generation by one store: if it is killed before that
 * store, no setting has changed; after it, all have. A reader copies word by word and
 * then checks that the generation is still the same.
 *
 * Nothing read from the region is trusted: values are brought into range, and lengths
 * are bounded.
 *
 * A struct fnt_settings_block is private memory: one thread writes it, and once several
 * threads use it, it is not written any more. Functions that parse or create may
 * allocate; the others are wait-free and make no system call.
 */
#ifndef FNT_SETTINGS_SETTINGS_H
#define FNT_SETTINGS_SETTINGS_H

#include "region/view.h"

#include <fntrace/control.h>

#define FNT_SLOW_MAX_NS (24ull * 3600 * 1000000000) /* the largest `slow` */
#define FNT_RATE_MAX UINT32_MAX /* the largest `rate`, calls a second */

/* The settings for all functions, or for those that a name or a prefix matches. */
struct fnt_setting_set {
	struct fnt_settings values;
	uint32_t name_len;		     /* bytes; 0: all functions */
	char name[FNT_SETTING_NAME_MAX + 1]; /* a prefix ends in '*' */
};

/* One copy of a region's settings, in private memory. */
struct fnt_settings_block {
	uint64_t generation; /* of the region, when it was loaded */
	uint32_t count;	     /* of `overrides` */
	uint32_t max;	     /* overrides that this, like the region, has room for */
	struct fnt_setting_set all;	    /* for all functions; no name */
	struct fnt_setting_set overrides[]; /* in no order, each name once */
};

/* ---- in private memory ----------------------------------------------------------- */

/* Make `settings` the defaults, with no key set. */
void fnt_settings_init(struct fnt_settings *settings);

/* Copy the keys that `from` sets to `onto`, which then sets them, too. */
void fnt_settings_overlay(struct fnt_settings *onto, const struct fnt_settings *from);

/* Returns a block without overrides, with room for `max`, for the caller to free();
 * NULL: no memory. */
struct fnt_settings_block *fnt_settings_create(uint32_t max);

/* The override for `name`, `len` bytes that fnt_settings_check_name() accepts. Adds it
 * if there is none. NULL: there is no room for another one. */
struct fnt_setting_set *fnt_settings_override(struct fnt_settings_block *block,
					      const char *name, size_t len);

/* Remove the overrides that set no key. */
void fnt_settings_tidy(struct fnt_settings_block *block);

/* The number of the most specific override that matches a function's name, or -1: the
 * override of exactly this name, else the one with the longest prefix. */
int fnt_settings_match(const struct fnt_settings_block *block, const char *name,
		       size_t len);

/* The settings of functions for which fnt_settings_match() returns `number`; they are
 * the same for all of them. Those of other functions are block->all.values. */
void fnt_settings_effective(const struct fnt_settings_block *block, uint32_t number,
			    struct fnt_settings *settings);

/* ---- in the region -------------------------------------------------------------- */

/* Load the copy in force into `block`. False: it was replaced during each of several
 * tries. Wait-free. */
bool fnt_settings_load(const struct fnt_view *view, struct fnt_settings_block *block);

/* The region's copy that is in force at `generation`. The region must have settings. */
struct fnt_setting_entry *fnt_settings_copy(const struct fnt_view *view,
					    uint64_t generation);

/* Check an entry. Returns what is wrong with it, as a text for messages; NULL: it is
 * valid. `first`: it is the first of its copy, for all functions. */
const char *fnt_settings_problem(struct fnt_setting_entry *entry, bool first);

/* Put `block` in force. The caller holds the control lock (control/controller.h). */
void fnt_settings_publish(const struct fnt_view *view,
			  const struct fnt_settings_block *block);

/* Write `block` to the `count` entries of a copy that no process uses yet. In a new
 * region that is copy 0, in force at FNT_GENERATION_FIRST. */
#define FNT_GENERATION_FIRST (2 * FNT_GENERATION_SETTINGS)
void fnt_settings_write(struct fnt_setting_entry *entries, uint32_t count,
			const struct fnt_settings_block *block);

/* ---- as text -------------------------------------------------------------------- */

/* Set or unset one key: "KEY=VALUE" or "KEY=default". Returns 0, or -EINVAL with a
 * message in *error (may be NULL). */
int fnt_settings_assign(struct fnt_settings *settings, const char *assignment,
			struct fnt_error *error);

/* Apply assignments that are separated by white space to `block`. "NAME:KEY=VALUE" is
 * an override for NAME, as in "keep=0.1 todo:*:rate=10". Returns 0; or -EINVAL, -ENOSPC
 * or -ENOMEM with a message that begins with `what`: some assignments may have been
 * applied. */
int fnt_settings_parse(struct fnt_settings_block *block, const char *text,
		       const char *what, struct fnt_error *error);

/* May `name` name an override: a function's name, or a prefix and '*'? Returns 0, or
 * -EINVAL with a message. */
int fnt_settings_check_name(const char *name, size_t len, struct fnt_error *error);

#endif
