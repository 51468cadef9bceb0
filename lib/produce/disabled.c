/* SPDX-License-Identifier: MIT */
#include "produce/disabled.h"

#include "base/guard.h"
#include "region/fd.h"
#include "region/sigbus.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 32

/* Pages that are mapped together, and which of them are in use. Protected by the
 * process's lock. */
struct chunk {
	struct chunk *next;
	unsigned char *pages;
	bool used[PAGES];
	struct fnt_sigbus_range *sigbus[PAGES]; /* NULL: not of a file */
};

static struct chunk *chunks;

/* Takes the place of the region's generation if there is no page: 0, which is never
 * equal to an `off` that is set. */
static fnt_word nowhere;

static size_t
page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static struct chunk *
make_chunk(void)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->pages = mmap(NULL, PAGES * page_bytes(), PROT_READ,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk->pages == MAP_FAILED) {
		free(chunk);
		return NULL;
	}
	chunk->next = chunks;
	chunks = chunk;
	return chunk;
}

static unsigned char *
take_page(void)
{
	struct chunk *chunk;

	for (chunk = chunks; chunk; chunk = chunk->next)
		for (size_t i = 0; i < PAGES; i++)
			if (!chunk->used[i]) {
				chunk->used[i] = true;
				return chunk->pages + i * page_bytes();
			}
	chunk = make_chunk();
	if (!chunk)
		return NULL;
	chunk->used[0] = true;
	return chunk->pages;
}

/* Replace a page that other threads may be reading: they read the old one or the new
 * one. ThreadSanitizer takes mmap() for a write to the page, so it must not see the
 * call. */
static bool
replace_page(unsigned char *page, int flags, int fd, off_t off)
{
#ifdef FNT_TSAN
	return syscall(SYS_mmap, page, page_bytes(), PROT_READ, flags | MAP_FIXED, fd,
		       off) != -1;
#else
	return mmap(page, page_bytes(), PROT_READ, flags | MAP_FIXED, fd, off) !=
	       MAP_FAILED;
#endif
}

/* The chunk of a page, and the page's number in it. */
static struct chunk *
chunk_of(const unsigned char *page, size_t *number)
{
	struct chunk *chunk = chunks;

	while (page < chunk->pages || page >= chunk->pages + PAGES * page_bytes())
		chunk = chunk->next;
	*number = (size_t)(page - chunk->pages) / page_bytes();
	return chunk;
}

/* Replace a page by zeroed memory, and free it. If the kernel has no memory for that,
 * the page stays as it is, and in use. */
static void
free_page(unsigned char *page)
{
	size_t number;
	struct chunk *chunk = chunk_of(page, &number);

	if (!replace_page(page, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
		return;
	fnt_sigbus_remove(chunk->sigbus[number]);
	chunk->sigbus[number] = NULL;
	chunk->used[number] = false;
}

/* Map the file over a page. The file may be cut short at any time. */
static bool
map_file(unsigned char *page, int fd, off_t off)
{
	size_t number;
	struct chunk *chunk = chunk_of(page, &number);

	if (!replace_page(page, MAP_SHARED, fd, off))
		return false;
	chunk->sigbus[number] = fnt_sigbus_add(page, page_bytes(), false, NULL);
	return chunk->sigbus[number] != NULL;
}

/* Map the page with the region's generation once more. Returns where the word is;
 * &nowhere: there is no page, or the region's file can't be mapped. */
static fnt_word *
map_word(const struct fnt_region *region)
{
	const unsigned char *at =
		(const unsigned char *)&region->view.control->generation;
	uint64_t off = (uint64_t)(at - region->view.base);
	uint64_t start = off / page_bytes() * page_bytes();
	unsigned char *page;

	if (!fnt_region_owns_fd(region, region->fd))
		return &nowhere;
	page = take_page();
	if (!page)
		return &nowhere;
	if (!map_file(page, region->fd, (off_t)start)) {
		free_page(page);
		return &nowhere;
	}
	return (fnt_word *)(page + (off - start));
}

void
fnt_disabled_set(struct fnt_log *log, struct fnt_attachment *attachment,
		 uint64_t generation)
{
	struct fnt_guard guard;
	fnt_word *word;

	if (atomic_load_explicit(&log->off, memory_order_relaxed) == generation)
		return;
	guard = fnt_guard_enter();
	/* If the lock is taken, the next call tries again. */
	if (!fnt_lock_try(&fnt_process_lock)) {
		fnt_guard_leave(guard);
		return;
	}
	word = atomic_load_explicit(&log->generation, memory_order_relaxed);
	if (!word || word == &nowhere)
		atomic_store_explicit(&log->generation, map_word(&attachment->region),
				      memory_order_relaxed);
	/* [H1] release: log->generation is set before `off` says to compare with it.
	 * Pairs with [H2]. */
	atomic_store_explicit(&log->off, generation, memory_order_release);
	fnt_lock_release(&fnt_process_lock);
	fnt_guard_leave(guard);
}

void
fnt_disabled_fini(struct fnt_log *log)
{
	fnt_word *word = atomic_load_explicit(&log->generation, memory_order_relaxed);

	atomic_store_explicit(&log->off, 0, memory_order_relaxed);
	/* A thread that has seen `off` may still read the word. */
	if (word)
		atomic_store_explicit(&log->generation, &nowhere, memory_order_relaxed);
	if (word && word != &nowhere)
		free_page((unsigned char *)((uintptr_t)word &
					    ~(uintptr_t)(page_bytes() - 1)));
}
