/* SPDX-License-Identifier: MIT
 *
 * test_evict.c: lines given back stay what they are, and no others are touched.
 */
#include <string.h>
#include <sys/mman.h>

#include "evict.h"
#include "suite.h"

#define PAGE 4096u

/* A page that may only be read, before one that may not even be that. */
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

/* Any number of lines, up to the last that may be read. */
START_TEST(lines_stay_what_they_are)
{
	unsigned char *page = read_only_page();

	for (unsigned at = 0; at < PAGE; at += FNT_EVICT_LINE) {
		fnt_evict(page + at, 0);
		fnt_evict(page + at, 1);
		fnt_evict(page + at, PAGE - at);
	}
	for (unsigned i = 0; i < PAGE; i++)
		MUST(page[i] == (unsigned char)(i * 7));
	munmap(page, 2 * PAGE);
}
END_TEST

/* What has just been written, and is nowhere but in a cache. */
START_TEST(what_was_just_written_is_kept)
{
	unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	for (unsigned round = 0; round < 1000; round++) {
		memset(page, (int)(round & 0xff), PAGE);
		fnt_evict(page, PAGE);
		for (unsigned i = 0; i < PAGE; i += 97)
			MUST(page[i] == (round & 0xff));
	}
	munmap(page, PAGE);
}
END_TEST

int
main(void)
{
	return SUITE_RUN("evict", lines_stay_what_they_are,
			 what_was_just_written_is_kept);
}
