/* SPDX-License-Identifier: MIT */
#include "region/name_table.h"

#include "base/shm_words.h"

#include <string.h>

#define BUSY_LOADS 1000 /* of the state of a slot that is being written */

static uint64_t
name_state(uint32_t hash, uint32_t owner, size_t len, uint32_t status)
{
	return (uint64_t)hash << 32 | (uint64_t)(owner & 0xffff) << 16 |
	       (uint64_t)(len & 0xff) << 8 | status;
}

static uint32_t
status_of(uint64_t state)
{
	return (uint32_t)state & 0xff;
}

static size_t
len_of(uint64_t state)
{
	return (size_t)(state >> 8) & 0xff;
}

static bool
same_bytes(const struct fnt_name *slot, const char *name, size_t len)
{
	char text[FNT_NAME_MAX + 1 + 8];

	fnt_words_load(text, slot->words, len);
	return !memcmp(text, name, len);
}

enum probe {
	PROBE_FOUND, /* the slot has the name */
	PROBE_EMPTY, /* the name may be inserted here */
	PROBE_OTHER, /* another name, or one that is being written */
};

static enum probe
probe(const struct fnt_name *slot, uint32_t hash, const char *name, size_t len)
{
	/* [N2] acquire: READY is seen before the bytes are read. Pairs with [N1]. */
	uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

	if (status_of(state) == FNT_NAME_EMPTY)
		return PROBE_EMPTY;
	if (status_of(state) == FNT_NAME_READY && state >> 32 == hash &&
	    len_of(state) == len && same_bytes(slot, name, len))
		return PROBE_FOUND;
	return PROBE_OTHER;
}

static bool
insert(struct fnt_name *slot, uint32_t owner, uint32_t hash, const char *name,
       size_t len)
{
	uint64_t seen = atomic_load_explicit(&slot->state, memory_order_relaxed);

	if (status_of(seen) != FNT_NAME_EMPTY ||
	    !atomic_compare_exchange_strong_explicit(
		    &slot->state, &seen, name_state(hash, owner, len, FNT_NAME_BUSY),
		    memory_order_acquire, memory_order_relaxed))
		return false;
	fnt_words_store(slot->words, name, len);
	/* [N1] release: the bytes come before READY. Pairs with [N2]. */
	atomic_store_explicit(&slot->state,
			      name_state(hash, owner, len, FNT_NAME_READY),
			      memory_order_release);
	return true;
}

/* Another thread is writing a name of the same hash and length, most likely the same
 * name. Look again for a bounded time, so that one name gets one id whenever possible:
 * rate limits are by id. A writer that takes longer was interrupted; its slot is
 * skipped. */
static enum probe
probe_again(const struct fnt_name *slot, uint32_t hash, const char *name, size_t len)
{
	for (int i = 0; i < BUSY_LOADS; i++) {
		uint64_t state =
			atomic_load_explicit(&slot->state, memory_order_relaxed);

		if (status_of(state) != FNT_NAME_BUSY || state >> 32 != hash ||
		    len_of(state) != len)
			break;
	}
	return probe(slot, hash, name, len);
}

uint32_t
fnt_name_intern(const struct fnt_view *view, uint32_t owner, const char *name,
		size_t len)
{
	uint32_t hash, at;

	if (len > FNT_NAME_MAX)
		return FNT_NAME_NONE;
	hash = fnt_name_hash(name, len);
	at = fnt_name_home(hash, view->name_count);
	for (int i = 0; i < FNT_NAME_PROBES; i++) {
		struct fnt_name *slot = &view->names[at];
		enum probe is = probe(slot, hash, name, len);

		if (is == PROBE_FOUND ||
		    (is == PROBE_EMPTY && insert(slot, owner, hash, name, len)))
			return at;
		if (probe_again(slot, hash, name, len) == PROBE_FOUND)
			return at;
		if (++at == view->name_count)
			at = 0;
	}
	atomic_fetch_add_explicit(&view->control->names_omitted, 1,
				  memory_order_relaxed);
	return FNT_NAME_NONE;
}

int
fnt_name_get(const struct fnt_view *view, uint32_t id, char text[FNT_NAME_MAX + 1])
{
	char bytes[FNT_NAME_MAX + 1 + 8];
	uint64_t state;
	size_t len;

	if (id >= view->name_count)
		return -1;
	state = atomic_load_explicit(&view->names[id].state, memory_order_acquire);
	if (status_of(state) != FNT_NAME_READY)
		return -1;
	len = len_of(state);
	fnt_words_load(bytes, view->names[id].words, len);
	memcpy(text, bytes, len);
	text[len] = '\0';
	return (int)len;
}

void
fnt_name_reclaim(const struct fnt_view *view, uint32_t owner)
{
	for (uint32_t i = 0; i < view->name_count; i++) {
		struct fnt_name *slot = &view->names[i];
		uint64_t state =
			atomic_load_explicit(&slot->state, memory_order_relaxed);

		if (status_of(state) == FNT_NAME_BUSY &&
		    ((state >> 16) & 0xffff) == owner)
			atomic_store_explicit(&slot->state, 0, memory_order_release);
	}
}
