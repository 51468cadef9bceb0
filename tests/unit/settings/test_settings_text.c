/* SPDX-License-Identifier: MIT
 *
 * test_settings_text.c: settings as text, and which override applies to a function.
 */
#include "support/controls.h"

#include "settings/settings.h"

/* ---- without memory -------------------------------------------------------------- */

static bool no_memory; /* linked with --wrap=realloc */

void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *
__wrap_realloc(void *at, size_t size)
{
	return no_memory ? NULL : __real_realloc(at, size);
}

/* Whoever prints settings relies on each key being there. */
START_TEST(text_needs_no_memory)
{
	struct fnt_settings settings = {
		.set = 0xff,
		.keep = 0.333333333333333,
		.slow_ns = 86399999999999,
		.rate = UINT32_MAX,
		.capture_values = FNT_CAPTURE_HASH,
		.capture_ids = FNT_CAPTURE_HASH,
		.capture_users = FNT_CAPTURE_HASH,
	};
	char text[512];

	no_memory = true;
	fnt_settings_text(&settings, text, sizeof(text));
	no_memory = false;
	for (size_t key = 0; fnt_setting_key(key); key++)
		ck_assert_ptr_nonnull(strstr(text, fnt_setting_key(key)));
	ck_assert_ptr_nonnull(strstr(text, "keep=0.333333333333333 "));
}
END_TEST

/* ---- as text --------------------------------------------------------------------- */

START_TEST(valid_values)
{
	static const char *const pairs[][2] = {
		{"enabled=on", "enabled=on"},
		{"enabled=off", "enabled=off"},
		{"keep=0", "keep=0"},
		{"keep=1", "keep=1"},
		{"keep=1.000", "keep=1"},
		{"keep=.5", "keep=0.5"},
		{"keep=0.1", "keep=0.1"},
		{"keep=0.333333333333333333333", "keep=0.333333333333333"},
		{"keep=0.0000001", "keep=1e-7"},
		{"keep=1e-7", "keep=1e-7"},
		{"slow=0", "slow=off"},
		{"slow=off", "slow=off"},
		{"slow=1ns", "slow=1ns"},
		{"slow=200us", "slow=200us"},
		{"slow=50ms", "slow=50ms"},
		{"slow=1.5s", "slow=1.5s"},
		{"slow=1500us", "slow=1.5ms"},
		{"slow=90s", "slow=90s"},
		{"slow=120s", "slow=2m"},
		{"slow=24h", "slow=24h"},
		{"slow=0.001us", "slow=1ns"},
		{"slow=10.000000001s", "slow=10.000000001s"},
		{"keep_errors=off", "keep_errors=off"},
		{"rate=0", "rate=off"},
		{"rate=off", "rate=off"},
		{"rate=1", "rate=1"},
		{"rate=4294967295", "rate=4294967295"},
		{"capture.values=hash", "capture.values=hash"},
		{"capture.ids=off", "capture.ids=off"},
		{"capture.users=on", "capture.users=on"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct fnt_settings settings;

		fnt_settings_init(&settings);
		ck_assert_int_eq(fnt_settings_assign(&settings, pairs[i][0], NULL), 0);
		ck_assert_str_eq(text_of(&settings), pairs[i][1]);
		/* What is printed is accepted again, and prints the same. */
		fnt_settings_init(&settings);
		ck_assert_int_eq(fnt_settings_assign(&settings, pairs[i][1], NULL), 0);
		ck_assert_str_eq(text_of(&settings), pairs[i][1]);
	}
}
END_TEST

START_TEST(invalid_values)
{
	static const char *const bad[][2] = {
		{"enabled=yes", "on or off"},
		{"enabled=", "on or off"},
		{"enabled", "KEY=VALUE"},
		{"=on", "there are: enabled, keep"},
		{"", "KEY=VALUE"},
		{"keep=1.1", "0 to 1"},
		{"keep=-0.1", "0 to 1"},
		{"keep=nan", "0 to 1"},
		{"keep=1,5", "0 to 1"},
		{"keep=0.5x", "0 to 1"},
		{"keep=.", "0 to 1"},
		{"keep=0.5.5", "0 to 1"},
		{"keep=99999999999999999999", "0 to 1"},
		{"slow=5", "its unit"},
		{"slow=5 ms", "its unit"},
		{"slow=ms", "its unit"},
		{"slow=25h", "24h"},
		{"slow=-1s", "its unit"},
		{"slow=0.1ns", "its unit"},
		{"slow=99999999999999999999h", "24h"},
		{"rate=-1", "1 to 4294967295"},
		{"rate=4294967296", "1 to 4294967295"},
		{"rate=1.5", "1 to 4294967295"},
		{"rate=", "1 to 4294967295"},
		{"rate=99999999999999999999999", "1 to 4294967295"},
		{"capture.values=sometimes", "on, off or hash"},
		{"capture.args=on",
		 "there are: enabled, keep, slow, keep_errors, rate, "
		 "capture.values, capture.ids, capture.users"},
		{"Enabled=on", "there are"},
		{"keep =0.5", "there are"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fnt_settings settings, before;
		struct fnt_error error = {0};

		fnt_settings_init(&settings);
		ck_assert(!fnt_settings_assign(&settings, "keep=0.25", NULL));
		before = settings;
		ck_assert_int_eq(fnt_settings_assign(&settings, bad[i][0], &error),
				 -EINVAL);
		if (!strstr(error.message, bad[i][1]))
			ck_abort_msg("%s: \"%s\"", bad[i][0], error.message);
		ck_assert_mem_eq(&settings, &before, sizeof(before));
	}
}
END_TEST

START_TEST(default_unsets)
{
	struct fnt_settings settings, plain;

	fnt_settings_init(&settings);
	fnt_settings_init(&plain);
	ck_assert(!fnt_settings_assign(&settings, "keep=0.5", NULL));
	ck_assert(!fnt_settings_assign(&settings, "capture.ids=hash", NULL));
	ck_assert(!fnt_settings_assign(&settings, "keep=default", NULL));
	ck_assert_str_eq(text_of(&settings), "capture.ids=hash");
	ck_assert(!fnt_settings_assign(&settings, "capture.ids=default", NULL));
	ck_assert_uint_eq(settings.set, 0);
	ck_assert(settings.keep == 1 && settings.capture_ids == FNT_CAPTURE_ON);
}
END_TEST

START_TEST(several_settings_in_one_text)
{
	struct fnt_settings_block *block = fnt_settings_create(3);
	struct fnt_error error = {0};

	ck_assert_int_eq(fnt_settings_parse(block,
					    " keep=0.5\tslow=1s\n todo:*:rate=10  "
					    "a:b=c:keep=0.1 todo:*:keep=1 ",
					    "text", &error),
			 0);
	ck_assert_str_eq(text_of(&block->all.values), "keep=0.5 slow=1s");
	ck_assert_uint_eq(block->count, 2);
	ck_assert_str_eq(block->overrides[0].name, "todo:*");
	ck_assert_str_eq(text_of(&block->overrides[0].values), "keep=1 rate=10");
	ck_assert_str_eq(block->overrides[1].name, "a:b=c");
	ck_assert_str_eq(text_of(&block->overrides[1].values), "keep=0.1");

	ck_assert_int_eq(fnt_settings_parse(block, "x:rate=1 y:rate=1", "text", &error),
			 -ENOSPC);
	ck_assert_ptr_nonnull(strstr(error.message, "text: y: there is room for 3"));
	ck_assert_int_eq(fnt_settings_parse(block, ":rate=1", "text", &error), -EINVAL);
	ck_assert_int_eq(fnt_settings_parse(block, "rate", "text", &error), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(error.message, "text: setting \"rate\" has no value"));
	free(block);
}
END_TEST

START_TEST(function_names_and_prefixes)
{
	char name[FNT_NAME_MAX + 3];

	memset(name, 'n', sizeof(name));
	ck_assert_int_eq(fnt_settings_check_name("", 0, NULL), -EINVAL);
	ck_assert_int_eq(fnt_settings_check_name("*", 1, NULL), 0);
	ck_assert_int_eq(fnt_settings_check_name(name, FNT_NAME_MAX, NULL), 0);
	ck_assert_int_eq(fnt_settings_check_name(name, FNT_NAME_MAX + 1, NULL),
			 -EINVAL);
	name[FNT_NAME_MAX] = '*';
	ck_assert_int_eq(fnt_settings_check_name(name, FNT_NAME_MAX + 1, NULL), 0);
	name[FNT_NAME_MAX] = 'n';
	name[FNT_NAME_MAX + 1] = '*';
	ck_assert_int_eq(fnt_settings_check_name(name, FNT_NAME_MAX + 2, NULL),
			 -EINVAL);
}
END_TEST

/* ---- the override that applies --------------------------------------------------- */

/* How specific the override is among those that match the name; 0: it does not match.
 * By the definition in control.h. */
static size_t
how_specific(const char *override, const char *name)
{
	size_t len = strlen(override);

	if (override[len - 1] == '*')
		return strncmp(override, name, len - 1) ? 0 : len;
	return strcmp(override, name) ? 0 : 1000;
}

static void
random_name(struct rnd *r, char *name, uint32_t most)
{
	static const char letters[] = "ab!~*";
	uint32_t len = 1 + rnd(r, most);

	for (uint32_t i = 0; i < len; i++)
		name[i] = letters[rnd(r, 5)];
	name[len] = '\0';
}

/* The rate that applies by the definition. Each override sets another rate. */
static uint64_t
rate_by_definition(const struct fnt_settings_block *block, const char *name)
{
	uint64_t rate = block->all.values.rate;
	size_t best = 0;

	for (uint32_t i = 0; i < block->count; i++) {
		size_t how = how_specific(block->overrides[i].name, name);

		if (block->overrides[i].values.set & FNT_SET_RATE && how > best) {
			best = how;
			rate = block->overrides[i].values.rate;
		}
	}
	return rate;
}

START_TEST(most_specific_override_wins_for_each_key)
{
	struct rnd r = {7};

	for (int round = 0; round < 2000; round++) {
		struct fnt_settings_block *block = fnt_settings_create(12);
		char name[16];

		ck_assert(!fnt_settings_assign(&block->all.values, "rate=1", NULL));
		for (uint32_t i = 0; i < 12; i++) {
			struct fnt_setting_set *set;
			char text[32];

			random_name(&r, name, 4);
			set = fnt_settings_override(block, name, strlen(name));
			snprintf(text, sizeof(text), "rate=%u", 10 + i);
			ck_assert(!fnt_settings_assign(
				&set->values, rnd(&r, 3) ? text : "keep=0.5", NULL));
		}
		for (int i = 0; i < 20; i++) {
			struct fnt_settings settings = block->all.values;
			int best;

			random_name(&r, name, 5);
			best = fnt_settings_match(block, name, strlen(name));
			if (best >= 0)
				fnt_settings_effective(block, (uint32_t)best,
						       &settings);
			ck_assert_uint_eq(settings.rate,
					  rate_by_definition(block, name));
		}
		free(block);
	}
}
END_TEST

FIXTURE_MAIN("settings_text", text_needs_no_memory, valid_values, invalid_values,
	     default_unsets, several_settings_in_one_text, function_names_and_prefixes,
	     most_specific_override_wins_for_each_key)
