/* SPDX-License-Identifier: MIT */
#include "read/trace_set.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHUNKS_MAX 8u /* with more, a reset drops names as well */
#define LIST_ROOM_FIRST 4u /* items */
#define TABLE_ROOM_FIRST 16u

struct fnt_trace_chunk {
	struct fnt_trace_chunk *next;
	_Alignas(16) char bytes[];
};

/* ---- memory ----------------------------------------------------------------- */

static void
arena_init(struct fnt_trace_arena *arena, char *first, size_t size)
{
	arena->chunks = NULL;
	arena->at = arena->first = first;
	arena->end = arena->first_end = first + size;
}

static void
arena_free(struct fnt_trace_arena *arena)
{
	while (arena->chunks) {
		struct fnt_trace_chunk *next = arena->chunks->next;

		free(arena->chunks);
		arena->chunks = next;
	}
	arena->at = arena->first;
	arena->end = arena->first_end;
}

/* Wastes the rest of the present chunk: it is small if pieces are small, and large
 * pieces are rare. */
void *
fnt_trace_arena_take_slow(struct fnt_trace_arena *arena, size_t size)
{
	size_t room = size > FNT_TRACE_SET_BYTES ? size : FNT_TRACE_SET_BYTES;
	struct fnt_trace_chunk *chunk = malloc(sizeof(*chunk) + room);

	if (!chunk)
		return NULL;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->at = chunk->bytes + size;
	arena->end = chunk->bytes + room;
	return chunk->bytes;
}

void *
fnt_trace_table_add(struct fnt_trace_table *table, size_t size)
{
	size_t room = table->room ? 2 * table->room : TABLE_ROOM_FIRST;
	void *items;

	if (table->count == table->room) {
		items = realloc(table->items, room * size);
		if (!items)
			return NULL;
		table->items = items;
		table->room = room;
	}
	return (char *)table->items + table->count++ * size;
}

/* Extends the list in place if it is the piece taken last and the chunk has room;
 * otherwise moves it, and wastes the old place. */
bool
fnt_trace_list_grow(struct fnt_trace_arena *arena, struct fnt_trace_list *list,
		    size_t size)
{
	size_t room = list->room ? 2 * list->room : LIST_ROOM_FIRST;
	char *end = list->room ? (char *)list->items + list->room * size : NULL;
	char *items;

	if (end && arena->at == end &&
	    (size_t)(arena->end - end) >= list->room * size) {
		arena->at = end + list->room * size;
		list->room = room;
		return true;
	}
	items = fnt_trace_arena_take(arena, room * size);
	if (!items)
		return false;
	if (list->room)
		memcpy(items, list->items, list->count * size);
	list->items = items;
	list->room = room;
	return true;
}

/* ---- the set ---------------------------------------------------------------- */

struct fnt_trace_set *
fnt_trace_set_create(void)
{
	struct fnt_trace_set *set = malloc(sizeof(*set));

	if (!set)
		return NULL;
	memset(set, 0, offsetof(struct fnt_trace_set, names));
	arena_init(&set->arena, set->first_bytes, sizeof(set->first_bytes));
	arena_init(&set->name_arena, set->first_names, sizeof(set->first_names));
	set->items = set->first_items;
	set->room = FNT_TRACE_SET_ITEMS;
	return set;
}

void
fnt_trace_set_destroy(struct fnt_trace_set *set)
{
	if (!set)
		return;
	arena_free(&set->arena);
	arena_free(&set->name_arena);
	if (set->items != set->first_items)
		free(set->items);
	free(set->op_begins.items);
	free(set);
}

void
fnt_traces_free(struct fnt_traces *traces)
{
	fnt_trace_set_destroy((struct fnt_trace_set *)traces);
}

/* Drops the names if they take many chunks: most of those are no longer in a slot, as
 * others have replaced them. */
static void
drop_old_names(struct fnt_trace_set *set)
{
	unsigned chunks = 0;

	for (const struct fnt_trace_chunk *c = set->name_arena.chunks; c; c = c->next)
		chunks++;
	if (chunks <= NAME_CHUNKS_MAX)
		return;
	arena_free(&set->name_arena);
	memset(set->name_keys, 0, sizeof(set->name_keys));
	set->invalid_name_key = 0;
}

uint32_t
fnt_trace_set_name_slot(const struct fnt_trace_set *set, uint32_t id)
{
	for (uint32_t i = 0; i < FNT_TRACE_SET_NAME_PROBES; i++) {
		uint32_t slot = (id + i) % FNT_TRACE_SET_NAMES;
		uint32_t key = set->name_keys[slot];

		if (!key || key == id + 1)
			return slot;
	}
	return id % FNT_TRACE_SET_NAMES;
}

void
fnt_trace_set_reset(struct fnt_trace_set *set)
{
	if (set->arena.chunks)
		arena_free(&set->arena);
	if (set->name_arena.chunks)
		drop_old_names(set);
	set->arena.at = set->arena.first;
	set->traces.count = 0;
}

struct fnt_traces *
fnt_trace_set_traces(struct fnt_trace_set *set)
{
	set->traces.items = set->items;
	return &set->traces;
}

bool
fnt_trace_set_grow(struct fnt_trace_set *set)
{
	bool first = set->items == set->first_items;
	size_t room = 2 * set->room;
	struct fnt_trace *items =
		realloc(first ? NULL : set->items, room * sizeof(*items));

	if (!items)
		return false;
	if (first)
		memcpy(items, set->items, set->traces.count * sizeof(*items));
	set->items = items;
	set->room = room;
	return true;
}
