/* SPDX-License-Identifier: MIT
 *
 * fntrace-runtime: the pre-forking function runtime of tools/demo: an auction house
 * over SQLite with simulated clients. It records every call with fntrace.
 *
 * The parent (pool.h) and each worker (worker.h) have one thread: no function of this
 * folder may be called by two threads at a time.
 */
#include "pool.h"
#include "schema.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_REQUESTS 1000u

static const char usage[] =
	"usage: fntrace-runtime [OPTION...]\n"
	"\n"
	"A pre-forking function runtime over SQLite with simulated clients. Every "
	"call\n"
	"is recorded with fntrace.\n"
	"\n"
	"  -r, --region NAME   region to write to (default demo)\n"
	"      --workers N     worker processes, 1 to 64 (default 4)\n"
	"      --requests N    number of requests (default 1000, unless --seconds or\n"
	"                      --hold is given)\n"
	"      --seconds S     make requests for S seconds\n"
	"      --rate R        requests per second (default 200); 0: no limit\n"
	"      --seed N        seed of the simulated clients (default 1)\n"
	"      --db PATH       database file (default: a new one, deleted at the end)\n"
	"      --hold          run until SIGINT or SIGTERM; without --requests and\n"
	"                      --seconds requests are made all the time\n"
	"  -q, --quiet         print errors only\n"
	"  -h, --help          print this help\n";

struct settings {
	struct pool_options pool;
	const char *region, *db_path; /* db_path NULL: a new file */
	uint64_t seed;
};

static int
bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "fntrace-runtime: %s%s%s\n%s", what, value ? ": " : "",
		value ? value : "", usage);
	return 2;
}

static bool
parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end && *number >= least && *number <= most;
}

enum {
	OPT_WORKERS = 256,
	OPT_REQUESTS,
	OPT_SECONDS,
	OPT_RATE,
	OPT_SEED,
	OPT_DB,
	OPT_HOLD
};

static bool
set_number(struct settings *settings, int option, const char *text)
{
	struct pool_options *pool = &settings->pool;
	uint64_t workers;

	switch (option) {
	case OPT_WORKERS:
		if (!parse_number(text, 1, POOL_WORKERS_MAX, &workers))
			return false;
		pool->workers = (unsigned)workers;
		return true;
	case OPT_REQUESTS:
		return parse_number(text, 1, UINT64_MAX, &pool->requests);
	case OPT_SECONDS:
		return parse_number(text, 1, INT_MAX, &pool->seconds);
	case OPT_RATE:
		return parse_number(text, 0, 1000000, &pool->rate);
	default:
		return parse_number(text, 0, UINT64_MAX, &settings->seed);
	}
}

/* Returns the exit status; -1: continue. */
static int
parse_options(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{"region", required_argument, NULL, 'r'},
		{"workers", required_argument, NULL, OPT_WORKERS},
		{"requests", required_argument, NULL, OPT_REQUESTS},
		{"seconds", required_argument, NULL, OPT_SECONDS},
		{"rate", required_argument, NULL, OPT_RATE},
		{"seed", required_argument, NULL, OPT_SEED},
		{"db", required_argument, NULL, OPT_DB},
		{"hold", no_argument, NULL, OPT_HOLD},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "r:qh", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			settings->region = optarg;
			break;
		case OPT_DB:
			settings->db_path = optarg;
			break;
		case OPT_HOLD:
			settings->pool.hold = true;
			break;
		case 'q':
			settings->pool.quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case '?':
			fputs(usage, stderr);
			return 2;
		default:
			if (!set_number(settings, option, optarg))
				return bad_usage("not a number in range", optarg);
		}
	}
	return optind < argc ? bad_usage("unexpected argument", argv[optind]) : -1;
}

/* The temporary directory of a new database; "": --db was given. */
static char own_dir[PATH_MAX];
static char own_path[PATH_MAX + 16];

static int
make_db_path(struct settings *settings)
{
	const char *tmp = getenv("TMPDIR");

	if (settings->db_path)
		return 0;
	snprintf(own_dir, sizeof(own_dir), "%s/fntrace-runtime.XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(own_dir)) {
		fprintf(stderr, "fntrace-runtime: %s: %s\n", own_dir, strerror(errno));
		own_dir[0] = '\0';
		return -1;
	}
	snprintf(own_path, sizeof(own_path), "%s/auction.db", own_dir);
	settings->db_path = own_path;
	return 0;
}

static void
remove_own_db(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[sizeof(own_path) + 8];

	if (!own_dir[0])
		return;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		snprintf(path, sizeof(path), "%s%s", own_path, ends[i]);
		unlink(path);
	}
	rmdir(own_dir);
}

/* The connection is closed before the first fork: SQLite connections must not be used
 * after a fork. */
static int
prepare_db(const struct settings *settings, struct load *load)
{
	struct db db;
	int rc = db_open(&db, settings->db_path);

	if (!rc)
		rc = schema_create(&db);
	if (!rc)
		rc = load_init(load, &db, settings->seed);
	if (rc)
		fprintf(stderr, "fntrace-runtime: %s: %s\n", settings->db_path,
			sqlite3_errmsg(db.handle));
	db_close(&db);
	return rc ? -1 : 0;
}

static struct fnt_log *
open_log(const struct settings *settings)
{
	struct fnt_error error = {0};
	struct fnt_options options = {.error = &error};
	struct fnt_log *log;

	if (fnt_log_open(&log, settings->region, &options)) {
		fprintf(stderr, "fntrace-runtime: %s\n", error.message);
		return NULL;
	}
	if (*fnt_log_notice(log))
		fprintf(stderr, "fntrace-runtime: %s\n", fnt_log_notice(log));
	return log;
}

static void
block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

static void
print_start(const struct settings *settings, const struct fnt_log *log)
{
	printf("pid %d, %u workers, database %s\nregion %s\n", (int)getpid(),
	       settings->pool.workers, settings->db_path, fnt_log_path(log));
}

static void
print_counts(const struct pool_counts *counts)
{
	printf("requests %llu made, %llu scheduled (%llu of them run, %llu refused)\n",
	       (unsigned long long)counts->made, (unsigned long long)counts->scheduled,
	       (unsigned long long)counts->scheduled_run,
	       (unsigned long long)counts->refused);
	printf("returned %llu: %llu ok, %llu errors, %llu rolled back; %llu lost\n",
	       (unsigned long long)counts->done, (unsigned long long)counts->ok,
	       (unsigned long long)counts->errors,
	       (unsigned long long)counts->rolled_back,
	       (unsigned long long)counts->lost);
	printf("calls %llu, %llu of them from one worker to another\n",
	       (unsigned long long)counts->calls,
	       (unsigned long long)counts->passed_on);
	printf("chunks %llu, bytes %llu\n", (unsigned long long)counts->chunks,
	       (unsigned long long)counts->bytes);
	printf("workers %llu forked, %llu died\n", (unsigned long long)counts->forked,
	       (unsigned long long)counts->died);
}

static int
serve(const struct settings *settings, struct load *load, struct fnt_log *log)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	int rc;

	if (!pool) {
		fputs("fntrace-runtime: out of memory\n", stderr);
		return -ENOMEM;
	}
	pool->options = &settings->pool;
	pool->log = log;
	pool->load = load;
	rc = pool_run(pool);
	if (!settings->pool.quiet)
		print_counts(&pool->counts);
	free(pool);
	return rc;
}

int
main(int argc, char **argv)
{
	struct settings settings = {
		.pool = {.workers = 4, .rate = 200}, .region = "demo", .seed = 1};
	struct fnt_log *log = NULL;
	struct load load;
	int status = parse_options(&settings, argc, argv);

	if (status >= 0)
		return status;
	status = EXIT_FAILURE;
	if (!settings.pool.requests && !settings.pool.seconds && !settings.pool.hold)
		settings.pool.requests = DEFAULT_REQUESTS;
	setlinebuf(stdout);
	block_signals();
	if (make_db_path(&settings))
		return EXIT_FAILURE;
	settings.pool.db_path = settings.db_path;
	if (!prepare_db(&settings, &load))
		log = open_log(&settings);
	if (log) {
		if (!settings.pool.quiet)
			print_start(&settings, log);
		status = serve(&settings, &load, log) ? EXIT_FAILURE : EXIT_SUCCESS;
		fnt_log_close(log);
	}
	remove_own_db();
	return status;
}
