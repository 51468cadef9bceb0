/* SPDX-License-Identifier: MIT
 *
 * late_load.c: a host that loads the library late, by dlopen(), after it has registered
 * fork handlers of its own, and that does what meets a library's locks in another
 * order. A case that hangs is killed by SIGALRM.
 *
 *   late_load CASE libfntrace.so late_plugin.so
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#define HANGS_AFTER_S 60u

#define REQUIRE(condition)                                                             \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "late_load: line %d: %s\n", __LINE__,          \
				#condition);                                           \
			_exit(EXIT_FAILURE);                                           \
		}                                                                      \
	} while (0)

static struct library {
	void *handle;
	int (*open)(struct fnt_log **, const char *, const struct fnt_options *);
	void (*close)(struct fnt_log *);
	struct fnt_call *(*begin)(struct fnt_log *, const struct fnt_call_info *);
	int (*finish)(struct fnt_call *, const struct fnt_value *);
	uint64_t (*total)(struct fnt_log *);
	const char *(*path)(const struct fnt_log *);
	int (*open_reader)(struct fnt_reader **, const char *, struct fnt_error *);
	int (*stat)(struct fnt_reader *, struct fnt_stat *);
	void (*close_reader)(struct fnt_reader *);
} lib;

static const char *library_path, *plugin_path;
static const char *region; /* NULL: one without a name */
static struct fnt_log *log_;
static atomic_uint recorded, refused;
static volatile sig_atomic_t children, is_child;

static void *
symbol(const char *name)
{
	void *at = dlsym(lib.handle, name);

	REQUIRE(at);
	return at;
}

static void
load(void)
{
	lib.handle = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
	if (!lib.handle)
		fprintf(stderr, "late_load: %s\n", dlerror());
	REQUIRE(lib.handle);
	*(void **)&lib.open = symbol("fnt_log_open");
	*(void **)&lib.close = symbol("fnt_log_close");
	*(void **)&lib.begin = symbol("fnt_call_begin");
	*(void **)&lib.finish = symbol("fnt_call_finish_ok");
	*(void **)&lib.total = symbol("fnt_log_total_count");
	*(void **)&lib.path = symbol("fnt_log_path");
	*(void **)&lib.open_reader = symbol("fnt_reader_open");
	*(void **)&lib.stat = symbol("fnt_reader_stat");
	*(void **)&lib.close_reader = symbol("fnt_reader_close");
}

static void
load_and_open(void)
{
	load();
	REQUIRE(!lib.open(&log_, region, NULL));
}

/* Record a call, or be refused one. */
static void
use_log(void)
{
	struct fnt_call_info info = {.fn_name = "fn"};
	bool was_child = is_child;
	struct fnt_call *call = lib.begin(log_, &info);

	/* If a signal handler has forked since, the call is the parent's. */
	if (call)
		REQUIRE(lib.finish(call, NULL) == FNT_DONE || is_child != was_child);
	atomic_fetch_add(call ? &recorded : &refused, 1);
}

static void *
uses_log(void *unused)
{
	use_log();
	return unused;
}

static pthread_t
start(void *(*run)(void *))
{
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, run, NULL));
	return thread;
}

static void
must_have_all(unsigned count)
{
	REQUIRE(atomic_load(&recorded) == count && !atomic_load(&refused));
	REQUIRE(lib.total(log_) == count);
	lib.close(log_);
}

/* ---- the loader's lock ----------------------------------------------------------- */

__attribute__((visibility("default"))) void use_log_in_constructor(void);

void
use_log_in_constructor(void)
{
	use_log();
}

static void *
loads_plugin(void *unused)
{
	void *plugin = dlopen(plugin_path, RTLD_NOW);

	REQUIRE(plugin);
	dlclose(plugin);
	return unused;
}

/* Each thread uses the log for the first time: some of them inside the loader. */
static void
loader(void)
{
	enum {
		ROUNDS = 400
	};

	load_and_open();
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t threads[3] = {start(loads_plugin), start(uses_log),
					start(uses_log)};

		for (int t = 0; t < 3; t++)
			pthread_join(threads[t], NULL);
	}
	must_have_all(3 * ROUNDS);
}

/* ---- a lock of the host's that its fork handlers take ---------------------------- */

static pthread_mutex_t hosts = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;

static void
take_hosts(void)
{
	pthread_mutex_lock(&hosts);
}

static void
release_hosts(void)
{
	pthread_mutex_unlock(&hosts);
}

static void *
uses_log_with_lock(void *unused)
{
	pthread_mutex_lock(&hosts);
	use_log();
	pthread_mutex_unlock(&hosts);
	return unused;
}

static void *
starts_threads(void *unused)
{
	while (!atomic_load(&stop))
		pthread_join(start(uses_log_with_lock), NULL);
	return unused;
}

/* The host's handlers were registered first, so they run last: it takes its lock when
 * the library's handler has run. The other thread has that lock, and comes to the
 * library. */
static void
atfork(void)
{
	pthread_t thread;

	REQUIRE(!pthread_atfork(take_hosts, release_hosts, release_hosts));
	load_and_open();
	thread = start(starts_threads);
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			use_log();
			_exit(EXIT_SUCCESS);
		}
		REQUIRE(waitpid(pid, &status, 0) == pid && !status);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	REQUIRE(lib.total(log_) == atomic_load(&recorded) + 100);
	lib.close(log_);
}

/* ---- fork in a signal handler ---------------------------------------------------- */

static void
forks(int signal)
{
	int saved = errno;
	pid_t pid = fork();

	(void)signal;
	if (!pid) {
		is_child = 1;
		alarm(HANGS_AFTER_S); /* is not inherited */
	} else if (pid > 0) {
		children++;
	}
	errno = saved;
}

static void *
is_interrupted(void *unused)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGVTALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	use_log();
	/* The child goes on with what the handler has interrupted, and records. */
	for (int i = 0; is_child && i < 3; i++)
		use_log();
	if (is_child)
		_exit(EXIT_SUCCESS);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return unused;
}

static void
in_handler(void)
{
	struct itimerval often = {{0, 997}, {0, 997}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = forks, .sa_flags = SA_RESTART};
	int status;

	load_and_open();
	sigaddset(&action.sa_mask, SIGVTALRM);
	sigprocmask(SIG_BLOCK, &action.sa_mask, NULL);
	sigaction(SIGVTALRM, &action, NULL);
	setitimer(ITIMER_VIRTUAL, &often, NULL);
	for (int i = 0; i < 20000 && children < 200; i++) {
		pthread_t threads[2] = {start(is_interrupted), start(is_interrupted)};

		pthread_join(threads[0], NULL);
		pthread_join(threads[1], NULL);
	}
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	REQUIRE(children);
	for (int i = 0; i < children; i++)
		REQUIRE(waitpid(-1, &status, 0) > 0 && !status);
	lib.close(log_);
}

/* ---- cancellation ---------------------------------------------------------------- */

/* The request is there before the first system call of the first use. */
static void *
is_cancelled(void *unused)
{
	pthread_cancel(pthread_self());
	use_log();
	pthread_testcancel();
	return unused;
}

static void
cancel(void)
{
	enum {
		ROUNDS = 200
	};

	load_and_open();
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t threads[2] = {start(is_cancelled), start(uses_log)};
		void *result;

		pthread_join(threads[0], &result);
		REQUIRE(result == PTHREAD_CANCELED);
		pthread_join(threads[1], NULL);
	}
	must_have_all(2 * ROUNDS);
}

/* ---- no memory ------------------------------------------------------------------- */

#define STARVED 8

static pthread_barrier_t barrier;

/* Calls that were refused are in the region's count. */
static void
must_be_counted(uint64_t count)
{
	struct fnt_reader *reader;
	struct fnt_stat stat;

	REQUIRE(!lib.open_reader(&reader, lib.path(log_), NULL));
	REQUIRE(!lib.stat(reader, &stat));
	REQUIRE(stat.refused == count);
	lib.close_reader(reader);
}

static void *
starves(void *unused)
{
	pthread_barrier_wait(&barrier); /* started */
	pthread_barrier_wait(&barrier); /* no memory is left */
	use_log();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* there is memory again */
	use_log();
	return unused;
}

/* Take all memory that malloc() has, in blocks that are linked. */
static void **
take_memory(void)
{
	void **first = NULL;

	for (size_t bytes = 1 << 20; bytes >= 16; bytes /= 2)
		for (void **block; (block = malloc(bytes)) != NULL; first = block)
			*block = first;
	return first;
}

static void
memory(void)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	pthread_t threads[STARVED];
	char directory[] = "/tmp/late_load.XXXXXX";
	void **taken;

	REQUIRE(mkdtemp(directory) && !setenv("FNTRACE_DIR", directory, 1));
	region = "memory";
	load_and_open();
	pthread_barrier_init(&barrier, NULL, STARVED + 1);
	for (int i = 0; i < STARVED; i++)
		threads[i] = start(starves);
	pthread_barrier_wait(&barrier);
	REQUIRE(!setrlimit(RLIMIT_AS, &none));
	taken = take_memory();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	while (taken) {
		void **next = *taken;

		free(taken);
		taken = next;
	}
	REQUIRE(!setrlimit(RLIMIT_AS, &all));
	REQUIRE(atomic_load(&refused) == STARVED);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < STARVED; i++)
		pthread_join(threads[i], NULL);
	REQUIRE(atomic_load(&recorded) == STARVED);
	REQUIRE(lib.total(log_) == STARVED);
	must_be_counted(STARVED);
	REQUIRE(!unlink(lib.path(log_)) && !rmdir(directory));
	lib.close(log_);
}

/* ---- pthread keys ---------------------------------------------------------------- */

/* Keys that are left when the library is loaded are enough. */
static void
keys(void)
{
	pthread_key_t key;

	load();
	while (!pthread_key_create(&key, NULL))
		continue;
	REQUIRE(!lib.open(&log_, region, NULL));
	for (int i = 0; i < 10; i++)
		pthread_join(start(uses_log), NULL);
	must_have_all(10);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"loader", loader}, {"atfork", atfork}, {"handler", in_handler},
		     {"cancel", cancel}, {"memory", memory}, {"keys", keys}};

	REQUIRE(argc == 4);
	library_path = argv[2];
	plugin_path = argv[3];
	alarm(HANGS_AFTER_S);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			return EXIT_SUCCESS;
		}
	return EXIT_FAILURE;
}
