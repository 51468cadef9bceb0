/* SPDX-License-Identifier: MIT
 *
 * test_options.c: invalid options are refused where the region exists, too; and what
 * succeeds leaves the caller's error and errno alone.
 */
#include "support/fixture.h"

/* ---- refused --------------------------------------------------------------------- */

#define BAD(field, value, word)                                                        \
	{                                                                              \
		{.field = value}, word                                                 \
	}

static const struct {
	struct fnt_options options;
	const char *word; /* of the message */
} bad[] = {
	BAD(flags, 0x10, "0x10"),
	BAD(flags, FNT_ATTACH_ONLY | 0x80000000u, "0x80000000"),
	BAD(size_bytes, KIB(255), "bytes"),
	BAD(size_bytes, UINT64_MAX, "bytes"),
	BAD(max_record_bytes, 1, "max_record_bytes"),
	BAD(capacity, 1ull << 32, "capacity"),
	BAD(kept_percent, 51, "kept_percent"),
	BAD(reserved[0], 1, "reserved[0]"),
	BAD(reserved0, 1, "reserved0"),
	BAD(names, 63, "names 63"),
	BAD(names, (1u << 20) + 1, "names 1048577"),
};
#define BAD_COUNT ((int)(sizeof(bad) / sizeof(bad[0])))

static void
must_refuse(const char *name, int i)
{
	struct fnt_options options = bad[i].options;
	struct fnt_error error = {0};
	struct fnt_log *log = NULL;

	options.error = &error;
	ck_assert_int_eq(fnt_log_open(&log, name, &options), -EINVAL);
	ck_assert_int_eq(error.code, -EINVAL);
	if (!strstr(error.message, bad[i].word))
		ck_abort_msg("message: %s", error.message);
}

START_TEST(invalid_options)
{
	fnt_log_close(open_sized("exists", SMALLEST));
	must_refuse("exists", _i);
	must_refuse("new", _i);
	ck_assert(access(region_path("new", ".fnt"), F_OK));
	must_refuse(NULL, _i);
	/* The name is looked at later. */
	must_refuse("bad name", _i);
}
END_TEST

static int
take_none(void *arg, const struct fnt_trace *trace)
{
	(void)arg, (void)trace;
	return 1;
}

START_TEST(reserved_words_of_a_query)
{
	struct fnt_log *log = open_sized("query", SMALLEST);
	struct fnt_reader *reader = open_reader("query");
	struct fnt_traces *traces;

	MUST(record_call(log, "fn", "id") == FNT_DONE);
	for (size_t i = 0; i < 4; i++) {
		struct fnt_query query = {.limit = 1};

		query.reserved[i] = 1;
		ck_assert_int_eq(fnt_reader_query(reader, &query, &traces), -EINVAL);
		ck_assert_int_eq(fnt_reader_each(reader, &query, take_none, NULL),
				 -EINVAL);
	}
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- left alone ------------------------------------------------------------------ */

/* Open with an error and an errno that must not change, and close. */
static void
open_quietly(const char *name, struct fnt_options options)
{
	struct fnt_error error, before;
	struct fnt_log *log;

	memset(&before, 0x5a, sizeof(before));
	error = before;
	options.error = &error;
	if (!options.size_bytes)
		options.size_bytes = SMALLEST;
	errno = 4711;
	CHILD_MUST(!fnt_log_open(&log, name, &options));
	CHILD_MUST(errno == 4711);
	CHILD_MUST(!memcmp(&error, &before, sizeof(error)));
	fnt_log_close(log);
	CHILD_MUST(errno == 4711);
}

static void
damage(const char *name)
{
	int fd = open(region_path(name, ".fnt"), O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0 && pwrite(fd, "damage", 6, 96) == 6);
	close(fd);
}

START_TEST(success_leaves_no_error)
{
	struct fnt_options settings = {.settings = "keep=0.5 todo:*:rate=3"};
	struct fnt_options group = {.flags = FNT_GROUP, .gid = getegid()};
	char path[256];

	open_quietly("a", (struct fnt_options){0}); /* made */
	open_quietly("a", (struct fnt_options){0}); /* there */
	open_quietly("a", (struct fnt_options){.flags = FNT_ATTACH_ONLY});
	open_quietly(NULL, (struct fnt_options){0});
	open_quietly("b", settings);
	open_quietly("c", group);
	open_quietly("c", group);
	damage("a");
	open_quietly("a", (struct fnt_options){0}); /* set aside */
	snprintf(path, sizeof(path), "%s/sub", fixture_dir);
	open_quietly("d", (struct fnt_options){.dir = path}); /* in a new directory */
	MUST(!truncate(region_path("b", ".fnt"), 0));
	open_quietly("b", (struct fnt_options){0});
	snprintf(path, sizeof(path), "%s/sub/d.fnt", fixture_dir);
	MUST(!unlink(path));
}
END_TEST

/* Of those that come at once all but one find that another has made the region. */
START_TEST(success_in_a_crowd)
{
	enum {
		PROCESSES = 8
	};

	for (int round = 0; round < ROUNDS(40, 8); round++) {
		struct latch go = make_latch();
		pid_t pids[PROCESSES];

		for (int i = 0; i < PROCESSES; i++) {
			pids[i] = fork();
			if (pids[i])
				continue;
			latch_wait(&go);
			open_quietly("crowd", (struct fnt_options){0});
			_exit(0);
		}
		for (int i = 0; i < PROCESSES; i++)
			latch_open(&go);
		for (int i = 0; i < PROCESSES; i++)
			must_end_well(pids[i]);
		close(go.fds[0]);
		close(go.fds[1]);
		MUST(!unlink(region_path("crowd", ".fnt")));
	}
}
END_TEST

FIXTURE_MAIN_LOOPS("options", {invalid_options, BAD_COUNT},
		   {reserved_words_of_a_query, 1}, {success_leaves_no_error, 1},
		   {success_in_a_crowd, 1})
