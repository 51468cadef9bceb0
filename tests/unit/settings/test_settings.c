/* SPDX-License-Identifier: MIT
 *
 * test_settings.c: settings in the region, read while they are written, and with any
 * bytes in their place.
 */
#include "support/controls.h"

#include <pthread.h>
#include <stdatomic.h>

#include "control/controller.h"
#include "settings/settings.h"

/* ---- concurrent reads ------------------------------------------------------------ */

static struct fnt_control *shared;
static atomic_bool over;
static const unsigned PUBLISHED = ROUNDS(20000u, 3000u);

/* Write settings in which every value is the same number. */
static void *
publishes(void *arg)
{
	struct fnt_settings_block *block = fnt_settings_create(16);

	(void)arg;
	for (unsigned i = 1; i <= PUBLISHED; i++) {
		struct fnt_setting_set *set;
		char name[32];

		block->count = 0;
		block->all.values.set = FNT_SET_RATE | FNT_SET_SLOW;
		block->all.values.rate = block->all.values.slow_ns = i;
		for (unsigned j = 0; j < 1 + i % 16; j++) {
			snprintf(name, sizeof(name), "%u.%u", j, i);
			set = fnt_settings_override(block, name, strlen(name));
			set->values.set = FNT_SET_RATE | FNT_SET_SLOW;
			set->values.rate = set->values.slow_ns = i;
		}
		fnt_settings_publish(&shared->region.view, block);
	}
	free(block);
	atomic_store(&over, true);
	return NULL;
}

static void
check_whole(const struct fnt_settings_block *block)
{
	uint64_t number = block->all.values.rate;
	char name[32];

	if (!block->all.values.set)
		return;
	MUST(block->all.values.slow_ns == number);
	MUST(block->count == 1 + number % 16);
	for (uint32_t i = 0; i < block->count; i++) {
		snprintf(name, sizeof(name), "%u.%llu", i, (unsigned long long)number);
		MUST(!strcmp(block->overrides[i].name, name));
		MUST(block->overrides[i].values.rate == number);
		MUST(block->overrides[i].values.slow_ns == number);
	}
}

static void *
reads(void *arg)
{
	struct fnt_settings_block *block = fnt_settings_create(16);
	uint64_t last = 0;

	(void)arg;
	while (!atomic_load(&over)) {
		if (!fnt_settings_load(&shared->region.view, block))
			continue;
		check_whole(block);
		MUST(block->all.values.rate >= last || !block->all.values.set);
		last = block->all.values.rate;
	}
	MUST(fnt_settings_load(&shared->region.view, block));
	MUST(block->all.values.rate == PUBLISHED);
	free(block);
	return NULL;
}

START_TEST(settings_are_never_mixed)
{
	struct fnt_log *log = open_sized("mixture", SMALLEST);
	pthread_t threads[3];

	shared = open_control("mixture");
	for (int i = 0; i < 3; i++)
		MUST(!pthread_create(&threads[i], NULL, i ? reads : publishes, NULL));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	fnt_control_close(shared);
	fnt_log_close(log);
}
END_TEST

/* ---- arbitrary bytes ------------------------------------------------------------- */

static void
check_settings(const struct fnt_settings *settings)
{
	ck_assert(settings->keep >= 0 && settings->keep <= 1);
	ck_assert_uint_le(settings->slow_ns, 24ull * 3600 * 1000000000);
	ck_assert_uint_le(settings->rate, UINT32_MAX);
	ck_assert_uint_le(settings->capture_values, FNT_CAPTURE_HASH);
	ck_assert_uint_le(settings->capture_ids, FNT_CAPTURE_HASH);
	ck_assert_uint_le(settings->capture_users, FNT_CAPTURE_HASH);
	ck_assert_uint_lt(settings->set, 0x100);
	ck_assert_uint_gt(strlen(text_of(settings)) + !settings->set, 0);
}

/* Numbers that an attacker would choose, and random ones. */
static uint64_t
bad_word(struct rnd *r)
{
	static const uint64_t words[] = {0,
					 1,
					 2,
					 3,
					 255,
					 256,
					 257,
					 UINT32_MAX,
					 1ull << 32,
					 INT64_MAX,
					 1ull << 63,
					 UINT64_MAX,
					 0x7ff8000000000000u,
					 0xfff0000000000000u,
					 0x3ff0000000000001u};
	uint32_t pick = rnd(r, 24);

	if (pick < sizeof(words) / sizeof(words[0]))
		return words[pick];
	return (uint64_t)rnd(r, UINT32_MAX) << 32 | rnd(r, UINT32_MAX);
}

START_TEST(hostile_settings_bytes)
{
	struct fnt_log *log = open_log("hostile", NULL);
	struct fnt_control *control = open_control("hostile");
	const struct fnt_view *view = &control->region.view;
	size_t words = 2u * view->settings_count * sizeof(struct fnt_setting_entry) / 8;
	struct fnt_error error = {0};
	struct rnd r = {3};

	for (int round = 0; round < ROUNDS(2000, 200); round++) {
		struct fnt_settings_list *list;
		fnt_word *at = (fnt_word *)view->settings;

		for (size_t i = 0; i < words; i++)
			if (!rnd(&r, 1 + (uint32_t)round % 5))
				atomic_store(&at[i], bad_word(&r));
		atomic_store(&view->control->generation, bad_word(&r));
		list = settings_of(control);
		check_settings(&list->all);
		ck_assert_uint_le(list->count, view->settings_count);
		for (size_t i = 0; i < list->count; i++) {
			check_settings(&list->overrides[i].settings);
			ck_assert_uint_le(strlen(list->overrides[i].fn_name),
					  FNT_SETTING_NAME_MAX);
		}
		fnt_settings_free(list);
		/* A producer uses them without harm, and a change repairs them. */
		fnt_call_finish_ok(begin_call(log, "f", "1"), NULL);
		if (round % 3)
			continue;
		ck_assert_int_eq(fnt_control_reset(control, NULL, &error), 0);
		ck_assert_str_eq(text_of_all(settings_of(control)), "");
		ck_assert_int_eq(record_call(log, "f", "2"), FNT_DONE);
	}
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

static void
hears(void *arg, uint64_t offset, const char *problem)
{
	(void)offset;
	snprintf(arg, 200, "%s", problem);
}

START_TEST(check_finds_damaged_settings)
{
	struct fnt_log *log = open_log("check", NULL);
	struct fnt_control *control = open_control("check");
	const struct fnt_view *view = &control->region.view;
	struct fnt_reader *reader = open_reader("check");
	struct fnt_error error = {0};
	struct fnt_setting_entry *entry;
	struct fnt_check check;
	char text[200] = "";

	ck_assert(!set_one(control, NULL, "keep=0.5", &error));
	ck_assert(!set_one(control, "f", "rate=5", &error));
	must_be_sound("check");
	entry = fnt_settings_copy(view, atomic_load(&view->control->generation));
	atomic_store(&entry[0].values[FNT_SETTING_KEEP], 0x4000000000000000u); /* 2.0 */
	ck_assert(!fnt_reader_check(reader, &check, hears, text));
	ck_assert_uint_eq(check.problems, 1);
	ck_assert_str_eq(text, "a setting out of its range");
	atomic_store(&entry[1].name_len, 257);
	atomic_fetch_or(&entry[0].mask, 1u << 20);
	ck_assert(!fnt_reader_check(reader, &check, hears, text));
	ck_assert_uint_eq(check.problems, 2);
	/* The copy that is not in force is not checked. */
	entry = fnt_settings_copy(view, atomic_load(&view->control->generation) +
						FNT_GENERATION_SETTINGS);
	atomic_store(&entry[1].mask, UINT64_MAX);
	ck_assert(!fnt_control_reset(control, NULL, &error));
	must_be_sound("check");
	fnt_reader_close(reader);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("settings", settings_are_never_mixed, hostile_settings_bytes,
	     check_finds_damaged_settings)
