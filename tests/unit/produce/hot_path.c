/* SPDX-License-Identifier: MIT
 *
 * hot_path.c: makes calls in steady state between two getppid(), so that hot_path.sh
 * finds in strace's output which system calls they make. Counts allocations itself.
 *
 *   hot_path REGION CALLS
 *   hot_path REGION CALLS first: calls that do not overlap, from the first one on;
 *                                what is between a begin and its finish is between
 *                                two getppid()
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fntrace/fntrace.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *at);

static atomic_bool counting;
static atomic_ulong allocations;

static void
count(void)
{
	if (atomic_load_explicit(&counting, memory_order_relaxed))
		atomic_fetch_add(&allocations, 1);
}

void *
malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *
calloc(size_t number, size_t size)
{
	count();
	return __libc_calloc(number, size);
}

void *
realloc(void *at, size_t size)
{
	count();
	return __libc_realloc(at, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

void
free(void *at)
{
	if (at)
		count();
	__libc_free(at);
}

static void
must(int rc)
{
	/* A function that is not enabled has no calls. */
	if (rc == FNT_DONE || (rc == -ESHUTDOWN && getenv("FNTRACE_SETTINGS")))
		return;
	fprintf(stderr, "hot_path: %d\n", rc);
	exit(1);
}

/* A call with a step of every kind, sometimes a larger one, and two calls that overlap.
 */
static void
one_call(struct fnt_log *log, unsigned i)
{
	static const char json[] = "{\"done\":true}";
	struct fnt_value value = {FNT_VALUE_JSON, json, sizeof(json) - 1};
	struct fnt_call_info info = {
		.call_id = "call", .fn_name = "todo:list", .user_id = "user"};
	struct fnt_call *call = fnt_call_begin(log, &info), *child;
	int64_t handle;

	info.parent = call;
	info.fn_name = i % 2 ? "todo:add" : "todo:get";
	child = fnt_call_begin(log, &info);
	handle = fnt_call_op_begin(call, FNT_OP_LIST, "todo", NULL);
	for (unsigned op = 0; op < (i % 50 ? 2 : 30); op++)
		must(fnt_call_op(call, FNT_OP_GET, "todo",
				 "0123456789012345678901234567890123456789", 1000, 1,
				 true));
	must(fnt_call_op_end(call, handle, 3, true));
	must(fnt_call_stream_chunk(call, 100));
	must(fnt_call_schedule(call, "todo:later", 10, FNT_NONE));
	must(fnt_call_tenant_id(child, "tenant"));
	must(i % 3 ? fnt_call_finish_ok(child, &value)
		   : fnt_call_finish_error(child, "CODE", "message"));
	must(i % 5 ? fnt_call_finish_ok(call, NULL) : fnt_call_abandon(call));
}

static void
first_lap(struct fnt_log *log, unsigned calls)
{
	struct fnt_call_info info = {.call_id = "call", .fn_name = "todo:list"};

	for (unsigned i = 0; i < calls; i++) {
		struct fnt_call *call = fnt_call_begin(log, &info);

		getppid();
		must(fnt_call_op(call, FNT_OP_GET, "todo", "1", 1000, 1, true));
		getppid();
		must(fnt_call_finish_ok(call, NULL));
	}
}

int
main(int argc, char **argv)
{
	struct fnt_error error;
	struct fnt_options options = {.size_bytes = 4 << 20, .error = &error};
	unsigned calls = argc > 2 ? (unsigned)atoi(argv[2]) : 100000;
	struct fnt_log *log;
	unsigned long before;

	if (argc < 2 || fnt_log_open(&log, argv[1], &options)) {
		fprintf(stderr, "hot_path: %s\n",
			argc < 2 ? "which region?" : error.message);
		return 1;
	}
	if (argc > 3) {
		first_lap(log, calls);
		fnt_log_close(log);
		return 0;
	}
	/* Check that the counter works. */
	atomic_store(&counting, true);
	free(strdup("x"));
	before = atomic_exchange(&allocations, 0);
	atomic_store(&counting, false);
	for (unsigned i = 0; i < 1000; i++)
		one_call(log, i);
	getppid();
	atomic_store(&counting, true);
	for (unsigned i = 0; i < calls / 2; i++)
		one_call(log, i);
	atomic_store(&counting, false);
	getppid();
	printf("%u calls, %lu allocations\n", calls, atomic_load(&allocations));
	if (before < 2)
		fprintf(stderr, "hot_path: allocations are not counted\n");
	fnt_log_close(log);
	return before < 2 || atomic_load(&allocations) ? 1 : 0;
}
