/* SPDX-License-Identifier: MIT
 *
 * test_cache_flush.c: flushing cache lines does not change their bytes, touches every
 * line of the range, and touches no other.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cache_flush.h"
#include "support/suite.h"

#define PAGE 4096u

/* A readable page, followed by one without any access. */
static unsigned char *
read_only_page(void)
{
	unsigned char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	for (unsigned i = 0; i < PAGE; i++)
		page[i] = (unsigned char)(i * 7);
	ck_assert_int_eq(mprotect(page, PAGE, PROT_READ), 0);
	ck_assert_int_eq(mprotect(page + PAGE, PAGE, PROT_NONE), 0);
	return page;
}

/* Any number of lines, up to the last readable one. */
START_TEST(flushing_changes_no_byte)
{
	unsigned char *page = read_only_page();

	for (unsigned at = 0; at < PAGE; at += FNT_CACHE_FLUSH_LINE) {
		fnt_cache_flush(page + at, 0);
		fnt_cache_flush(page + at, 1);
		fnt_cache_flush(page + at, PAGE - at);
	}
	for (unsigned i = 0; i < PAGE; i++)
		MUST(page[i] == (unsigned char)(i * 7));
	munmap(page, 2 * PAGE);
}
END_TEST

/* Bytes that have just been written are in a cache and not in memory yet. */
START_TEST(unwritten_back_bytes_are_kept)
{
	unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	for (unsigned round = 0; round < 1000; round++) {
		memset(page, (int)(round & 0xff), PAGE);
		fnt_cache_flush(page, PAGE);
		for (unsigned i = 0; i < PAGE; i += 97)
			MUST(page[i] == (round & 0xff));
	}
	munmap(page, PAGE);
}
END_TEST

static sigjmp_buf came_to;
static void *_Atomic fault_at;

static void
on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	fault_at = info->si_addr;
	siglongjmp(came_to, 1);
}

/* The address that a flush faulted at, or NULL. */
static void *
fault_of(const unsigned char *at, size_t bytes)
{
	fault_at = NULL;
	if (!sigsetjmp(came_to, 1))
		fnt_cache_flush(at, bytes);
	return fault_at;
}

static bool
can(void)
{
#if defined(__x86_64__)
	return fnt_cache_flush_available();
#else
	return false;
#endif
}

/* A range may begin any number of lines before the page without access: the flush
 * faults at that page's first line, and so has skipped none. Where the processor has no
 * flush instruction, nothing is touched. */
START_TEST(every_line_is_flushed)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	unsigned char *page = read_only_page(), *next = page + PAGE;

	ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
	for (unsigned before = 0; before <= PAGE; before += FNT_CACHE_FLUSH_LINE) {
		MUST(!fault_of(next - before, before));
		MUST(fault_of(next - before, before + 1) == (can() ? next : NULL));
	}
	munmap(page, 2 * PAGE);
}
END_TEST

/* The instruction is used where the kernel says that the processor has it. */
START_TEST(flushes_where_the_processor_can)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	static char line[16384];
	bool listed = false;

	while (file && !listed && fgets(line, sizeof(line), file))
		listed = !strncmp(line, "flags", 5) && strstr(line, " clflushopt");
	if (file)
		fclose(file);
	if (listed)
		ck_assert(can());
}
END_TEST

int
main(void)
{
	return SUITE_RUN("cache_flush", flushing_changes_no_byte,
			 unwritten_back_bytes_are_kept, every_line_is_flushed,
			 flushes_where_the_processor_can);
}
