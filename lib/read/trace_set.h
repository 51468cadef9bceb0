/* SPDX-License-Identifier: MIT
 *
 * trace_set.h: traces, and the memory of all that they point to.
 *
 *   struct fnt_trace_set │ names │ texts, ops │ traces     one allocation
 *                      └► chunks └► chunks   └► a larger array, as they fill up
 *
 * The set itself is large enough for the answer to most queries. A name's text is
 * stored once, and stays when the traces are dropped, as a name never changes: a
 * follower need not look it up for each record.
 *
 * Private memory of one thread. Adding allocates only when a part is full.
 */
#ifndef FNT_READ_TRACE_SET_H
#define FNT_READ_TRACE_SET_H

#include <fntrace/fntrace.h>

/* What a set has room for before it allocates more. */
#define FNT_TRACE_SET_ITEMS 64u	       /* traces */
#define FNT_TRACE_SET_BYTES 16384u     /* of texts and ops; also the size of a chunk */
#define FNT_TRACE_SET_NAME_BYTES 2048u /* of names */

#define FNT_TRACE_SET_NAMES 256u     /* slots for names that are remembered */
#define FNT_TRACE_SET_NAME_PROBES 4u /* slots that a name may be in */

/* Memory that is taken in pieces and freed as a whole. */
struct fnt_trace_arena {
	char *at, *end;			/* free bytes of the newest chunk */
	struct fnt_trace_chunk *chunks; /* newest first; without the set's own bytes */
	char *first, *first_end;	/* the set's own bytes */
};

/* A scratch array of items, reused for one trace after the other. */
struct fnt_trace_table {
	void *items;
	size_t count, room;
};

/* An array of items of one trace, in the set's arena. */
struct fnt_trace_list {
	void *items;
	size_t count, room;
};

struct fnt_trace_set {
	struct fnt_traces traces; /* first: fnt_traces_free() casts back */
	struct fnt_trace *items;
	size_t room; /* of `items` */
	struct fnt_trace_arena arena, name_arena;
	struct fnt_trace_table op_begins; /* of the trace that is being decoded */
	/* The ids, plus 1, of the names that are remembered, by slot; 0: none. And of
	 * the last name seen that is not valid UTF-8: each trace that uses it is
	 * flagged. */
	uint32_t name_keys[FNT_TRACE_SET_NAMES], invalid_name_key;

	/* Not initialized: the fields above say which parts of these are in use. */
	const char *names[FNT_TRACE_SET_NAMES], *invalid_name;
	_Alignas(16) char first_names[FNT_TRACE_SET_NAME_BYTES];
	_Alignas(16) char first_bytes[FNT_TRACE_SET_BYTES];
	struct fnt_trace first_items[FNT_TRACE_SET_ITEMS];
};

/* An empty set; NULL: no memory. */
struct fnt_trace_set *fnt_trace_set_create(void);

/* `set` may be NULL. */
void fnt_trace_set_destroy(struct fnt_trace_set *set);

/* Drops all traces. Keeps memory for the next, and names unless they are many. */
void fnt_trace_set_reset(struct fnt_trace_set *set);

/* The set's traces as the caller gets them: fnt_traces_free() destroys the set. */
struct fnt_traces *fnt_trace_set_traces(struct fnt_trace_set *set);

/* Doubles the room for traces; false: no memory. */
bool fnt_trace_set_grow(struct fnt_trace_set *set);

/* A place for one more trace, which the caller counts when it is complete; NULL: no
 * memory. */
static inline struct fnt_trace *
fnt_trace_set_next(struct fnt_trace_set *set)
{
	if (__builtin_expect(set->traces.count == set->room, 0) &&
	    !fnt_trace_set_grow(set))
		return NULL;
	return &set->items[set->traces.count];
}

/* The slot of name `id`: the one that has it, or else where it is to be stored. */
uint32_t fnt_trace_set_name_slot(const struct fnt_trace_set *set, uint32_t id);

/* Room for one more item of `size` bytes; NULL: no memory. */
void *fnt_trace_table_add(struct fnt_trace_table *table, size_t size);

/* fnt_trace_arena_take() from a new chunk. `size` is a multiple of 8. NULL: no
 * memory. */
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

/* Keeps only the first `size` bytes of `piece`, the one that was taken last. */
static inline void
fnt_trace_arena_trim(struct fnt_trace_arena *arena, void *piece, size_t size)
{
	arena->at = (char *)piece + ((size + 7) & ~(size_t)7);
}

/* Doubles the list's room, or makes room for its first items of `size` bytes; false: no
 * memory. */
bool fnt_trace_list_grow(struct fnt_trace_arena *arena, struct fnt_trace_list *list,
			 size_t size);

/* Room for one more item of `size` bytes; NULL: no memory. */
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
