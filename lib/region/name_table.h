/* SPDX-License-Identifier: MIT
 *
 * name_table.h: function and entity names, each stored once in the region.
 *
 *   EMPTY ──claim: compare-and-swap──► BUSY ──bytes written──► READY, forever
 *     ▲                                 │ its writer died
 *     └────────── fnt_name_reclaim() ───┘
 *
 * An open-addressed hash table that only grows; a name's id is the index of its slot.
 *
 * Who may write what: a slot, the thread that has claimed it, until READY; then nobody.
 * If that thread's process dies first, the process that recovers it empties the slot. A
 * name whose writer was interrupted may be stored a second time in another slot. That
 * does no harm, except that a rate limit applies to each id: such a function may have
 * twice its rate.
 *
 * Progress: intern and get are wait-free (at most FNT_NAME_PROBES slots), without
 * system calls or allocation. Any thread.
 */
#ifndef FNT_REGION_NAME_TABLE_H
#define FNT_REGION_NAME_TABLE_H

#include "region/view.h"

#define FNT_NAME_PROBES 32

/* Returns the id of the `len` bytes at `name`, inserted if they are new. `owner`: the
 * caller's producer slot. FNT_NAME_NONE: the name is longer than FNT_NAME_MAX, or all
 * slots that it may use are taken (counted as names_omitted). */
uint32_t fnt_name_intern(const struct fnt_view *view, uint32_t owner, const char *name,
			 size_t len);

/* Copy the name with this id to `text`, followed by a NUL. Its bytes may be anything.
 * Returns its length, or -1: there is no such name. */
int fnt_name_get(const struct fnt_view *view, uint32_t id, char text[FNT_NAME_MAX + 1]);

/* Empty the slots that `owner`, a dead process, left BUSY. Only for the process that
 * recovers it, under the lock of its slot. Looks at every slot of the table. */
void fnt_name_reclaim(const struct fnt_view *view, uint32_t owner);

/* The upper half of FNV-1a of the `len` bytes at `name`. */
static inline uint32_t
fnt_name_hash(const char *name, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
	return (uint32_t)(hash >> 32);
}

/* The slot at which the search for a name begins, in a table of `count` slots. The
 * lowest bits of the hash differ little between names that end in numbers, so all of
 * its bits are mixed in. */
static inline uint32_t
fnt_name_home(uint32_t hash, uint32_t count)
{
	return (uint32_t)((uint64_t)(hash * 0x9e3779b1u) * count >> 32);
}

#endif
