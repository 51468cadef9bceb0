/* SPDX-License-Identifier: MIT
 *
 * test_settings.c: settings as text and in the region, and the hash of captured texts.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "controller.h"
#include "settings.h"
#include "siphash.h"

/* ---- the hash -------------------------------------------------------------------- */

/* Of the bytes 00, 01, … by the key 00 … 0f, one for each length: the reference
 * implementation's, and so its last but 48 the paper's (Appendix A: a129ca6149be45e5).
 */
static const uint64_t vectors[64] = {
	0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
	0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
	0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
	0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
	0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
	0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
	0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
	0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
	0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
	0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
	0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
	0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

START_TEST(siphash_is_the_papers)
{
	const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	unsigned char bytes[64 + 1];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	ck_assert_uint_eq(vectors[15], 0xa129ca6149be45e5u);
	for (size_t len = 0; len < 64; len++)
		ck_assert_uint_eq(fnt_siphash(key, bytes, len), vectors[len]);
	/* Wherever it lies. */
	memmove(bytes + 1, bytes, 40);
	ck_assert_uint_eq(fnt_siphash(key, bytes + 1, 40), vectors[40]);
}
END_TEST

/* ---- as text ----------------------------------------------------------------------
 */

static const char *
text_of(const struct fnt_settings *settings)
{
	static char text[512];

	return fnt_settings_text(settings, text, sizeof(text));
}

START_TEST(values_that_are_taken)
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
		/* And what it says is taken again, and says the same. */
		fnt_settings_init(&settings);
		ck_assert_int_eq(fnt_settings_assign(&settings, pairs[i][1], NULL), 0);
		ck_assert_str_eq(text_of(&settings), pairs[i][1]);
	}
}
END_TEST

START_TEST(values_that_are_not)
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

START_TEST(many_in_one_text)
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
	ck_assert_ptr_nonnull(strstr(error.message, "text: \"rate\": say KEY=VALUE"));
	free(block);
}
END_TEST

START_TEST(names_of_functions)
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

/* ---- what applies -----------------------------------------------------------------
 */

/* The override's place among those that match: 0 for none. By the definition in
 * control.h. */
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

/* The rate, which tells the override that set it, by the definition. */
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

START_TEST(the_most_specific_wins_key_by_key)
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
			struct fnt_settings settings, same;
			int best;

			random_name(&r, name, 5);
			fnt_settings_for(block, name, strlen(name), &settings);
			ck_assert_uint_eq(settings.rate,
					  rate_by_definition(block, name));
			/* The best match decides, which is what a process relies on. */
			best = fnt_settings_match(block, name, strlen(name));
			if (best < 0) {
				ck_assert_mem_eq(&settings, &block->all.values,
						 sizeof(settings));
				continue;
			}
			fnt_settings_of(block, (uint32_t)best, &same);
			ck_assert_uint_eq(settings.rate, same.rate);
			ck_assert_uint_eq(settings.set, same.set);
		}
		free(block);
	}
}
END_TEST

/* ---- in the region ----------------------------------------------------------------
 */

static struct fnt_control *
open_control(const char *name)
{
	struct fnt_error error = {0};
	struct fnt_control *control;

	if (fnt_control_open(&control, name, &error))
		ck_abort_msg("open %s for changes: %s", name, error.message);
	return control;
}

static int
set_one(struct fnt_control *control, const char *fn, const char *assignment,
	struct fnt_error *error)
{
	return fnt_control_set(control, fn, &assignment, 1, error);
}

static struct fnt_settings_list *
settings_of(struct fnt_control *control)
{
	struct fnt_settings_list *list = NULL;

	ck_assert_int_eq(fnt_control_get(control, &list), 0);
	return list;
}

/* All that is set, as one text. */
static const char *
all_set(struct fnt_control *control)
{
	static char text[70000];
	struct fnt_settings_list *list = settings_of(control);
	size_t used = 0;

	used += (size_t)snprintf(text, sizeof(text), "%s", text_of(&list->all));
	for (size_t i = 0; i < list->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "; %s %s",
					 list->overrides[i].fn_name,
					 text_of(&list->overrides[i].settings));
	fnt_settings_free(list);
	return text;
}

START_TEST(set_and_reset)
{
	struct fnt_log *log = open_log("set", NULL);
	struct fnt_control *control = open_control("set");
	const char *const two[] = {"keep=0.5", "slow=5ms"};
	struct fnt_error error = {0};

	ck_assert_str_eq(all_set(control), "");
	ck_assert_int_eq(fnt_control_set(control, NULL, two, 2, &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=5ms");
	ck_assert_int_eq(set_one(control, "todo:*", "rate=3", &error), 0);
	ck_assert_int_eq(set_one(control, "todo:*", "keep=1", &error), 0);
	ck_assert_int_eq(set_one(control, "a", "enabled=off", &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=5ms; a enabled=off; todo:* "
					   "keep=1 rate=3");
	/* An override that sets nothing is none. */
	ck_assert_int_eq(set_one(control, "a", "enabled=default", &error), 0);
	ck_assert_int_eq(fnt_control_reset(control, "a", &error), -ENOENT);
	ck_assert_int_eq(fnt_control_reset(control, "todo:list", &error), -ENOENT);
	ck_assert_int_eq(fnt_control_reset(control, "todo:*", &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=5ms");
	ck_assert_int_eq(fnt_control_reset(control, NULL, &error), 0);
	ck_assert_str_eq(all_set(control), "");
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

START_TEST(all_of_a_set_or_nothing)
{
	struct fnt_log *log = open_log("atomic", NULL);
	struct fnt_control *control = open_control("atomic");
	static const char *const bad[][3] = {
		{"keep=0.1", "rate=5", "slow=never"},
		{"keep=2", "rate=5", "slow=1s"},
		{"keep=0.1", "rate=5", "speed=1"},
	};
	struct fnt_error error = {0};
	char long_name[400];

	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fnt_control_set(control, NULL, bad[i], 3, &error),
				 -EINVAL);
		ck_assert_int_eq(fnt_control_set(control, "f", bad[i], 3, &error),
				 -EINVAL);
	}
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	ck_assert_int_eq(set_one(control, long_name, "keep=1", &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.message, "1 to 255 bytes"));
	ck_assert_int_eq(set_one(control, "", "keep=1", &error), -EINVAL);
	ck_assert_str_eq(all_set(control), "keep=0.5");
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

START_TEST(a_full_table)
{
	struct fnt_log *log = open_sized("full", SMALLEST);
	struct fnt_control *control = open_control("full");
	struct fnt_settings_list *list = settings_of(control);
	size_t max = list->overrides_max;
	struct fnt_error error = {0};
	char name[32];

	ck_assert_uint_ge(max, 16);
	for (size_t i = 0; i < max; i++) {
		snprintf(name, sizeof(name), "fn%zu", i);
		ck_assert_int_eq(set_one(control, name, "rate=1", &error), 0);
	}
	ck_assert_int_eq(set_one(control, "more", "rate=1", &error), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(error.message, "has room for"));
	/* Those that are there can be changed, and one that goes makes room. */
	ck_assert_int_eq(set_one(control, "fn3", "rate=2", &error), 0);
	ck_assert_int_eq(fnt_control_reset(control, "fn4", &error), 0);
	ck_assert_int_eq(set_one(control, "more", "rate=1", &error), 0);
	fnt_settings_free(list);
	list = settings_of(control);
	ck_assert_uint_eq(list->count, max);
	fnt_settings_free(list);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

START_TEST(no_write_access)
{
	struct fnt_log *log = open_log("locked", NULL);
	struct fnt_control *control = open_control("locked");
	struct fnt_error error = {0};
	pid_t pid;

	MUST(!set_one(control, NULL, "keep=0.5", &error));
	fnt_control_close(control);
	if (geteuid() != 0)
		return; /* nobody else to be */
	MUST(!chmod(fixture_dir, 0755) && !chmod(fnt_log_path(log), 0644));
	pid = fork();
	if (!pid) {
		struct fnt_reader *reader;
		struct fnt_settings_list *list;

		CHILD_MUST(!setresuid(65534, 65534, 65534));
		CHILD_MUST(fnt_control_open(&control, "locked", &error) == -EACCES);
		CHILD_MUST(strstr(error.message, "no permission to change it"));
		/* But reading them is allowed. */
		CHILD_MUST(!fnt_reader_open(&reader, "locked", &error));
		CHILD_MUST(!fnt_reader_settings(reader, &list));
		CHILD_MUST(list->all.keep == 0.5);
		_exit(0);
	}
	must_end_well(pid);
	fnt_log_close(log);
}
END_TEST

START_TEST(regions_that_are_not_there)
{
	struct fnt_log *log = open_log("short", NULL);
	struct fnt_control *control;
	struct fnt_error error = {0};

	ck_assert_int_eq(fnt_control_open(&control, "nowhere", &error), -ENOENT);
	ck_assert_int_eq(fnt_control_open_pid(&control, getpid(), &error), 0);
	fnt_log_close(log);
	MUST(!truncate(fnt_control_path(control), 4096));
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), -EIO);
	ck_assert_ptr_nonnull(strstr(error.message, "cut short"));
	fnt_control_close(control);
}
END_TEST

/* A lock that the dead held is no hindrance. */
START_TEST(a_killed_tool_leaves_no_lock)
{
	struct fnt_log *log = open_log("dead", NULL);
	struct fnt_control *control = open_control("dead");
	struct gate gate = make_gate();
	struct fnt_error error = {0};
	pid_t pid = fork();

	if (!pid) {
		CHILD_MUST(!fnt_control_open(&control, "dead", &error));
		CHILD_MUST(!fnt_control_lock(control, &error));
		gate_open(&gate);
		for (;;)
			pause();
	}
	gate_wait(&gate);
	kill_child(pid);
	ck_assert_int_eq(set_one(control, NULL, "keep=0.5", &error), 0);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

/* ---- read while they are written ---------------------------------------------------
 */

static struct fnt_control *shared;
static atomic_bool over;
static const unsigned PUBLISHED = ROUNDS(20000u, 3000u);

/* Every one of them has the same number all over. */
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

START_TEST(never_a_mixture)
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

/* ---- a region's bytes may be anything ----------------------------------------------
 */

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

/* Numbers as an attacker would choose them, and others. */
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

START_TEST(hostile_bytes)
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
		/* A producer goes by them, and a change puts things right. */
		fnt_call_finish_ok(begin_call(log, "f", "1"), NULL);
		if (round % 3)
			continue;
		ck_assert_int_eq(fnt_control_reset(control, NULL, &error), 0);
		ck_assert_str_eq(all_set(control), "");
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

START_TEST(a_check_finds_them)
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
	/* The other copy is nobody's. */
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

/* ---- what a region begins with -----------------------------------------------------
 */

static int
open_with(const char *name, const char *settings, struct fnt_error *error)
{
	struct fnt_log *log;
	int rc = fnt_log_open(&log, name,
			      &(struct fnt_options){.size_bytes = SMALLEST,
						    .settings = settings,
						    .error = error});

	if (!rc)
		fnt_log_close(log);
	return rc;
}

START_TEST(set_when_it_is_made)
{
	struct fnt_error error = {0};
	struct fnt_control *control;

	ck_assert_int_eq(open_with("made", "keep=0.5 slow=1s f:rate=5", &error), 0);
	control = open_control("made");
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=1s; f rate=5");
	/* Who attaches takes it as it is. */
	ck_assert_int_eq(open_with("made", "keep=0.25", &error), 0);
	ck_assert_str_eq(all_set(control), "keep=0.5 slow=1s; f rate=5");
	fnt_control_close(control);

	setenv("FNTRACE_SETTINGS", "keep=0.75 g:enabled=off", 1);
	ck_assert_int_eq(open_with("operator", "keep=0.5 slow=1s", &error), 0);
	control = open_control("operator");
	ck_assert_str_eq(all_set(control), "keep=0.75 slow=1s; g enabled=off");
	fnt_control_close(control);
	ck_assert_int_eq(open_with(NULL, NULL, &error), 0);

	setenv("FNTRACE_SETTINGS", "keep=most", 1);
	ck_assert_int_eq(open_with("bad", NULL, &error), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(error.message, "FNTRACE_SETTINGS: keep=most: give"));
	ck_assert_int_eq(open_with(NULL, NULL, &error), -EINVAL);
	unsetenv("FNTRACE_SETTINGS");
	ck_assert_int_eq(open_with("bad", "f:rte=5", &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.message, "settings: no setting \"rte\""));
	/* And nothing has been made. */
	ck_assert_int_eq(fnt_control_open(&control, "bad", &error), -ENOENT);
}
END_TEST

FIXTURE_MAIN("settings", siphash_is_the_papers, values_that_are_taken,
	     values_that_are_not, default_unsets, many_in_one_text, names_of_functions,
	     the_most_specific_wins_key_by_key, set_and_reset, all_of_a_set_or_nothing,
	     a_full_table, no_write_access, regions_that_are_not_there,
	     a_killed_tool_leaves_no_lock, never_a_mixture, hostile_bytes,
	     a_check_finds_them, set_when_it_is_made)
