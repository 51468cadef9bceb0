/* SPDX-License-Identifier: MIT */
#include "produce/name_cache.h"

#include "payload/encode_fast.h"

#include <stdlib.h>

/* Factors that a small cache tries, so that no two of its names collide. Odd. */
#define FACTORS 32u
#define FIRST_FACTOR 0x9e3779b1u

struct larger {
	struct fnt_name_entry entries[FNT_NAMES_CACHED];
	const char *missed[FNT_NAMES_CACHED];
};

static uint32_t
room_of(const struct fnt_name_cache *names)
{
	return names->mask / (uint32_t)sizeof(struct fnt_name_entry) + 1;
}

/* Make all entries empty. Nothing else is at the cache's address. NULL would not do: it
 * may be looked up. */
static void
clear_addresses(struct fnt_name_cache *names)
{
	uint32_t room = room_of(names);

	memset(names->by_address, 0, room * sizeof(*names->by_address));
	memset(names->missed, 0, room * sizeof(*names->missed));
	for (uint32_t i = 0; i < room; i++)
		names->by_address[i].at = (const char *)names;
}

void
fnt_name_cache_init(struct fnt_name_cache *names)
{
	names->by_address = names->few;
	names->missed = names->few_missed;
	names->factor = FIRST_FACTOR;
	names->mask = (FNT_NAMES_FEW - 1) << FNT_NAME_ENTRY_BITS;
	names->texts = NULL;
	clear_addresses(names);
}

void
fnt_name_cache_fini(struct fnt_name_cache *names)
{
	if (names->by_address != names->few)
		free(names->by_address);
	free(names->texts);
}

void
fnt_name_cache_forget_rows(struct fnt_name_cache *names)
{
	for (uint32_t i = 0; i < room_of(names); i++)
		memset(names->by_address[i].rows, 0, sizeof(names->by_address[i].rows));
	for (uint32_t i = 0; i < FNT_NAME_SETS && names->texts; i++)
		for (uint32_t way = 0; way < FNT_NAME_WAYS; way++)
			if (names->texts->sets[i].tags[way])
				memset(names->texts->entries[i][way].rows, 0,
				       sizeof(names->texts->entries[i][way].rows));
}

/* ---- by address ------------------------------------------------------------------ */

/* How to compare the text at `at` with a name of `size` bytes. All kinds but
 * FNT_NAME_BY_STRCMP read `size` bytes, at least 8, even if a shorter text is there by
 * then. So they are only for addresses where that many bytes are in one page. */
static enum fnt_name_kind
kind_of(const char *at, size_t size)
{
	size_t read = size < 8 ? 8 : size;

	if (((uintptr_t)at & (FNT_PAGE - 1)) + read > FNT_PAGE || size > 64 ||
	    !fnt_short_text_usable())
		return FNT_NAME_BY_STRCMP;
	return size > 16 ? FNT_NAME_LONG : FNT_NAME_SHORT;
}

/* Set the address at which the entry's name is found, and what depends on it. */
static void
set_address(struct fnt_name_entry *entry, const char *name)
{
	entry->at = name;
	entry->kind = (uint8_t)kind_of(name, entry->size);
	if (entry->kind != FNT_NAME_SHORT)
		return;
	entry->tail_off = entry->size < 8 ? 0 : (uint8_t)(entry->size - 8);
	entry->mask = entry->size < 8 ? (1ull << entry->size * 8) - 1 : UINT64_MAX;
	memcpy(&entry->head, entry->text, 8);
	memcpy(&entry->tail, entry->text + entry->tail_off, 8);
}

struct fnt_name_entry *
fnt_name_by_address_slow(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *entry = fnt_name_entry_for(names, name);

	if (entry->at != name)
		return NULL;
	if (fnt_name_same(entry, name) ||
	    (entry->kind == FNT_NAME_BY_STRCMP && !strcmp(entry->text, name)))
		return entry;
	return NULL;
}

/* ---- by text --------------------------------------------------------------------- */

/* A short text, and where it is cached. */
struct key {
	char text[FNT_SHORT_TEXT]; /* the rest is zero */
	uint32_t set;
	uint8_t tag;
};

static inline void
hash_key(struct key *key)
{
	uint64_t words[FNT_SHORT_TEXT / 8], hash;

	memcpy(words, key->text, sizeof(words));
	/* Odd factors, so that no bit of a word is lost. The first is from FxHash. */
	hash = (words[0] ^ words[3]) * 0x517cc1b727220a95u +
	       (words[1] ^ words[4]) * 0x9e3779b97f4a7c15u +
	       (words[2] ^ words[5]) * 0xbf58476d1ce4e5b9u;
	hash ^= hash >> 32;
	hash *= 0x9e3779b97f4a7c15u;
	key->set = (uint32_t)(hash >> (64 - FNT_NAME_SETS_BITS));
	key->tag = (uint8_t)(hash >> 32 | 1);
}

/* False: the name is not short. */
static inline bool
make_key(struct key *key, const char *name)
{
	size_t len = fnt_short_text_len(name);

	if (len >= FNT_SHORT_TEXT)
		return false;
	memset(key->text, 0, sizeof(key->text));
	fnt_short_text_copy_private(key->text, name, len);
	hash_key(key);
	return true;
}

/* The entry by text; NULL: none. The cache has a table by text. */
static inline struct fnt_name_entry *
find_text(const struct fnt_name_cache *names, const struct key *key)
{
	const uint8_t *tags = names->texts->sets[key->set].tags;

	for (uint32_t way = 0; way < FNT_NAME_WAYS; way++) {
		struct fnt_name_entry *entry = &names->texts->entries[key->set][way];

		if (tags[way] == key->tag &&
		    !memcmp(entry->text, key->text, sizeof(key->text)))
			return entry;
	}
	return NULL;
}

/* Add an entry by its text, if that is short and not there yet. */
static void
add_text(struct fnt_name_cache *names, const struct fnt_name_entry *entry)
{
	struct fnt_name_set *set;
	struct key key;
	uint32_t way;

	/* Not by make_key(), which declines a name that straddles two pages. */
	if (!entry->size || entry->size > FNT_SHORT_TEXT)
		return;
	memcpy(key.text, entry->text, sizeof(key.text));
	hash_key(&key);
	if (find_text(names, &key))
		return;
	set = &names->texts->sets[key.set];
	way = set->next++ % FNT_NAME_WAYS;
	names->texts->entries[key.set][way] = *entry;
	set->tags[way] = key.tag;
}

/* Make the table by text, of the names that are known. False: no memory. */
static bool
make_texts(struct fnt_name_cache *names)
{
	if (names->texts)
		return true;
	names->texts = malloc(sizeof(*names->texts));
	if (!names->texts)
		return false;
	memset(names->texts->sets, 0, sizeof(names->texts->sets));
	for (uint32_t i = 0; i < room_of(names); i++)
		add_text(names, &names->by_address[i]);
	return true;
}

/* The entry by text, where there is no table by text yet: is it known at another
 * address? */
static struct fnt_name_entry *
find_text_at_address(const struct fnt_name_cache *names, const struct key *key)
{
	for (uint32_t i = 0; i < room_of(names); i++) {
		struct fnt_name_entry *entry = &names->by_address[i];

		if (entry->size && entry->size <= FNT_SHORT_TEXT &&
		    !memcmp(entry->text, key->text, sizeof(key->text)))
			return entry;
	}
	return NULL;
}

/* A name was found by its text, but not by its address. If this is the second time in a
 * row for the address's index, cache the address; unless an entry has the address
 * already: then its text changes, and the entry would be replaced again and again. */
static inline void
cache_address(struct fnt_name_cache *names, const char *name,
	      const struct fnt_name_entry *known)
{
	uint32_t no = fnt_name_index(names, name);
	struct fnt_name_entry *entry = &names->by_address[no];

	if (names->missed[no] != name) {
		names->missed[no] = name;
	} else if (entry->at != name) {
		*entry = *known;
		set_address(entry, name);
	}
}

struct fnt_name_entry *
fnt_name_find(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *entry = fnt_name_by_address(names, name);
	struct key key;

	if (entry || !name || !make_key(&key, name))
		return entry;
	if (__builtin_expect(!names->texts, 0)) {
		entry = find_text_at_address(names, &key);
		if (!entry || !make_texts(names))
			return entry;
	}
	entry = find_text(names, &key);
	if (entry)
		cache_address(names, name, entry);
	return entry;
}

/* ---- room for more addresses ----------------------------------------------------- */

/* Is the address's place taken by another one? */
static bool
collides(const struct fnt_name_cache *names, const char *name)
{
	const struct fnt_name_entry *entry =
		&names->by_address[fnt_name_index(names, name)];

	return entry->size && entry->at != name;
}

static uint32_t
place_bit(const struct fnt_name_cache *names, uint32_t factor, const char *at)
{
	return 1u << (fnt_name_offset(names, factor, at) >> FNT_NAME_ENTRY_BITS);
}

/* Would all names of the cache, and one more, have places of their own? */
static bool
suits(const struct fnt_name_cache *names, uint32_t factor, const char *name)
{
	uint32_t taken = place_bit(names, factor, name);

	for (uint32_t i = 0; i < room_of(names); i++) {
		const struct fnt_name_entry *entry = &names->by_address[i];
		uint32_t place = place_bit(names, factor, entry->at);

		if (!entry->size)
			continue;
		if (taken & place)
			return false;
		taken |= place;
	}
	return true;
}

/* Put the entries of a table in their places, which they have all found before, or in
 * twice as many. */
static void
place_all(struct fnt_name_cache *names, const struct fnt_name_entry *from,
	  uint32_t count)
{
	clear_addresses(names);
	for (uint32_t i = 0; i < count; i++)
		if (from[i].size)
			*fnt_name_entry_for(names, from[i].at) = from[i];
}

/* Choose another factor. False: none suits. */
static bool
rearrange(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry copy[FNT_NAMES_FEW];
	uint32_t factor = FIRST_FACTOR;

	for (uint32_t i = 0; i < FACTORS; i++) {
		factor = factor * 0x2c9277b5u + 2;
		if (!suits(names, factor, name))
			continue;
		memcpy(copy, names->few, sizeof(copy));
		names->factor = factor;
		place_all(names, copy, FNT_NAMES_FEW);
		return true;
	}
	return false;
}

/* False: no memory. */
static bool
grow_addresses(struct fnt_name_cache *names)
{
	struct larger *larger = malloc(sizeof(*larger));

	if (!larger)
		return false;
	names->by_address = larger->entries;
	names->missed = larger->missed;
	names->mask = (FNT_NAMES_CACHED - 1) << FNT_NAME_ENTRY_BITS;
	place_all(names, names->few, FNT_NAMES_FEW);
	return true;
}

/* Make room for a name that collides with another one, so that both stay known. */
static void
make_room(struct fnt_name_cache *names, const char *name)
{
	if (names->by_address == names->few &&
	    (rearrange(names, name) ||
	     (grow_addresses(names) && !collides(names, name))))
		return;
	make_texts(names);
}

void
fnt_name_learn(struct fnt_name_cache *names, const char *name, size_t len, uint32_t id)
{
	struct fnt_name_entry *entry;

	if (len >= sizeof(entry->text))
		return;
	if (collides(names, name))
		make_room(names, name);
	entry = fnt_name_entry_for(names, name);
	memset(entry->rows, 0, sizeof(entry->rows));
	memset(entry->text, 0, sizeof(entry->text));
	memcpy(entry->text, name, len);
	entry->id = id;
	entry->fn = fnt_name_pair(id);
	entry->packed_len = (uint8_t)fnt_encode_id_word(&entry->packed, id);
	entry->size = (uint8_t)(len + 1);
	set_address(entry, name);
	if (names->texts)
		add_text(names, entry);
}
