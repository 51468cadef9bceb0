/* SPDX-License-Identifier: MIT
 *
 * Where the cells are, process by process: maps, and the areas that they need.
 */
#include "region/segment.h"

#include "region/sigbus.h"
#include "region/region.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct fnt_area {
	struct fnt_area *next;
	uint64_t off, bytes;
	unsigned char *base;
	struct fnt_sigbus *guard; /* of a reader */
	bool doomed;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void
fnt_maps_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void
fnt_maps_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

bool
fnt_maps_fresh(const struct fnt_view *view)
{
	const struct fnt_maps *maps = fnt_view_maps(view);

	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		const struct fnt_ring_head *head = &view->rings[i];

		if (!maps->rings[i].count && i)
			continue;
		if (atomic_load_explicit(&head->segments, memory_order_acquire) !=
			    maps->rings[i].published ||
		    atomic_load_explicit(&head->held, memory_order_relaxed) !=
			    maps->rings[i].held)
			return false;
	}
	return true;
}

/* ---- areas ---------------------------------------------------------------------- */

static struct fnt_area *
find_area(const struct fnt_mapping *mapping, const struct fnt_segment *segment)
{
	struct fnt_area *area = mapping->areas;

	while (area &&
	       (segment->off < area->off || segment->off - area->off > area->bytes ||
		segment->cell_count * FNT_CELL_BYTES >
			area->bytes - (segment->off - area->off)))
		area = area->next;
	return area;
}

/* Through a descriptor of its own: a child that inherits the mapping must not inherit,
 * with it, the locks taken through ours. */
static void *
map_bytes(const struct fnt_region *region, bool write, uint64_t off, uint64_t bytes)
{
	int prot = PROT_READ | (write ? PROT_WRITE : 0);
	int fd = write ? fnt_region_reopen(region) : region->fd;
	void *base;

	if (fd < 0)
		return MAP_FAILED;
	base = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)off);
	if (write)
		close(fd);
	return base;
}

static struct fnt_area *
add_area(const struct fnt_region *region, const struct fnt_segment *segment)
{
	struct fnt_mapping *mapping = region->view.mapping;
	struct fnt_area *area = calloc(1, sizeof(*area));

	if (!area)
		return NULL;
	area->off = segment->off;
	area->bytes = segment->cell_count * FNT_CELL_BYTES;
	area->base = map_bytes(region, mapping->write, area->off, area->bytes);
	if (area->base == MAP_FAILED) {
		free(area);
		return NULL;
	}
	if (!mapping->write) {
		area->guard = fnt_sigbus_add(area->base, area->bytes);
		if (!area->guard) {
			munmap(area->base, area->bytes);
			free(area);
			return NULL;
		}
	}
	area->next = mapping->areas;
	mapping->areas = area;
	return area;
}

static void
free_area(struct fnt_area *area)
{
	fnt_sigbus_remove(area->guard);
	munmap(area->base, area->bytes);
	free(area);
}

bool
fnt_maps_gone(const struct fnt_view *view)
{
	for (struct fnt_area *area = view->mapping->areas; area; area = area->next)
		if (fnt_sigbus_gone(area->guard))
			return true;
	return false;
}

/* ---- maps ----------------------------------------------------------------------- */

/* Find or map the areas of segments that have no cells yet. What can't be mapped is as if
 * it were not there: its records can't be read, and nothing is written to it. */
static void
map_eras(const struct fnt_region *region, struct fnt_segments *segments)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < segments->count; i++) {
		struct fnt_segment *segment = &segments->at[i];

		if (!segment->cells) {
			segment->area = find_area(region->view.mapping, segment);
			if (!segment->area)
				segment->area = add_area(region, segment);
			if (!segment->area)
				continue;
			segment->cells =
				(struct fnt_cell *)(void *)(segment->area->base +
							    (segment->off -
							     segment->area->off));
		}
		segments->at[kept++] = *segment;
	}
	segments->count = kept;
}

static void
publish(struct fnt_mapping *mapping, struct fnt_maps *maps)
{
	struct fnt_maps *old =
		atomic_load_explicit(&mapping->now, memory_order_relaxed);

	/* [Y5] release: the maps are whole before they can be reached. Pairs with [Y6]
	 * in region.h. */
	atomic_store_explicit(&mapping->now, maps, memory_order_release);
	if (old) {
		old->next = mapping->old;
		mapping->old = old;
	}
}

int
fnt_maps_renew(const struct fnt_region *region)
{
	const struct fnt_view *view = &region->view;
	struct fnt_maps *maps = malloc(sizeof(*maps));
	struct stat st;
	int fd = region->fd, own = -1, rc = 0;

	if (!maps)
		return -ENOMEM;
	if (!fnt_region_owns_fd(region, fd))
		fd = own = view->mapping->write ? fnt_region_reopen(region) : -1;
	if (fd < 0 || fstat(fd, &st))
		rc = -EBADF;
	if (own >= 0)
		close(own);
	if (rc) {
		free(maps);
		return rc;
	}
	fnt_maps_read(maps, view, (uint64_t)st.st_size);
	for (uint32_t i = 0; i < FNT_RINGS; i++)
		map_eras(region, &maps->rings[i]);
	publish(view->mapping, maps);
	return 0;
}

void
fnt_region_renew(const struct fnt_region *region)
{
	if (fnt_maps_fresh(&region->view))
		return;
	fnt_maps_lock();
	if (!fnt_maps_fresh(&region->view))
		fnt_maps_renew(region);
	fnt_maps_unlock();
}

int
fnt_maps_init(struct fnt_view *view, uint64_t file_bytes, bool write)
{
	struct fnt_maps *maps = malloc(sizeof(*maps));

	view->mapping = calloc(1, sizeof(*view->mapping));
	if (!maps || !view->mapping) {
		free(maps);
		free(view->mapping);
		view->mapping = NULL;
		return -ENOMEM;
	}
	view->mapping->write = write;
	/* The view is of the whole file: all cells lie within it. */
	fnt_maps_read(maps, view, file_bytes);
	publish(view->mapping, maps);
	if (!maps->rings[FNT_RING_MAIN].count) {
		fnt_maps_fini(view);
		return -EPROTO;
	}
	return 0;
}

static bool
is_current(const struct fnt_mapping *mapping, const struct fnt_area *area)
{
	const struct fnt_maps *maps =
		atomic_load_explicit(&mapping->now, memory_order_relaxed);

	for (uint32_t ring = 0; maps && ring < FNT_RINGS; ring++)
		for (uint32_t i = 0; i < maps->rings[ring].count; i++)
			if (maps->rings[ring].at[i].area == area)
				return true;
	return false;
}

bool
fnt_maps_give_up(const struct fnt_view *view)
{
	struct fnt_mapping *mapping = view->mapping;
	bool any = mapping->old || mapping->doomed;

	while (mapping->old) {
		struct fnt_maps *old = mapping->old;

		mapping->old = old->next;
		old->next = mapping->doomed;
		mapping->doomed = old;
	}
	for (struct fnt_area *area = mapping->areas; area; area = area->next) {
		area->doomed = !is_current(mapping, area);
		any |= area->doomed;
	}
	return any;
}

void
fnt_maps_free(const struct fnt_view *view,
	      bool (*used)(void *arg, const struct fnt_area *area), void *arg)
{
	struct fnt_mapping *mapping = view->mapping;
	struct fnt_area **link = &mapping->areas;

	while (mapping->doomed) {
		struct fnt_maps *old = mapping->doomed;

		mapping->doomed = old->next;
		free(old);
	}
	while (*link) {
		struct fnt_area *area = *link;

		/* A segment may have begun in it meanwhile. */
		if (!area->doomed || is_current(mapping, area) ||
		    (used && used(arg, area))) {
			link = &area->next;
			continue;
		}
		*link = area->next;
		free_area(area);
	}
}

void
fnt_maps_drain(const struct fnt_view *view)
{
	fnt_maps_give_up(view);
	fnt_maps_free(view, NULL, NULL);
}

void
fnt_maps_fini(struct fnt_view *view)
{
	struct fnt_mapping *mapping = view->mapping;

	if (!mapping)
		return;
	publish(mapping, NULL);
	fnt_maps_drain(view);
	free(mapping);
	view->mapping = NULL;
}
