/* SPDX-License-Identifier: MIT
 *
 * test_metrics_damage.c: metrics that no producer can have written, and the metrics of
 * a frozen file.
 */
#include "support/controls.h"

#include "format/layout_metrics.h"
#include "support/metrics_account.h"
#include "region/region.h"
#include "settings/first_settings.h"

/* The row, the block or the op row of the region's only call. */
static struct fnt_fn_row *
only_fn(const struct fnt_view *view)
{
	for (uint32_t i = 0; i < view->fn_row_count; i++)
		if (atomic_load(&view->fn_rows[i].key))
			return &view->fn_rows[i];
	ck_abort_msg("no row");
	return NULL;
}

static fnt_word *
only_block_key(const struct fnt_view *view)
{
	for (uint32_t i = 0; i < view->block_count; i++)
		if (atomic_load(&view->block_keys[i]))
			return &view->block_keys[i];
	ck_abort_msg("no block");
	return NULL;
}

static void
damage(const struct fnt_view *view, int how)
{
	struct fnt_fn_row *row = only_fn(view);
	fnt_word *block = only_block_key(view);

	switch (how) {
	case 0: /* a lane that does not exist */
		atomic_fetch_or(&row->key, (uint64_t)view->lane_count << 16);
		break;
	case 1: /* a name that does not exist */
		atomic_fetch_xor(&row->key, 1ull << 32);
		break;
	case 2:
		atomic_fetch_add(&row->counts[FNT_FN_OK], 1);
		break;
	case 3:
		atomic_fetch_add(&view->blocks[block - view->block_keys].counts[5], 1);
		break;
	case 4:
		atomic_fetch_add(block, 1ull << 16);
		break;
	case 5:
		for (uint32_t i = 0; i < FNT_OCTAVES; i++)
			if (atomic_load(&row->blocks[i]))
				atomic_fetch_add(&row->blocks[i], 1);
		break;
	case 6:
		atomic_store(&view->op_rows[3].key, 0x0000000000010902);
		break;
	case 7:
		atomic_store(&view->lanes[2].journal.state, UINT64_MAX);
		break;
	default:
		break;
	}
}

#define DAMAGES 8

static int
problems_of(const char *name)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_check check;

	MUST(!fnt_reader_check(reader, &check, NULL, NULL));
	fnt_reader_close(reader);
	return (int)check.problems;
}

START_TEST(check_finds_damaged_metrics)
{
	struct fnt_options options = {.size_bytes = MIB(1)};

	for (int how = -1; how < DAMAGES; how++) {
		struct fnt_log *log = open_log("damaged", &options);
		struct fnt_region region;
		struct fnt_metrics *metrics;
		int problems;

		record_call(log, "fn", "c");
		fnt_log_close(log);
		MUST(!fnt_region_open(&region, "damaged", &options,
				      fnt_first_settings_write));
		damage(&region.view, how);
		fnt_region_close(&region);
		problems = problems_of("damaged");
		if ((problems > 0) != (how >= 0))
			ck_abort_msg("damage %d: %d problems", how, problems);
		metrics = metrics_of("damaged");
		fnt_metrics_free(metrics);
		MUST(!unlink(region_path("damaged", ".fnt")));
	}
}
END_TEST

/* A frozen copy may have been made while a row and a name were added: after their
 * tables had been copied, and before the blocks and op rows were. */
START_TEST(frozen_copy_of_growing_tables)
{
	struct fnt_log *log = open_sized("grew", MIB(1));
	struct fnt_control *control = open_control("grew");
	struct fnt_region region;
	struct fnt_fn_row *row;
	char path[256];

	strcpy(path, region_path("frozen", ".fnt"));
	record_call(log, "fn", "c");
	MUST(!fnt_control_rotate(control, path, NULL, NULL));
	fnt_control_close(control);
	fnt_log_close(log);
	must_be_sound(path);
	MUST(!fnt_region_open(&region, path, &(struct fnt_options){0},
			      fnt_first_settings_write));
	row = only_fn(&region.view);
	atomic_store(&region.view.names[fnt_key_name(row->key)].state, 0);
	must_be_sound(path);
	atomic_store(&row->key, 0);
	must_be_sound(path);
	/* A key of a row that cannot exist is damage in a copy, too. */
	atomic_fetch_add(only_block_key(&region.view), 1ull << 40);
	fnt_region_close(&region);
	ck_assert_int_gt(problems_of(path), 0);
}
END_TEST

FIXTURE_MAIN("metrics_damage", check_finds_damaged_metrics,
	     frozen_copy_of_growing_tables)
