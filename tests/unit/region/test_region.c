/* SPDX-License-Identifier: MIT
 *
 * test_region.c: files that are not regions, damaged regions, and regions made by many
 * processes at once. A file that is refused is left as it was, whatever is in it.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "format/layout.h"

/* ---- one bad file ---------------------------------------------------------------- */

static unsigned char *
read_file(const char *path, size_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	unsigned char *bytes;

	MUST(fd >= 0 && !fstat(fd, &st));
	*size = (size_t)st.st_size;
	bytes = malloc(*size + 1);
	MUST(pread(fd, bytes, *size, 0) == (ssize_t)*size);
	close(fd);
	return bytes;
}

static void
write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	MUST(fd >= 0);
	MUST(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	close(fd);
}

static void
one_line(const struct fnt_error *error, int rc, const char *path)
{
	ck_assert_int_eq(error->code, rc);
	MUST(error->message[0] && !strchr(error->message, '\n'));
	if (!strstr(error->message, path))
		ck_abort_msg("the message does not name the file: %s", error->message);
}

/* Readers, and writers that may not set it aside, refuse the file, with a message of
 * one line, and not a byte of it changes. (test_set_aside.c has the other writers.) */
static void
must_be_refused(const char *path, int rc, int write_rc)
{
	struct fnt_error error = {0};
	struct fnt_options options = {.error = &error, .flags = FNT_ATTACH_ONLY};
	struct fnt_reader *reader;
	struct fnt_log *log;
	struct stat before, after;
	int got;

	MUST(!lstat(path, &before));
	got = fnt_reader_open(&reader, path, &error);
	if (got != rc)
		ck_abort_msg("reader: %d, not %d: %s", got, rc, error.message);
	one_line(&error, rc, path);
	memset(&error, 0, sizeof(error));
	got = fnt_log_open(&log, path, &options);
	if (got != write_rc)
		ck_abort_msg("log: %d, not %d: %s", got, write_rc, error.message);
	one_line(&error, write_rc, path);
	MUST(!lstat(path, &after));
	MUST(before.st_size == after.st_size && before.st_mtime == after.st_mtime &&
	     before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

static void
refuse_bytes(const void *bytes, size_t size, int rc)
{
	const char *path = region_path("bad", ".fnt");
	unsigned char *after;
	size_t after_size;

	write_file(path, bytes, size);
	must_be_refused(path, rc, rc);
	after = read_file(path, &after_size);
	MUST(after_size == size && !memcmp(after, bytes, size));
	free(after);
}

/* The bytes of a sound region with some calls, one of them in flight. */
static unsigned char *
sound_region(size_t *size)
{
	struct fnt_log *log = open_sized("sound", SMALLEST);
	unsigned char *bytes;

	for (int i = 0; i < 300; i++) {
		struct fnt_call *call = begin_call(log, i % 2 ? "a" : "b", "id");

		fnt_call_op(call, FNT_OP_GET, "table", "0123456789", 1, 1, true);
		fnt_call_finish_error(call, "code", "a message of some length");
	}
	fnt_call_op(begin_call(log, "fn", "open"), FNT_OP_GET, "table", "1", 1, 1,
		    true);
	bytes = read_file(region_path("sound", ".fnt"), size);
	fnt_log_close(log);
	unlink(region_path("sound", ".fnt"));
	return bytes;
}

START_TEST(files_that_are_not_regions)
{
	size_t size;
	unsigned char *bytes = sound_region(&size);
	struct fnt_header *header = (struct fnt_header *)bytes;

	refuse_bytes("", 0, -EPROTO);
	refuse_bytes("x", 1, -EPROTO);
	refuse_bytes("#!/bin/sh\nexit 0\n", 17, -EPROTO);
	header->version = FNT_VERSION_NO + 1;
	refuse_bytes(bytes, size, -ENOTSUP);
	header->version = 1;
	refuse_bytes(bytes, size, -ENOTSUP);
	header->version = FNT_VERSION_NO;
	header->byte_order = __builtin_bswap32(FNT_BYTE_ORDER);
	refuse_bytes(bytes, size, -ENOTSUP);
	header->byte_order = 0;
	refuse_bytes(bytes, size, -EPROTO);
	header->byte_order = FNT_BYTE_ORDER;
	header->incompat = 1ull << 63;
	refuse_bytes(bytes, size, -ENOTSUP);
	header->incompat = 0;
	header->magic[0] ^= 1;
	refuse_bytes(bytes, size, -EPROTO);
	free(bytes);
}
END_TEST

/* The header names the file that it was written to. */
START_TEST(header_names_its_file)
{
	const char *path = region_path("named", ".fnt");
	struct fnt_header *header;
	struct stat st;
	size_t size;

	fnt_log_close(open_sized("named", SMALLEST));
	MUST(!stat(path, &st));
	header = (struct fnt_header *)read_file(path, &size);
	ck_assert_uint_eq(header->file_dev, st.st_dev);
	ck_assert_uint_eq(header->file_ino, st.st_ino);
	free(header);
}
END_TEST

/* Features and sections of later versions that are marked compatible are accepted. */
START_TEST(compatible_files_of_a_later_version)
{
	size_t size;
	unsigned char *bytes = sound_region(&size);
	struct fnt_header *header = (struct fnt_header *)bytes;
	const char *path = region_path("later", ".fnt");

	header->compat = UINT64_MAX;
	header->sections[header->section_count++] =
		(struct fnt_section){.kind = 99, .stride = 0, .off = 1, .count = ~0ull};
	write_file(path, bytes, size);
	ck_assert_uint_eq(region_stat(path).recorded, 300);
	must_be_sound(path);
	free(bytes);
}
END_TEST

START_TEST(truncated_at_every_power_of_two)
{
	size_t size;
	unsigned char *bytes = sound_region(&size);

	for (size_t cut = 1; cut < size; cut *= 2) {
		refuse_bytes(bytes, cut - 1, -EPROTO);
		refuse_bytes(bytes, cut, -EPROTO);
		refuse_bytes(bytes, cut + 1, -EPROTO);
	}
	refuse_bytes(bytes, size - 1, -EPROTO);
	free(bytes);
}
END_TEST

START_TEST(paths_that_are_not_files)
{
	char path[256], target[256];
	size_t size;
	unsigned char *bytes = sound_region(&size);

	snprintf(path, sizeof(path), "%s", region_path("thing", ".fnt"));
	snprintf(target, sizeof(target), "%s", region_path("target", ".fnt"));
	MUST(!mkdir(path, 0700));
	must_be_refused(path, -EINVAL, -EINVAL);
	MUST(!rmdir(path));
	MUST(!mkfifo(path, 0600));
	must_be_refused(path, -EINVAL, -EINVAL);
	MUST(!unlink(path));
	write_file(target, bytes, size);
	MUST(!symlink(target, path));
	must_be_refused(path, -EINVAL, -EINVAL);
	MUST(!unlink(path));
	/* No file is made through a dangling symbolic link. */
	MUST(!symlink(region_path("nowhere", ".fnt"), path));
	must_be_refused(path, -EINVAL, -EINVAL);
	MUST(access(region_path("nowhere", ".fnt"), F_OK) != 0);
	MUST(!unlink(path));
	free(bytes);
}
END_TEST

/* Run in a child, as another user. */
START_TEST(files_of_other_users)
{
	const char *path = region_path("private", ".fnt");
	pid_t pid;

	if (getuid() != 0)
		return;
	fnt_log_close(open_sized("private", SMALLEST));
	MUST(!chmod(fixture_dir, 0755));
	pid = fork();
	if (!pid) {
		struct fnt_log *log;
		struct fnt_reader *reader;

		CHILD_MUST(!setuid(12345));
		CHILD_MUST(fnt_reader_open(&reader, path, NULL) == -EACCES);
		CHILD_MUST(fnt_log_open(&log, path, NULL) == -EACCES);
		CHILD_MUST(fnt_log_open(&log, "private", NULL) == -EPERM ||
			   fnt_log_open(&log, "private", NULL) == -EACCES);
		_exit(0);
	}
	must_end_well(pid);
	/* Readable by all: it can be read, but not written. */
	MUST(!chmod(path, 0666));
	pid = fork();
	if (!pid) {
		struct fnt_log *log;
		struct fnt_reader *reader;

		CHILD_MUST(!setuid(12345));
		CHILD_MUST(fnt_reader_open(&reader, path, NULL) == 0);
		CHILD_MUST(fnt_log_open(&log, path, NULL) == -EPERM);
		_exit(0);
	}
	must_end_well(pid);
	MUST(!chmod(fixture_dir, 0700));
}
END_TEST

/* ---- false counts ---------------------------------------------------------------- */

static int
touch(void *arg, const struct fnt_trace *trace)
{
	char *json;

	*(size_t *)arg += trace->op_count;
	MUST(!fnt_trace_to_json(trace, &json, NULL));
	free(json);
	return 0;
}

/* Read all that can be read. */
static void
read_all(struct fnt_reader *reader)
{
	struct fnt_query query = {.limit = SIZE_MAX};
	const struct fnt_trace *trace;
	struct fnt_producer *producers;
	struct fnt_cursor *cursor;
	struct fnt_check check;
	size_t sum = 0, count;

	stat_of(reader);
	MUST(!fnt_reader_each(reader, &query, touch, &sum));
	fnt_traces_free(in_flight(reader));
	MUST(!fnt_reader_producers(reader, &producers, &count));
	free(producers);
	MUST(!fnt_reader_check(reader, &check, NULL, NULL));
	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	for (int i = 0; i < 2000 && fnt_cursor_next(cursor, &trace) == 1; i++)
		touch(&sum, trace);
	fnt_cursor_close(cursor);
}

static void
read_lie(const unsigned char *bytes, size_t size, bool write_too)
{
	const char *path = region_path("lie", ".fnt");
	struct fnt_options options = {.flags = FNT_ATTACH_ONLY};
	struct fnt_reader *reader;
	struct fnt_log *log;

	unlink(path);
	write_file(path, bytes, size);
	if (!fnt_reader_open(&reader, path, NULL)) {
		read_all(reader);
		fnt_reader_close(reader);
	}
	if (!write_too || fnt_log_open(&log, path, &options))
		return;
	for (int i = 0; i < 20; i++)
		record_call(log, "fn", "id");
	fnt_traces_free(newest(log, 50));
	fnt_log_close(log);
}

/* Flip every bit of the header. The file is refused, or it is sound; nothing crashes.
 */
START_TEST(every_bit_of_the_header_flipped)
{
	size_t size;
	unsigned char *bytes = sound_region(&size);

	for (size_t bit = 0; bit < sizeof(struct fnt_header) * 8;
	     bit += TSAN ? 23 : ROUNDS(1, 5)) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		read_lie(bytes, size, true);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	free(bytes);
}
END_TEST

/* Extreme values in the words of the header. */
START_TEST(extreme_words_in_the_header)
{
	static const uint64_t lies[] = {
		0,	    1,		127,	    4095,	UINT32_MAX,
		1ull << 32, 1ull << 40, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095};
	size_t size;
	unsigned char *bytes = sound_region(&size);
	uint64_t saved;

	for (size_t at = 16; at < sizeof(struct fnt_header); at += TSAN ? 56 : 8)
		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			memcpy(&saved, bytes + at, 8);
			memcpy(bytes + at, &lies[i], 8);
			read_lie(bytes, size, i % ROUNDS(1, 3) == 0);
			memcpy(bytes + at, &saved, 8);
		}
	free(bytes);
}
END_TEST

/* Damage the rest of the file at random: whole ranges and single bits. Reading and
 * writing neither crash nor loop. */
START_TEST(random_damage)
{
	size_t size;
	unsigned char *bytes = sound_region(&size), *bad = malloc(size);
	struct rnd r = {11};

	for (int round = 0; round < (TSAN ? 30 : ROUNDS(1200, 120)); round++) {
		memcpy(bad, bytes, size);
		for (uint32_t n = rnd(&r, 40); n-- > 0;) {
			size_t at = FNT_PAGE + rnd(&r, (uint32_t)size - FNT_PAGE);
			size_t len = rnd(&r, 2) ? 1 : rnd(&r, 300);

			for (size_t i = at; i < at + len && i < size; i++)
				bad[i] = (unsigned char)(rnd(&r, 3) ? rnd(&r, 256)
								    : 0xff);
		}
		read_lie(bad, size, true);
	}
	free(bad);
	free(bytes);
}
END_TEST

/* ---- creating -------------------------------------------------------------------- */

START_TEST(full_file_system)
{
	const char *dir = region_path("tiny", "");
	struct fnt_error error = {0};
	struct fnt_options options = {
		.size_bytes = MIB(16), .dir = dir, .error = &error};
	char copy[256];
	struct fnt_log *log;
	struct dirent *entry;
	DIR *opened;
	int entries = 0;

	snprintf(copy, sizeof(copy), "%s", dir);
	options.dir = copy;
	MUST(!mkdir(copy, 0700));
	if (mount("none", copy, "tmpfs", 0, "size=1m,mode=700")) {
		rmdir(copy);
		return; /* not root */
	}
	ck_assert_int_eq(fnt_log_open(&log, "big", &options), -ENOSPC);
	if (!strstr(error.message, "16 MiB") || !strstr(error.message, "1 MiB free"))
		ck_abort_msg("the message does not say what is needed and free: %s",
			     error.message);
	opened = opendir(copy);
	while (opened && (entry = readdir(opened)))
		entries++;
	closedir(opened);
	umount(copy);
	rmdir(copy);
	ck_assert_int_eq(entries, 2);
}
END_TEST

/* Many processes open the log at once: one makes the region, and all use the same one.
 */
START_TEST(created_by_many_at_once)
{
	enum {
		PROCESSES = 4
	};

	for (int round = 0; round < ROUNDS(60, 20); round++) {
		struct latch ready = make_latch();
		pid_t pids[PROCESSES];
		struct fnt_stat stat;
		char name[16];

		snprintf(name, sizeof(name), "many-%d", round);
		for (int i = 0; i < PROCESSES; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				struct fnt_log *log;

				latch_wait(&ready);
				log = open_sized(name, SMALLEST);
				CHILD_MUST(record_call(log, "fn", "id") == FNT_DONE);
				fnt_log_close(log);
				_exit(0);
			}
		}
		for (int i = 0; i < PROCESSES; i++)
			latch_open(&ready);
		for (int i = 0; i < PROCESSES; i++)
			must_end_well(pids[i]);
		stat = region_stat(name);
		ck_assert_uint_eq(stat.recorded, PROCESSES);
		ck_assert_uint_eq(stat.producers, 0);
		unlink(region_path(name, ".fnt"));
		close(ready.fds[0]);
		close(ready.fds[1]);
	}
}
END_TEST

FIXTURE_MAIN("region", files_that_are_not_regions, header_names_its_file,
	     compatible_files_of_a_later_version, truncated_at_every_power_of_two,
	     paths_that_are_not_files, files_of_other_users,
	     every_bit_of_the_header_flipped, extreme_words_in_the_header,
	     random_damage, full_file_system, created_by_many_at_once)
