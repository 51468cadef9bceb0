/* SPDX-License-Identifier: MIT */
#include "read/decode_text.h"

#include "region/name_table.h"

#include <string.h>

const char *
fnt_decode_sanitized(struct fnt_decoder *in, const char *from, size_t len)
{
	char *to = fnt_trace_arena_take(&in->set->arena,
					fnt_utf8_sanitized_len(from, len) + 1);

	if (!to) {
		in->no_memory = true;
		return "";
	}
	to[fnt_utf8_sanitize(to, from, len)] = '\0';
	in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	return to;
}

/* Sanitizes `name`, the piece taken last, in place: there is room for three bytes for
 * each of its bytes. Remembers it apart from valid names. */
static void
keep_invalid_name(struct fnt_decoder *in, uint32_t id, char *name, size_t len)
{
	char from[FNT_NAME_MAX];
	size_t valid_len;

	memcpy(from, name, len);
	valid_len = fnt_utf8_sanitize(name, from, len);
	name[valid_len] = '\0';
	fnt_trace_arena_trim(&in->set->name_arena, name, valid_len + 1);
	in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	in->set->invalid_name_key = id + 1;
	in->set->invalid_name = name;
}

/* Looks the name up in the region, and remembers it in `slot`. */
static const char *
load_name(struct fnt_decoder *in, uint32_t id, uint32_t slot)
{
	struct fnt_trace_arena *arena = &in->set->name_arena;
	char *name = fnt_trace_arena_take(arena, 3 * FNT_NAME_MAX + 1);
	int len;

	if (!name) {
		in->no_memory = true;
		return "";
	}
	len = fnt_name_get(in->view, id, name);
	if (len < 0)
		in->trace->flags |= FNT_TRACE_DAMAGED;
	fnt_trace_arena_trim(arena, name, len < 0 ? 0 : (size_t)len + 1);
	if (len < 0)
		return "";
	if (!fnt_utf8_valid(name, (size_t)len)) {
		keep_invalid_name(in, id, name, (size_t)len);
		return name;
	}
	in->set->name_keys[slot] = id + 1;
	in->set->names[slot] = name;
	return name;
}

const char *
fnt_decode_name_slow(struct fnt_decoder *in, uint32_t id)
{
	const struct fnt_trace_set *set = in->set;
	uint32_t slot = fnt_trace_set_name_slot(set, id);

	if (set->name_keys[slot] == id + 1)
		return set->names[slot];
	if (set->invalid_name_key == id + 1) {
		in->trace->flags |= FNT_TRACE_INVALID_UTF8;
		return set->invalid_name;
	}
	return load_name(in, id, slot);
}
