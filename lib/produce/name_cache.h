/* SPDX-License-Identifier: MIT
 *
 * name_cache.h: function and entity names as a thread has seen them, so that their ids
 * and rows are found without a look into the region.
 *
 *   by address ── a few bytes compared ─► at hand                  (short ways)
 *       └─ not there ─► by text, if it is short ─► known           (wider ones)
 *                           └─ not there ─► interned, and learnt   (general ones)
 *
 * Programs mostly name a function by the same pointer again and again. Others take
 * names out of messages, so that they are at another address each time: it is the
 * second such address in a row at its place that is remembered, and never one at which
 * other texts have been seen.
 *
 * The owner's alone. No system call, no allocation. Names in a region never change.
 */
#ifndef FNT_PRODUCE_NAME_CACHE_H
#define FNT_PRODUCE_NAME_CACHE_H

#include "format/layout.h"
#include "format/layout_metrics.h"
#include "base/short_text.h"
#include "base/shm_words.h"

#include <fntrace/fntrace.h>

#define FNT_NAMES_BITS 6
#define FNT_NAMES_CACHED (1u << FNT_NAMES_BITS)
#define FNT_NAME_ENTRY_TEXT 80
#define FNT_NAME_SETS_BITS 4 /* of texts, by hash … */
#define FNT_NAME_SETS (1u << FNT_NAME_SETS_BITS)
#define FNT_NAME_WAYS 8u /* … and so many of each */

enum fnt_name_kind {
	FNT_NAME_ANY = 0, /* compared by strcmp; or there is none yet */
	FNT_NAME_SHORT,	  /* of up to 16 bytes with its NUL */
	FNT_NAME_LONG,	  /* of 17 to 64 */
};

/* A name, and where its ops are counted, by kind: rows of the thread's lane, or NULL.
 */
struct fnt_name_entry {
	const char *at;
	uint64_t packed; /* its id as the payload has it, from the fourth byte on */
	/* Of a short one: its first 8 bytes and its last, or the first again, and which
	 * of them are its own. */
	uint64_t head, tail, mask;
	uint32_t id;
	uint8_t packed_len;
	uint8_t size; /* of the text with its NUL */
	uint8_t kind; /* enum fnt_name_kind */
	uint8_t tail_off;
	struct fnt_op_row *rows[FNT_OP_KINDS];
	fnt_pair fn; /* of a record's head: seq, and the name's word */
	char text[FNT_NAME_ENTRY_TEXT]; /* and zeroes */
};
static_assert(sizeof(struct fnt_name_entry) == 2 * FNT_LINE, "whole lines");

struct fnt_name_cache {
	struct fnt_name_entry places[FNT_NAMES_CACHED]; /* by address */
	const char *missed[FNT_NAMES_CACHED]; /* the last that was not there */
	struct fnt_name_set {
		uint8_t tags[FNT_NAME_WAYS]; /* of their hashes; 0: none */
		uint32_t next;		     /* to be replaced */
	} sets[FNT_NAME_SETS];
	/* Nothing of them is set to begin with, nor touched by who needs none. */
	struct fnt_name_entry texts[FNT_NAME_SETS][FNT_NAME_WAYS];
};

void fnt_name_cache_init(struct fnt_name_cache *names);

/* The thread counts elsewhere from here on. */
void fnt_name_cache_forget_rows(struct fnt_name_cache *names);

/* The name as it is known by its address or its text; NULL: it is not, or not short. */
struct fnt_name_entry *fnt_name_find(struct fnt_name_cache *names, const char *name);

/* As fnt_name_find(), also where it is longer; but only by its address. */
struct fnt_name_entry *fnt_name_by_address_slow(struct fnt_name_cache *names,
						const char *name);

/* It is name `id` of the region, of `len` bytes. */
void fnt_name_learn(struct fnt_name_cache *names, const char *name, size_t len,
		    uint32_t id);

/* ---- at hand --------------------------------------------------------------------- */

static inline uint64_t
fnt_name_differs_16(const char *a, const char *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return (x[0] ^ y[0]) | (x[1] ^ y[1]);
}

static inline bool
fnt_name_same_long(const char *a, const char *b, size_t size)
{
	uint64_t differ = fnt_name_differs_16(a, b) |
			  fnt_name_differs_16(a + size - 16, b + size - 16);

	if (size > 32)
		differ |= fnt_name_differs_16(a + 16, b + 16) |
			  fnt_name_differs_16(a + size - 32, b + size - 32);
	return !differ;
}

/* The same bytes as when it was learnt, at this address? As strcmp, at a quarter of its
 * cost, and without a branch for how short it is. FNT_NAME_ANY is not asked for here.
 */
static inline bool
fnt_name_same(const struct fnt_name_entry *seen, const char *name)
{
	uint64_t head, tail;

#ifdef FNT_SANITIZED
	return seen->kind != FNT_NAME_ANY && !strcmp(name, seen->text);
#endif
	if (__builtin_expect(seen->kind == FNT_NAME_SHORT, 1)) {
		memcpy(&head, name, 8);
		memcpy(&tail, name + seen->tail_off, 8);
		return !(((head ^ seen->head) | (tail ^ seen->tail)) & seen->mask);
	}
	return seen->kind == FNT_NAME_LONG &&
	       fnt_name_same_long(name, seen->text, seen->size);
}

/* A name's id as it stands in a record's head, beside seq. */
static inline fnt_pair
fnt_name_pair(uint32_t id)
{
	return fnt_pair_make(0, (uint64_t)id << FNT_RECORD_SHIFT(fn_name));
}

/* The number of the place for a name at this address. */
static inline uint32_t
fnt_name_place_no(const char *name)
{
	return (uint32_t)(uintptr_t)name * 0x9e3779b1u >> (32 - FNT_NAMES_BITS);
}

static inline struct fnt_name_entry *
fnt_name_place(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *seen = &names->places[fnt_name_place_no(name)];

	/* Let the compiler have it in one piece: it went through the sum for each
	 * field. */
	__asm__("" : "+r"(seen));
	return seen;
}

/* By its address the name is found without a hash over its text, and compared to be
 * sure. NULL: not at hand, or not this way. */
static inline struct fnt_name_entry *
fnt_name_by_address(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *seen = fnt_name_place(names, name);

	/* Nobody hands in the address that an empty place has. */
	return __builtin_expect(seen->at == name && fnt_name_same(seen, name), 1)
		       ? seen
		       : NULL;
}

#endif
