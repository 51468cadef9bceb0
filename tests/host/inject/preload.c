/* SPDX-License-Identifier: MIT
 *
 * preload.c: loaded into a program that inject runs: marks where main begins, and lets
 * allocations fail. $INJECT_ALLOC "FIRST-LAST": which of them, from 1, counted from
 * there on; $INJECT_COUNT: a file to which their number is written at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static unsigned long first, last;
static atomic_ulong none, *allocated = &none;

static int
fails(void)
{
	unsigned long number = atomic_fetch_add(allocated, 1) + 1;

	if (number < first || number > last)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __libc_memalign(alignment, size);
}

int
posix_memalign(void **to, size_t alignment, size_t size)
{
	if (fails())
		return ENOMEM;
	*to = __libc_memalign(alignment, size);
	return *to ? 0 : ENOMEM;
}

/* The count is in a shared mapping, so that it can be read however the program ends. */
static void
share_count(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *page;

	if (fd < 0 || ftruncate(fd, 4096))
		return;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		allocated = page;
	close(fd);
}

static __attribute__((constructor)) void
begin(void)
{
	const char *which = getenv("INJECT_ALLOC"), *count = getenv("INJECT_COUNT");

	if (count)
		share_count(count);
	unsetenv("LD_PRELOAD");
	atomic_store(allocated, 0);
	if (which)
		sscanf(which, "%lu-%lu", &first, &last);
	syscall(SYS_getppid);
}
