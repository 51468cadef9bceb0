/* SPDX-License-Identifier: MIT */
#include "produce/name_cache.h"

#include "payload/encode_fast.h"

void
fnt_name_cache_init(struct fnt_name_cache *names)
{
	memset(names, 0, offsetof(struct fnt_name_cache, by_text));
	/* Nothing else is at this address. NULL would not do: it may be looked up. */
	for (uint32_t i = 0; i < FNT_NAMES_CACHED; i++)
		names->by_address[i].at = (const char *)names;
}

void
fnt_name_cache_forget_rows(struct fnt_name_cache *names)
{
	for (uint32_t i = 0; i < FNT_NAMES_CACHED; i++)
		memset(names->by_address[i].rows, 0, sizeof(names->by_address[i].rows));
	for (uint32_t i = 0; i < FNT_NAME_SETS; i++)
		for (uint32_t way = 0; way < FNT_NAME_WAYS; way++)
			if (names->sets[i].tags[way])
				memset(names->by_text[i][way].rows, 0,
				       sizeof(names->by_text[i][way].rows));
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

static inline struct fnt_name_entry *
find_text(struct fnt_name_cache *names, const struct key *key)
{
	const uint8_t *tags = names->sets[key->set].tags;

	for (uint32_t way = 0; way < FNT_NAME_WAYS; way++) {
		struct fnt_name_entry *entry = &names->by_text[key->set][way];

		if (tags[way] == key->tag &&
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
	uint32_t no = fnt_name_index(name);
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
	entry = find_text(names, &key);
	if (entry)
		cache_address(names, name, entry);
	return entry;
}

void
fnt_name_learn(struct fnt_name_cache *names, const char *name, size_t len, uint32_t id)
{
	struct fnt_name_entry *entry = fnt_name_entry_for(names, name);
	struct fnt_name_set *set;
	struct key key;
	uint32_t way;

	if (len >= sizeof(entry->text))
		return;
	memset(entry->rows, 0, sizeof(entry->rows));
	memset(entry->text, 0, sizeof(entry->text));
	memcpy(entry->text, name, len);
	entry->id = id;
	entry->fn = fnt_name_pair(id);
	entry->packed_len = (uint8_t)fnt_encode_id_word(&entry->packed, id);
	entry->size = (uint8_t)(len + 1);
	set_address(entry, name);
	/* Not by make_key(), which declines a name that straddles two pages. */
	if (len >= FNT_SHORT_TEXT)
		return;
	memcpy(key.text, entry->text, sizeof(key.text));
	hash_key(&key);
	if (find_text(names, &key))
		return;
	set = &names->sets[key.set];
	way = set->next++ % FNT_NAME_WAYS;
	names->by_text[key.set][way] = *entry;
	set->tags[way] = key.tag;
}
