/* SPDX-License-Identifier: MIT */
#include "produce/rules.h"

#include "base/random.h"
#include "settings/settings.h"
#include "region/segment_map.h"
#include "region/sigbus.h"

#include <stdlib.h>
#include <string.h>

#define UPDATE_TRIES 16

static _Atomic(struct fnt_snapshot *) retired;
static _Atomic uint32_t retired_count; /* approximate */

/* ---- snapshots ------------------------------------------------------------------- */

static void
make_rule(struct fnt_rule *rule, const struct fnt_settings *settings)
{
	struct fnt_settings defaults;

	rule->keep = (uint64_t)(settings->keep * 0x1p63);
	rule->slow_ns = settings->slow_ns ? settings->slow_ns : UINT64_MAX;
	rule->rate = (uint32_t)settings->rate;
	rule->enabled = settings->enabled;
	rule->keep_errors = settings->keep_errors;
	rule->values = (uint8_t)settings->capture_values;
	rule->ids = (uint8_t)settings->capture_ids;
	rule->users = (uint8_t)settings->capture_users;
	fnt_settings_init(&defaults);
	/* `keep_errors` means nothing if every call is kept. */
	rule->plain = rule->enabled && settings->keep >= defaults.keep &&
		      !settings->slow_ns && !settings->rate &&
		      rule->values == FNT_CAPTURE_ON && rule->ids == FNT_CAPTURE_ON &&
		      rule->users == FNT_CAPTURE_ON;
}

static void
make_rules(struct fnt_snapshot *snapshot)
{
	const struct fnt_settings_block *block = snapshot->block;

	make_rule(&snapshot->rules[0], &block->all.values);
	snapshot->plain = snapshot->rules[0].plain;
	snapshot->off = !snapshot->rules[0].enabled;
	snapshot->alike = !block->count;
	for (uint32_t i = 0; i < block->count; i++) {
		struct fnt_rule *rule = &snapshot->rules[i + 1];
		struct fnt_settings settings;

		fnt_settings_effective(block, i, &settings);
		make_rule(rule, &settings);
		snapshot->plain &= rule->plain;
		snapshot->off &= !rule->enabled;
	}
	snapshot->fast = snapshot->alike && !snapshot->plain && !snapshot->off &&
			 snapshot->rules[0].users == FNT_CAPTURE_ON &&
			 snapshot->rules[0].ids == FNT_CAPTURE_ON;
}

static void
destroy_snapshot(struct fnt_snapshot *snapshot)
{
	free(snapshot->block);
	free(snapshot->rules);
	free(snapshot);
}

static uint32_t
overrides_of(const struct fnt_view *view)
{
	uint32_t max = view->settings_count ? view->settings_count - 1 : 0;

	return max < FNT_RULES_MAX ? max : FNT_RULES_MAX;
}

/* NULL: no memory, or the settings changed each time they were read. */
static struct fnt_snapshot *
create_snapshot(const struct fnt_view *view)
{
	struct fnt_snapshot *snapshot = calloc(1, sizeof(*snapshot) + view->name_count);

	if (!snapshot)
		return NULL;
	snapshot->name_count = view->name_count;
	snapshot->block = fnt_settings_create(overrides_of(view));
	if (snapshot->block && fnt_settings_load(view, snapshot->block))
		snapshot->rules =
			calloc(1 + snapshot->block->count, sizeof(*snapshot->rules));
	if (!snapshot->rules) {
		destroy_snapshot(snapshot);
		return NULL;
	}
	snapshot->generation = snapshot->block->generation;
	make_rules(snapshot);
	return snapshot;
}

/* ---- an attachment's snapshot ---------------------------------------------------- */

void
fnt_rules_remember_plain(struct fnt_attachment *attachment)
{
	const struct fnt_snapshot *snapshot = fnt_rules_snapshot(attachment);

	atomic_store_explicit(&attachment->plain,
			      snapshot->plain ? snapshot->generation
					      : FNT_GENERATION_NEVER,
			      memory_order_relaxed);
}

bool
fnt_rules_init(struct fnt_attachment *attachment)
{
	const struct fnt_view *view = &attachment->region.view;
	struct fnt_snapshot *snapshot = create_snapshot(view);

	if (!snapshot)
		return false;
	atomic_store_explicit(&attachment->snapshot, snapshot, memory_order_relaxed);
	fnt_rules_remember_plain(attachment);
	for (int i = 0; i < 2; i++)
		attachment->hash_key[i] = fnt_word_relaxed(&view->control->hash_key[i]);
	/* A frozen copy has no key: everybody would know it. Nor has a region that was
	 * made where there was no secret; then nothing is hashed (capture.c). */
	if (!(attachment->hash_key[0] | attachment->hash_key[1]) &&
	    !fnt_random(attachment->hash_key, sizeof(attachment->hash_key)))
		memset(attachment->hash_key, 0, sizeof(attachment->hash_key));
	return true;
}

void
fnt_rules_fini(struct fnt_attachment *attachment)
{
	destroy_snapshot(
		atomic_load_explicit(&attachment->snapshot, memory_order_relaxed));
}

/* ---- replacing it ---------------------------------------------------------------- */

static void
retire(struct fnt_snapshot *snapshot)
{
	snapshot->next = atomic_load_explicit(&retired, memory_order_relaxed);
	/* [V3] release: the snapshot's link comes before it can be found. Pairs with
	 * [V4]. */
	while (!atomic_compare_exchange_weak_explicit(&retired, &snapshot->next,
						      snapshot, memory_order_release,
						      memory_order_relaxed))
		continue;
	atomic_fetch_add_explicit(&retired_count, 1, memory_order_relaxed);
}

struct fnt_snapshot *
fnt_rules_retired(void)
{
	atomic_store_explicit(&retired_count, 0, memory_order_relaxed);
	/* [V4] acquire: the links of the snapshots in the list. Pairs with [V3]. */
	return atomic_exchange_explicit(&retired, NULL, memory_order_acquire);
}

void
fnt_rules_free(struct fnt_snapshot *list)
{
	while (list) {
		struct fnt_snapshot *snapshot = list;

		list = list->next;
		destroy_snapshot(snapshot);
	}
}

void
fnt_rules_retire_again(struct fnt_snapshot *list)
{
	while (list) {
		struct fnt_snapshot *snapshot = list;

		list = list->next;
		retire(snapshot);
	}
}

void
fnt_rules_sweep(void)
{
	struct fnt_snapshot *list;

	/* A host in a read-side section of its own would wait for itself. */
	if (atomic_load_explicit(&retired_count, memory_order_relaxed) <
		    FNT_RETIRED_MAX ||
	    fnt_rcu_in_section())
		return;
	list = fnt_rules_retired();
	if (!list)
		return;
	if (fnt_rcu_synchronize())
		fnt_rules_free(list);
	else
		fnt_rules_retire_again(list);
}

/* Replace `old`; false: another thread has. */
static bool
replace(struct fnt_attachment *attachment, struct fnt_snapshot *old,
	struct fnt_snapshot *made)
{
	/* [V1] release: the snapshot is complete before it can be reached. Pairs with
	 * [V2]. */
	if (!atomic_compare_exchange_strong_explicit(&attachment->snapshot, &old, made,
						     memory_order_release,
						     memory_order_relaxed)) {
		destroy_snapshot(made);
		return false;
	}
	fnt_rules_remember_plain(attachment);
	retire(old);
	return true;
}

bool
fnt_rules_update(struct fnt_attachment *attachment)
{
	/* A thread that replaced it first may have seen older settings than this one:
	 * try again. */
	for (int i = 0; i < UPDATE_TRIES; i++) {
		struct fnt_snapshot *old = fnt_rules_snapshot(attachment), *made;

		if (fnt_rules_are_latest(attachment, old))
			return false;
		made = create_snapshot(&attachment->region.view);
		if (!made)
			return false;
		if (fnt_sigbus_lost(attachment->region.view.sigbus)) {
			/* Made of zeroes. */
			destroy_snapshot(made);
			return false;
		}
		if (replace(attachment, old, made))
			return true;
	}
	return false;
}

/* ---- rules ----------------------------------------------------------------------- */

static uint8_t
number_of(const struct fnt_snapshot *snapshot, const char *name)
{
	return (uint8_t)(1 + fnt_settings_match(snapshot->block, name, strlen(name)));
}

const struct fnt_rule *
fnt_rules_find(struct fnt_snapshot *snapshot, uint32_t id, const char *name)
{
	_Atomic uint8_t *known;
	uint8_t number;

	if (!snapshot->block->count)
		return &snapshot->rules[0];
	if (id >= snapshot->name_count)
		return &snapshot->rules[number_of(snapshot, name)];
	known = &snapshot->by_name[id];
	number = atomic_load_explicit(known, memory_order_relaxed);
	if (!number) {
		/* Threads that look it up at the same time find the same. */
		number = (uint8_t)(1 + number_of(snapshot, name));
		atomic_store_explicit(known, number, memory_order_relaxed);
	}
	return &snapshot->rules[number - 1];
}
