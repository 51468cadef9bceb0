/* SPDX-License-Identifier: MIT
 *
 * name_cache.h: a thread's cache of the names of functions and entities: their ids, and
 * the rows of metrics where the thread counts them. It saves the lookup in the region.
 *
 *   by address, if the text there is the same ──► found      fnt_name_by_address()
 *       │ not found
 *       ├─► by text, if it is short ────────────► found      fnt_name_find()
 *       │ not found
 *       └─► intern it in the region, and add it              fnt_name_learn()
 *
 * Most programs name a function by the same pointer each time. Others take names out of
 * messages, so that the address differs from call to call. An address is therefore
 * cached when a name is learnt, or when a known name is found at it twice in a row; and
 * an entry is not replaced because its address now holds another text.
 *
 * Most threads use few names. A cache begins with room for FNT_NAMES_FEW addresses,
 * places them so that no two collide, and has no table by text. It allocates the larger
 * table when names collide all the same, and the one by text when a name is found at a
 * second address, or one would be lost: once each. Without memory it stays as it is.
 *
 * Only the thread that owns the cache reads and writes it. Entries never become stale,
 * since names in a region never change. Wait-free, but for those two allocations; no
 * system call.
 */
#ifndef FNT_PRODUCE_NAME_CACHE_H
#define FNT_PRODUCE_NAME_CACHE_H

#include "format/layout.h"
#include "base/short_text.h"
#include "base/shm_words.h"

#include <fntrace/fntrace.h>

struct fnt_op_cache;

#define FNT_NAMES_FEW_BITS 4
#define FNT_NAMES_FEW (1u << FNT_NAMES_FEW_BITS)
#define FNT_NAMES_BITS 6
#define FNT_NAMES_CACHED (1u << FNT_NAMES_BITS)
#define FNT_NAME_ENTRY_TEXT 80
/* The cache by text has FNT_NAME_SETS sets, chosen by a hash, of FNT_NAME_WAYS entries
 * each. */
#define FNT_NAME_SETS_BITS 4
#define FNT_NAME_SETS (1u << FNT_NAME_SETS_BITS)
#define FNT_NAME_WAYS 8u

/* How a text is compared with an entry's. Sizes are in bytes, with the NUL. */
enum fnt_name_kind {
	FNT_NAME_BY_STRCMP = 0, /* of any size; also the kind of an empty entry */
	FNT_NAME_SHORT,		/* up to 16: by two words */
	FNT_NAME_LONG,		/* 17 to 64: by blocks of 16 bytes, which may overlap */
};

struct fnt_name_entry {
	const char *at;	 /* the address at which the name was seen */
	uint64_t packed; /* the id as a payload has it, from the fourth byte on */
	/* FNT_NAME_SHORT: the first 8 bytes of the text; the last 8, or the first again
	 * if it is shorter; and a mask of the bytes that belong to the text. */
	uint64_t head, tail, mask;
	uint32_t id;
	uint8_t packed_len;
	uint8_t size;	  /* of the text, in bytes, with its NUL */
	uint8_t kind;	  /* enum fnt_name_kind */
	uint8_t tail_off; /* where `tail` is in the text */
	/* Where the thread counts the entity's ops, by kind (count_ops.h); NULL: not
	 * known. */
	struct fnt_op_cache *rows[FNT_OP_KINDS];
	fnt_pair fn; /* two words of a record's head: seq, and the one with the name */
	char text[FNT_NAME_ENTRY_TEXT]; /* the rest is zero */
};
#define FNT_NAME_ENTRY_BITS 8
static_assert(sizeof(struct fnt_name_entry) == 2 * FNT_LINE &&
		      sizeof(struct fnt_name_entry) == 1 << FNT_NAME_ENTRY_BITS,
	      "whole lines, a power of two");

/* The cache by text. */
struct fnt_name_texts {
	struct fnt_name_set {
		uint8_t tags[FNT_NAME_WAYS]; /* of their hashes; 0: an empty entry */
		uint32_t next;		     /* to be replaced, modulo FNT_NAME_WAYS */
	} sets[FNT_NAME_SETS];
	/* Not initialised: `sets` says which entries are in use. */
	struct fnt_name_entry entries[FNT_NAME_SETS][FNT_NAME_WAYS];
};

struct fnt_name_cache {
	/* Direct-mapped: see fnt_name_offset(). */
	struct fnt_name_entry *by_address;
	uint32_t factor, mask;
	const char **missed;	      /* the last address not found, by index */
	struct fnt_name_texts *texts; /* NULL: none yet */
	struct fnt_name_entry few[FNT_NAMES_FEW];
	const char *few_missed[FNT_NAMES_FEW];
};

/* Make an empty cache, which stays at its address. */
void fnt_name_cache_init(struct fnt_name_cache *names);

/* Free what the cache has allocated. */
void fnt_name_cache_fini(struct fnt_name_cache *names);

/* Forget where ops are counted: the meter has forgotten it. */
void fnt_name_cache_forget_rows(struct fnt_name_cache *names);

/* Find a name by its address, or, if it has fewer than FNT_SHORT_TEXT bytes, by its
 * text. NULL: not found, or `name` is NULL. */
struct fnt_name_entry *fnt_name_find(struct fnt_name_cache *names, const char *name);

/* Find a name of any length by its address. NULL: not found. */
struct fnt_name_entry *fnt_name_by_address_slow(struct fnt_name_cache *names,
						const char *name);

/* Add a name, of `len` bytes, which has number `id` in the region. Names of
 * FNT_NAME_ENTRY_TEXT bytes or more are not cached. */
void fnt_name_learn(struct fnt_name_cache *names, const char *name, size_t len,
		    uint32_t id);

/* ---- by address ------------------------------------------------------------------ */

/* 0 if 16 bytes are the same. */
static inline uint64_t
fnt_name_differs_16(const char *a, const char *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return (x[0] ^ y[0]) | (x[1] ^ y[1]);
}

/* Are 17 to 64 bytes the same? */
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

/* Is the entry's text at `name`, which is the entry's address? strcmp() would branch on
 * the text's length. False for FNT_NAME_BY_STRCMP. */
static inline bool
fnt_name_same(const struct fnt_name_entry *entry, const char *name)
{
	uint64_t head, tail;

#ifdef FNT_SANITIZED
	return entry->kind != FNT_NAME_BY_STRCMP && !strcmp(name, entry->text);
#endif
	if (__builtin_expect(entry->kind == FNT_NAME_SHORT, 1)) {
		memcpy(&head, name, 8);
		memcpy(&tail, name + entry->tail_off, 8);
		return !(((head ^ entry->head) | (tail ^ entry->tail)) & entry->mask);
	}
	return entry->kind == FNT_NAME_LONG &&
	       fnt_name_same_long(name, entry->text, entry->size);
}

/* The two words of a record's head that hold seq, here 0, and a name's id. */
static inline fnt_pair
fnt_name_pair(uint32_t id)
{
	return fnt_pair_make(0, (uint64_t)id << FNT_RECORD_SHIFT(fn_name));
}

/* The offset in by_address for a name at this address, in bytes: of the address times
 * the factor, as many of the highest FNT_NAMES_BITS as the mask keeps. */
static inline uint32_t
fnt_name_offset(const struct fnt_name_cache *names, uint32_t factor, const char *name)
{
	return (uint32_t)(uintptr_t)name * factor >>
		       (32 - FNT_NAMES_BITS - FNT_NAME_ENTRY_BITS) &
	       names->mask;
}

/* The index into by_address for a name at this address. */
static inline uint32_t
fnt_name_index(const struct fnt_name_cache *names, const char *name)
{
	return fnt_name_offset(names, names->factor, name) /
	       (uint32_t)sizeof(struct fnt_name_entry);
}

static inline struct fnt_name_entry *
fnt_name_entry_for(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *entry =
		(struct fnt_name_entry *)(void *)((char *)names->by_address +
						  fnt_name_offset(names, names->factor,
								  name));

	/* Keeps the sum in a register: the compiler would compute it again for each
	 * field. */
	__asm__("" : "+r"(entry));
	return entry;
}

/* Find a name by its address, without a hash over its text. NULL: not found, or its
 * text is compared by strcmp(). */
static inline struct fnt_name_entry *
fnt_name_by_address(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *entry = fnt_name_entry_for(names, name);

	/* No name has the address of an empty entry: see fnt_name_cache_init(). */
	return __builtin_expect(entry->at == name && fnt_name_same(entry, name), 1)
		       ? entry
		       : NULL;
}

#endif
