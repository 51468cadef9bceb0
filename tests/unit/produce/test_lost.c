/* SPDX-License-Identifier: MIT
 *
 * test_lost.c: the region's file is truncated under a host that records. After
 * fnt_log_guard() the host lives on, its calls are counted, and it records into a new
 * region of the same name. Without it, a host that notices the cut in time does so too.
 */
#include "support/fixture.h"
#include "format/layout_rings.h"

#include <fntrace/fntrace.h>

#include <pthread.h>
#include <stdatomic.h>

#define NAME "lost"

/* Cut the file. Whoever opens it next sets aside what is left. */
static void
cut(off_t size)
{
	MUST(!truncate(region_path(NAME, ".fnt"), size));
}

/* Is there a whole region under the name? */
static bool
is_there(void)
{
	struct stat st;

	return !stat(region_path(NAME, ".fnt"), &st) && st.st_size == (off_t)MIB(1);
}

/* Make calls, for both rings, until one is recorded in a new region. Returns how many
 * were lost. */
static uint64_t
record_until_new(struct fnt_log *log)
{
	uint64_t lost = 0;

	for (int i = 0; i < 200000; i++) {
		struct fnt_call *call = begin_call(log, "fn", "c");
		int rc = i % 2 ? fnt_call_finish_ok(call, NULL)
			       : fnt_call_finish_error(call, "E", "m");

		if (rc == FNT_DONE && is_there())
			return lost;
		MUST(rc == FNT_DONE || rc == FNT_DROPPED || rc == -ESHUTDOWN);
		lost += rc != FNT_DONE;
		if (rc != FNT_DONE)
			nap_us(1000);
	}
	ck_abort_msg("no new region");
	return 0;
}

START_TEST(goes_on_in_a_new_region)
{
	static const off_t sizes[] = {0, 4096, 8192, KIB(100), MIB(1) - 4096};
	struct fnt_log *log;
	uint64_t lost;

	MUST(!fnt_log_guard());
	log = open_sized(NAME, MIB(1));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fnt_stat stat;

		record_numbers(log, 0, 100);
		cut(sizes[i]);
		/* A cut of cells is met when their turn comes. */
		lost = record_until_new(log);
		record_numbers(log, 0, 10);
		stat = region_stat(NAME);
		ck_assert_uint_eq(stat.total, 11);
		ck_assert_uint_eq(stat.refused, lost);
		ck_assert_uint_eq(stat.producers, 1);
		must_be_sound(NAME);
		/* Opened again once a second. */
		nap_us(1100000);
	}
	fnt_log_close(log);
}
END_TEST

/* Whatever is done with a call that is open when its region is lost. */
START_TEST(open_calls_end)
{
	struct fnt_value value = {FNT_VALUE_JSON, "{\"a\":1}", 7};
	struct fnt_call *calls[4];
	struct fnt_log *log;
	int64_t op;

	MUST(!fnt_log_guard());
	log = open_sized(NAME, MIB(1));
	for (int i = 0; i < 4; i++)
		calls[i] = begin_call(log, "open", "o");
	op = fnt_call_op_begin(calls[0], FNT_OP_GET, "Entity", "1");
	MUST(!truncate(region_path(NAME, ".fnt"), 0));
	fnt_call_op_end(calls[0], op, 1, true);
	for (int i = 0; i < 500; i++)
		fnt_call_op(calls[1], FNT_OP_INSERT, "Entity", "2", 5, 1, true);
	fnt_call_stream_chunk(calls[1], 5);
	fnt_call_schedule(calls[1], "later", 5, FNT_NONE);
	ck_assert_int_ne(fnt_call_finish_ok(calls[0], &value), -EINVAL);
	fnt_call_finish_error(calls[1], "E", "m");
	record_until_new(log);
	/* Two that belong to a region that is given up by now. */
	ck_assert_int_eq(fnt_call_op(calls[2], FNT_OP_GET, "Entity", "3", 5, 1, true),
			 -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_finish_ok(calls[2], NULL), -ESHUTDOWN);
	ck_assert_int_eq(fnt_call_abandon(calls[3]), -ESHUTDOWN);
	ck_assert_uint_ge(region_stat(NAME).refused, 2);
	must_be_sound(NAME);
	fnt_log_close(log);
}
END_TEST

/* ---- threads --------------------------------------------------------------------- */

static struct fnt_log *shared;
static atomic_bool over;

static void *
record_all_the_time(void *arg)
{
	uint64_t *done = arg;
	struct fnt_call *across = NULL;

	while (!atomic_load(&over)) {
		struct fnt_call *call = begin_call(shared, "thread", "t");

		fnt_call_op(call, FNT_OP_GET, "Entity", "1", 5, 1, true);
		if (!across)
			across = begin_call(shared, "across", "a");
		if ((*done % 2 ? fnt_call_finish_ok(call, NULL)
			       : fnt_call_finish_error(call, "E", "m")) == FNT_DONE)
			++*done;
		if (*done % 100 == 0) {
			fnt_call_finish_ok(across, NULL);
			across = NULL;
		}
	}
	fnt_call_abandon(across);
	return NULL;
}

START_TEST(under_threads)
{
	enum {
		THREADS = 4
	};
	uint64_t done[THREADS] = {0};
	pthread_t threads[THREADS];
	struct rnd r = {5};

	MUST(!fnt_log_guard());
	shared = open_sized(NAME, MIB(1));
	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_create(&threads[i], NULL, record_all_the_time, &done[i]));
	for (int i = 0; i < ROUNDS(4, 3); i++) {
		nap_us(100000);
		cut((off_t)rnd(&r, (uint32_t)MIB(1)));
		for (int ms = 0; !is_there(); ms++) {
			MUST(ms < 60000);
			nap_us(1000);
		}
	}
	nap_us(100000);
	atomic_store(&over, true);
	for (int i = 0; i < THREADS; i++) {
		MUST(!pthread_join(threads[i], NULL));
		ck_assert_uint_gt(done[i], 0);
	}
	must_be_sound(NAME);
	fnt_log_close(shared);
}
END_TEST

/* ---- children -------------------------------------------------------------------- */

/* A child whose parent had lost the region opens it by itself. */
START_TEST(a_child_opens_it_again)
{
	struct fnt_log *log;
	pid_t pid;

	MUST(!fnt_log_guard());
	log = open_sized(NAME, MIB(1));
	record_numbers(log, 0, 10);
	cut(0);
	record_until_new(log);
	/* So soon it is not opened again: the child inherits the loss. */
	cut(0);
	record_call(log, "fn", "c");
	pid = fork();
	if (!pid) {
		int rc = 0;

		for (int i = 0; i < 20000 && !(rc == FNT_DONE && is_there()); i++) {
			rc = record_call(log, "child", "c");
			nap_us(1000);
		}
		CHILD_MUST(rc == FNT_DONE && is_there());
		fnt_log_close(log);
		_exit(0);
	}
	must_end_well(pid);
	record_until_new(log);
	must_be_sound(NAME);
	fnt_log_close(log);
}
END_TEST

/* ---- without the handler --------------------------------------------------------- */

/* The file loses pages that nobody has touched yet, and the host looks at its size, as
 * it does when anything is changed, before it gets there. */
START_TEST(noticed_before_it_is_touched)
{
	struct fnt_log *log = open_sized(NAME, MIB(1));
	const struct fnt_header *header;
	unsigned char *file;
	size_t size;

	record_numbers(log, 0, 10);
	file = map_region_file(NAME, &size);
	header = (const struct fnt_header *)(void *)file;
	cut(MIB(1) - 4096);
	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == FNT_SECTION_CONTROL)
			++*(uint64_t *)(void *)(file + header->sections[i].off);
	record_until_new(log);
	for (int i = 0; i < 20000; i++)
		MUST(record_call(log, "fn", "c") == FNT_DONE);
	ck_assert_uint_ge(region_stat(NAME).total, 20000);
	must_be_sound(NAME);
	fnt_log_close(log);
}
END_TEST

/* Nobody can cut a region that has no name. */
START_TEST(sealed_without_a_name)
{
	struct fnt_log *log = open_log(NULL, NULL);
	int cuts = 0;

	for (int fd = 3; fd < 100; fd++) {
		char path[64], to[64];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, to, sizeof(to) - 1);
		if (len < 14 || memcmp(to, "/memfd:fntrace", 14) != 0)
			continue;
		cuts++;
		ck_assert_int_eq(ftruncate(fd, 0), -1);
		ck_assert_int_eq(errno, EPERM);
	}
	ck_assert_int_gt(cuts, 0);
	ck_assert_int_eq(record_call(log, "fn", "c"), FNT_DONE);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("lost", goes_on_in_a_new_region, open_calls_end, under_threads,
	     a_child_opens_it_again, noticed_before_it_is_touched,
	     sealed_without_a_name)
