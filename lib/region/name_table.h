/* SPDX-License-Identifier: MIT
 *
 * name_table.h: function and entity names, each stored once in the region.
 *
 * Who may write what: a slot, whoever took it from EMPTY to BUSY, until READY; after that
 * nobody, ever. If the taker dies in between, its reaper makes the slot EMPTY again. A slot
 * that is BUSY with a name of the same hash is looked at again for a moment, and then passed
 * over: so a name may come to stand in two slots where its writer was interrupted. That does
 * no harm, but for what goes by its id: a rate is then one for each.
 *
 * Progress: wait-free, at most FNT_NAME_PROBES slots. No system call, no allocation.
 */
#ifndef FNT_REGION_NAME_TABLE_H
#define FNT_REGION_NAME_TABLE_H

#include "region/view.h"

#define FNT_NAME_PROBES 32

/* A name's id; FNT_NAME_NONE if it is longer than FNT_NAME_MAX or its part of the table is
 * full. `owner`: the producer slot of the caller. */
uint32_t fnt_name_intern(const struct fnt_view *view, uint32_t owner, const char *name,
			 size_t len);

/* The name's bytes (they may be anything) into `text`, with a NUL after them; the length,
 * or -1 if there is no such name. */
int fnt_name_get(const struct fnt_view *view, uint32_t id, char text[FNT_NAME_MAX + 1]);

/* Clear what `owner`, dead, was about to write. Its reaper only. */
void fnt_name_reclaim(const struct fnt_view *view, uint32_t owner);

static inline uint32_t
fnt_name_hash(const char *name, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
	return (uint32_t)(hash >> 32);
}

#endif
