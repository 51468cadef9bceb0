/* SPDX-License-Identifier: MIT
 *
 * settings.c: settings in private memory and in the region.
 */
#include "settings/settings.h"

#include "base/shm_words.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_TRIES 16

static_assert(FNT_SET_ENABLED == 1u << FNT_SETTING_ENABLED, "layout");
static_assert(FNT_SET_KEEP == 1u << FNT_SETTING_KEEP, "layout");
static_assert(FNT_SET_SLOW == 1u << FNT_SETTING_SLOW, "layout");
static_assert(FNT_SET_KEEP_ERRORS == 1u << FNT_SETTING_KEEP_ERRORS, "layout");
static_assert(FNT_SET_RATE == 1u << FNT_SETTING_RATE, "layout");
static_assert(FNT_SET_CAPTURE_VALUES == 1u << FNT_SETTING_VALUES, "layout");
static_assert(FNT_SET_CAPTURE_IDS == 1u << FNT_SETTING_IDS, "layout");
static_assert(FNT_SET_CAPTURE_USERS == 1u << FNT_SETTING_USERS, "layout");

#define ALL_SET ((1u << FNT_SETTINGS) - 1)

void
fnt_settings_init(struct fnt_settings *settings)
{
	*settings = (struct fnt_settings){
		.enabled = true,
		.keep_errors = true,
		.capture_values = FNT_CAPTURE_ON,
		.capture_ids = FNT_CAPTURE_ON,
		.capture_users = FNT_CAPTURE_ON,
		.keep = 1.0,
	};
}

struct fnt_settings_block *
fnt_settings_create(uint32_t max)
{
	struct fnt_settings_block *block =
		calloc(1, sizeof(*block) + max * sizeof(block->overrides[0]));

	if (!block)
		return NULL;
	block->max = max;
	fnt_settings_init(&block->all.values);
	return block;
}

/* ---- read from the region ------------------------------------------------------- */

static uint64_t
capped(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

static double
share_of(uint64_t bits)
{
	double share;

	memcpy(&share, &bits, sizeof(share));
	/* All comparisons are false for NaN, which becomes 1. */
	return share >= 1 ? 1 : share > 0 ? share : share <= 0 ? 0 : 1;
}

static enum fnt_capture
capture_of(uint64_t value)
{
	return value <= FNT_CAPTURE_HASH ? (enum fnt_capture)value : FNT_CAPTURE_OFF;
}

static void
take_value(struct fnt_settings *into, enum fnt_setting key, uint64_t value)
{
	switch (key) {
	case FNT_SETTING_ENABLED:
		into->enabled = value != 0;
		break;
	case FNT_SETTING_KEEP:
		into->keep = share_of(value);
		break;
	case FNT_SETTING_SLOW:
		into->slow_ns = capped(value, FNT_SLOW_MAX_NS);
		break;
	case FNT_SETTING_KEEP_ERRORS:
		into->keep_errors = value != 0;
		break;
	case FNT_SETTING_RATE:
		into->rate = capped(value, FNT_RATE_MAX);
		break;
	case FNT_SETTING_VALUES:
		into->capture_values = capture_of(value);
		break;
	case FNT_SETTING_IDS:
		into->capture_ids = capture_of(value);
		break;
	case FNT_SETTING_USERS:
		into->capture_users = capture_of(value);
		break;
	case FNT_SETTINGS:
		break;
	}
}

static uint64_t
value_of(const struct fnt_settings *from, enum fnt_setting key)
{
	uint64_t bits;

	switch (key) {
	case FNT_SETTING_ENABLED:
		return from->enabled;
	case FNT_SETTING_KEEP:
		memcpy(&bits, &from->keep, sizeof(bits));
		return bits;
	case FNT_SETTING_SLOW:
		return from->slow_ns;
	case FNT_SETTING_KEEP_ERRORS:
		return from->keep_errors;
	case FNT_SETTING_RATE:
		return from->rate;
	case FNT_SETTING_VALUES:
		return from->capture_values;
	case FNT_SETTING_IDS:
		return from->capture_ids;
	case FNT_SETTING_USERS:
		return from->capture_users;
	case FNT_SETTINGS:
		break;
	}
	return 0;
}

static void
take_entry(struct fnt_setting_set *set, struct fnt_setting_entry *entry)
{
	uint64_t mask = fnt_word_relaxed(&entry->mask);
	uint64_t len = fnt_word_relaxed(&entry->name_len);

	fnt_settings_init(&set->values);
	set->values.set = (uint32_t)mask & ALL_SET;
	for (uint32_t key = 0; key < FNT_SETTINGS; key++)
		if (set->values.set & 1u << key)
			take_value(&set->values, (enum fnt_setting)key,
				   fnt_word_relaxed(&entry->values[key]));
	set->name_len = (uint32_t)capped(len, FNT_SETTING_NAME_MAX);
	fnt_words_load(set->name, entry->name, FNT_SETTING_NAME_MAX);
	set->name[set->name_len] = '\0';
}

static void
take_copy(struct fnt_settings_block *block, struct fnt_setting_entry *entries,
	  uint32_t count)
{
	take_entry(&block->all, &entries[0]);
	block->all.name_len = 0;
	block->count = 0;
	for (uint32_t i = 1; i < count && block->count < block->max; i++) {
		struct fnt_setting_set *set = &block->overrides[block->count];

		/* An entry that sets no key, or has no name, is not in use. */
		if (!fnt_word_relaxed(&entries[i].mask))
			continue;
		take_entry(set, &entries[i]);
		block->count += set->values.set && set->name_len;
	}
}

const char *
fnt_settings_problem(struct fnt_setting_entry *entry, bool first)
{
	uint64_t mask = fnt_word_relaxed(&entry->mask);
	uint64_t len = fnt_word_relaxed(&entry->name_len);
	struct fnt_settings settings;

	if (!mask)
		return NULL;
	if (mask & ~(uint64_t)ALL_SET)
		return "settings of unknown keys";
	if (first ? len != 0 : !len || len > FNT_SETTING_NAME_MAX)
		return "a function's name of an impossible length";
	fnt_settings_init(&settings);
	for (uint32_t key = 0; key < FNT_SETTINGS; key++) {
		uint64_t value = fnt_word_relaxed(&entry->values[key]);

		if (!(mask & 1u << key))
			continue;
		take_value(&settings, (enum fnt_setting)key, value);
		if (value_of(&settings, (enum fnt_setting)key) != value)
			return "a setting out of its range";
	}
	return NULL;
}

struct fnt_setting_entry *
fnt_settings_copy(const struct fnt_view *view, uint64_t generation)
{
	uint64_t number = generation / FNT_GENERATION_SETTINGS;

	return view->settings + number % 2 * view->settings_count;
}

bool
fnt_settings_load(const struct fnt_view *view, struct fnt_settings_block *block)
{
	fnt_word *word = &view->control->generation;

	for (int i = 0; i < LOAD_TRIES; i++) {
		/* [G2] acquire: the copy in force is complete. Pairs with [G1]. */
		uint64_t before = atomic_load_explicit(word, memory_order_acquire),
			 after;

		if (view->settings)
			take_copy(block, fnt_settings_copy(view, before),
				  view->settings_count);
		/* [G4] acquire: if a word above was of a later write to this copy, the
		 * load below sees a later generation. Pairs with [G3]. */
		atomic_thread_fence(memory_order_acquire);
		after = fnt_word_relaxed(word);
		block->generation = after;
		if (before / FNT_GENERATION_SETTINGS == after / FNT_GENERATION_SETTINGS)
			return true;
	}
	return false;
}

/* ---- written to the region ------------------------------------------------------ */

static void
write_entry(struct fnt_setting_entry *entry, const struct fnt_setting_set *set)
{
	char name[FNT_SETTING_NAME_MAX] = {0};

	memcpy(name, set->name, set->name_len);
	fnt_word_store(&entry->mask, set->values.set);
	fnt_word_store(&entry->name_len, set->name_len);
	for (uint32_t key = 0; key < FNT_SETTING_VALUES_MAX; key++)
		fnt_word_store(&entry->values[key],
			       set->values.set & 1u << key
				       ? value_of(&set->values, (enum fnt_setting)key)
				       : 0);
	fnt_words_write(entry->name, name, FNT_SETTING_NAME_MAX / 8);
}

void
fnt_settings_write(struct fnt_setting_entry *entries, uint32_t count,
		   const struct fnt_settings_block *block)
{
	static const struct fnt_setting_set none;

	write_entry(&entries[0], &block->all);
	for (uint32_t i = 1; i < count; i++)
		write_entry(&entries[i],
			    i <= block->count ? &block->overrides[i - 1] : &none);
}

void
fnt_settings_publish(const struct fnt_view *view,
		     const struct fnt_settings_block *block)
{
	fnt_word *word = &view->control->generation;
	uint64_t next = atomic_load_explicit(word, memory_order_acquire) +
			FNT_GENERATION_SETTINGS;

	/* [G3] release: the present generation, by which the other copy is in force,
	 * comes before any change of this copy. Pairs with [G4]. */
	atomic_thread_fence(memory_order_release);
	fnt_settings_write(fnt_settings_copy(view, next), view->settings_count, block);
	/* If the process dies before this store, the copy is never used.
	 *
	 * [G1] release: the copy comes before the generation that puts it in force.
	 * Pairs with [G2]. */
	atomic_fetch_add_explicit(word, FNT_GENERATION_SETTINGS, memory_order_release);
}

/* ---- overrides ------------------------------------------------------------------ */

struct fnt_setting_set *
fnt_settings_override(struct fnt_settings_block *block, const char *name, size_t len)
{
	struct fnt_setting_set *set = block->overrides;
	uint32_t at = 0;

	while (at < block->count &&
	       (set[at].name_len != len || memcmp(set[at].name, name, len) != 0))
		at++;
	if (at < block->count)
		return &set[at];
	if (block->count == block->max)
		return NULL;
	set += block->count++;
	fnt_settings_init(&set->values);
	set->name_len = (uint32_t)len;
	memcpy(set->name, name, len);
	set->name[len] = '\0';
	return set;
}

void
fnt_settings_tidy(struct fnt_settings_block *block)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < block->count; i++)
		if (block->overrides[i].values.set)
			block->overrides[count++] = block->overrides[i];
	block->count = count;
}

static bool
is_prefix(const struct fnt_setting_set *set)
{
	return set->name[set->name_len - 1] == '*';
}

/* How specifically an override matches: 0: not at all; UINT32_MAX: it is of exactly
 * this name; else the longer its prefix, the more. */
static uint32_t
match(const struct fnt_setting_set *set, const char *name, size_t len)
{
	uint32_t stem = set->name_len - 1;

	if (is_prefix(set))
		return stem <= len && !memcmp(set->name, name, stem) ? 1 + stem : 0;
	return set->name_len == len && !memcmp(set->name, name, len) ? UINT32_MAX : 0;
}

int
fnt_settings_match(const struct fnt_settings_block *block, const char *name, size_t len)
{
	uint32_t best = 0;
	int found = -1;

	for (uint32_t i = 0; i < block->count; i++) {
		uint32_t how = match(&block->overrides[i], name, len);

		if (how > best) {
			best = how;
			found = (int)i;
		}
	}
	return found;
}

void
fnt_settings_overlay(struct fnt_settings *onto, const struct fnt_settings *from)
{
	for (uint32_t key = 0; key < FNT_SETTINGS; key++)
		if (from->set & 1u << key)
			take_value(onto, (enum fnt_setting)key,
				   value_of(from, (enum fnt_setting)key));
	onto->set |= from->set;
}

/* Overlay all overrides that match a name, the least specific first. With `exact` false
 * the override of exactly this name is left out. */
static void
collect(const struct fnt_settings_block *block, const char *name, size_t len,
	bool exact, struct fnt_settings *settings)
{
	uint32_t done = 0;

	*settings = block->all.values;
	for (;;) {
		const struct fnt_setting_set *next = NULL;
		uint32_t best = exact ? UINT32_MAX : UINT32_MAX - 1;

		for (uint32_t i = 0; i < block->count; i++) {
			uint32_t how = match(&block->overrides[i], name, len);

			if (how > done && how <= best && (!next || how < best)) {
				next = &block->overrides[i];
				best = how;
			}
		}
		if (!next)
			return;
		fnt_settings_overlay(settings, &next->values);
		done = best;
	}
}

/* If `number` is a prefix, every name for which it is the most specific override is
 * matched by the same shorter prefixes as the prefix itself. So it takes the place of
 * the name here. */
void
fnt_settings_effective(const struct fnt_settings_block *block, uint32_t number,
		       struct fnt_settings *settings)
{
	const struct fnt_setting_set *set = &block->overrides[number];
	bool prefix = is_prefix(set);

	collect(block, set->name, set->name_len - prefix, !prefix, settings);
}
