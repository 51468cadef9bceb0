/* SPDX-License-Identifier: MIT
 *
 * test_random.c: random bytes where a sandbox gives none. Linked with --wrap for
 * getauxval: see without_secrets().
 */
#include "support/fixture.h"
#include "support/refuse.h"

#include <sys/auxv.h>

#include "base/random.h"

/* ---- a program to which the kernel gave no random bytes -------------------------- */

static bool no_secrets;

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long
__wrap_getauxval(unsigned long type)
{
	return no_secrets && type == AT_RANDOM ? 0 : __real_getauxval(type);
}

/* ---- what is random -------------------------------------------------------------- */

#define DRAWN 200u

static const int refusals[] = {EPERM, ENOSYS, EACCES};

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
must_differ(uint64_t *numbers, size_t count)
{
	qsort(numbers, count, sizeof(*numbers), by_number);
	for (size_t i = 1; i < count; i++)
		MUST(numbers[i] != numbers[i - 1]);
	/* Not small ones, nor alike ones. */
	MUST(numbers[count - 1] - numbers[0] > UINT64_MAX / 2);
}

/* Numbers that this process and its children draw all differ. */
static void
draw_in_processes(bool secret)
{
	uint64_t(*drawn)[DRAWN] = share_memory(sizeof(*drawn) * 4);

	for (int process = 0; process < 4; process++) {
		pid_t pid = process ? fork() : 0;

		if (pid) {
			must_end_well(pid);
			continue;
		}
		for (uint32_t i = 0; i < DRAWN; i++)
			CHILD_MUST(fnt_random(&drawn[process][i], sizeof(uint64_t)) ==
				   secret);
		if (process)
			_exit(0);
	}
	must_differ(drawn[0], DRAWN * 4);
}

START_TEST(getrandom_refused)
{
	refuse(SYS_getrandom, refusals[_i]);
	draw_in_processes(true);
}
END_TEST

START_TEST(every_source_refused)
{
	refuse(SYS_getrandom, refusals[_i]);
	refuse(SYS_openat, refusals[_i]);
	draw_in_processes(true);
}
END_TEST

START_TEST(no_source_at_all)
{
	refuse(SYS_getrandom, refusals[_i]);
	refuse(SYS_openat, refusals[_i]);
	no_secrets = true;
	draw_in_processes(false);
}
END_TEST

/* A size that is no multiple of a word: every byte is filled, none beyond. */
START_TEST(odd_sizes)
{
	unsigned char bytes[16], seen[16] = {0};

	refuse(SYS_getrandom, ENOSYS);
	refuse(SYS_openat, ENOSYS);
	for (int round = 0; round < 100; round++) {
		memset(bytes, 0, sizeof(bytes));
		fnt_random(bytes, 13);
		for (int i = 0; i < 16; i++)
			seen[i] |= bytes[i];
	}
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(seen[i] != 0, i < 13);
}
END_TEST

/* ---- logs ------------------------------------------------------------------------ */

static void
record_and_compare_uids(struct fnt_log *log, unsigned count)
{
	struct fnt_traces *traces;
	uint64_t uids[64];

	record_numbers(log, 0, count);
	traces = newest(log, count);
	ck_assert_uint_eq(traces->count, count);
	for (size_t i = 0; i < count; i++) {
		uids[i] = traces->items[i].uid;
		MUST(traces->items[i].trace_id[0] | traces->items[i].trace_id[1]);
	}
	qsort(uids, count, sizeof(*uids), by_number);
	for (size_t i = 1; i < count; i++)
		MUST(uids[i] != uids[i - 1]);
	fnt_traces_free(traces);
}

START_TEST(log_without_getrandom)
{
	struct fnt_log *log;

	refuse(SYS_getrandom, refusals[_i]);
	log = open_log("refused", NULL);
	record_and_compare_uids(log, 50);
	fnt_log_close(log);
	must_be_sound("refused");
}
END_TEST

/* The host's sandbox closes after the log was opened: a thread's first call draws. */
START_TEST(refused_from_the_first_call_on)
{
	struct fnt_log *log = open_log("later", NULL);

	refuse(SYS_getrandom, refusals[_i]);
	refuse(SYS_openat, refusals[_i]);
	record_and_compare_uids(log, 50);
	fnt_log_close(log);
}
END_TEST

/* ---- hashed texts ---------------------------------------------------------------- */

static struct fnt_traces *
record_hashed(const char *name)
{
	struct fnt_options options = {.settings = "capture.users=hash "
						  "capture.values=hash"};
	struct fnt_log *log = open_log(name, &options);
	struct fnt_call_info info = {
		.fn_name = "fn",
		.user_id = "somebody",
	};
	const struct fnt_value result = {FNT_VALUE_JSON, "\"secret\"", 8};
	struct fnt_traces *traces;

	MUST(fnt_call_finish_ok(fnt_call_begin(log, &info), &result) == FNT_DONE);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->count, 1);
	fnt_log_close(log);
	return traces;
}

START_TEST(hashed_by_a_secret_key)
{
	struct fnt_traces *traces;

	refuse(SYS_getrandom, refusals[_i]);
	traces = record_hashed("hashed");
	ck_assert_int_eq(strncmp(traces->items[0].user_id, "h:", 2), 0);
	ck_assert_int_eq(strncmp(traces->items[0].value.data, "\"h:", 3), 0);
	fnt_traces_free(traces);
}
END_TEST

/* Whoever knows the key finds the text by trying: without a secret, nothing is
 * hashed. */
START_TEST(not_hashed_without_a_secret)
{
	struct fnt_traces *traces;

	no_secrets = true;
	refuse(SYS_getrandom, refusals[_i]);
	/* Not openat, which opens the region, but what reads /dev/urandom. */
	refuse_if(SYS_read, 2, 16, refusals[_i]);
	traces = record_hashed("unhashed");
	ck_assert(!traces->items[0].user_id || !*traces->items[0].user_id);
	ck_assert_uint_eq(traces->items[0].value.len, 0);
	fnt_traces_free(traces);
}
END_TEST

FIXTURE_MAIN_LOOPS("random", {getrandom_refused, 3}, {every_source_refused, 3},
		   {no_source_at_all, 3}, {odd_sizes, 1}, {log_without_getrandom, 3},
		   {refused_from_the_first_call_on, 3}, {hashed_by_a_secret_key, 3},
		   {not_hashed_without_a_secret, 3})
