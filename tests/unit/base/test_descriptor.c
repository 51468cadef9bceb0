/* SPDX-License-Identifier: MIT
 *
 * test_descriptor.c: descriptors 0, 1 and 2 are never the library's, whichever of them
 * the host has closed: not for an instant, and not for what is open only for an
 * instant.
 */
#include "support/controls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/descriptor.h"

#define SUBSETS 8

/* Where the host reports: a descriptor that all subsets leave open. */
static int report_fd;

#define HOST_MUST(condition)                                                           \
	do {                                                                           \
		if (!(condition)) {                                                    \
			dprintf(report_fd, "# %s:%d: %s (errno %d)\n", __FILE__,       \
				__LINE__, #condition, errno);                          \
			_exit(99);                                                     \
		}                                                                      \
	} while (0)

static bool
is_closed(int fd)
{
	return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static void
close_subset(int subset)
{
	report_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
	MUST(report_fd >= 100);
	for (int fd = 0; fd < 3; fd++)
		if (subset & 1 << fd)
			close(fd);
}

static void
must_have_left(int subset)
{
	for (int fd = 0; fd < 3; fd++)
		HOST_MUST(is_closed(fd) == ((subset & 1 << fd) != 0));
}

/* ---- the functions --------------------------------------------------------------- */

static void
must_be_ours(int fd, int subset)
{
	HOST_MUST(fd > 2);
	HOST_MUST(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	must_have_left(subset);
}

static void
open_each_way(int subset)
{
	char byte;
	int fd, again;
	FILE *stream;
	DIR *listing;

	errno = 4711;
	fd = fnt_open("/proc/self/comm", O_RDONLY);
	HOST_MUST(errno == 4711);
	must_be_ours(fd, subset);
	HOST_MUST(read(fd, &byte, 1) == 1);
	again = fnt_open_memory("again");
	HOST_MUST(again != fd);
	must_be_ours(again, subset);
	HOST_MUST(write(again, "x", 1) == 1);
	close(again);
	close(fd);
	fd = fnt_open_at(AT_FDCWD, fixture_dir, O_TMPFILE | O_RDWR, 0600);
	must_be_ours(fd, subset);
	close(fd);
	stream = fnt_open_stream("/proc/self/comm");
	HOST_MUST(stream && fgetc(stream) != EOF);
	must_be_ours(fileno(stream), subset);
	fclose(stream);
	listing = fnt_open_listing(AT_FDCWD, fixture_dir);
	HOST_MUST(listing && readdir(listing));
	must_be_ours(dirfd(listing), subset);
	closedir(listing);
	must_have_left(subset);
}

static void
fail_each_way(int subset)
{
	const struct rlimit none = {0, 0};

	errno = 0;
	HOST_MUST(fnt_open("/nowhere/at/all", O_RDONLY) < 0 && errno == ENOENT);
	HOST_MUST(!fnt_open_stream("/nowhere/at/all") && errno == ENOENT);
	HOST_MUST(!fnt_open_listing(AT_FDCWD, "/proc/self/comm") && errno == ENOTDIR);
	must_have_left(subset);
	/* The only numbers left are the host's. */
	HOST_MUST(!setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 4096}));
	HOST_MUST(fnt_open("/proc/self/comm", O_RDONLY) < 0 && errno == EMFILE);
	HOST_MUST(fnt_open_memory("none") < 0 && errno == EMFILE);
	must_have_left(subset);
	HOST_MUST(!setrlimit(RLIMIT_NOFILE, &none));
	HOST_MUST(fnt_open("/proc/self/comm", O_RDONLY) < 0 && errno == EMFILE);
	must_have_left(subset);
}

START_TEST(opened_above_two)
{
	pid_t pid = fork();

	if (!pid) {
		close_subset(_i);
		open_each_way(_i);
		fail_each_way(_i);
		_exit(0);
	}
	must_end_well(pid);
}
END_TEST

/* ---- a host that prints ---------------------------------------------------------- */

static atomic_bool printing;
static atomic_int printed; /* writes to closed descriptors that were accepted */

/* A thread of the host that prints, whatever is closed. */
static void *
print_on(void *subset)
{
	while (atomic_load(&printing))
		for (int fd = 0; fd < 3; fd++)
			if (*(int *)subset & 1 << fd && write(fd, "printed", 7) > 0)
				atomic_fetch_add(&printed, 1);
	return NULL;
}

static void
change(const char *name, int round)
{
	struct fnt_control *control;
	struct fnt_rings rings;
	struct fnt_error error;

	HOST_MUST(!fnt_control_open(&control, name, &error));
	HOST_MUST(!set_one(control, NULL, "keep=0.5", &error));
	HOST_MUST(!fnt_control_resize(control, MIB(1) + (uint64_t)(round % 2) * 65536,
				      &rings, &error));
	HOST_MUST(!fnt_control_rotate(control, NULL, &rings, &error));
	HOST_MUST(!unlink(rings.path));
	HOST_MUST(!set_one(control, NULL, "keep=default", &error));
	HOST_MUST(!fnt_control_reap(control, &(uint32_t){0}, NULL, &error));
	fnt_control_close(control);
}

static void
read_all_of(struct fnt_reader *reader)
{
	struct fnt_producer *producers;
	struct fnt_traces *traces;
	size_t count;

	HOST_MUST(!fnt_reader_in_flight(reader, &traces));
	fnt_traces_free(traces);
	HOST_MUST(!fnt_reader_producers(reader, &producers, &count));
	free(producers);
	fnt_reader_close(reader);
}

static void
use_everything(int round)
{
	struct fnt_region_info *infos;
	struct fnt_reader *reader;
	struct fnt_log *log, *nameless;
	size_t count;
	pid_t pid;

	HOST_MUST(!fnt_log_open(&log, "app", NULL));
	HOST_MUST(record_call(log, "fn", "id") == FNT_DONE);
	HOST_MUST(!fnt_reader_open(&reader, "app", NULL));
	read_all_of(reader);
	HOST_MUST(!fnt_reader_open_pid(&reader, getpid(), NULL));
	read_all_of(reader);
	change("app", round);
	HOST_MUST(record_call(log, "fn", "id") == FNT_DONE);
	pid = fork();
	if (!pid)
		_exit(record_call(log, "fn", "child") != FNT_DONE);
	HOST_MUST(pid > 0);
	must_end_well(pid);
	HOST_MUST(!fnt_log_open(&nameless, NULL, NULL));
	fnt_log_close(nameless);
	HOST_MUST(!fnt_regions_list(NULL, &infos, &count, NULL) && count == 1);
	free(infos);
	fnt_log_close(log);
}

START_TEST(host_prints_into_no_file_of_ours)
{
	pid_t pid = fork();

	if (!pid) {
		int subset = _i;
		pthread_t printer;

		close_subset(subset);
		setenv("FNTRACE_SIZE", "1M", 1);
		atomic_store(&printing, true);
		HOST_MUST(!pthread_create(&printer, NULL, print_on, &subset));
		for (int round = 0; round < ROUNDS(10, 4); round++)
			use_everything(round);
		atomic_store(&printing, false);
		pthread_join(printer, NULL);
		HOST_MUST(!atomic_load(&printed));
		must_have_left(subset);
		_exit(0);
	}
	must_end_well(pid);
	must_be_sound("app");
}
END_TEST

FIXTURE_MAIN_LOOPS("descriptor", {opened_above_two, SUBSETS},
		   {host_prints_into_no_file_of_ours, SUBSETS})
