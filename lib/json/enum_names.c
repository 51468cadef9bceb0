/* SPDX-License-Identifier: MIT
 *
 * enum_names.c: the names of enum values in JSON, in the tool and in the protocols.
 *
 * Any thread, async-signal-safe, no allocation.
 */
#include <fntrace/reader.h>

#include <errno.h>
#include <string.h>

struct word {
	const char *text;
	size_t len;
};

#define WORD(text)                                                                     \
	{                                                                              \
		(text), sizeof(text) - 1                                               \
	}

static const struct word fn_types[] = {
	[FNT_QUERY] = WORD("query"),
	[FNT_MUTATION] = WORD("mutation"),
	[FNT_ACTION] = WORD("action"),
};

static const struct word ops[FNT_OP_KINDS] = {
	[FNT_OP_GET] = WORD("get"),
	[FNT_OP_LIST] = WORD("list"),
	[FNT_OP_PAGINATE] = WORD("paginate"),
	[FNT_OP_INSERT] = WORD("insert"),
	[FNT_OP_UPDATE] = WORD("update"),
	[FNT_OP_DELETE] = WORD("delete"),
	[FNT_OP_LOOKUP] = WORD("lookup"),
	[FNT_OP_QUERY] = WORD("query"),
	[FNT_OP_QUERY_GRAPH] = WORD("query_graph"),
	[FNT_OP_LINK] = WORD("link"),
	[FNT_OP_UNLINK] = WORD("unlink"),
	[FNT_OP_SEARCH] = WORD("search"),
	[FNT_OP_OTHER] = WORD("other"),
};

static const struct word outcomes[] = {
	[FNT_IN_FLIGHT] = WORD("in_flight"), [FNT_OK] = WORD("ok"),
	[FNT_ERROR] = WORD("error"),	     [FNT_ROLLED_BACK] = WORD("rolled_back"),
	[FNT_ABORTED] = WORD("aborted"),
};

static const struct word region_states[] = {
	[FNT_REGION_CURRENT] = WORD("current"),
	[FNT_REGION_COPY] = WORD("copy"),
	[FNT_REGION_OTHER_BOOT] = WORD("other_boot"),
	[FNT_REGION_FROZEN] = WORD("frozen"),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* `index` may come from a damaged record. It is unsigned, so that a negative one is out
 * of range, too. */
static const char *
name_of(const struct word *words, size_t count, unsigned index)
{
	return index < count ? words[index].text : "unknown";
}

/* A linear search: with a dozen words as fast as a hash. */
static int
parse(const struct word *words, size_t count, const char *text, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i].len == len && !memcmp(words[i].text, text, len))
			return (int)i;
	}
	return -EINVAL;
}

const char *
fnt_fn_type_name(enum fnt_fn_type type)
{
	return name_of(fn_types, COUNT(fn_types), (unsigned)type);
}

const char *
fnt_op_name(enum fnt_op op)
{
	return name_of(ops, COUNT(ops), (unsigned)op);
}

const char *
fnt_outcome_name(enum fnt_outcome outcome)
{
	return name_of(outcomes, COUNT(outcomes), (unsigned)outcome);
}

const char *
fnt_region_state_name(enum fnt_region_state state)
{
	return name_of(region_states, COUNT(region_states), (unsigned)state);
}

int
fnt_fn_type_parse(const char *word, size_t len)
{
	return parse(fn_types, COUNT(fn_types), word, len);
}

int
fnt_op_parse(const char *word, size_t len)
{
	return parse(ops, COUNT(ops), word, len);
}
