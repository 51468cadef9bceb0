/* SPDX-License-Identifier: MIT */
#include "produce/name_cache.h"

#include "payload/encode_fast.h"

void
fnt_name_cache_init(struct fnt_name_cache *names)
{
	memset(names, 0, offsetof(struct fnt_name_cache, texts));
	/* No name is at the address of an empty place, not even NULL. */
	for (uint32_t i = 0; i < FNT_NAMES_CACHED; i++)
		names->places[i].at = (const char *)names;
}

void
fnt_name_cache_forget_rows(struct fnt_name_cache *names)
{
	for (uint32_t i = 0; i < FNT_NAMES_CACHED; i++)
		memset(names->places[i].rows, 0, sizeof(names->places[i].rows));
	for (uint32_t i = 0; i < FNT_NAME_SETS; i++)
		for (uint32_t way = 0; way < FNT_NAME_WAYS; way++)
			if (names->sets[i].tags[way])
				memset(names->texts[i][way].rows, 0,
				       sizeof(names->texts[i][way].rows));
}

/* ---- by address ------------------------------------------------------------------ */

/* How the bytes of a name, with its NUL, are compared: as many as there were when it
 * was learnt, and at least 8. Where a shorter text is, or has come to be since, that
 * reads past its end, but never over the end of its page. */
static enum fnt_name_kind
kind_of(const char *at, size_t size)
{
	size_t some = size < 8 ? 8 : size;

	if (((uintptr_t)at & (FNT_PAGE - 1)) + some > FNT_PAGE || size > 64 ||
	    !fnt_short_text_usable())
		return FNT_NAME_ANY;
	return size > 16 ? FNT_NAME_LONG : FNT_NAME_SHORT;
}

/* It is to be found at this address, with the text that it has. */
static void
found_at(struct fnt_name_entry *seen, const char *name)
{
	seen->at = name;
	seen->kind = (uint8_t)kind_of(name, seen->size);
	if (seen->kind != FNT_NAME_SHORT)
		return;
	seen->tail_off = seen->size < 8 ? 0 : (uint8_t)(seen->size - 8);
	seen->mask = seen->size < 8 ? (1ull << seen->size * 8) - 1 : UINT64_MAX;
	memcpy(&seen->head, seen->text, 8);
	memcpy(&seen->tail, seen->text + seen->tail_off, 8);
}

struct fnt_name_entry *
fnt_name_by_address_slow(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *seen = fnt_name_place(names, name);

	if (seen->at != name)
		return NULL;
	if (fnt_name_same(seen, name) ||
	    (seen->kind == FNT_NAME_ANY && !strcmp(seen->text, name)))
		return seen;
	return NULL;
}

/* ---- by text --------------------------------------------------------------------- */

struct key {
	char text[FNT_SHORT_TEXT]; /* and zeroes */
	uint32_t set;
	uint8_t tag;
};

static inline void
place_key(struct key *key)
{
	uint64_t words[FNT_SHORT_TEXT / 8], hash;

	memcpy(words, key->text, sizeof(words));
	/* Odd factors, so that no word is lost (FxHash has the first). */
	hash = (words[0] ^ words[3]) * 0x517cc1b727220a95u +
	       (words[1] ^ words[4]) * 0x9e3779b97f4a7c15u +
	       (words[2] ^ words[5]) * 0xbf58476d1ce4e5b9u;
	hash ^= hash >> 32;
	hash *= 0x9e3779b97f4a7c15u;
	key->set = (uint32_t)(hash >> (64 - FNT_NAME_SETS_BITS));
	key->tag = (uint8_t)(hash >> 32 | 1);
}

/* False: it is not short. */
static inline bool
make_key(struct key *key, const char *name)
{
	size_t len = fnt_short_text_len(name);

	if (len >= FNT_SHORT_TEXT)
		return false;
	memset(key->text, 0, sizeof(key->text));
	fnt_short_text_copy(key->text, name, len, false);
	place_key(key);
	return true;
}

static inline struct fnt_name_entry *
by_text(struct fnt_name_cache *names, const struct key *key)
{
	const uint8_t *tags = names->sets[key->set].tags;

	for (uint32_t way = 0; way < FNT_NAME_WAYS; way++) {
		struct fnt_name_entry *seen = &names->texts[key->set][way];

		if (tags[way] == key->tag &&
		    !memcmp(seen->text, key->text, sizeof(key->text)))
			return seen;
	}
	return NULL;
}

/* Known by its text, and met at an address at which it was not at hand. */
static inline void
met(struct fnt_name_cache *names, const char *name, const struct fnt_name_entry *known)
{
	uint32_t no = fnt_name_place_no(name);
	struct fnt_name_entry *seen = &names->places[no];

	if (names->missed[no] != name) {
		names->missed[no] = name;
	} else if (seen->at != name) {
		*seen = *known;
		found_at(seen, name);
	}
}

struct fnt_name_entry *
fnt_name_find(struct fnt_name_cache *names, const char *name)
{
	struct fnt_name_entry *seen = fnt_name_by_address(names, name);
	struct key key;

	if (seen || !name || !make_key(&key, name))
		return seen;
	seen = by_text(names, &key);
	if (seen)
		met(names, name, seen);
	return seen;
}

void
fnt_name_learn(struct fnt_name_cache *names, const char *name, size_t len, uint32_t id)
{
	struct fnt_name_entry *seen = fnt_name_place(names, name);
	struct fnt_name_set *set;
	struct key key;
	uint32_t way;

	if (len >= sizeof(seen->text))
		return;
	memset(seen->rows, 0, sizeof(seen->rows));
	memset(seen->text, 0, sizeof(seen->text));
	memcpy(seen->text, name, len);
	seen->id = id;
	seen->fn = fnt_name_pair(id);
	seen->packed_len = (uint8_t)fnt_encode_id_word(&seen->packed, id);
	seen->size = (uint8_t)(len + 1);
	found_at(seen, name);
	/* By its copy, which may go over the end of a page, as the name itself may. */
	if (len >= FNT_SHORT_TEXT)
		return;
	memcpy(key.text, seen->text, sizeof(key.text));
	place_key(&key);
	if (by_text(names, &key))
		return;
	set = &names->sets[key.set];
	way = set->next++ % FNT_NAME_WAYS;
	names->texts[key.set][way] = *seen;
	set->tags[way] = key.tag;
}
