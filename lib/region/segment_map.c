/* SPDX-License-Identifier: MIT */
#include "region/segment_map.h"

#include "base/clock.h"
#include "base/guard.h"
#include "base/owned_lock.h"
#include "region/fd.h"
#include "region/map_part.h"
#include "region/segment.h"
#include "region/sigbus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* After a failure, segments are not mapped again before so long. */
#define MAP_RETRY_NS FNT_SECOND_NS

struct fnt_segment_mapping {
	struct fnt_segment_mapping *next;
	uint64_t off, bytes; /* in the file */
	unsigned char *base;
	struct fnt_sigbus_range *sigbus;
	bool unused;	 /* by the table that was current at the last retire() */
	bool not_forked; /* a forked child has not inherited it */
};

/* How long a thread waits for another one that maps segments. */
#define MAP_WITHIN_MS 200u

static struct fnt_owned_lock map_lock;

bool
fnt_segment_map_lock(void)
{
	return fnt_lock_within(&map_lock, MAP_WITHIN_MS);
}

void
fnt_segment_map_unlock(void)
{
	fnt_lock_release(&map_lock);
}

void
fnt_segment_map_after_fork(void)
{
	fnt_lock_after_fork(&map_lock);
}

/* ---- copying the table ----------------------------------------------------------- */

/* Do all cells of the segment lie within the file? */
static bool
is_within_file(const struct fnt_segment *segment, uint64_t file_bytes)
{
	return segment->off <= file_bytes &&
	       segment->cell_count <= (file_bytes - segment->off) / FNT_CELL_BYTES;
}

static void
read_ring(struct fnt_segments *segments, const struct fnt_view *view, uint32_t ring,
	  uint64_t file_bytes)
{
	const struct fnt_ring_head *head = &view->rings[ring];
	uint64_t number, first = 0;

	/* [Y4] acquire: the count is read before the slots. Pairs with [Y3] in
	 * resize.c. */
	segments->published =
		atomic_load_explicit(&head->segments, memory_order_acquire);
	segments->held = fnt_word_relaxed(&head->held);
	number = segments->published > FNT_SEGMENTS ? segments->published - FNT_SEGMENTS
						    : 0;
	if (number < segments->held)
		number = segments->held;
	for (; number < segments->published; number++) {
		struct fnt_segment *segment = &segments->at[segments->count];

		if (!fnt_segment_load(head, number, view->fixed_bytes, segment) ||
		    !is_within_file(segment, file_bytes) ||
		    (segments->count && segment->first <= first))
			continue;
		first = segment->first;
		segments->count++;
	}
}

static bool
is_within_view(const struct fnt_view *view, const struct fnt_segment *segment)
{
	return segment->off <= view->size_bytes &&
	       segment->cell_count <=
		       (view->size_bytes - segment->off) / FNT_CELL_BYTES;
}

void
fnt_segment_table_read(struct fnt_segment_table *table, const struct fnt_view *view,
		       uint64_t file_bytes)
{
	memset(table, 0, sizeof(*table));
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		struct fnt_segments *segments = &table->rings[ring];

		if (ring == FNT_RING_KEPT && !view->kept_percent)
			continue;
		read_ring(segments, view, ring, file_bytes);
		for (uint32_t i = 0; i < segments->count; i++) {
			struct fnt_segment *at = &segments->at[i];

			if (is_within_view(view, at))
				at->cells = (struct fnt_cell *)(void *)(view->base +
									at->off);
		}
	}
}

bool
fnt_segment_map_is_current(const struct fnt_view *view)
{
	const struct fnt_segment_table *table = fnt_view_segment_table(view);

	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		const struct fnt_ring_head *head = &view->rings[i];

		if (i == FNT_RING_KEPT && !view->kept_percent)
			continue;
		if (atomic_load_explicit(&head->segments, memory_order_acquire) !=
			    table->rings[i].published ||
		    atomic_load_explicit(&head->held, memory_order_relaxed) !=
			    table->rings[i].held)
			return false;
	}
	return true;
}

bool
fnt_segment_map_is_complete(const struct fnt_view *view)
{
	return !fnt_view_segment_table(view)->problem &&
	       fnt_segment_map_is_current(view);
}

/* ---- mappings -------------------------------------------------------------------- */

static struct fnt_segment_mapping *
find_mapping(const struct fnt_segment_map *map, const struct fnt_segment *segment)
{
	struct fnt_segment_mapping *mapping = map->mappings;

	while (mapping && (segment->off < mapping->off ||
			   segment->off - mapping->off > mapping->bytes ||
			   segment->cell_count * FNT_CELL_BYTES >
				   mapping->bytes - (segment->off - mapping->off)))
		mapping = mapping->next;
	return mapping;
}

static int
add_mapping(const struct fnt_region *region, const struct fnt_segment *segment,
	    struct fnt_segment_mapping **added)
{
	struct fnt_segment_map *map = region->view.segment_map;
	struct fnt_segment_mapping *mapping = calloc(1, sizeof(*mapping));
	struct fnt_map_part part;
	int rc;

	if (!mapping)
		return -ENOMEM;
	mapping->off = segment->off;
	mapping->bytes = fnt_segment_bytes(segment->cell_count);
	rc = fnt_map_part(region, map->write, mapping->off, mapping->bytes, &part);
	if (!rc) {
		mapping->sigbus = fnt_sigbus_add(part.base, mapping->bytes, map->write,
						 region->view.sigbus);
		rc = mapping->sigbus ? 0 : -ENOMEM;
		if (rc)
			munmap(part.base, mapping->bytes);
	}
	if (rc) {
		free(mapping);
		return rc;
	}
	mapping->base = part.base;
	mapping->not_forked = part.not_forked;
	mapping->next = map->mappings;
	map->mappings = *added = mapping;
	return 0;
}

static void
free_mapping(struct fnt_segment_mapping *mapping)
{
	fnt_sigbus_remove(mapping->sigbus);
	munmap(mapping->base, mapping->bytes);
	free(mapping);
}

/* ---- tables ---------------------------------------------------------------------- */

/* Find or make the segment's mapping, and set its `cells`, unless they are set. 0, or
 * -errno: it stays without cells. */
static int
map_segment(const struct fnt_region *region, struct fnt_segment *segment)
{
	struct fnt_segment_mapping *mapping;
	int rc = 0;

	if (segment->cells)
		return 0;
	mapping = find_mapping(region->view.segment_map, segment);
	if (!mapping)
		rc = add_mapping(region, segment, &mapping);
	if (rc)
		return rc;
	segment->mapping = mapping;
	segment->cells = (struct fnt_cell *)(void *)(mapping->base +
						     (segment->off - mapping->off));
	return 0;
}

/* Map the segments that lie outside the region's mapping. One that can't be mapped
 * stays in the table, so that its tickets are not taken for an older segment's, without
 * cells: its records can't be read, and nothing is written to it. */
static void
map_segments(const struct fnt_region *region, struct fnt_segment_table *table)
{
	for (uint32_t ring = 0; ring < FNT_RINGS; ring++)
		for (uint32_t i = 0; i < table->rings[ring].count; i++) {
			int rc = map_segment(region, &table->rings[ring].at[i]);

			table->problem = rc ? rc : table->problem;
		}
}

static void
publish_table(struct fnt_segment_map *map, struct fnt_segment_table *table)
{
	struct fnt_segment_table *old =
		atomic_load_explicit(&map->table, memory_order_relaxed);

	/* [Y5] release: the table is complete before it can be reached. Pairs with [Y6]
	 * in view.h. */
	atomic_store_explicit(&map->table, table, memory_order_release);
	if (old) {
		old->next = map->replaced;
		map->replaced = old;
	}
}

/* A new table, or the spare one; NULL: no memory. */
static struct fnt_segment_table *
take_table(struct fnt_segment_map *map)
{
	struct fnt_segment_table *table = malloc(sizeof(*table));

	if (table)
		return table;
	table = map->spare;
	map->spare = NULL;
	return table;
}

/* The file's size. Without a descriptor it is not known, and UINT64_MAX: fnt_map_part()
 * then finds out whether the file is behind a mapping. */
static uint64_t
file_size(const struct fnt_region *region)
{
	struct stat st;

	if (!fnt_region_owns_fd(region, region->fd) || fstat(region->fd, &st))
		return UINT64_MAX;
	return (uint64_t)st.st_size;
}

/* A producer that finds its file cut short gives up all of its mappings, before it
 * touches what is gone. (Readers look at the file's size by themselves.) */
static void
lose_cut_file(const struct fnt_view *view, uint64_t file_bytes)
{
	if (!view->segment_map->write || file_bytes >= view->size_bytes)
		return;
	for (struct fnt_segment_mapping *mapping = view->segment_map->mappings; mapping;
	     mapping = mapping->next)
		fnt_sigbus_lose(mapping->sigbus);
	fnt_sigbus_lose(view->sigbus);
}

void
fnt_segment_map_check_file(const struct fnt_region *region)
{
	struct stat st;

	if (fstat(region->fd, &st) || st.st_ino != region->ino ||
	    st.st_dev != region->dev ||
	    (uint64_t)st.st_size >= region->view.size_bytes || !fnt_segment_map_lock())
		return;
	lose_cut_file(&region->view, (uint64_t)st.st_size);
	fnt_segment_map_unlock();
}

int
fnt_segment_map_update(const struct fnt_region *region)
{
	struct fnt_segment_map *map = region->view.segment_map;
	struct fnt_segment_table *table = take_table(map);
	int rc;

	if (!table)
		return -ENOMEM;
	lose_cut_file(&region->view, file_size(region));
	fnt_segment_table_read(table, &region->view, file_size(region));
	map_segments(region, table);
	rc = table->problem;
	if (rc && !map->write)
		free(table);
	else
		publish_table(map, table);
	return rc;
}

static int
follow_locked(const struct fnt_region *region)
{
	struct fnt_segment_map *map = region->view.segment_map;
	int rc;

	if (fnt_segment_map_is_complete(&region->view))
		return 0;
	rc = fnt_segment_map_update(region);
	fnt_word_store(&map->retry_at_ns, rc ? fnt_clock_mono() + MAP_RETRY_NS : 0);
	return rc;
}

int
fnt_segment_map_follow(const struct fnt_region *region)
{
	struct fnt_guard guard;
	int rc = -EAGAIN;

	if (fnt_segment_map_is_complete(&region->view))
		return 0;
	guard = fnt_guard_enter();
	if (fnt_segment_map_lock()) {
		rc = follow_locked(region);
		fnt_segment_map_unlock();
	}
	fnt_guard_leave(guard);
	return rc;
}

int
fnt_segment_map_follow_sometimes(const struct fnt_region *region)
{
	const struct fnt_segment_map *map = region->view.segment_map;
	uint64_t retry_at_ns;

	if (fnt_segment_map_is_complete(&region->view))
		return 0;
	retry_at_ns = fnt_word_relaxed(&map->retry_at_ns);
	if (retry_at_ns && fnt_clock_mono() < retry_at_ns)
		return -EAGAIN;
	return fnt_segment_map_follow(region);
}

int
fnt_segment_map_prepare(const struct fnt_region *region, struct fnt_segment *segment)
{
	struct fnt_segment_map *map = region->view.segment_map;
	int rc;

	if (!fnt_segment_map_lock())
		return -EAGAIN;
	if (is_within_view(&region->view, segment))
		segment->cells =
			(struct fnt_cell *)(void *)(region->view.base + segment->off);
	if (!map->spare)
		map->spare = malloc(sizeof(*map->spare));
	rc = map->spare ? map_segment(region, segment) : -ENOMEM;
	fnt_segment_map_unlock();
	return rc;
}

/* Nothing is unmapped: what the parent had mapped there is not there in the child. */
static void
forget_mapping(struct fnt_segment_table *table, const struct fnt_segment_mapping *gone)
{
	for (uint32_t ring = 0; table && ring < FNT_RINGS; ring++)
		for (uint32_t i = 0; i < table->rings[ring].count; i++) {
			struct fnt_segment *segment = &table->rings[ring].at[i];

			if (segment->mapping != gone)
				continue;
			segment->mapping = NULL;
			segment->cells = NULL;
			table->problem = -EAGAIN;
		}
}

void
fnt_segment_map_forked(const struct fnt_view *view)
{
	struct fnt_segment_map *map = view->segment_map;
	struct fnt_segment_mapping **link = &map->mappings;

	fnt_word_store(&map->retry_at_ns, 0);
	while (*link) {
		struct fnt_segment_mapping *mapping = *link;

		if (!mapping->not_forked) {
			link = &mapping->next;
			continue;
		}
		*link = mapping->next;
		forget_mapping(atomic_load_explicit(&map->table, memory_order_relaxed),
			       mapping);
		fnt_sigbus_remove(mapping->sigbus);
		free(mapping);
	}
}

int
fnt_segment_map_init(struct fnt_view *view, uint64_t file_bytes, bool write)
{
	struct fnt_segment_table *table = malloc(sizeof(*table));

	view->segment_map = calloc(1, sizeof(*view->segment_map));
	if (!table || !view->segment_map) {
		free(table);
		free(view->segment_map);
		view->segment_map = NULL;
		return -ENOMEM;
	}
	view->segment_map->write = write;
	/* The view maps the whole file, so every segment lies within it. */
	fnt_segment_table_read(table, view, file_bytes);
	publish_table(view->segment_map, table);
	if (!table->rings[FNT_RING_MAIN].count) {
		fnt_segment_map_fini(view);
		return -EPROTO;
	}
	return 0;
}

static bool
is_in_table(const struct fnt_segment_map *map,
	    const struct fnt_segment_mapping *mapping)
{
	const struct fnt_segment_table *table =
		atomic_load_explicit(&map->table, memory_order_relaxed);

	for (uint32_t ring = 0; table && ring < FNT_RINGS; ring++)
		for (uint32_t i = 0; i < table->rings[ring].count; i++)
			if (table->rings[ring].at[i].mapping == mapping)
				return true;
	return false;
}

bool
fnt_segment_map_retire(const struct fnt_view *view)
{
	struct fnt_segment_map *map = view->segment_map;
	bool any = map->replaced || map->retired;

	while (map->replaced) {
		struct fnt_segment_table *old = map->replaced;

		map->replaced = old->next;
		old->next = map->retired;
		map->retired = old;
	}
	for (struct fnt_segment_mapping *mapping = map->mappings; mapping;
	     mapping = mapping->next) {
		mapping->unused = !is_in_table(map, mapping);
		any |= mapping->unused;
	}
	return any;
}

void
fnt_segment_map_reclaim(const struct fnt_view *view,
			bool (*used)(void *arg,
				     const struct fnt_segment_mapping *mapping),
			void *arg)
{
	struct fnt_segment_map *map = view->segment_map;
	struct fnt_segment_mapping **link = &map->mappings;

	while (map->retired) {
		struct fnt_segment_table *old = map->retired;

		map->retired = old->next;
		free(old);
	}
	while (*link) {
		struct fnt_segment_mapping *mapping = *link;

		/* A new segment may lie in it by now. */
		if (!mapping->unused || is_in_table(map, mapping) ||
		    (used && used(arg, mapping))) {
			link = &mapping->next;
			continue;
		}
		*link = mapping->next;
		free_mapping(mapping);
	}
}

void
fnt_segment_map_reclaim_all(const struct fnt_view *view)
{
	fnt_segment_map_retire(view);
	fnt_segment_map_reclaim(view, NULL, NULL);
}

void
fnt_segment_map_fini(struct fnt_view *view)
{
	struct fnt_segment_map *map = view->segment_map;

	if (!map)
		return;
	publish_table(map, NULL);
	fnt_segment_map_reclaim_all(view);
	free(map->spare);
	free(map);
	view->segment_map = NULL;
}
