/* SPDX-License-Identifier: MIT
 *
 * trace_set.h: traces and all that they point to, in as few allocations as will do.
 *
 *   struct fnt_trace_set │ names │ texts, ops │ traces
 *                      └► chunks └► chunks   └► a larger array
 *
 * One allocation holds what most queries return; what does not fit goes into chunks of
 * its own. A name's text is in the set once, and stays when the traces are thrown away,
 * so that a follower does not look it up for each record: names that are there never
 * change.
 *
 * One thread at a time.
 */
#ifndef FNT_READ_TRACE_SET_H
#define FNT_READ_TRACE_SET_H

#include <fntrace/fntrace.h>

#define FNT_TRACE_SET_ITEMS 64u	   /* more than most ask for */
#define FNT_TRACE_SET_BYTES 16384u /* their texts and ops; a chunk, after that */
#define FNT_TRACE_SET_NAMES 256u   /* that are remembered at a time */
#define FNT_TRACE_SET_NAME_PROBES 4u
#define FNT_TRACE_SET_NAME_BYTES 2048u

/* Memory that is taken piece by piece and given back as a whole. */
struct fnt_trace_arena {
	char *at, *end;
	struct fnt_trace_chunk *chunks; /* the newest first, beside the first piece */
	char *first, *first_end;
};

/* A table that is filled for one trace after the other. */
struct fnt_trace_table {
	void *items;
	size_t count, room;
};

/* One that stays with its trace, in the set's memory. */
struct fnt_trace_list {
	void *items;
	size_t count, room;
};

struct fnt_trace_set {
	struct fnt_traces traces; /* first: what the caller holds */
	struct fnt_trace *items;
	size_t room;
	struct fnt_trace_arena arena, name_arena;
	struct fnt_trace_table begins;
	/* Ids + 1 of names that are known and were UTF-8 as they stood (see
	 * fnt_trace_set_name_slot); and of the last that was not. 0: none. */
	uint32_t name_keys[FNT_TRACE_SET_NAMES], invalid_name_key;

	/* From here on nothing is set to begin with. */
	const char *names[FNT_TRACE_SET_NAMES], *invalid_name;
	_Alignas(16) char first_names[FNT_TRACE_SET_NAME_BYTES];
	_Alignas(16) char first_bytes[FNT_TRACE_SET_BYTES];
	struct fnt_trace first_items[FNT_TRACE_SET_ITEMS];
};

/* NULL: no memory. */
struct fnt_trace_set *fnt_trace_set_create(void);

/* `set` may be NULL. */
void fnt_trace_set_destroy(struct fnt_trace_set *set);

/* Throw away all traces, keep the memory for the next, and names while they are few. */
void fnt_trace_set_reset(struct fnt_trace_set *set);

/* The set becomes the caller's traces. */
struct fnt_traces *fnt_trace_set_traces(struct fnt_trace_set *set);

/* More room for traces; false: no memory. */
bool fnt_trace_set_grow(struct fnt_trace_set *set);

/* Room for one more trace, not counted yet; NULL: no memory. */
static inline struct fnt_trace *
fnt_trace_set_next(struct fnt_trace_set *set)
{
	if (__builtin_expect(set->traces.count == set->room, 0) &&
	    !fnt_trace_set_grow(set))
		return NULL;
	return &set->items[set->traces.count];
}

/* Where name `id` is, or may be put: in one of a few places in a row. */
uint32_t fnt_trace_set_name_slot(const struct fnt_trace_set *set, uint32_t id);

/* Room for one more; NULL: no memory. */
void *fnt_trace_table_add(struct fnt_trace_table *table, size_t size);

/* Twice the room, or the first; false: no memory. */
bool fnt_trace_list_grow(struct fnt_trace_arena *arena, struct fnt_trace_list *list,
			 size_t size);

/* The way round of fnt_trace_arena_take. */
void *fnt_trace_arena_take_slow(struct fnt_trace_arena *arena, size_t size);

/* `size` bytes, aligned to 8; NULL: no memory. */
static inline void *
fnt_trace_arena_take(struct fnt_trace_arena *arena, size_t size)
{
	char *at = arena->at;

	size = (size + 7) & ~(size_t)7;
	if (__builtin_expect((size_t)(arena->end - at) < size, 0))
		return fnt_trace_arena_take_slow(arena, size);
	arena->at = at + size;
	return at;
}

/* Of the piece taken last, keep only the first `size` bytes. */
static inline void
fnt_trace_arena_trim(struct fnt_trace_arena *arena, void *piece, size_t size)
{
	arena->at = (char *)piece + ((size + 7) & ~(size_t)7);
}

/* Room for one more; NULL: no memory. */
static inline void *
fnt_trace_list_add(struct fnt_trace_arena *arena, struct fnt_trace_list *list,
		   size_t size)
{
	if (__builtin_expect(list->count == list->room, 0) &&
	    !fnt_trace_list_grow(arena, list, size))
		return NULL;
	return (char *)list->items + list->count++ * size;
}

#endif
