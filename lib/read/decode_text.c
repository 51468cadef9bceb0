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

/* `name`, taken last, made valid in its place, which has room for three bytes for each.
 */
static void
make_valid(struct fnt_trace_arena *arena, char *name, size_t len)
{
	char from[FNT_NAME_MAX];
	size_t valid_len;

	memcpy(from, name, len);
	valid_len = fnt_utf8_sanitize(name, from, len);
	name[valid_len] = '\0';
	fnt_trace_arena_trim(arena, name, valid_len + 1);
}

/* It was not UTF-8 as it stood. */
static void
take_odd(struct fnt_decoder *in, uint32_t id, char *name, size_t len)
{
	make_valid(&in->set->name_arena, name, len);
	in->trace->flags |= FNT_TRACE_INVALID_UTF8;
	in->set->invalid_name_key = id + 1;
	in->set->invalid_name = name;
}

static const char *
read_name(struct fnt_decoder *in, uint32_t id, uint32_t place)
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
		take_odd(in, id, name, (size_t)len);
		return name;
	}
	in->set->name_keys[place] = id + 1;
	in->set->names[place] = name;
	return name;
}

const char *
fnt_decode_name_slow(struct fnt_decoder *in, uint32_t id)
{
	const struct fnt_trace_set *set = in->set;
	uint32_t place = fnt_trace_set_name_slot(set, id);

	if (set->name_keys[place] == id + 1)
		return set->names[place];
	if (set->invalid_name_key == id + 1) {
		in->trace->flags |= FNT_TRACE_INVALID_UTF8;
		return set->invalid_name;
	}
	return read_name(in, id, place);
}
