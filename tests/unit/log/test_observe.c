/* SPDX-License-Identifier: MIT
 *
 * A process that records on behalf of another one, and counts what it could not record.
 */
#include "format/layout.h"
#include "support/fixture.h"

#include <fntrace/reader.h>

#include <sys/wait.h>

static struct fnt_producer *
producers(struct fnt_log *log, size_t *count)
{
	struct fnt_producer *list;
	struct fnt_reader *reader;

	ck_assert_int_eq(fnt_reader_open(&reader, fnt_log_path(log), NULL), 0);
	ck_assert_int_eq(fnt_reader_producers(reader, &list, count), 0);
	fnt_reader_close(reader);
	return list;
}

/* Records and slot name the observed process; that we live is still known. */
START_TEST(records_name_the_observed_process)
{
	struct fnt_log *log = open_log("observe", NULL);
	const struct fnt_process node = {4711, "node", "node app.js --port 80", "tap"};
	struct fnt_producer *list;
	struct fnt_traces *traces;
	size_t count;

	for (int i = 0; i < 10; i++)
		record_call(log, "fn", "own");
	ck_assert_int_eq(fnt_log_observe(log, &node), 0);
	for (int i = 0; i < 10; i++)
		record_call(log, "fn", "its");
	traces = newest(log, 20);
	ck_assert_uint_eq(traces->count, 20);
	for (size_t i = 0; i < 20; i++) {
		ck_assert_int_eq(traces->items[i].pid == 4711, i < 10);
		ck_assert_int_eq(!strcmp(traces->items[i].exe, "node"), i < 10);
		ck_assert_int_eq(traces->items[i].pid == getpid(), i >= 10);
	}
	fnt_traces_free(traces);
	list = producers(log, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(list->pid, 4711);
	ck_assert_int_eq(list->recorded_by, getpid());
	ck_assert_str_eq(list->exe, "node");
	ck_assert_str_eq(list->via, "tap");
	ck_assert_str_eq(list->command, "node app.js --port 80");
	ck_assert(list->alive);
	free(list);
	fnt_log_close(log);
}
END_TEST

/* Texts are cut at characters; a second description replaces the first. */
START_TEST(descriptions_are_cut_and_replaced)
{
	struct fnt_log *log = open_log("cut", NULL);
	char exe[100], command[301];
	struct fnt_process process = {1, exe, command, "a name of an observer"};
	struct fnt_producer *list;
	size_t count;

	memset(exe, 'e', sizeof(exe) - 1);
	exe[sizeof(exe) - 1] = '\0';
	for (size_t i = 0; i + 2 < sizeof(command); i += 2)
		memcpy(command + i, "\xc3\xa4", 3);
	command[0] = 'x';
	command[1] = 'y';
	memmove(command + 1, command + 2, strlen(command + 2) + 1);
	ck_assert_int_eq(fnt_log_observe(log, &process), 0);
	list = producers(log, &count);
	ck_assert_uint_eq(strlen(list->exe), 63);
	ck_assert_str_eq(list->via, "a name of an ob");
	ck_assert_uint_eq(strlen(list->command), FNT_COMMAND_MAX - 1);
	ck_assert_mem_eq(list->command, command, FNT_COMMAND_MAX - 1);
	free(list);
	process = (struct fnt_process){2, NULL, NULL, "tap"};
	ck_assert_int_eq(fnt_log_observe(log, &process), 0);
	list = producers(log, &count);
	ck_assert_int_eq(list->pid, 2);
	ck_assert_str_eq(list->exe, "");
	ck_assert_str_eq(list->command, "");
	free(list);
	fnt_log_close(log);
	ck_assert_int_eq(fnt_log_observe(log, &process), -ESHUTDOWN);
	ck_assert_int_eq(fnt_log_observe(NULL, &process), -ESHUTDOWN);
}
END_TEST

/* The observer dies in a call: that is aborted, though the observed process lives. */
START_TEST(the_observers_death_counts)
{
	struct fnt_log *log = open_log("death", NULL), *again;
	struct fnt_producer *list;
	struct fnt_traces *traces;
	pid_t child = fork();
	size_t count;

	if (child == 0) {
		struct fnt_process parent = {getppid(), "parent", "parent", "tap"};

		if (fnt_log_observe(log, &parent) || !begin_call(log, "fn", "its"))
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	list = producers(log, &count);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(list[i].alive, !list[i].recorded_by);
	free(list);
	/* Opening recovers what dead processes left. */
	ck_assert_int_eq(fnt_log_open(&again, fnt_log_path(log), NULL), 0);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_int_eq(traces->items[0].outcome, FNT_ABORTED);
	ck_assert_int_eq(traces->items[0].pid, getpid());
	ck_assert_str_eq(traces->items[0].exe, "parent");
	fnt_traces_free(traces);
	fnt_log_close(again);
	fnt_log_close(log);
}
END_TEST

/* A slot that is used again says nothing of its last owner. */
START_TEST(a_slot_forgets)
{
	struct fnt_log *log = open_log("slot", NULL), *other;
	const struct fnt_process node = {4711, "node", "node app.js", "tap"};
	struct fnt_producer *list;
	size_t count;

	ck_assert_int_eq(fnt_log_open(&other, fnt_log_path(log), NULL), 0);
	ck_assert_int_eq(fnt_log_observe(other, &node), 0);
	ck_assert_int_eq(fnt_log_count_seen(other, FNT_SEEN_MESSAGES, 1), 0);
	fnt_log_close(other);
	ck_assert_int_eq(fnt_log_open(&other, fnt_log_path(log), NULL), 0);
	list = producers(log, &count);
	ck_assert_uint_eq(count, 2);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(list[i].recorded_by, 0);
		ck_assert_str_eq(list[i].command, "");
		ck_assert_int_eq(list[i].pid, getpid());
	}
	free(list);
	fnt_log_close(other);
	fnt_log_close(log);
}
END_TEST

START_TEST(seen_is_counted)
{
	struct fnt_log *log = open_log("seen", NULL);
	const struct fnt_process node = {4711, "node", "", "tap"};
	struct fnt_producer *list;
	struct fnt_reader *reader;
	struct fnt_stat stat;
	size_t count;

	ck_assert_int_eq(fnt_log_observe(log, &node), 0);
	for (int i = 0; i < FNT_SEEN_COUNTS; i++)
		for (int times = 0; times < 2; times++)
			ck_assert_int_eq(fnt_log_count_seen(log, (enum fnt_seen)i,
							    (uint64_t)i + 1),
					 0);
	ck_assert_int_eq(fnt_log_count_seen(log, FNT_SEEN_COUNTS, 1), -EINVAL);
	ck_assert_int_eq(fnt_reader_open(&reader, fnt_log_path(log), NULL), 0);
	stat = stat_of(reader);
	fnt_reader_close(reader);
	for (unsigned i = 0; i < FNT_SEEN_COUNTS; i++)
		ck_assert_uint_eq(stat.seen[i], 2 * (i + 1));
	list = producers(log, &count);
	ck_assert_uint_eq(list->understood, 2);
	ck_assert_uint_eq(list->not_understood, 10);
	free(list);
	fnt_log_close(log);
	ck_assert_int_eq(fnt_log_count_seen(log, FNT_SEEN_MESSAGES, 1), -ESHUTDOWN);
}
END_TEST

FIXTURE_MAIN("observe", records_name_the_observed_process,
	     descriptions_are_cut_and_replaced, the_observers_death_counts,
	     a_slot_forgets, seen_is_counted)
