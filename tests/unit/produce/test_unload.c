/* SPDX-License-Identifier: MIT
 *
 * test_unload.c: a program unloads the shared library after it has used it. Threads
 * that end and forks that come afterwards must not run code or use memory that is gone.
 *
 *       test_unload libfntrace.so
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fntrace/fntrace.h>

#define REQUIRE(condition)                                                             \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);        \
			exit(EXIT_FAILURE);                                            \
		}                                                                      \
	} while (0)

static struct library {
	void *handle;
	int (*open)(struct fnt_log **, const char *, const struct fnt_options *);
	void (*close)(struct fnt_log *);
	struct fnt_call *(*begin)(struct fnt_log *, const struct fnt_call_info *);
	int (*finish)(struct fnt_call *, const struct fnt_value *);
} lib;

static struct fnt_log *log_;
static pthread_barrier_t used, unloaded;

static void *
use(void *arg)
{
	struct fnt_call_info info = {.fn_name = "fn"};

	(void)arg;
	REQUIRE(lib.finish(lib.begin(log_, &info), NULL) == FNT_DONE);
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&unloaded);
	return NULL; /* the destructors of its keys run now */
}

static void *
symbol(const char *name)
{
	void *at = dlsym(lib.handle, name);

	REQUIRE(at);
	return at;
}

static void
load(const char *path)
{
	lib.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib.handle)
		fprintf(stderr, "%s\n", dlerror());
	REQUIRE(lib.handle);
	*(void **)&lib.open = symbol("fnt_log_open");
	*(void **)&lib.close = symbol("fnt_log_close");
	*(void **)&lib.begin = symbol("fnt_call_begin");
	*(void **)&lib.finish = symbol("fnt_call_finish_ok");
}

int
main(int argc, char **argv)
{
	struct fnt_options options = {.size_bytes = 1 << 20};
	pthread_t thread;
	int status;
	pid_t pid;

	REQUIRE(argc == 2);
	pthread_barrier_init(&used, NULL, 2);
	pthread_barrier_init(&unloaded, NULL, 2);
	for (int round = 0; round < 3; round++) {
		load(argv[1]);
		REQUIRE(!lib.open(&log_, NULL, &options));
		REQUIRE(!pthread_create(&thread, NULL, use, NULL));
		pthread_barrier_wait(&used);
		lib.close(log_);
		REQUIRE(!dlclose(lib.handle));
		pthread_barrier_wait(&unloaded);
		REQUIRE(!pthread_join(thread, NULL));
		pid = fork();
		REQUIRE(pid >= 0);
		if (!pid)
			_exit(0);
		REQUIRE(waitpid(pid, &status, 0) == pid && !status);
	}
	return EXIT_SUCCESS;
}
