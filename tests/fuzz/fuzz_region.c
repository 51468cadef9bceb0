/* SPDX-License-Identifier: MIT
 *
 * fuzz_region.c: readers and writers of a damaged region. An input is a region's bytes
 * or a list of damages to a sound one (hostile.h). Seeds: tests/fuzz/corpus/region.
 *
 * All functions of the reader, the log and the control are called on it. None may
 * crash, hang or use more memory than the region's size allows; what comes out is valid
 * UTF-8.
 */
#include "support/hostile.h"
#include "base/utf8.h"

#include <fntrace/metrics.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			abort();                                                       \
	} while (0)

#define LIMIT 100000u
#define FORK_EVERY 16 /* inputs */

static unsigned inputs;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void
remove_file(void)
{
	unlink(path);
}

/* Write other bytes into the same file, which others may have mapped. */
static void
write_region(const struct hostile *hostile)
{
	int fd;

	if (!*path) {
		snprintf(path, sizeof(path), "%s/fuzz-%d.fnt",
			 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", (int)getpid());
		atexit(remove_file);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd >= 0);
	MUST(!ftruncate(fd, (off_t)hostile->size));
	MUST(pwrite(fd, hostile->bytes, hostile->size, 0) == (ssize_t)hostile->size);
	close(fd);
}

/* ---- reading --------------------------------------------------------------------- */

static void
look_at(const struct fnt_trace *trace)
{
	char *json;
	size_t len;

	MUST(fnt_trace_to_json(trace, &json, &len) == 0);
	MUST(strlen(json) == len && fnt_utf8_valid(json, len));
	free(json);
}

/* Print a few traces only: JSON takes most of the time. */
static void
glance_at(const struct fnt_trace *trace)
{
	size_t len = strlen(trace->call_id) + strlen(trace->fn_name);

	for (size_t i = 0; i < trace->op_count; i++)
		len += strlen(trace->ops[i].entity);
	MUST(len < HOSTILE_ROOM * FNT_NAME_MAX);
}

static void
look_at_all(struct fnt_traces *traces)
{
	for (size_t i = 0; i < traces->count; i++)
		glance_at(&traces->items[i]);
	fnt_traces_free(traces);
}

static int
each(void *arg, const struct fnt_trace *trace)
{
	look_at(trace);
	return ++*(size_t *)arg > LIMIT;
}

static void
query(struct fnt_reader *reader)
{
	static const struct fnt_query queries[] = {
		{.limit = LIMIT, .fn_name = "placeBid"},
		{.limit = 3, .call_id = "c1"},
		{.limit = LIMIT, .errors_only = true},
		{.limit = 1, .uid = 17},
	};
	struct fnt_traces *traces;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		MUST(!fnt_reader_query(reader, &queries[i], &traces));
		MUST(traces->count <= queries[i].limit);
		look_at_all(traces);
	}
	MUST(!fnt_reader_each(reader, &(struct fnt_query){.limit = LIMIT}, each,
			      &count));
}

static void
follow(struct fnt_cursor *cursor)
{
	const struct fnt_trace *trace;
	size_t count = 0;

	while (fnt_cursor_next(cursor, &trace) == 1) {
		glance_at(trace);
		MUST(++count < LIMIT);
	}
	fnt_cursor_missed(cursor);
}

static void
follow_from(struct fnt_reader *reader, enum fnt_from from)
{
	struct fnt_cursor *cursor;

	MUST(!fnt_cursor_open(&cursor, reader, from));
	follow(cursor);
	fnt_cursor_close(cursor);
}

static void
report(void *arg, uint64_t offset, const char *problem)
{
	MUST(offset < *(uint64_t *)arg && *problem);
}

/* The counts may be anything. */
static void
measure_fn(const struct fnt_fn_metrics *fn)
{
	MUST(!fn->fn_name || fnt_utf8_valid(fn->fn_name, strlen(fn->fn_name)));
	for (size_t i = 0; i < fn->bucket_count; i++)
		MUST(fn->buckets[i].count &&
		     fn->buckets[i].low_ns <= fn->buckets[i].high_ns &&
		     (!i || fn->buckets[i].low_ns > fn->buckets[i - 1].high_ns));
	for (int percent = -1; percent <= 101; percent++)
		fnt_metrics_percentile(fn, percent);
}

static void
measure(struct fnt_metrics *metrics)
{
	MUST(metrics->fn_count < LIMIT && metrics->op_count < LIMIT);
	for (size_t i = 0; i < metrics->fn_count; i++) {
		MUST(metrics->fns[i].fn_name);
		measure_fn(&metrics->fns[i]);
	}
	for (size_t i = 0; i < metrics->op_count; i++) {
		const char *entity = metrics->ops[i].entity;

		MUST(fnt_utf8_valid(entity, strlen(entity)));
		MUST(metrics->ops[i].op < FNT_OP_KINDS);
	}
	measure_fn(&metrics->total);
	measure_fn(&metrics->other);
	fnt_metrics_free(metrics);
}

static void
look_at_settings(struct fnt_settings_list *list)
{
	char text[512];

	MUST(list->all.keep >= 0 && list->all.keep <= 1);
	MUST(list->count <= list->overrides_max);
	for (size_t i = 0; i < list->count; i++) {
		const struct fnt_override *one = &list->overrides[i];

		MUST(fnt_utf8_valid(one->fn_name, strlen(one->fn_name)));
		MUST(strlen(fnt_settings_text(&one->settings, text, sizeof(text))) <
		     500);
		MUST(one->settings.keep >= 0 && one->settings.keep <= 1);
	}
	fnt_settings_free(list);
}

static void
read_region(void)
{
	struct fnt_error error = {0};
	struct fnt_producer *producers;
	struct fnt_reader *reader;
	struct fnt_metrics *metrics;
	struct fnt_traces *traces;
	struct fnt_check check;
	struct fnt_stat stat;
	struct fnt_settings_list *settings;
	struct stat st;
	uint64_t bytes;
	size_t count;
	int rc;

	if (fnt_reader_open(&reader, path, &error)) {
		MUST(*error.message);
		return;
	}
	query(reader);
	follow_from(reader, FNT_FROM_OLDEST);
	follow_from(reader, FNT_FROM_NOW);
	MUST(!fnt_reader_in_flight(reader, &traces));
	look_at_all(traces);
	MUST(!fnt_reader_stat(reader, &stat));
	MUST(!fnt_reader_producers(reader, &producers, &count));
	for (size_t i = 0; i < count; i++)
		MUST(fnt_utf8_valid(producers[i].exe, strlen(producers[i].exe)));
	free(producers);
	MUST(!fnt_reader_metrics(reader, &metrics));
	measure(metrics);
	rc = fnt_reader_settings(reader, &settings);
	MUST(!rc || rc == -EAGAIN);
	if (!rc)
		look_at_settings(settings);
	MUST(!lstat(path, &st));
	bytes = (uint64_t)st.st_size;
	MUST(!fnt_reader_check(reader, &check, report, &bytes));
	fnt_reader_close(reader);
}

/* Damage the region while it is being followed. */
static void
damage_under_reader(const struct hostile *sound, const struct hostile *hostile)
{
	struct fnt_reader *reader;
	struct fnt_cursor *cursor;

	write_region(sound);
	MUST(!fnt_reader_open(&reader, path, NULL));
	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	follow(cursor);
	write_region(hostile);
	if (hostile->size >= sound->size)
		follow(cursor);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
}

/* ---- writing --------------------------------------------------------------------- */

/* Returns a call that stays open. */
static struct fnt_call *
produce(struct fnt_log *log)
{
	static char text[30000];
	struct fnt_call_info info = {
		.call_id = "w", .fn_name = "hostile", .user_id = "u"};
	struct fnt_value value = {FNT_VALUE_JSON, text, 0};
	struct fnt_call *call, *left = fnt_call_begin(log, &info);

	memset(text, '1', sizeof(text));
	for (uint32_t round = 0; round < 8; round++) {
		int64_t op;

		call = fnt_call_begin(log, &info);
		op = fnt_call_op_begin(call, FNT_OP_GET, "Entity", "id");
		for (int i = 0; round == 5 && i < 90; i++)
			fnt_call_op(call, FNT_OP_INSERT, "Other", NULL, 5, 1, true);
		fnt_call_schedule(call, "later", 5, FNT_NONE);
		fnt_call_op_end(call, op, 1, true);
		value.len = round == 7 ? sizeof(text) : round * 250;
		if (round % 2)
			fnt_call_finish_ok(call, &value);
		else
			fnt_call_finish_error(call, "CODE", "message");
	}
	fnt_call_stream_chunk(left, 7);
	return left;
}

/* Change the rings: each command ends well, or says why not. The commands wait for
 * processes that are not there; linked with --wrap=nanosleep. */
int __wrap_nanosleep(const struct timespec *span, struct timespec *left);

int
__wrap_nanosleep(const struct timespec *span, struct timespec *left)
{
	(void)span;
	(void)left;
	return 0;
}

static void
change_rings(struct fnt_control *control, struct fnt_log *log)
{
	struct fnt_error error = {0};
	struct fnt_rings rings;
	char rotated[80];
	uint32_t count;

	if (fnt_control_reap(control, &count, &rings, &error))
		MUST(*error.message);
	snprintf(rotated, sizeof(rotated), "%s.old", path);
	for (int i = 0; i < 2; i++) {
		error.message[0] = '\0';
		if (fnt_control_resize(control, (uint64_t)(512 - 200 * i) << 10, &rings,
				       &error))
			MUST(*error.message);
		fnt_call_finish_ok(fnt_call_begin(log, NULL), NULL);
		error.message[0] = '\0';
		if (fnt_control_rotate(control, rotated, &rings, &error))
			MUST(*error.message);
		unlink(rotated);
		fnt_call_finish_error(fnt_call_begin(log, NULL), "E", "m");
	}
}

/* A child goes on with the log and closes it. */
static void
fork_one(struct fnt_log *log)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		fnt_call_finish_ok(fnt_call_begin(log, NULL), NULL);
		fnt_log_close(log);
		_exit(0);
	}
	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Change settings and rings. */
static void
change_all(struct fnt_log *log)
{
	static const char *const assignments[] = {"keep=0.5", "capture.users=off"};
	struct fnt_settings_list *list;
	struct fnt_control *control;
	struct fnt_error error = {0};

	MUST(!fnt_control_open(&control, path, &error));
	if (fnt_control_set(control, "f*", assignments, 2, &error))
		MUST(*error.message);
	if (fnt_control_reset(control, NULL, &error)) {
		MUST(*error.message);
	} else {
		MUST(!fnt_control_get(control, &list));
		MUST(!list->all.set && !list->count);
		fnt_settings_free(list);
	}
	fnt_call_finish_ok(fnt_call_begin(log, NULL), NULL);
	change_rings(control, log);
	fnt_control_close(control);
}

static void
write_into_region(void)
{
	struct fnt_error error = {0};
	struct fnt_options options = {.flags = FNT_ATTACH_ONLY, .error = &error};
	struct fnt_metrics *metrics;
	struct fnt_traces *traces;
	struct fnt_call *left;
	struct fnt_log *log;

	if (fnt_log_open(&log, path, &options)) {
		MUST(*error.message);
		return;
	}
	left = produce(log);
	MUST(!fnt_log_recent(log, LIMIT, &traces));
	look_at_all(traces);
	MUST(!fnt_log_metrics(log, &metrics));
	measure(metrics);
	change_all(log);
	if (inputs++ % FORK_EVERY == 0)
		fork_one(log);
	fnt_log_total_count(log);
	fnt_log_len(log);
	fnt_log_close(log);
	fnt_call_abandon(left);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hostile sound, hostile;

	if (!sound.size)
		hostile_make(&sound);
	hostile = sound;
	hostile_apply(&hostile, data, size);
	damage_under_reader(&sound, &hostile);
	read_region();
	write_into_region();
	/* Read what the writers have made of it. */
	read_region();
	return 0;
}
