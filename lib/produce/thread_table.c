/* SPDX-License-Identifier: MIT */
#include "produce/thread_table.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 8u /* entries; sizes are powers of two */

struct table {
	uint32_t size;
	uint32_t used; /* never more than half of it */
	struct fnt_thread_entry entries[];
};

/* NULL: no memory yet. */
static FNT_THREAD_LOCAL struct table *table;
static FNT_THREAD_LOCAL bool left_out; /* a part, for lack of memory */

static struct fnt_thread_entry *
entry_of(struct table *in, uint64_t id)
{
	uint32_t i = (uint32_t)id & (in->size - 1);

	/* A free entry is found: half of them are. */
	while (in->entries[i].id && in->entries[i].id != id)
		i = (i + 1) & (in->size - 1);
	return &in->entries[i];
}

struct fnt_thread *
fnt_thread_table_find(const struct fnt_attachment *attachment)
{
	return table ? entry_of(table, attachment->id)->thread : NULL;
}

static struct table *
create(uint32_t size)
{
	struct table *made = calloc(1, sizeof(*made) + size * sizeof(*made->entries));

	if (made)
		made->size = size;
	return made;
}

static void
put_entry(struct table *in, uint64_t id, struct fnt_thread *thread)
{
	struct fnt_thread_entry *entry = entry_of(in, id);

	in->used += !entry->id;
	*entry = (struct fnt_thread_entry){id, thread};
}

/* Copy what belongs to open logs to a table that has room for one more. */
static bool
grow_table(void)
{
	struct table *old = table, *made;
	uint32_t size = SIZE_MIN, open = 1;

	for (struct fnt_attachment *at = fnt_process_first(); at && old;
	     at = fnt_process_next(at))
		open += fnt_thread_table_find(at) != NULL;
	while (size < 2 * open)
		size *= 2;
	made = create(size);
	if (!made)
		return false;
	for (struct fnt_attachment *at = fnt_process_first(); at && old;
	     at = fnt_process_next(at)) {
		struct fnt_thread *thread = fnt_thread_table_find(at);

		if (thread)
			put_entry(made, at->id, thread);
	}
	table = made;
	free(old);
	return true;
}

void
fnt_thread_table_add(const struct fnt_attachment *attachment, struct fnt_thread *thread)
{
	if ((!table || 2 * (table->used + 1) > table->size) && !grow_table()) {
		left_out = true;
		return;
	}
	put_entry(table, attachment->id, thread);
}

bool
fnt_thread_table_is_full(void)
{
	return left_out;
}

void
fnt_thread_table_clear(void)
{
	left_out = false;
	if (!table)
		return;
	table->used = 0;
	memset(table->entries, 0, table->size * sizeof(*table->entries));
}

void
fnt_thread_table_free(void)
{
	free(table);
	table = NULL;
}
